"""Two things at once: a wish, a consent taken back or an erasure comes either before the publishing or after it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from peerhub.actions import profile, proposals, rounds, sessions
from peerhub.actions.proposals import Move, RulesWouldBreak
from peerhub.domain.rounds import Stage
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members
from peerhub.store import proposals as stored_proposals
from peerhub.store import rounds as stored
from peerhub.store import sessions as stored_sessions
from peerhub.store.tables import Letter, Member, Proposal, Seat
from tests.community import WEEK, a_member, a_program, a_round_of, enrol, propose, together

pytestmark = pytest.mark.usefixtures("db")
Act = Callable[[UUID, UUID, datetime], Coroutine[Any, Any, None]]


async def keep_apart(who: UUID, other: UUID, now: datetime) -> None:
    await profile.keep_apart(who, "ben@example.org", now)


async def take_consent_back(who: UUID, other: UUID, now: datetime) -> None:
    await profile.set_consents(who, ["agreement", "adult"], now)


async def pause(who: UUID, other: UUID, now: datetime) -> None:
    await profile.pause(who)


async def go_away(who: UUID, other: UUID, now: datetime) -> None:
    await profile.go_away(who, date(2026, 12, 1), date(2026, 12, 1), now.date())


async def erase(who: UUID, other: UUID, now: datetime) -> None:
    await profile.erase(who, now)


@asynccontextmanager
async def nobody_writes_to(table: str, database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Whoever wants to write to that table waits meanwhile."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
            yield connection
    finally:
        await connection.close()


async def until_they_wait(connection: asyncpg.Connection, many: int, *tasks: asyncio.Task[Any]) -> None:
    """Until that many wait for a lock, or one of the tasks is done."""
    while not any(task.done() for task in tasks):
        if await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") >= many:
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("happens", [keep_apart, take_consent_back, pause, go_away, erase])
async def test_what_changes_while_a_round_is_published_waits_until_it_is(
    happens: Act, now: datetime, letterhead: Letterhead, database_url: str
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    version_id = await propose(round_id, now, together(ana, ben))

    async with nobody_writes_to("session", database_url) as connection:
        publishing = asyncio.create_task(rounds.publish(round_id, version_id, letterhead, uuid4(), now))
        await until_they_wait(connection, 1, publishing)
        changing = asyncio.create_task(happens(ana, ben, now))
        await until_they_wait(connection, 2, changing)
        was_first = changing.done()
    await asyncio.gather(publishing, changing)

    assert not was_first
    assert await Seat.count() == (1 if happens is erase else 2)


@pytest.mark.parametrize("happens", [keep_apart, take_consent_back, pause, go_away, erase])
async def test_what_changed_before_the_publishing_stops_it_and_nothing_is_stored(
    happens: Act, now: datetime, letterhead: Letterhead
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    await propose(round_id, now, together(ana, ben))
    await happens(ana, ben, now)
    version = await stored_proposals.newest(round_id)
    assert version

    with pytest.raises(RulesWouldBreak):
        await rounds.publish(round_id, version.id, letterhead, uuid4(), now)

    assert (await Seat.count(), await Letter.count()) == (0, 0)
    assert (await stored.by_id(round_id)).stage is Stage.PROPOSED


async def test_someone_erased_while_their_session_is_cancelled_stands_in_nobodys_way(
    now: datetime, letterhead: Letterhead, database_url: str
) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    round_id = await a_round_of(now, ana, ben, cat)
    version_id = await propose(round_id, now, together(ana, ben, cat))
    await rounds.publish(round_id, version_id, letterhead, uuid4(), now)
    (session,) = await stored_sessions.of_round(round_id)

    async with nobody_writes_to("letter", database_url) as connection:
        changing = asyncio.create_task(sessions.cancel(session.id, letterhead, uuid4(), now))
        await until_they_wait(connection, 1, changing)
        erasing = asyncio.create_task(profile.erase(ana, now))
        await until_they_wait(connection, 2, erasing)
    await asyncio.gather(changing, erasing)

    (session,) = await stored_sessions.of_round(round_id)
    assert (session.stage, {seat.member_id for seat in session.seats}) == ("cancelled", {ben, cat})
    assert await Letter.count().where(Letter.member == ana) == 0


async def test_no_trace_of_the_erased_stays_in_any_version_of_a_proposal(now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    round_id = await a_round_of(now, ana, ben, cat)
    first = await propose(round_id, now, together(ana, ben))
    await proposals.move(round_id, first, Move(str(cat), None, 0, str(ana)), uuid4(), now)

    await profile.erase(ana, now)

    assert [row for row in await Proposal.select() if str(ana) in row["content"]] == []
    version = await stored_proposals.newest(round_id)
    assert version
    assert {ben, cat} < version.people
    await proposals.undo(round_id, version.id, uuid4(), now)


async def test_an_answer_of_the_matcher_brings_nobody_back_who_was_erased(now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    round_id = await a_round_of(now, ana, ben, cat)
    await profile.erase(ana, now)

    await propose(round_id, now, together(ana, ben))

    assert [row for row in await Proposal.select() if str(ana) in row["content"]] == []


async def test_two_who_choose_the_same_consents_at_once_are_both_answered(now: datetime) -> None:
    ana = await a_member("Ana", now)
    await profile.set_consents(ana, [], now)
    later = now + timedelta(hours=1)

    await asyncio.gather(*(profile.set_consents(ana, ["agreement", "adult", "matching"], later) for _ in range(10)))

    assert set(await members.consents_of(ana)) == {"agreement", "adult", "matching"}


async def test_twenty_days_away_at_once_stay_within_what_can_be_kept(now: datetime) -> None:
    ana = await a_member("Ana", now)
    first = now.date() + timedelta(days=1)

    await asyncio.gather(
        *(
            profile.go_away(ana, first + timedelta(20 * n), first + timedelta(20 * n + 19), now.date())
            for n in range(20)
        ),
        return_exceptions=True,
    )

    assert len(await members.days_away_of(ana, first)) == members.MOST_DAYS_AWAY


async def test_erasing_twice_at_once_erases_once_and_breaks_nothing(now: datetime) -> None:
    ana = await a_member("Ana", now)

    await asyncio.gather(profile.erase(ana, now), profile.erase(ana, now))

    assert await Member.count() == 0


async def test_who_pauses_or_took_a_consent_back_is_not_invited_to_a_round(
    now: datetime, letterhead: Letterhead
) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    program_id = await a_program(now)
    await enrol(program_id, now, ana, ben, cat)
    await profile.pause(ben)
    await take_consent_back(cat, ben, now)

    await rounds.open_round(program_id, WEEK, letterhead, uuid4(), now)

    assert [row["member"] for row in await Letter.select(Letter.member)] == [ana]
