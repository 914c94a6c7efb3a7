"""The fixed cast in a real database: Ana, Ben, quiet Cat, Dan who keeps apart from Ana, and Olu the organizer."""

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID, uuid4

from peerhub.domain.availability import Span, hours_from_text
from peerhub.domain.comfort import Comfort
from peerhub.domain.members import REQUIRED_PURPOSES, Profile
from peerhub.domain.programs import PRESETS, Kind, Program
from peerhub.domain.rounds import Stage
from peerhub.matching import rules
from peerhub.matching.proposal import PlannedSession, Proposal
from peerhub.store import members, programs, proposals, rounds
from peerhub.store.tables import Enrolment, Member, Round

WEEK = date(2026, 11, 30)
EVENINGS = ("tue 18:00-20:00", "thu 18:00-20:00")


async def a_member(
    name: str, now: datetime, *hours: str, zone: str = "Europe/Lisbon", comfort: Comfort | None = None
) -> UUID:
    """An active member who agreed to everything that is needed."""
    member_id = uuid4()
    said = tuple(hours_from_text(text) for text in hours or EVENINGS)
    profile = Profile(name, zone, said, comfort or Comfort(), languages=("en",))
    await members.put(member_id, profile, f"{name.lower()}@example.org", now)
    await members.confirm(member_id, now)
    await members.set_consents(member_id, REQUIRED_PURPOSES, now)
    return member_id


async def an_organizer(now: datetime) -> UUID:
    olu = await a_member("Olu", now)
    await members.make_organizer("olu@example.org")
    return olu


async def change_hours(member_id: UUID, now: datetime, *hours: str) -> None:
    profile = await members.profile_of(member_id)
    await members.save(member_id, replace(profile, hours=tuple(hours_from_text(text) for text in hours)), now)


async def a_program(now: datetime, kind: Kind = Kind.BUDDIES, **other: object) -> UUID:
    rules_: Program = replace(PRESETS[kind], **other)  # type: ignore[arg-type]
    return await programs.create(f"Program {uuid4().hex[:6]}", rules_, ("grief", "work"), now)


async def enrol(program_id: UUID, now: datetime, *people: UUID, facilitates: int = 0) -> None:
    for member_id in people:
        await programs.enrol(program_id, member_id, now)
        await Enrolment.update({Enrolment.facilitates: facilitates}).where(
            Enrolment.program == program_id, Enrolment.member == member_id
        )


async def a_round(program_id: UUID, now: datetime, *people: UUID, week: date = WEEK) -> UUID:
    """An open round that these enrolled members have joined."""
    round_id = await rounds.open_round(program_id, week, now)
    for member_id in people:
        await rounds.join(round_id, member_id, now)
    return round_id


async def a_round_of(now: datetime, *people: UUID, week: date = WEEK) -> UUID:
    """An open round of a new buddies program that these members have joined."""
    program_id = await a_program(now)
    await enrol(program_id, now, *people)
    return await a_round(program_id, now, *people, week=week)


def at(moment: str) -> Span:
    """An hour from that moment, for example ``2026-12-01T18:00``, in UTC."""
    starts_at = datetime.fromisoformat(f"{moment}:00+00:00")
    return Span(starts_at, datetime.fromtimestamp(starts_at.timestamp() + 3600, starts_at.tzinfo))


TUESDAY = at("2026-12-01T18:00")
THURSDAY = at("2026-12-03T18:00")


def together(*people: UUID, span: Span = TUESDAY, led_by: tuple[UUID, ...] = ()) -> PlannedSession:
    return PlannedSession(tuple(map(str, people)), span, "voice", tuple(map(str, led_by)))


async def propose(round_id: UUID, now: datetime, *sessions: PlannedSession) -> UUID:
    """Put the round where it would be if the matcher had proposed these sessions; the version's id."""
    problem = await rounds.problem_of(await rounds.by_id(round_id))
    unmatched = rules.unmatched_of(problem, sessions, "no hour in common")
    version_id = await proposals.keep(round_id, Proposal(sessions, unmatched), "matcher", now)
    await Round.update({Round.stage: Stage.PROPOSED.value}).where(Round.id == round_id)
    return version_id


async def who_keeps_apart(*people: UUID) -> dict[UUID, set[UUID]]:
    """Whom each of these keeps apart from, among them, as the matcher is told."""
    rows = await Member.raw(
        "SELECT m.id AS member, m.address_hash, array_remove(array_agg(k.id ORDER BY k.id), NULL) AS wishes,"
        " array_remove(array_agg(k.sealed_wish ORDER BY k.id), NULL) AS sealed_wishes"
        " FROM member AS m LEFT JOIN keep_apart AS k ON k.member = m.id WHERE m.id = ANY({}::uuid[]) GROUP BY m.id",
        list(people),
    )
    return members.keep_apart_among(rows)
