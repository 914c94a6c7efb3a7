"""Rounds, who takes part in them, and all that the matcher is told about one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from peerhub.domain.availability import Liking, Span, WeeklyHours
from peerhub.domain.comfort import Comfort, Role
from peerhub.domain.members import REQUIRED_PURPOSES
from peerhub.domain.refusals import NotFound, Refusal, WrongStage
from peerhub.domain.rounds import Stage, Standing, check_move
from peerhub.matching.problem import Meeting, Participant, Problem
from peerhub.store import members, proposals
from peerhub.store.programs import StoredProgram, program_from
from peerhub.store.proposals import Version
from peerhub.store.tables import Joining, Round


class AlreadyOpened(Refusal):
    """The program has a round for that week."""


@dataclass(frozen=True)
class StoredRound:
    """A round and the program it belongs to."""

    id: UUID
    program: StoredProgram
    week: date
    stage: Stage
    progress: Mapping[str, Any] = field(default_factory=dict)
    lease_until: datetime | None = None
    stop_asked_at: datetime | None = None
    published_at: datetime | None = None


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a round that is to be matched; ``attempt`` counts the workers who took it up."""

    round_id: UUID
    lease: UUID
    attempt: int


_ROUND = (
    "SELECT r.*, p.name, p.kind, p.session_minutes, p.smallest, p.ideal, p.largest, p.facilitators_per_session,"
    " p.sessions_at_once, p.mediums, p.topics, p.match_on, p.weights, p.is_open, p.sealed_place,"
    " p.fills_seats, p.wordings"
    ' FROM "round" AS r JOIN program AS p ON p.id = r.program'
)


async def by_id(round_id: UUID) -> StoredRound:
    """The round with that id.

    Raises:
        NotFound: there is none.
    """
    rows = await Round.raw(_ROUND + " WHERE r.id = {}", round_id)
    if not rows:
        raise NotFound("there is no such round")
    return _round(rows[0])


async def every() -> list[StoredRound]:
    """The rounds of all programs, the latest week first."""
    return [_round(row) for row in await Round.raw(_ROUND + " ORDER BY r.week DESC, p.name LIMIT 200")]


async def of_program(program_id: UUID) -> list[StoredRound]:
    """The rounds of one program, the latest week first."""
    rows = await Round.raw(_ROUND + " WHERE p.id = {} ORDER BY r.week DESC LIMIT 200", program_id)
    return [_round(row) for row in rows]


async def open_round(program_id: UUID, week: date, now: datetime) -> UUID:
    """Open a round for the week that begins on that Monday.

    Raises:
        AlreadyOpened: the program has one for that week.
    """
    round_id = uuid4()
    try:
        await Round.insert(Round(id=round_id, program=program_id, week=week, opened_at=now))
    except asyncpg.UniqueViolationError:
        raise AlreadyOpened("this program already has a round for that week") from None
    return round_id


async def join(round_id: UUID, member_id: UUID, now: datetime) -> None:
    """A member's own yes to take part; a second yes changes nothing."""
    await Joining.raw(
        "INSERT INTO joining (id, round, member, joined_at) VALUES ({}, {}, {}, {}) ON CONFLICT DO NOTHING",
        uuid4(), round_id, member_id, now,
    )  # fmt: skip


async def leave(round_id: UUID, member_id: UUID) -> None:
    """A member takes their yes back."""
    await Joining.delete().where(Joining.round == round_id, Joining.member == member_id)


async def is_for(round_id: UUID, member_id: UUID) -> bool:
    """Whether the member is enrolled in the round's program and active."""
    return bool(
        await Round.raw(
            'SELECT 1 AS it FROM "round" AS r JOIN enrolment AS e ON e.program = r.program'
            " JOIN member AS m ON m.id = e.member"
            " WHERE r.id = {} AND m.id = {} AND e.left_at IS NULL AND m.stage = 'active'",
            round_id, member_id,
        )
    )  # fmt: skip


# Stages, and who holds the round


async def move_round(round_id: UUID, here: Stage, there: Stage, **also: Any) -> None:
    """Move the round on, unless someone else has moved it first; whoever matched it lets go.

    Raises:
        WrongStage: it is no longer ``here``.
    """
    check_move(here, there)
    columns = {"stage": there.value, "lease": None, "lease_until": None, "stop_asked_at": None} | also
    moved = await (
        Round.update({getattr(Round, column): value for column, value in columns.items()})
        .where(Round.id == round_id, Round.stage == here.value)
        .returning(Round.id)
    )
    if not moved:
        raise WrongStage(f"This round is no longer {here}. Its page shows where it is now.")


async def hold(round_id: UUID, *stages: Stage) -> Stage:
    """Let nobody else change the round until the transaction ends, and say where it is.

    Raises:
        NotFound: there is no such round.
        WrongStage: it is in none of these stages.
    """
    rows = await Round.raw('SELECT stage FROM "round" WHERE id = {} FOR UPDATE', round_id)
    if not rows:
        raise NotFound("there is no such round")
    stage = Stage(rows[0]["stage"])
    if stage not in stages:
        raise WrongStage(f"This round is {stage} now, so this can no longer be done. Its page shows where it is.")
    return stage


async def hold_those_with_proposals() -> None:
    """Let nobody add to any round's proposals until the transaction ends."""
    await Round.raw("SELECT id FROM \"round\" WHERE stage <> 'open' ORDER BY id FOR UPDATE")


async def claim(now: datetime, until: datetime) -> Claim | None:
    """Take a round that waits to be matched, or whose worker's lease has run out; each goes to one worker."""
    lease = uuid4()
    rows = await Round.raw(
        'UPDATE "round" SET lease = {}, lease_until = {}, progress = jsonb_build_object('
        "'phase', 'reading', 'attempt', COALESCE((progress->>'attempt')::int, 0) + 1)"
        ' WHERE id = (SELECT id FROM "round" WHERE stage = \'matching\' AND (lease IS NULL OR lease_until <= {})'
        " ORDER BY opened_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " RETURNING id, (progress->>'attempt')::int AS attempt",
        lease, until, now,
    )  # fmt: skip
    return Claim(rows[0]["id"], lease, rows[0]["attempt"]) if rows else None


async def renew(claim: Claim, until: datetime, progress: Mapping[str, Any]) -> bool:
    """Hold on a little longer and tell how far the search is; true when an organizer asked to stop.

    Raises:
        WrongStage: the round is no longer held by this worker.
    """
    rows = await (
        Round.update({Round.lease_until: until, Round.progress: json.dumps({**progress, "attempt": claim.attempt})})
        .where(Round.id == claim.round_id, Round.lease == claim.lease)
        .returning(Round.stop_asked_at)
    )
    if not rows:
        raise WrongStage("someone else matches this round now")
    return rows[0]["stop_asked_at"] is not None


async def is_held_by(claim: Claim) -> bool:
    """Whether the worker still holds the round; locks the row until the transaction ends."""
    return bool(
        await Round.raw(
            'SELECT 1 AS held FROM "round" WHERE id = {} AND lease = {} FOR UPDATE', claim.round_id, claim.lease
        )
    )


async def let_go(claim: Claim) -> None:
    """Leave the round to another worker, as if this one had never taken it up."""
    progress = json.dumps({"attempt": claim.attempt - 1})
    await Round.update({Round.lease: None, Round.lease_until: None, Round.progress: progress}).where(
        Round.id == claim.round_id, Round.lease == claim.lease
    )


async def ask_to_stop(round_id: UUID, now: datetime) -> bool:
    """Ask the worker that matches the round to stop; false when none holds it."""
    asked = await (
        Round.update({Round.stop_asked_at: now})
        .where(Round.id == round_id, Round.stage == Stage.MATCHING.value, Round.lease.is_not_null())
        .returning(Round.id)
    )
    return bool(asked)


# Who takes part


_STANDING = (  # busy: by a seat in another round that they have not declined, or by the calendar that they uploaded
    "SELECT e.member, e.facilitates, m.time_zone, m.role, m.languages, m.most_sessions, m.stage,"
    " j.id IS NOT NULL AS joined, busy.starts AS busy_from, busy.ends AS busy_until,"
    " (SELECT count(DISTINCT c.purpose) FROM consent AS c WHERE c.member = m.id AND c.withdrawn_at IS NULL"
    " AND c.purpose = ANY({})) AS consents"
    ' FROM "round" AS r JOIN enrolment AS e ON e.program = r.program JOIN member AS m ON m.id = e.member'
    " LEFT JOIN joining AS j ON j.member = m.id AND j.round = r.id"
    " CROSS JOIN LATERAL (SELECT array_agg(t.starts_at ORDER BY t.id) AS starts,"
    " array_agg(t.ends_at ORDER BY t.id) AS ends FROM ("
    "SELECT n.id, n.starts_at, n.ends_at FROM seat AS s JOIN session AS n ON n.id = s.session"
    " WHERE s.member = m.id AND s.removed_at IS NULL AND s.rsvp <> 'no' AND n.stage = 'planned' AND n.round <> r.id"
    " AND n.starts_at < r.week + 9 AND n.ends_at > r.week - 2"
    " UNION ALL SELECT b.id, b.starts_at, b.ends_at FROM busy_time AS b WHERE b.member = m.id AND b.week = r.week"
    ") AS t) AS busy"
    " WHERE r.id = {} AND e.left_at IS NULL AND ({}::uuid[] IS NULL OR m.id = ANY({}::uuid[]))"
    " ORDER BY e.enrolled_at, m.id"
)


async def participants_by_round(rounds: Iterable[UUID]) -> dict[UUID, int]:
    """How many members said yes to each round."""
    rows = await Joining.raw(
        "SELECT round, count(*) AS yes FROM joining WHERE round = ANY({}::uuid[]) GROUP BY round", list(rounds)
    )
    return {row["round"]: row["yes"] for row in rows}


async def _enrolled(round_: StoredRound, among: list[UUID] | None = None) -> list[dict[str, Any]]:
    return list(await Round.raw(_STANDING, list(REQUIRED_PURPOSES), round_.id, among, among))


async def who_takes_part(round_: StoredRound) -> list[UUID]:
    """Everyone who said yes to the round and misses nothing."""
    return [row["member"] for row in await _enrolled(round_) if _standing(row) is Standing.READY]


def _standing(row: Mapping[str, Any]) -> Standing:
    stages = {"unconfirmed": Standing.UNCONFIRMED, "paused": Standing.PAUSED, "suspended": Standing.SUSPENDED}
    if row["stage"] in stages:
        return stages[row["stage"]]
    if row["consents"] < len(REQUIRED_PURPOSES):
        return Standing.NO_CONSENT
    return Standing.READY if row["joined"] else Standing.NOT_JOINED


# What the matcher is told


async def problem_of(round_: StoredRound, version: Version | None = None) -> Problem:
    """Everything the matcher needs; the number of statements does not grow with the number of members.

    People are known by their ids alone. Pins stand in the newest ``version``, which the caller may have at hand.
    """
    return await _problem(round_, await _enrolled(round_), version or await proposals.newest(round_.id))


async def problem_among(round_: StoredRound, people: Iterable[UUID]) -> Problem:
    """The same for these people alone and without pins; what it costs does not grow with the round."""
    return await _problem(round_, await _enrolled(round_, list(people)), None)


async def readiness_of(round_: StoredRound) -> tuple[dict[UUID, Standing], Problem]:
    """Everyone enrolled with what they miss, if anything, and the problem as it is now."""
    enrolled = await _enrolled(round_)
    problem = await _problem(round_, enrolled, await proposals.newest(round_.id))
    return {row["member"]: _standing(row) for row in enrolled}, problem


async def _problem(round_: StoredRound, enrolled: list[dict[str, Any]], version: Version | None) -> Problem:
    ready = [row for row in enrolled if _standing(row) is Standing.READY]
    people = [row["member"] for row in ready]
    told = await Round.raw(_TOLD, people, round_.program.id, round_.week)
    keep_apart, by_member = members.keep_apart_among(told), {row["member"]: row for row in told}
    leads = round_.program.rules.facilitators_per_session > 0
    return Problem(
        program=round_.program.rules,
        week=round_.week,
        participants=tuple(
            _participant(row, by_member[row["member"]], keep_apart.get(row["member"], ()), leads) for row in ready
        ),
        history=tuple(await _history_of(people, round_.week)),
        pinned=proposals.pins_of(version.proposal, frozenset(map(str, people))) if version else (),
    )


_TOLD = """
WITH person AS (SELECT id, address_hash FROM member WHERE id = ANY({}::uuid[]))
SELECT person.id AS member, person.address_hash, hours, away, comfort, wishes, sealed_wishes, earlier
FROM person
LEFT JOIN (
    SELECT member, json_agg(json_build_array(day, opens, closes, liking) ORDER BY day, opens) AS hours
    FROM weekly_hour WHERE member IN (SELECT id FROM person) GROUP BY member
) AS offered ON offered.member = person.id
LEFT JOIN (
    SELECT member, array_agg(day) AS away FROM date_away WHERE member IN (SELECT id FROM person) GROUP BY member
) AS gone ON gone.member = person.id
LEFT JOIN (
    SELECT member, json_agg(json_build_array(facet, name, level)) AS comfort
    FROM comfort_level WHERE member IN (SELECT id FROM person) GROUP BY member
) AS felt ON felt.member = person.id
LEFT JOIN (
    SELECT member, array_agg(id ORDER BY id) AS wishes, array_agg(sealed_wish ORDER BY id) AS sealed_wishes
    FROM keep_apart WHERE member IN (SELECT id FROM person) GROUP BY member
) AS wished ON wished.member = person.id
LEFT JOIN (
    SELECT j.member, array_agg(EXISTS (
        SELECT 1 FROM seat AS s JOIN session AS n ON n.id = s.session
        WHERE n.round = r.id AND s.member = j.member AND s.removed_at IS NULL AND n.stage = 'planned'
    ) ORDER BY r.week DESC) AS earlier
    FROM joining AS j JOIN "round" AS r ON r.id = j.round
    WHERE r.program = {} AND r.week < {} AND r.stage IN ('published', 'closed')
    AND j.member IN (SELECT id FROM person) GROUP BY j.member
) AS joined ON joined.member = person.id
"""


def _participant(
    row: Mapping[str, Any], told: Mapping[str, Any], keep_apart: Iterable[UUID], program_has_leaders: bool
) -> Participant:
    leads = row["facilitates"] if program_has_leaders else 0
    return Participant(
        id=str(row["member"]),
        time_zone=row["time_zone"],
        hours=tuple(
            WeeklyHours(day, opens, closes, Liking(liking)) for day, opens, closes, liking in _list_in(told["hours"])
        ),
        away=frozenset(told["away"] or ()),
        busy=frozenset(map(Span, row["busy_from"] or (), row["busy_until"] or ())),
        comfort=_comfort(_list_in(told["comfort"])),
        languages=frozenset(row["languages"]),
        role=Role(row["role"]),
        facilitates=leads,
        keep_apart=frozenset(map(str, keep_apart)),
        owed=_owed(told["earlier"] or ()),
        most_sessions=0 if leads else row["most_sessions"],  # no dual roles: who leads does not sit as a peer
    )


def _list_in(kept: str | None) -> list[Any]:
    listed: list[Any] = json.loads(kept) if kept else []
    return listed


def _comfort(said: list[tuple[str, str, int]]) -> Comfort:
    levels: dict[str, dict[str, int]] = {"size": {}, "medium": {}, "topic": {}}
    for facet, name, level in said:
        levels[facet][name] = level
    return Comfort(levels["size"], levels["medium"], levels["topic"])


def _owed(earlier: Sequence[bool]) -> int:
    """How many of the rounds that someone joined, counted back from this one, passed without a match in a row."""
    return next((rounds for rounds, was_matched in enumerate(earlier) if was_matched), len(earlier))


_MET = (
    "SELECT r.week, array_agg(s.member) AS together, array_remove(array_agg(c.went), NULL) AS went"
    ' FROM session AS n JOIN "round" AS r ON r.id = n.round JOIN seat AS s ON s.session = n.id'
    " LEFT JOIN check_in AS c ON c.seat = s.id"
    " WHERE r.week < {} AND n.stage = 'planned' AND s.removed_at IS NULL AND s.rsvp <> 'no'"
    " AND s.member = ANY({}::uuid[]) AND r.stage IN ('published', 'closed')"
    " GROUP BY n.id, r.week HAVING count(*) > 1 ORDER BY r.week, n.id"
)


async def _history_of(people: list[UUID], week: date) -> list[Meeting]:
    """Who met before this week, in any program; a meeting that all who checked in say did not take place is none."""
    return [
        Meeting(row["week"], frozenset(map(str, row["together"])), _how_it_went(row["went"]))
        for row in await Round.raw(_MET, week, people)
        if not row["went"] or set(row["went"]) != {"not_met"}
    ]


def _how_it_went(said: list[str]) -> str | None:
    """Badly if anyone says so, well if someone does and nobody disagrees."""
    for word in ("badly", "okay", "well"):
        if word in said:
            return word
    return None


def _round(row: Mapping[str, Any]) -> StoredRound:
    return StoredRound(
        id=row["id"],
        program=program_from(row, row["program"]),
        week=row["week"],
        stage=Stage(row["stage"]),
        progress=json.loads(row["progress"]) if row["progress"] else {},
        lease_until=row["lease_until"],
        stop_asked_at=row["stop_asked_at"],
        published_at=row["published_at"],
    )
