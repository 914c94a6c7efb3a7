"""Why these people were brought together, and what would help who was not matched."""

from collections.abc import Iterable

from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession, Reason, Unmatched
from peerhub.matching.rules import unmatched_of


def why(problem: Problem, session: PlannedSession) -> tuple[Reason, ...]:
    return ()


def why_unmatched(problem: Problem, sessions: Iterable[PlannedSession]) -> tuple[Unmatched, ...]:
    return unmatched_of(problem, sessions, "no place")
