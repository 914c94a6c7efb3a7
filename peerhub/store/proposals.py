"""The versions of a round's proposal: the newest counts, and undo takes it away."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from peerhub.domain.availability import Span
from peerhub.matching.problem import Pin
from peerhub.matching.proposal import PlannedSession, Reason, Unmatched
from peerhub.matching.proposal import Proposal as Plan
from peerhub.store.tables import Member, Proposal


@dataclass(frozen=True)
class Version:
    """One version of a proposal; ``id`` names exactly this one, also after an undo, so pages carry it along."""

    id: UUID
    round_id: UUID
    number: int
    made_by: str
    made_at: datetime
    proposal: Plan

    @property
    def people(self) -> frozenset[UUID]:
        """Everyone in it, with a session or without."""
        return people_in(self.proposal)


def people_in(proposal: Plan) -> frozenset[UUID]:
    """Everyone in a proposal, with a session or without."""
    seated = {person for session in proposal.sessions for person in session.everyone}
    return frozenset(UUID(person) for person in seated | {one.id for one in proposal.unmatched})


async def newest(round_id: UUID) -> Version | None:
    """The version that counts, if the round has any."""
    row = await Proposal.select().where(Proposal.round == round_id).order_by(Proposal.number, ascending=False).first()
    return _version(row) if row else None


async def keep(round_id: UUID, proposal: Plan, made_by: str, now: datetime) -> UUID:
    """Add a version on top; the caller holds the round, so no two add at once.

    Who was erased in the meantime is in it as somebody whom nobody knows.
    """
    version_id, content = uuid4(), json.dumps(proposal_as_json(proposal))
    people = people_in(proposal)
    known = {row["id"] for row in await Member.select(Member.id).where(Member.id.is_in(list(people) or [uuid4()]))}
    for gone in people - known:
        content = content.replace(str(gone), str(uuid4()))
    await Proposal.raw(
        "INSERT INTO proposal (id, round, number, made_by, made_at, content) SELECT {}, {},"
        " COALESCE((SELECT max(number) FROM proposal WHERE round = {}), 0) + 1, {}, {}, {}::jsonb",
        version_id, round_id, round_id, made_by, now, content,
    )  # fmt: skip
    return version_id


async def forget(member_id: UUID) -> None:
    """In every version of every proposal, let somebody whom nobody knows stand for this member."""
    who = str(member_id)
    await Proposal.raw(
        "UPDATE proposal SET content = replace(content::text, {}, {})::jsonb WHERE position({} in content::text) > 0",
        who, str(uuid4()), who,
    )  # fmt: skip


async def take_away(version: Version) -> None:
    """Forget a version; the one before it counts again."""
    await Proposal.delete().where(Proposal.id == version.id)


def pins_of(proposal: Plan, people: frozenset[str]) -> tuple[Pin, ...]:
    """What an organizer pinned, as far as the people still take part; a pin for fewer than two falls away."""
    pins = (
        Pin(frozenset(session.people) & people, session.span, frozenset(session.facilitators) & people)
        for session in proposal.sessions
        if session.pinned
    )
    return tuple(pin for pin in pins if len(pin.people) > 1)


def _version(row: Mapping[str, Any]) -> Version:
    proposal = proposal_from_json(json.loads(row["content"]))
    return Version(row["id"], row["round"], row["number"], row["made_by"], row["made_at"], proposal)


def proposal_as_json(proposal: Plan) -> dict[str, Any]:
    """The proposal as it is kept: the words of the public file, with reasons and pins in full."""
    return {
        "sessions": [session_as_json(session) for session in proposal.sessions],
        "unmatched": [asdict(unmatched) for unmatched in proposal.unmatched],
        "points": proposal.points,
        "bound": proposal.bound,
        "matched": proposal.matched,
        "matched_bound": proposal.matched_bound,
        "cut": proposal.cut,
    }


def proposal_from_json(content: Mapping[str, Any]) -> Plan:
    """Read what ``proposal_as_json`` wrote."""
    return Plan(
        sessions=tuple(session_from_json(session) for session in content["sessions"]),
        unmatched=tuple(Unmatched(**unmatched) for unmatched in content["unmatched"]),
        **{name: content[name] for name in ("points", "bound", "matched", "matched_bound", "cut")},
    )


def session_as_json(session: PlannedSession) -> dict[str, Any]:
    """One session as it is kept."""
    return {
        "people": list(session.people),
        "facilitators": list(session.facilitators),
        "starts_at": session.span.starts_at.isoformat(),
        "ends_at": session.span.ends_at.isoformat(),
        "medium": session.medium,
        "points": session.points,
        "reasons": [asdict(reason) for reason in session.why],
        "pinned": session.pinned,
    }


def session_from_json(content: Mapping[str, Any]) -> PlannedSession:
    """Read what ``session_as_json`` wrote."""
    return PlannedSession(
        people=tuple(content["people"]),
        span=Span(datetime.fromisoformat(content["starts_at"]), datetime.fromisoformat(content["ends_at"])),
        medium=content["medium"],
        facilitators=tuple(content["facilitators"]),
        points=content["points"],
        why=tuple(Reason(**reason) for reason in content["reasons"]),
        pinned=content["pinned"],
    )
