"""Offers, remarks, bounces and choices of letters that cannot be are refused by the database."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from peerhub.store.tables import Offer, ReadMail, Remark, Seat, Unreached, Unwanted
from tests.community import a_member
from tests.store.test_tables import refuses
from tests.web.conftest import a_seat

pytestmark = pytest.mark.usefixtures("db")


async def a_seat_of_ana(now: datetime) -> tuple[UUID, dict[str, Any]]:
    ana = await a_member("Ana", now)
    seat = await a_seat(now, ana, await a_member("Ben", now))
    row = await Seat.select(Seat.session, Seat.member).where(Seat.id == seat).first()
    assert row
    return seat, row


@pytest.mark.parametrize(
    "bad", [{"state": "perhaps"}, {"state": "taken"}, {"expires_in": 0}, {"answered_in": 1}], ids=str
)
async def test_an_offer_ends_after_it_began_and_is_answered_or_open(bad: dict[str, Any], now: datetime) -> None:
    _, seat = await a_seat_of_ana(now)
    hours = {"expires_in": 1} | bad

    await refuses(
        Offer(
            id=uuid4(), session=seat["session"], member=seat["member"], offered_at=now, state=bad.get("state", "open"),
            expires_at=now + timedelta(hours=hours["expires_in"]),
            answered_at=now if "answered_in" in bad else None,
        )
    )  # fmt: skip


async def test_a_member_is_offered_a_seat_in_a_session_once(now: datetime) -> None:
    _, seat = await a_seat_of_ana(now)

    def an_offer() -> Offer:
        return Offer(id=uuid4(), **seat, offered_at=now, expires_at=now + timedelta(hours=1))

    await Offer.insert(an_offer())
    await refuses(an_offer(), asyncpg.UniqueViolationError)


async def test_a_remark_asks_for_one_of_three_things(now: datetime) -> None:
    seat, _ = await a_seat_of_ana(now)

    await refuses(Remark(id=uuid4(), seat=seat, asks_for="money", made_at=now))


async def test_a_mail_is_read_once(now: datetime) -> None:
    await ReadMail.insert(ReadMail(id=uuid4(), name_hash=b"x", read_at=now))

    await refuses(ReadMail(id=uuid4(), name_hash=b"x", read_at=now), asyncpg.UniqueViolationError)


async def test_letters_that_came_back_are_counted_up_for_each_member(now: datetime) -> None:
    ana = await a_member("Ana", now)

    await refuses(Unreached(id=uuid4(), member=ana, letters=-1, first_at=now))
    await Unreached.insert(Unreached(id=uuid4(), member=ana, first_at=now))
    await refuses(Unreached(id=uuid4(), member=ana, first_at=now), asyncpg.UniqueViolationError)


@pytest.mark.parametrize("kind", ["invitation", "check_ins", ""])
async def test_what_belongs_to_a_session_cannot_be_left_out(kind: str, now: datetime) -> None:
    await refuses(Unwanted(id=uuid4(), member=await a_member("Ana", now), kind=kind, since=now))
