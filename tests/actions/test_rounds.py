"""A round opens to those who say yes, is published once and whole, and only while every rule holds."""

import asyncio
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from peerhub.actions import proposals, rounds
from peerhub.actions.proposals import CANNOT_BE_TOGETHER, Move, RulesWouldBreak
from peerhub.domain.programs import Kind
from peerhub.domain.refusals import NotFound, WrongStage
from peerhub.domain.rounds import Stage
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, sessions
from peerhub.store import programs as stored_programs
from peerhub.store import rounds as stored
from peerhub.store.tables import Audit, Letter, Program, Seat, Session
from tests.community import (
    TUESDAY,
    WEEK,
    a_member,
    a_program,
    a_round,
    a_round_of,
    change_hours,
    enrol,
    propose,
    together,
)

pytestmark = pytest.mark.usefixtures("db")


async def kinds_of_letters() -> list[str]:
    return sorted(row["kind"] for row in await Letter.select(Letter.kind))


async def counts() -> tuple[int, int, int]:
    """How many sessions, seats and letters there are."""
    return await Session.count(), await Seat.count(), await Letter.count()


async def test_opening_a_round_invites_who_is_enrolled_and_puts_nobody_in(
    now: datetime, letterhead: Letterhead
) -> None:
    program_id = await a_program(now)
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    await a_member("Dan", now)
    await enrol(program_id, now, ana, ben, cat)
    await members.move(cat, "active", "suspended")

    round_id = await rounds.open_round(program_id, WEEK, letterhead, uuid4(), now)

    invited = {row["member"] for row in await Letter.select(Letter.member).where(Letter.kind == "round_opens")}
    assert invited == {ana, ben}
    assert (await stored.problem_of(await stored.by_id(round_id))).participants == ()
    with pytest.raises(stored.AlreadyOpened):
        await rounds.open_round(program_id, WEEK, letterhead, uuid4(), now)


@pytest.mark.parametrize("week", [date(2026, 12, 1), date(2026, 11, 16), date(2028, 1, 3)])
async def test_a_round_is_for_a_monday_ahead(week: date, now: datetime, letterhead: Letterhead) -> None:
    program_id = await a_program(now)

    with pytest.raises(rounds.BadWeek):
        await rounds.open_round(program_id, week, letterhead, uuid4(), now)


async def test_members_join_while_the_round_is_open_and_leave_until_it_is_published(now: datetime) -> None:
    ana, ben, stranger = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    program_id = await a_program(now)
    await enrol(program_id, now, ana, ben)
    round_id = await a_round(program_id, now, ben)

    await rounds.join(round_id, ana, now)
    await rounds.join(round_id, ana, now)
    with pytest.raises(NotFound):
        await rounds.join(round_id, stranger, now)
    await propose(round_id, now, together(ana, ben))
    with pytest.raises(WrongStage):
        await rounds.join(round_id, ana, now)
    await rounds.leave(round_id, ana)

    problem = await stored.problem_of(await stored.by_id(round_id))
    assert [one.id for one in problem.participants] == [str(ben)]


async def test_publishing_writes_sessions_seats_and_letters_together(now: datetime, letterhead: Letterhead) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    round_id = await a_round_of(now, ana, ben, cat)
    version_id = await propose(round_id, now, together(ana, ben))

    await rounds.publish(round_id, version_id, letterhead, uuid4(), now)

    (session,) = await sessions.of_round(round_id)
    assert (session.span, session.medium, {seat.member_id for seat in session.peers}) == (TUESDAY, "voice", {ana, ben})
    uids = [seat.uid for seat in session.seats]
    assert [len(uid.partition("@")[0]) for uid in uids] == [32, 32]
    assert len(set(uids)) == 2
    assert await kinds_of_letters() == ["invitation", "invitation", "not_matched"]
    abouts = {row["about"] for row in await Letter.select(Letter.about).where(Letter.kind == "invitation")}
    assert abouts == set(uids)
    assert (await stored.by_id(round_id)).published_at == now
    (deed,) = await Audit.select(Audit.action, Audit.detail).output(load_json=True)
    assert deed == {"action": "round published", "detail": {"sessions": 1, "invitations": 2, "not_matched": 1}}


async def test_of_two_who_publish_at_once_exactly_one_does(now: datetime, letterhead: Letterhead) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    version_id = await propose(round_id, now, together(ana, ben))

    answers = await asyncio.gather(
        *(rounds.publish(round_id, version_id, letterhead, uuid4(), now) for _ in range(4)), return_exceptions=True
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["NoneType"] + ["WrongStage"] * 3
    assert await counts() == (1, 2, 2)


async def test_a_proposal_that_was_changed_meanwhile_is_not_published_unseen(
    now: datetime, letterhead: Letterhead
) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    round_id = await a_round_of(now, ana, ben, cat)
    seen = await propose(round_id, now, together(ana, ben))
    await proposals.move(round_id, seen, Move(str(cat), None, 0), uuid4(), now)

    with pytest.raises(WrongStage, match="has changed"):
        await rounds.publish(round_id, seen, letterhead, uuid4(), now)

    assert (await stored.by_id(round_id)).stage is Stage.PROPOSED
    assert await counts() == (0, 0, 0)


async def test_rules_are_checked_again_when_publishing(now: datetime, letterhead: Letterhead) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    version_id = await propose(round_id, now, together(ana, ben))
    await change_hours(ben, now, "sat 09:00-11:00")

    with pytest.raises(RulesWouldBreak) as refusal:
        await rounds.publish(round_id, version_id, letterhead, uuid4(), now)

    assert list(refusal.value.sentences) == ["Ben is not free for the whole session.", CANNOT_BE_TOGETHER]
    assert (await stored.by_id(round_id)).stage is Stage.PROPOSED
    assert await counts() == (0, 0, 0)


async def test_a_wish_to_keep_apart_made_meanwhile_stops_the_publishing(now: datetime, letterhead: Letterhead) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    version_id = await propose(round_id, now, together(ana, ben))
    await members.put_wish_about(ben, ana, now)

    with pytest.raises(RulesWouldBreak) as refusal:
        await rounds.publish(round_id, version_id, letterhead, uuid4(), now)

    assert list(refusal.value.sentences) == [CANNOT_BE_TOGETHER]


async def test_a_session_in_the_past_is_not_published(now: datetime, letterhead: Letterhead) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    version_id = await propose(round_id, now, together(ana, ben))

    with pytest.raises(RulesWouldBreak, match="would begin in the past"):
        await rounds.publish(round_id, version_id, letterhead, uuid4(), TUESDAY.starts_at)

    assert await counts() == (0, 0, 0)


async def test_a_session_without_its_facilitator_is_not_published(now: datetime, letterhead: Letterhead) -> None:
    people = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    program_id = await a_program(now, Kind.SESSIONS)
    await enrol(program_id, now, *people)
    round_id = await a_round(program_id, now, *people)
    version_id = await propose(round_id, now, together(*people))

    with pytest.raises(RulesWouldBreak, match="A session has 0 facilitators instead of 1"):
        await rounds.publish(round_id, version_id, letterhead, uuid4(), now)


async def test_a_round_is_closed_when_its_last_session_is_over(now: datetime, letterhead: Letterhead) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    version_id = await propose(round_id, now, together(ana, ben))
    with pytest.raises(WrongStage):
        await rounds.close(round_id, uuid4(), now)

    await rounds.publish(round_id, version_id, letterhead, uuid4(), now)
    with pytest.raises(rounds.SessionsAhead):
        await rounds.close(round_id, uuid4(), TUESDAY.ends_at - timedelta(minutes=1))
    await rounds.close(round_id, uuid4(), TUESDAY.ends_at)

    assert (await stored.by_id(round_id)).stage is Stage.CLOSED


async def test_sessions_meet_where_their_program_says_until_one_says_otherwise(
    now: datetime, letterhead: Letterhead
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    program = (await stored.by_id(round_id)).program
    await stored_programs.change(program.id, program.name, program.rules, (), place="https://meet.example/harbour")
    version_id = await propose(round_id, now, together(ana, ben))

    await rounds.publish(round_id, version_id, letterhead, uuid4(), now)

    (session,) = await sessions.of_round(round_id)
    assert session.place == "https://meet.example/harbour"
    assert b"meet.example" not in b"".join(row["sealed_place"] for row in await Program.select(Program.sealed_place))


async def test_publishing_takes_the_same_statements_for_ten_and_for_sixty(
    now: datetime, letterhead: Letterhead, statements: list[str]
) -> None:
    asked = []
    for size in (10, 60):
        people = [await a_member(f"P{size}x{n}", now) for n in range(size)]
        round_id = await a_round_of(now, *people)
        pairs = zip(people[::2], people[1::2], strict=True)
        version_id = await propose(round_id, now, *(together(one, other) for one, other in pairs))
        asked.append(await statements_to_publish(round_id, version_id, letterhead, now, statements))

    assert asked == [10, 10]


async def statements_to_publish(
    round_id: UUID, version_id: UUID, head: Letterhead, now: datetime, statements: list[str]
) -> int:
    before = len(statements)
    await rounds.publish(round_id, version_id, head, uuid4(), now)
    return len(statements) - before


async def test_a_round_that_was_published_long_ago_stays_as_it_is(now: datetime, letterhead: Letterhead) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    version_id = await propose(round_id, now, together(ana, ben))
    await rounds.publish(round_id, version_id, letterhead, uuid4(), now)

    with pytest.raises(WrongStage):
        await rounds.publish(round_id, version_id, letterhead, uuid4(), now + timedelta(days=1))
    with pytest.raises(WrongStage):
        await proposals.move(round_id, version_id, Move(str(ana), 0, None), uuid4(), now)
    with pytest.raises(WrongStage):
        await rounds.leave(round_id, ana)
