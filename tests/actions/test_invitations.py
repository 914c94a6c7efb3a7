"""Answers to invitations, without a browser."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest

from peerhub.actions import invitations
from peerhub.domain.invitations import CannotAnswer, Rsvp
from peerhub.domain.refusals import NotFound
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import seats
from peerhub.store.tables import Seat
from tests.community import TUESDAY, a_member
from tests.web.conftest import a_seat


async def test_an_answer_is_kept_with_its_time(db: None, now: datetime) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))

    await invitations.answer(seat, Rsvp.YES, now)

    row = (await Seat.select(Seat.rsvp, Seat.answered_at).where(Seat.id == seat))[0]
    assert (row["rsvp"], row["answered_at"]) == ("yes", now)


async def test_fifty_answers_at_once_leave_one_of_them(db: None, now: datetime) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    said = [Rsvp.YES, Rsvp.NO] * 25

    await asyncio.gather(*(invitations.answer(seat, rsvp, now) for rsvp in said))

    assert (await seats.invitation_of(seat)).rsvp in (Rsvp.YES, Rsvp.NO)


async def test_after_the_end_nothing_is_answered(db: None, now: datetime) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))

    with pytest.raises(CannotAnswer):
        await invitations.answer(seat, Rsvp.YES, TUESDAY.ends_at)

    assert (await seats.invitation_of(seat)).rsvp == Rsvp.WAITING


async def test_a_link_leads_to_its_own_seat_only(db: None, now: datetime, letterhead: Letterhead) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    signed = links.rsvp_link(letterhead, seat).rpartition("/")[2]

    invitation = await invitations.invitation_behind(letterhead, signed)

    assert (invitation.seat_id, invitation.member_name) == (seat, "Ana")
    assert [other.name for other in invitation.others] == ["Ben"]
    with pytest.raises(NotFound):
        await invitations.invitation_behind(letterhead, links.rsvp_link(letterhead, uuid4()).rpartition("/")[2])
