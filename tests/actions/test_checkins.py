"""Check-ins and trust steps when things happen at once."""

import asyncio
from datetime import datetime

import pytest

from peerhub.actions import checkins
from peerhub.domain.checkins import Went
from peerhub.domain.refusals import NotFound
from peerhub.domain.trust import Step
from peerhub.store import checkins as stored
from peerhub.store import seats
from peerhub.store.tables import CheckIn, Trust
from tests.community import a_member, at
from tests.web.conftest import a_seat

BEFORE = at("2026-11-18T18:00")


async def test_two_who_wish_at_once_reach_the_step(db: None, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    anas = await a_seat(now, ana, ben, span=BEFORE)
    bens = (await seats.invitations_of(ben, BEFORE.starts_at))[0].seat_id

    await asyncio.gather(
        checkins.wish_step(anas, ana, ben, Step.CALL, now), checkins.wish_step(bens, ben, ana, Step.CALL, now)
    )

    assert await Trust.count() == 1
    assert (await stored.bonds_of(ana))[ben].step == Step.CALL


async def test_stepping_back_takes_both_back(db: None, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    for one, other in ((ana, ben), (ben, ana)):
        await stored.put_wish(one, other, Step.GROUP, now)

    await stored.put_wish(ben, ana, Step.TEXT, now)

    bond = (await stored.bonds_of(ana))[ben]
    assert (bond.step, bond.mine) == (Step.TEXT, Step.GROUP)


async def test_ten_check_ins_at_once_leave_one(db: None, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat = await a_seat(now, ana, ben, span=BEFORE)

    await asyncio.gather(*(checkins.check_in(seat, ana, Went.WELL, None, "", now) for _ in range(10)))

    assert await CheckIn.count() == 1


async def test_nobody_checks_in_for_somebody_else(db: None, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat = await a_seat(now, ana, ben, span=BEFORE)

    with pytest.raises(NotFound):
        await checkins.check_in(seat, ben, Went.WELL, None, "", now)

    assert await CheckIn.count() == 0
