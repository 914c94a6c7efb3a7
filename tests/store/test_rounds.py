"""A round moves once, is held by one worker, and tells the matcher everything it needs in a few statements."""

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from peerhub.domain.comfort import Comfort
from peerhub.domain.invitations import Rsvp
from peerhub.domain.programs import Kind
from peerhub.domain.refusals import NotFound, WrongStage
from peerhub.domain.rounds import MOVES, Stage, Standing, check_move
from peerhub.matching.proposal import Proposal
from peerhub.store import members, programs, proposals, rounds, seats, sessions
from peerhub.store.tables import CheckIn, Round, Seat
from tests.community import TUESDAY, WEEK, a_member, a_program, a_round, a_round_of, enrol, together

pytestmark = pytest.mark.usefixtures("db")
LATER = timedelta(seconds=30)


def test_a_round_moves_along_its_stages_only() -> None:
    refused = set()
    for here in Stage:
        for there in Stage:
            try:
                check_move(here, there)
            except WrongStage:
                refused.add((here, there))

    assert refused == {(here, there) for here in Stage for there in Stage if there not in MOVES[here]}


async def test_of_many_who_move_a_round_at_once_one_succeeds(now: datetime) -> None:
    round_id = await a_round_of(now)

    async def move() -> bool:
        try:
            await rounds.move_round(round_id, Stage.OPEN, Stage.MATCHING)
        except WrongStage:
            return False
        return True

    assert sorted(await asyncio.gather(*(move() for _ in range(8)))) == [False] * 7 + [True]


async def test_an_unknown_round_is_not_found() -> None:
    with pytest.raises(NotFound):
        await rounds.by_id(uuid4())


async def test_one_worker_holds_a_round_until_its_lease_runs_out(now: datetime) -> None:
    round_id = await a_round_of(now)
    await rounds.move_round(round_id, Stage.OPEN, Stage.MATCHING)

    first = await rounds.claim(now, now + LATER)
    meanwhile = await rounds.claim(now + timedelta(seconds=29), now + 2 * LATER)
    second = await rounds.claim(now + LATER, now + 2 * LATER)

    assert first is not None and second is not None
    assert (first.attempt, meanwhile, second.attempt) == (1, None, 2)
    with pytest.raises(WrongStage):
        await rounds.renew(first, now + 3 * LATER, {})
    assert await rounds.renew(second, now + 3 * LATER, {"phase": "improving"}) is False
    assert (await rounds.by_id(round_id)).progress == {"phase": "improving", "attempt": 2}


async def test_of_many_workers_one_claims_the_round(now: datetime) -> None:
    await rounds.move_round(await a_round_of(now), Stage.OPEN, Stage.MATCHING)

    claims = await asyncio.gather(*(rounds.claim(now, now + LATER) for _ in range(8)))

    assert len([claim for claim in claims if claim]) == 1


async def test_everyone_ready_takes_part_and_the_others_are_named_with_what_is_missing(now: datetime) -> None:
    program_id = await a_program(now)
    ana, ben, cat, dan, eli = [await a_member(name, now) for name in ("Ana", "Ben", "Cat", "Dan", "Eli")]
    await enrol(program_id, now, ana, ben, cat, dan, eli)
    round_id = await a_round(program_id, now, ana, cat, dan, eli)
    await members.move(cat, "active", "paused")
    await members.set_consents(dan, ["agreement", "adult"], now)
    await programs.leave(program_id, eli, now)

    standings, problem = await rounds.readiness_of(await rounds.by_id(round_id))

    assert standings == {
        ana: Standing.READY,
        ben: Standing.NOT_JOINED,
        cat: Standing.PAUSED,
        dan: Standing.NO_CONSENT,
    }
    assert [person.id for person in problem.participants] == [str(ana)]


async def test_the_matcher_is_told_all_that_a_member_said(now: datetime) -> None:
    comfort = Comfort({"pair": 4, "trio": 0}, {"video": 0}, {"grief": 3})
    ana = await a_member("Ana", now, "mon 09:00-10:00", zone="Asia/Kathmandu", comfort=comfort)
    dan = await a_member("Dan", now)
    await members.put_days_away(dan, [date(2026, 12, 1)])
    await members.put_wish(dan, "ana@example.org", "Ana", now)
    round_id = await a_round_of(now, ana, dan)

    problem = await rounds.problem_of(await rounds.by_id(round_id))

    them, others = problem.by_id[str(ana)], problem.by_id[str(dan)]
    assert (them.comfort, them.time_zone, [str(h) for h in them.hours]) == (
        comfort,
        "Asia/Kathmandu",
        ["mon 09:00-10:00"],
    )
    assert (them.name, them.languages, them.keep_apart) == ("", frozenset({"en"}), frozenset())
    assert (others.away, others.keep_apart) == (frozenset({date(2026, 12, 1)}), frozenset({str(ana)}))


async def test_who_facilitates_leads_and_does_not_sit_as_a_peer(now: datetime) -> None:
    fay = await a_member("Fay", now)
    sessions_program, buddies_program = await a_program(now, Kind.SESSIONS), await a_program(now)
    leads, seats = [], []
    for program_id in (sessions_program, buddies_program):
        await enrol(program_id, now, fay, facilitates=2)
        round_id = await a_round(program_id, now, fay)
        person = (await rounds.problem_of(await rounds.by_id(round_id))).by_id[str(fay)]
        leads.append(person.facilitates)
        seats.append(person.most_sessions)

    assert (leads, seats) == ([2, 0], [0, 1])


async def a_past_round(program_id: UUID, now: datetime, week: date, joined: list[UUID], *met: UUID) -> list[UUID]:
    """A published round; the seats of those who met."""
    round_id = await a_round(program_id, now, *joined, week=week)
    await sessions.put(round_id, [together(*met)] if met else [], "peerhub.example")
    await Round.update({Round.stage: "published", Round.published_at: now}).where(Round.id == round_id)
    return [seat.id for one in await sessions.of_round(round_id) for seat in one.seats]


async def test_rounds_joined_without_a_match_are_owed_in_a_row(now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    program_id = await a_program(now)
    await enrol(program_id, now, ana, ben, cat)
    await a_past_round(program_id, now, WEEK - timedelta(days=21), [ana, ben, cat])
    await a_past_round(program_id, now, WEEK - timedelta(days=14), [ana, ben, cat], ana, ben)
    await a_past_round(program_id, now, WEEK - timedelta(days=7), [ana, cat])
    round_id = await a_round(program_id, now, ana, ben, cat)

    problem = await rounds.problem_of(await rounds.by_id(round_id))

    assert {one.id: one.owed for one in problem.participants} == {str(ana): 1, str(ben): 0, str(cat): 3}


async def test_who_met_before_and_how_it_went_is_remembered(now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    program_id = await a_program(now)
    await enrol(program_id, now, ana, ben, cat)
    weeks = [WEEK - timedelta(days=7 * ago) for ago in (4, 3, 2, 1)]
    for week, words in zip(weeks, (["well", "badly"], ["well"], ["not_met"], []), strict=True):
        seats = await a_past_round(program_id, now, week, [ana, ben, cat], ana, ben)
        for seat, word in zip(seats, words, strict=False):
            await CheckIn.insert(CheckIn(id=uuid4(), seat=seat, went=word, checked_in_at=now))
    removed = await a_past_round(program_id, now, WEEK - timedelta(days=35), [ana, cat], ana, cat)
    await Seat.update({Seat.removed_at: now}).where(Seat.id == removed[0])
    declined = await a_past_round(program_id, now, WEEK - timedelta(days=42), [ben, cat], ben, cat)
    await Seat.update({Seat.rsvp: "no", Seat.answered_at: now}).where(Seat.id == declined[0])
    round_id = await a_round(program_id, now, ana, ben, cat)

    problem = await rounds.problem_of(await rounds.by_id(round_id))

    both = frozenset({str(ana), str(ben)})
    assert [(met.week, met.together, met.went) for met in problem.history] == [
        (weeks[0], both, "badly"),
        (weeks[1], both, "well"),
        (weeks[3], both, None),
    ]


async def test_a_pin_holds_for_those_who_still_take_part(now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    round_id = await a_round_of(now, ana, ben, cat)
    pinned = replace(together(ana, ben, cat), pinned=True)
    await proposals.keep(round_id, Proposal((pinned,)), "organizer", now)
    await rounds.leave(round_id, cat)

    problem = await rounds.problem_of(await rounds.by_id(round_id))

    assert [(pin.people, pin.span) for pin in problem.pinned] == [(frozenset({str(ana), str(ben)}), TUESDAY)]


async def test_a_problem_takes_the_same_statements_for_ten_and_for_sixty(now: datetime, statements: list[str]) -> None:
    ten = await a_round_of(now, *[await a_member(f"Ten{n}", now) for n in range(10)])
    sixty = await a_round_of(now, *[await a_member(f"Sixty{n}", now) for n in range(60)])

    counts = [await statements_for(round_id, statements) for round_id in (ten, sixty)]

    assert counts == [5, 5]


async def statements_for(round_id: UUID, statements: list[str]) -> int:
    before = len(statements)
    await rounds.problem_of(await rounds.by_id(round_id))
    return len(statements) - before


async def test_who_has_a_session_in_another_program_is_busy_then_unless_they_said_no(now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    first = await a_round_of(now, ana, ben, cat)
    await sessions.put(first, [together(ana, ben, cat)], "peerhub.example")
    await Round.update({Round.stage: "published", Round.published_at: now}).where(Round.id == first)
    (session,) = await sessions.of_round(first)
    bens = next(seat for seat in session.seats if seat.member_id == ben)
    await seats.put_answer(bens.id, Rsvp.NO, now)

    second = await rounds.by_id(await a_round_of(now, ana, ben))
    problem = await rounds.problem_of(second)

    assert problem.by_id[str(ana)].busy == {TUESDAY}
    assert problem.by_id[str(ben)].busy == frozenset()
    assert problem.free[str(ana)].bit_count() == problem.free[str(ben)].bit_count() - 4
