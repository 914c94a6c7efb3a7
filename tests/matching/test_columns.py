"""Two roads to one answer: column generation, and every session in one exact model or listed one by one."""

from datetime import timedelta

import pytest
from hypothesis import Phase, given, reject, settings

from peerhub.matching import columns
from peerhub.matching.groups import Groups
from peerhub.matching.preferences import points_of
from peerhub.matching.problem import Pin, Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import broken_rules_of_sessions
from peerhub.matching.search import CannotHold, Found, Search, best, weights_of
from tests.matching.cast import MONDAY_18, person, sessions, span
from tests.matching.test_drawn_problems import NAMES, problems

EVENING = "mon 18:00-20:00"


def worth(problem: Problem, found: Found) -> tuple[int, int, int]:
    """The order of wishes: the matched weight, the number of people, the points."""
    matched = {person for session in found.sessions for person in session.people}
    points = sum(points_of(problem, session) for session in found.sessions)
    return sum(weights_of(problem)[person] for person in matched), len(matched), points


def bare(session: PlannedSession) -> PlannedSession:
    return PlannedSession(session.people, session.span, session.medium, session.facilitators)


@settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.generate])
@given(problems())
def test_both_roads_find_sessions_of_the_same_worth_and_prove_it(problem: Problem) -> None:
    try:
        by_columns = columns.best(problem, Search(20))
    except columns.NotFound:
        reject()
    by_model = best(problem, Groups(problem).model(), Search(20))

    assert broken_rules_of_sessions(problem, by_columns.sessions) == []
    assert [one.points for one in by_columns.sessions] == [points_of(problem, bare(one)) for one in by_columns.sessions]
    assert worth(problem, by_columns) == worth(problem, by_model)
    assert by_columns.bound == worth(problem, by_columns)[2]
    assert by_columns.matched_bound == by_model.matched_bound


@pytest.mark.parametrize(
    "pins",
    [
        (Pin(frozenset({"ana"}), span(MONDAY_18 + timedelta(minutes=15))), Pin(frozenset(), None, frozenset({"pat"}))),
        (Pin(frozenset({"ana", "ben"})), Pin(frozenset({"cat", "dan"}), None, frozenset({"olu"}))),
        (Pin(frozenset({"ana", "eve"}), span(MONDAY_18)), Pin(frozenset({"ana", "eve", "fay"}))),
    ],
)
def test_both_roads_keep_pins_alike(pins: tuple[Pin, ...]) -> None:
    peers = [person(name, EVENING, topics={"grief": n % 3 + 1}) for n, name in enumerate(NAMES[:6])]
    leaders = [person(name, EVENING, facilitates=2, most_sessions=0) for name in ("olu", "pat")]
    problem = sessions(*peers, *leaders, pinned=pins)

    by_columns = columns.best(problem, Search(20))

    assert broken_rules_of_sessions(problem, by_columns.sessions) == []
    assert worth(problem, by_columns) == worth(problem, best(problem, Groups(problem).model(), Search(20)))
    assert by_columns.bound == worth(problem, by_columns)[2]


def test_pins_that_clash_cannot_hold_by_columns_either() -> None:
    peers = [person(name, EVENING) for name in NAMES[:4]]
    pins = (Pin(frozenset({"ana", "ben"}), span(MONDAY_18)), Pin(frozenset({"ana"}), span(MONDAY_18, minutes=45)))

    with pytest.raises((CannotHold, columns.NotFound)):
        columns.best(sessions(*peers, person("olu", EVENING, facilitates=2), pinned=pins), Search(20))
