"""A sign-up is kept whole or not at all."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from peerhub.actions import logins, signup
from peerhub.domain.availability import hours_from_text
from peerhub.domain.members import REQUIRED_PURPOSES, Profile
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members
from peerhub.store.tables import Consent, Letter, Member, SignInLink, WeeklyHour
from tests.community import a_member
from tests.letters import letters_to_show

ANA = Profile("Ana", "Europe/Lisbon", (hours_from_text("tue 18:00-20:00"),))


async def sign_up(address: str, head: Letterhead, now: datetime, profile: Profile = ANA) -> None:
    await signup.sign_up(profile, address, REQUIRED_PURPOSES, uuid4().hex, head, now)


async def test_member_consents_hours_link_and_letter_come_together(
    db: None, letterhead: Letterhead, now: datetime
) -> None:
    await sign_up("ana@example.org", letterhead, now)

    tables = (Member, Consent, WeeklyHour, SignInLink, Letter)
    assert [await table.count() for table in tables] == [1, 3, 1, 1, 1]
    assert b"ana" not in (await Member.select(Member.sealed_address))[0]["sealed_address"]


async def test_nothing_is_kept_when_one_thing_cannot_be(db: None, letterhead: Letterhead, now: datetime) -> None:
    twice = Profile("Ana", "Europe/Lisbon", ANA.hours + ANA.hours)  # the database refuses the second

    with pytest.raises(Exception, match="one_weekly_hour_each"):
        await sign_up("ana@example.org", letterhead, now, twice)

    assert [await table.count() for table in (Member, Consent, WeeklyHour, SignInLink, Letter)] == [0] * 5


async def test_the_same_address_from_ten_browsers_at_once_is_one_member(
    db: None, letterhead: Letterhead, now: datetime
) -> None:
    await asyncio.gather(*(sign_up("ana@example.org", letterhead, now) for _ in range(10)))

    assert await Member.count() == 1
    assert await SignInLink.count().where(SignInLink.used_at.is_null()) == 1
    assert await WeeklyHour.count() == 1


async def test_a_member_gets_a_letter_and_everything_else_stays(
    db: None, letterhead: Letterhead, now: datetime
) -> None:
    ben = await a_member("Ben", now)
    before = [sorted(map(repr, await table.select())) for table in (Member, Consent, WeeklyHour)]

    await sign_up("Ben@Example.org", letterhead, now)

    assert [sorted(map(repr, await table.select())) for table in (Member, Consent, WeeklyHour)] == before
    letter = (await letters_to_show())[0]
    assert (letter.kind, letter.reading.to) == ("already_a_member", "ben@example.org")
    assert (await Letter.select(Letter.member))[0]["member"] == ben


async def test_known_and_unknown_addresses_take_as_many_statements(
    db: None, letterhead: Letterhead, now: datetime, statements: list[str]
) -> None:
    await a_member("Ben", now)
    counts = []
    for address in ("ben@example.org", "new@example.org"):
        statements.clear()
        await sign_up(address, letterhead, now)
        counts.append(len(statements))

    assert counts[0] == counts[1]


async def test_the_members_own_link_still_signs_them_in(db: None, letterhead: Letterhead, now: datetime) -> None:
    await a_member("Ben", now)
    await signup.sign_up(ANA, "ben@example.org", REQUIRED_PURPOSES, "asking", letterhead, now)
    text = (await letters_to_show())[0].reading.text
    token = text.split("/sign-in/")[1].split()[0]

    login = await logins.open_link(token, "asking", None, "192.0.2.7", now)

    assert len(login) == 43
    with pytest.raises(logins.LinkIsOver):
        await logins.open_link(token, "asking", None, "192.0.2.7", now + timedelta(seconds=1))


async def test_nobody_is_written_to_by_others_before_confirming(
    db: None, letterhead: Letterhead, now: datetime
) -> None:
    await sign_up("ana@example.org", letterhead, now)
    ana = (await Member.select(Member.id))[0]["id"]

    assert await members.recipients_of([ana]) == {}
