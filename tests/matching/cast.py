"""The cast of the matching tests: small problems that are quick to write down."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from peerhub.domain.availability import Liking, Span, hours_from_text
from peerhub.domain.comfort import Comfort, Role
from peerhub.domain.programs import Kind, MatchOn, Program
from peerhub.matching.problem import Participant, Problem
from peerhub.matching.proposal import PlannedSession

WEEK = date(2026, 11, 30)
MONDAY_18 = datetime(2026, 11, 30, 18, tzinfo=UTC)


def person(id: str, *free: str, if_needed: tuple[str, ...] = (), zone: str = "UTC", **more: Any) -> Participant:
    """Somebody who is free at these hours; comfort by ``sizes``, ``mediums``, ``topics``."""
    comfort = Comfort(more.pop("sizes", {}), more.pop("mediums", {}), more.pop("topics", {}))
    hours = [hours_from_text(text) for text in free] + [hours_from_text(text, Liking.IF_NEEDED) for text in if_needed]
    sets: dict[str, Any] = {
        name: frozenset(more.pop(name, ())) for name in ("languages", "keep_apart", "prefers", "away")
    }
    role = Role(more.pop("role", "both"))
    return Participant(id, zone, tuple(hours), comfort=comfort, role=role, **sets, **more)


def buddies(*people: Participant, **more: Any) -> Problem:
    """Pairs and trios of half an hour, by video or voice."""
    return _problem(Kind.BUDDIES, people, {"smallest": 2, "ideal": 2, "largest": 3}, more)


def sessions(*people: Participant, **more: Any) -> Problem:
    """Groups of two to four for half an hour with one facilitator, by video or voice."""
    usual = {"smallest": 2, "ideal": 3, "largest": 4, "facilitators_per_session": 1}
    return _problem(Kind.SESSIONS, people, usual, more)


def _problem(kind: Kind, people: tuple[Participant, ...], usual: dict[str, Any], more: dict[str, Any]) -> Problem:
    of_problem = {name: more.pop(name) for name in ("history", "pinned", "slot_minutes", "week") if name in more}
    match_on = {facet: MatchOn(how) for facet, how in more.pop("match_on", {}).items()}
    wanted = {"topics": MatchOn.SIMILAR, "languages": MatchOn.REQUIREMENT, "roles": MatchOn.COMPLEMENTARY, **match_on}
    settings = {"session_minutes": 30, "mediums": ("video", "voice"), **usual, **more}
    return Problem(Program(kind, match_on=wanted, **settings), of_problem.pop("week", WEEK), people, **of_problem)


def session(
    *people: str, at: datetime = MONDAY_18, medium: str = "video", minutes: int = 30, **more: Any
) -> PlannedSession:
    return PlannedSession(people, Span(at, at + timedelta(minutes=minutes)), medium, **more)


def span(starts_at: datetime, minutes: int = 30) -> Span:
    return Span(starts_at, starts_at + timedelta(minutes=minutes))
