"""The one judge of all: what sessions are worth, counted from the rules and the preferences alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from peerhub.matching.preferences import points_of
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import broken_rules_of_sessions


@dataclass(frozen=True)
class Verdict:
    """What counts of a peer's sessions: ``repeats`` are pairs in one session who had met before."""

    points: int
    matched: int
    weight: int  # of those matched: 1, and 1 more for each round in a row that they were left out
    repeats: int
    sessions: int
    dropped: int  # sessions that break a rule, or share a person with one that does, and so do not count

    @property
    def rank(self) -> tuple[int, int, int]:
        """The order of wishes: weight of the people matched, how many they are, points."""
        return self.weight, self.matched, self.points


def judge(problem: Problem, sessions: Iterable[PlannedSession]) -> Verdict:
    given = tuple(sessions)
    legal = legal_of(problem, given)
    matched = {person for session in legal for person in session.people}
    pairs = {frozenset(two) for session in legal for two in combinations(session.people, 2)}
    return Verdict(
        points=sum(points_of(problem, session) for session in legal),
        matched=len(matched),
        weight=sum(1 + max(0, problem.by_id[person].owed) for person in matched),
        repeats=sum(two in problem.last_meetings for two in pairs),
        sessions=len(legal),
        dropped=len(given) - len(legal),
    )


def legal_of(problem: Problem, sessions: tuple[PlannedSession, ...]) -> tuple[PlannedSession, ...]:
    """The sessions without all that concern anybody whom a broken rule names."""
    while broken := broken_rules_of_sessions(problem, sessions):
        named = {person for one in broken for person in one.people}
        fewer = tuple(session for session in sessions if not named & set(session.everyone))
        if len(fewer) == len(sessions):  # a rule that names nobody in a session, such as a pin
            return ()
        sessions = fewer
    return sessions
