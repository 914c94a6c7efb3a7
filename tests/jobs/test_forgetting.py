"""What is no longer needed is forgotten when the clock says so, and nothing else is."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from peerhub.domain.checkins import CheckIn, Went
from peerhub.domain.members import Profile
from peerhub.jobs import duties
from peerhub.jobs.duties import Office
from peerhub.mail.letterhead import Letterhead
from peerhub.store import checkins, logins, members
from peerhub.store.tables import CheckIn as CheckInTable
from peerhub.store.tables import Login, Member, SignInLink
from tests.community import a_member
from tests.web.conftest import a_seat

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def office(letterhead: Letterhead) -> Office:
    return Office(letterhead, "smtp://127.0.0.1:1", uuid4())


async def a_sign_up(now: datetime, address: str) -> UUID:
    member_id = uuid4()
    await members.put(member_id, Profile("Ana", "UTC", hours=()), address, now)
    return member_id


async def test_a_sign_up_that_nobody_confirmed_is_forgotten_after_a_week(office: Office, now: datetime) -> None:
    member = await a_member("Ben", now)
    await a_sign_up(now, "ana@example.org")
    fresh = await a_sign_up(now + timedelta(days=1), "anna@example.org")

    assert await duties.forget_sign_ups(office, now + timedelta(days=7)) is True
    assert await duties.forget_sign_ups(office, now + timedelta(days=7)) is False

    assert {row["id"] for row in await Member.select(Member.id)} == {member, fresh}


async def test_what_a_note_said_is_forgotten_after_180_days_and_how_it_went_is_not(
    office: Office, now: datetime
) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    await checkins.put(seat, CheckIn(Went.WELL, True, "It rained.", now))

    assert await duties.forget_notes(office, now + timedelta(days=179)) is False
    assert await duties.forget_notes(office, now + timedelta(days=180)) is True
    assert await duties.forget_notes(office, now + timedelta(days=180)) is False

    (row,) = await CheckInTable.select()
    assert (row["went"], row["sealed_note"]) == ("well", None)


async def test_links_and_logins_that_are_long_over_are_forgotten(office: Office, now: datetime) -> None:
    ana = await a_member("Ana", now)
    await logins.put_link(ana, "browser", logins.LINK_LIFE, now)
    await logins.begin_login(ana, now)
    later = now + logins.LOGIN_LIFE
    token = await logins.begin_login(ana, later)
    await logins.put_link(ana, "browser", logins.LINK_LIFE, later)

    assert await duties.forget_logins(office, later) is True
    assert await duties.forget_logins(office, later) is False

    assert (await Login.count(), await SignInLink.count()) == (1, 1)
    assert await logins.who(token, later) is not None
