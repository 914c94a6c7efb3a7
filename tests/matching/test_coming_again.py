"""In a large round of sessions, people who would come more than once do, where there is room."""

from collections import Counter
from dataclasses import replace

import pytest

from bench.sixty import problem
from peerhub.domain.programs import Kind
from peerhub.matching import assembly
from peerhub.matching.match import match
from peerhub.matching.problem import Problem
from peerhub.matching.rules import broken_rules


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "ROUNDS", 2)


def a_round_with_room(most: int) -> Problem:
    """A hundred and twenty people; whoever leads does so five times, and every second peer would come so often."""
    drawn = problem(Kind.SESSIONS, 3, 120)
    people = [
        replace(person, facilitates=person.facilitates * 2 + 1)
        if person.facilitates
        else replace(person, most_sessions=most if place % 2 else 1)
        for place, person in enumerate(drawn.participants)
    ]
    return replace(drawn, participants=tuple(people))


def test_who_would_come_twice_gets_a_second_session_where_there_is_room() -> None:
    once, twice = (match(a_round_with_room(most), time_limit=60) for most in (1, 2))

    seats = Counter(person for session in twice.sessions for person in session.people)
    assert twice.matched == once.matched
    assert max(seats.values()) == 2
    assert twice.points > once.points


def test_nobody_comes_more_often_than_they_would_or_twice_at_once() -> None:
    round_ = a_round_with_room(3)

    found = match(round_, time_limit=60)

    assert broken_rules(round_, found) == []
    assert found.points <= found.bound
    assert found.matched <= found.matched_bound
