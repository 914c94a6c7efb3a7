"""Sessions as arrays mean what ``rules.py`` and ``preferences.py`` say of them, alone, with one more, and in a part."""

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from peerhub.matching.assembly import sessions_of
from peerhub.matching.hall import NEVER, Hall, hall_of
from peerhub.matching.hours import span_at
from peerhub.matching.preferences import points_of
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import broken_rules_of_sessions
from peerhub.matching.seating import NOBODY, Company, Seating, rank_step
from tests.matching.drawn import drawn_round, small_rounds

SEEDS = st.integers(0, 2**20)
ILLEGAL = -1
drawn = settings(max_examples=40, deadline=None, derandomize=True, phases=(Phase.generate,))


def some_sessions(hall: Hall, seed: int, sizes: tuple[int, ...] | range, many: int = 60) -> Seating:
    """Any people at starts at which somebody can come and enough can lead; more often than not against a rule."""
    draw = random.Random(seed)
    starts = np.flatnonzero((hall.hours >= 0).any(axis=0) & (hall.leads_at.sum(axis=0) >= hall.leaders_each)).tolist()
    groups, leaders, at = [], [], []
    for _ in range(many if starts else 0):
        start = draw.choice(starts)
        led = draw.sample(np.flatnonzero(hall.leads_at[:, start]).tolist(), hall.leaders_each)
        free = np.flatnonzero(hall.hours[:, start] >= 0).tolist()
        others = sorted({*range(hall.people)} - {*led})
        likely = [one for one in others if one in free or draw.random() < 0.1]
        size = draw.choice(sizes)
        if size <= len(likely):
            groups.append(tuple(draw.sample(likely, size)))
            leaders.append(tuple(led))
            at.append(start)
    return Seating.of(hall, groups, leaders, at)


def by_the_rules(problem: Problem, hall: Hall, seating: Seating) -> list[int]:
    """What each session is worth by the best of the mediums; ILLEGAL where all break a rule."""
    ids = [one.id for one in problem.participants]

    def in_every_medium(row: int) -> Iterator[PlannedSession]:
        people = tuple(ids[place] for place in seating.people[row] if place != NOBODY)
        leaders = tuple(ids[place] for place in seating.leaders[row])
        for medium in problem.program.mediums:
            yield PlannedSession(people, span_at(problem, int(hall.starts[seating.starts[row]])), medium, leaders)

    return [
        max(
            (points_of(problem, one) for one in in_every_medium(row) if not broken_rules_of_sessions(problem, [one])),
            default=ILLEGAL,
        )
        for row in range(len(seating))
    ]


@drawn
@given(small_rounds(), SEEDS)
def test_a_session_is_worth_what_the_rules_and_preferences_say(problem: Problem, seed: int) -> None:
    hall = hall_of(problem)
    seating = some_sessions(hall, seed, range(hall.sizes[0], hall.largest + 1))

    points = Company(hall, seating).points

    said = by_the_rules(problem, hall, seating)
    assert np.maximum(points, ILLEGAL).tolist() == said
    legal = seating[points >= 0]
    for one, much in zip(sessions_of(problem, hall, legal), points[points >= 0].tolist(), strict=True):
        assert broken_rules_of_sessions(problem, [one]) == []
        assert points_of(problem, one) == much


def test_drawn_sessions_are_of_every_sort() -> None:
    """Otherwise the tests here would show little: many are legal, and of all sizes, leaders and starts."""
    sorts, legal, all_of_them = set(), 0, 0
    for seed in range(40):
        problem = drawn_round(16, seed)
        hall = hall_of(problem)
        seating = some_sessions(hall, seed, hall.sizes)
        points = Company(hall, seating).points
        sorts |= {(size, hall.leaders_each) for size in seating.sizes[points >= 0].tolist()}
        legal, all_of_them = legal + int((points >= 0).sum()), all_of_them + len(points)

        assert np.maximum(points, ILLEGAL).tolist() == by_the_rules(problem, hall, seating)

    assert sorts >= {(size, led) for size in (2, 3, 4) for led in (0, 1, 2)}
    assert 0.1 < legal / all_of_them < 0.9


@pytest.mark.parametrize("seed", range(12))
def test_who_can_come_and_lead_is_who_is_free(seed: int) -> None:
    problem = drawn_round(16, seed)
    hall = hall_of(problem)
    cells = [((1 << hall.length) - 1) << start for start in hall.starts.tolist()]

    for place, one in enumerate(problem.participants):
        free = [not cell & ~problem.free[one.id] for cell in cells]
        led = problem.program.facilitators_per_session > 0 and one.facilitates > 0
        assert (hall.hours[place] >= 0).tolist() == [is_free and one.most_sessions > 0 for is_free in free]
        assert hall.leads_at[place].tolist() == [is_free and led for is_free in free]


@drawn
@given(small_rounds(), SEEDS)
def test_one_more_is_worth_what_the_joined_session_is_worth(problem: Problem, seed: int) -> None:
    hall = hall_of(problem)
    seating = some_sessions(hall, seed, range(hall.largest), many=30)
    assert_that_joining_adds_up(hall, seating)


def test_one_more_is_worth_what_the_joined_session_is_worth_in_larger_rounds_too() -> None:
    for seed in range(20):
        hall = hall_of(drawn_round(20, seed))
        assert_that_joining_adds_up(hall, some_sessions(hall, seed, range(hall.largest), many=20))


def assert_that_joining_adds_up(hall: Hall, seating: Seating) -> None:
    session, person = np.nonzero(np.ones((len(seating), hall.people), bool))
    outside = ~(seating.people[session] == person[:, None]).any(axis=1)
    outside &= ~(seating.leaders[session] == person[:, None]).any(axis=1)
    session, person = session[outside], person[outside]
    joined = seating[session]
    people = joined.people.copy()
    people[np.arange(len(people)), joined.sizes] = person

    worth = Company(hall, seating).worth_with(session, person)

    assert worth.tolist() == Company(hall, replace(joined, people=people)).worth.tolist()


@pytest.mark.parametrize("seed", range(12))
def test_one_person_more_comes_before_all_points(seed: int) -> None:
    hall = hall_of(drawn_round(16, seed))
    seating = some_sessions(hall, seed, hall.sizes)
    company = Company(hall, seating)
    legal = company.points >= 0

    rank = company.weight * (hall.people + 1) + seating.sizes

    assert (company.worth[legal] == company.points[legal] + rank_step(hall) * rank[legal]).all()
    assert (company.worth[~legal] == NEVER).all()
    assert (company.points[legal] <= seating.sizes[legal] * hall.most_points).all()


@pytest.mark.parametrize("seed", range(12))
def test_a_part_counts_as_the_whole_does(seed: int) -> None:
    hall = hall_of(drawn_round(24, seed))
    places = np.random.default_rng(seed).permutation(hall.people)[:16]

    part = hall.part(places)

    seating = some_sessions(part, seed, part.sizes)
    whole = replace(seating, people=np.append(places, NOBODY)[seating.people], leaders=places[seating.leaders])
    assert Company(part, seating).points.tolist() == Company(hall, whole).points.tolist()
    assert Company(part, seating).mediums.tolist() == Company(hall, whole).mediums.tolist()
    assert part.places.tolist() == places.tolist()
