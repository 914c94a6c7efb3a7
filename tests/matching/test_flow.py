"""Large rounds of buddies by flow and by trying all pairs: the same people and points, and a bound that holds."""

from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.people import lines
from peerhub.domain.programs import Kind, MatchOn, Program
from peerhub.matching import many, packing
from peerhub.matching.flow import Edges, fractional
from peerhub.matching.graph import Crowd
from peerhub.matching.match import match
from peerhub.matching.pairs import Pairs
from peerhub.matching.preferences import points_of
from peerhub.matching.problem import Meeting, Pin, Problem
from peerhub.matching.problem_file import problem_from_json
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import broken_rules, broken_rules_of_sessions
from peerhub.matching.search import CannotHold, Found, Search, weights_of
from tests.matching.cast import WEEK, buddies, person
from tests.matching.test_drawn_problems import NAMES, ZONES, participants


@st.composite
def rounds(draw: st.DrawFn) -> Problem:
    zones = draw(st.sampled_from((("UTC",), ZONES)))
    program = Program(
        kind=draw(st.sampled_from(Kind)),
        session_minutes=draw(st.sampled_from((30, 50, 60))),
        largest=draw(st.integers(2, 3)),
        mediums=("video", "voice"),
        match_on={facet: draw(st.sampled_from(MatchOn)) for facet in ("topics", "languages", "roles")},
        weights=draw(st.sampled_from(({}, {}, {"ideal_size": 0}))),
    )
    people = tuple(draw(participants(name, zones)) for name in NAMES[: draw(st.integers(0, len(NAMES)))])
    once = tuple(one for one in people if one.most_sessions <= 1)
    together = st.frozensets(st.sampled_from(NAMES), min_size=2, max_size=3)
    met = st.builds(
        Meeting,
        st.integers(1, 30).map(lambda number: WEEK - timedelta(weeks=number)),
        together,
        st.sampled_from((None, "well", "badly")),
    )
    pins = [Pin(frozenset(one.id for one in once[:2]))] if len(once) > 1 and draw(st.integers(0, 3)) == 0 else []
    slot = draw(st.sampled_from((15, 30, 60)))
    return Problem(program, WEEK, once, tuple(draw(st.lists(met, max_size=3))), tuple(pins), slot_minutes=slot)


def sums(problem: Problem, sessions: tuple[PlannedSession, ...]) -> tuple[int, int, int]:
    """Matched weight, people, points."""
    weights = weights_of(problem)
    people = [one for session in sessions for one in session.people]
    return sum(map(weights.__getitem__, people)), len(people), sum(points_of(problem, one) for one in sessions)


def either_way(problem: Problem) -> tuple[Found, Found] | None:
    """What is found by flow and among all pairs; nothing when neither can keep the pins."""
    try:
        by_flow = many.best(problem, Search(60))
    except CannotHold:
        by_flow = None
    try:
        exact = packing.best(Pairs(problem).packing, Search(60))
    except CannotHold:
        exact = None
    assert (by_flow is None) == (exact is None)
    return None if by_flow is None or exact is None else (by_flow, exact)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rounds())
def test_by_flow_as_by_trying_all_pairs(problem: Problem) -> None:
    found = either_way(problem)
    if found is None:
        return
    by_flow, exact = found

    mine, best = sums(problem, by_flow.sessions), sums(problem, exact.sessions)

    assert broken_rules_of_sessions(problem, by_flow.sessions) == []
    assert mine == best
    assert best[1] <= by_flow.matched_bound
    assert best[2] <= by_flow.bound


@settings(max_examples=100, deadline=None, derandomize=True)
@given(rounds())
def test_the_points_of_each_pair_are_those_of_the_preferences(problem: Problem) -> None:
    pairs = Pairs(problem).packing
    twos = {column.people: column.points for column in pairs.columns if len(column.people) == 2}
    every = np.array(list(combinations(range(len(problem.participants)), 2)), np.int64).reshape(-1, 2)
    free = Problem(problem.program, WEEK, problem.participants, problem.history, slot_minutes=problem.slot_minutes)

    points = Crowd(free).points_of(every[:, 0], every[:, 1])

    assert {(a, b): int(p) for (a, b), p in zip(every.tolist(), points, strict=True) if p >= 0} == twos
    if not problem.pinned:
        assert all(points_of(problem, pairs.session(column)) == column.points for column in pairs.columns)


def test_the_points_of_people_who_have_met_are_those_of_the_preferences() -> None:
    drawn = problem_from_json("".join(lines(80)))
    problem = replace(drawn, program=replace(drawn.program, largest=2))
    one, other = np.triu_indices(80, 1)

    points = Crowd(problem).points_of(one, other)

    twos = {column.people: column.points for column in Pairs(problem).packing.columns}
    assert {(a, b): p for a, b, p in zip(*map(np.ndarray.tolist, (one, other, points)), strict=True) if p >= 0} == twos


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 50)), max_size=15))
def test_prices_hold_for_every_edge_and_sum_up_to_the_best(drawn: list[tuple[int, int, int]]) -> None:
    worth = {(min(a, b), max(a, b)): points for a, b, points in drawn if a != b}
    ends = np.array(list(worth), np.int64).reshape(-1, 2)
    edges = Edges(ends[:, 0], ends[:, 1], np.array(list(worth.values()), np.int64))

    half = fractional(7, edges)

    chosen = sum(worth[min(a, b), max(a, b)] for a, b in enumerate(half.chooses.tolist()) if a != b)
    assert (half.twice >= 0).all()
    assert (half.twice[edges.one] + half.twice[edges.other] >= 2 * edges.worth).all()
    assert half.twice.sum() == chosen


def test_a_large_round_is_proven_and_comes_out_the_same_again() -> None:
    problem = problem_from_json("".join(lines(301, seed=4)))

    one, again = match(problem), match(problem)

    assert one == again
    assert broken_rules(problem, one) == []
    assert one.matched == one.matched_bound == 301
    assert sorted(len(session.people) for session in one.sessions)[-2:] == [2, 3]
    assert one.gap <= 0.001


def test_a_stop_before_anything_is_known_matches_nobody() -> None:
    problem = problem_from_json("".join(lines(200)))

    proposal = match(problem, should_stop=lambda: True)

    assert proposal.cut
    assert broken_rules(problem, proposal) == []
    assert proposal.matched_bound >= match(problem).matched


def test_a_stop_soon_after_still_gives_a_proposal_with_a_bound() -> None:
    problem = problem_from_json("".join(lines(200)))
    asked = iter([False])

    proposal = match(problem, should_stop=lambda: next(asked, True))

    assert proposal.cut
    assert broken_rules(problem, proposal) == []
    assert proposal.bound >= match(problem).points


def test_nobody_with_a_common_hour_is_no_failure() -> None:
    people = [
        person(f"p{n}", f"{('mon', 'tue', 'wed')[n % 3]} {n // 3 % 20:02}:00-{n // 3 % 20:02}:30") for n in range(60)
    ]
    found = many.best(buddies(*people), Search(60))

    assert found.sessions == ()
    assert (found.bound, found.matched_bound) == (0, 0)
