"""Large rounds of buddies: no bargain is missed, bounds hold, a stop is heard, and bad input is no failure."""

import random
import subprocess
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.people import lines
from peerhub.domain.programs import WEIGHTS
from peerhub.matching import flow, many
from peerhub.matching.bargains import bargains
from peerhub.matching.flow import Edges, fractional, fractional_unless, greedy, most_worth
from peerhub.matching.graph import Crowd
from peerhub.matching.match import PinsClash, match
from peerhub.matching.problem import Pin, Problem
from peerhub.matching.problem_file import problem_from_json
from peerhub.matching.proposal_file import proposal_to_json
from peerhub.matching.rules import broken_rules, broken_rules_of_sessions
from peerhub.matching.search import Search
from tests.matching.cast import buddies, person
from tests.matching.test_flow import rounds, sums

EVENINGS = ("mon 18:00-20:00", "tue 18:00-20:00")


def drawn(people: int, seed: int = 0) -> Problem:
    return problem_from_json("".join(lines(people, seed)))


def every_two(people: int) -> np.ndarray:
    return np.array(list(combinations(range(people), 2)), np.int64).reshape(-1, 2)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(rounds(), st.booleans(), st.integers(0, 2**20))
def test_no_bargain_is_missed(problem: Problem, with_a_third: bool, seed: int) -> None:
    problem = replace(problem, pinned=(), history=())
    problem = replace(problem, participants=tuple(replace(one, prefers=frozenset()) for one in problem.participants))
    crowd, twos = Crowd(problem), every_two(len(problem.participants))
    assume(len(twos))
    room = np.random.default_rng(seed).integers(-12_000, 2_000, crowd.count)
    points = crowd.points_of(twos[:, 0], twos[:, 1], with_a_third=with_a_third)
    are = twos[(points >= 0) & (2 * points + room[twos].sum(axis=1) > 0)]

    found = {(a, b) for one, other in bargains(crowd, room, with_a_third=with_a_third, few=0)
             for a, b in zip(one.tolist(), other.tolist(), strict=True)}  # fmt: skip

    assert {(a, b) for a, b in are.tolist()} - {(min(two), max(two)) for two in found} == set()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(rounds())
def test_a_trio_is_worth_at_most_half_of_the_shares_of_its_twos(problem: Problem) -> None:
    crowd = Crowd(replace(problem, pinned=()))
    trios = np.array(list(combinations(range(crowd.count), 3)), np.int64).reshape(-1, 3)
    points = crowd.points_of_trios(trios)
    trios, points = trios[points >= 0], points[points >= 0]

    shares = sum(
        crowd.points_of(trios[:, one], trios[:, other], with_a_third=True) + crowd.share_of_a_trio
        for one, other in ((0, 1), (0, 2), (1, 2))
    )

    assert (2 * points <= shares).all()


LEVEL = {"pair": 2, "trio": 2}
TIGHT: dict[str, tuple[list[dict[str, Any]], dict[str, str], int]] = {
    "comfort": ([{"sizes": {"pair": 1, "trio": 4}}] * 3, {}, 0),
    "roles": ([{"role": "share"}, {"role": "listen"}, {"role": "both"}], {"roles": "complementary"}, 100),
    "trust": ([{"prefers": ["p1"]}, {"prefers": ["p2"]}, {"prefers": ["p0"]}], {}, 0),
    "topics": (
        [{"topics": {"a": 4, "b": 4}}, {"topics": {"b": 4, "c": 4}}, {"topics": {"a": 4, "c": 4}}],
        {"topics": "different"}, 100,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TIGHT)
def test_a_share_of_a_trio_counts_what_three_have_over_two_and_hardly_more(name: str) -> None:
    said, match_on, spare = TIGHT[name]
    people = [person(f"p{n}", "mon 18:00-20:00", **{"sizes": LEVEL, **one}) for n, one in enumerate(said)]
    problem = buddies(*people, match_on={"topics": "ignore", "roles": "ignore", **match_on})
    crowd, twos = Crowd(problem), every_two(3)

    shares = int((crowd.points_of(*twos.T, with_a_third=True) + crowd.share_of_a_trio).sum())

    weight = problem.program.weights.get(name, WEIGHTS[name])
    assert shares - 2 * int(crowd.points_of_trios(np.array([[0, 1, 2]]))[0]) == spare * weight


def test_greedy_pairs_are_pairs_of_which_no_two_would_rather_meet() -> None:
    draw = random.Random(7)
    worth = {two: draw.randint(0, 9) for two in combinations(range(30), 2) if draw.random() < 0.2}
    ends = np.array(list(worth), np.int64)

    mates = greedy(30, Edges(ends[:, 0], ends[:, 1], np.array(list(worth.values()), np.int64))).tolist()

    has = [worth.get((min(a, b), max(a, b)), -1) for a, b in enumerate(mates)]
    assert [mates[mate] for mate in mates] == list(range(30))
    assert [two for two, much in worth.items() if much > has[two[0]] and much > has[two[1]]] == []


def edges_of(people: int) -> Edges:
    draw = np.random.default_rng(1)
    ends = np.unique(np.sort(draw.integers(0, people, (4 * people, 2)), axis=1), axis=0)
    ends = ends[ends[:, 0] < ends[:, 1]]
    return Edges(ends[:, 0], ends[:, 1], draw.integers(1, 1_000, len(ends)))


def test_a_process_of_its_own_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    edges = edges_of(300)
    here = fractional(300, edges)
    monkeypatch.setattr(flow, "ARCS_ASIDE", 0)

    there = fractional(300, edges)

    assert (there.chooses == here.chooses).all()
    assert there.most == here.most


def test_a_stop_ends_the_process_and_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "ARCS_ASIDE", 0)
    processes: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def started(*command: Any, **settings: Any) -> Any:
        processes.append(popen(*command, **settings))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", started)

    half = fractional_unless(300, edges_of(300), lambda: True)

    assert half is None
    assert [process.returncode for process in processes] == [-9]


def test_worths_that_do_not_fit_are_never_asked_for() -> None:
    assert most_worth(200_000) > 2 * many.Round(drawn(70), Search(60)).step


@pytest.mark.parametrize("after", [1, 3, 9, 40])
def test_a_stop_at_any_moment_gives_pairs_that_keep_the_rules_and_a_bound_that_holds(after: int) -> None:
    problem = drawn(450, seed=2)
    asked = iter(range(10_000))

    proposal = match(problem, should_stop=lambda: next(asked) >= after)

    assert broken_rules(problem, proposal) == []
    assert proposal.cut
    assert proposal.matched > 300
    assert proposal.matched <= proposal.matched_bound
    assert proposal.gap < 0.5


def test_the_same_problem_gives_the_same_bytes_ten_times() -> None:
    for problem in (drawn(16, seed=3), drawn(70, seed=3)):
        written = {proposal_to_json(match(problem, seed=5), problem) for _ in range(10)}

        assert len(written) == 1


def test_an_odd_number_of_people_is_proven_nearly_as_well_as_an_even_one() -> None:
    for largest in (2, 3):
        problem = drawn(151, seed=1)
        problem = replace(problem, program=replace(problem.program, largest=largest))

        proposal = match(problem)

        assert proposal.matched == proposal.matched_bound == 148 + largest
        assert proposal.gap < 0.002


# Bad input


def test_a_thousand_people_who_are_all_alike_meet_in_one_hour() -> None:
    problem = buddies(*(person(f"p{n}", "mon 18:00-19:00") for n in range(1_000)))

    proposal = match(problem)

    assert broken_rules(problem, proposal) == []
    assert proposal.matched == 1_000
    assert proposal.gap == 0


def test_people_who_all_keep_apart_are_told_so_one_by_one() -> None:
    names = [f"p{n}" for n in range(120)]
    problem = buddies(*(person(name, *EVENINGS, keep_apart=[one for one in names if one != name]) for name in names))

    proposal = match(problem)

    assert (proposal.sessions, proposal.matched_bound, proposal.bound) == ((), 0, 0)
    assert len(proposal.unmatched) == 120


def test_200_ranges_each_are_no_trouble() -> None:
    ranges = [f"{day} {hour:02}:{minute:02}-{hour:02}:{minute + 15:02}" for day in ("mon", "tue", "wed", "thu", "sat")
              for hour in range(4, 24) for minute in (0, 30)]  # fmt: skip
    people = [person(f"p{n}", *ranges[:199], "sun 10:00-12:00") for n in range(90)]

    proposal = match(buddies(*people))

    assert proposal.matched == 90
    assert proposal.gap == 0


def test_a_pin_at_a_named_time_is_kept_among_many() -> None:
    problem = buddies(*(person(f"p{n}", "mon 18:00-20:00") for n in range(90)))
    at = match(problem).sessions[0].span
    later = replace(at, starts_at=at.starts_at + timedelta(minutes=15), ends_at=at.ends_at + timedelta(minutes=15))
    problem = replace(problem, pinned=(Pin(frozenset({"p3", "p77"}), later),))

    proposal = match(problem)

    assert [session.span for session in proposal.sessions if "p3" in session.people] == [later]
    assert broken_rules(problem, proposal) == []
    assert proposal.matched == 90


def test_pins_that_clash_among_many_are_both_named() -> None:
    problem = buddies(*(person(f"p{n}", "mon 18:00-20:00") for n in range(90)))
    clash = Pin(frozenset({"p1", "p2"})), Pin(frozenset({"p2", "p3"}))
    pins = (Pin(frozenset({"p7", "p8"})), *clash)

    with pytest.raises(PinsClash) as refused:
        match(replace(problem, program=replace(problem.program, largest=2), pinned=pins))

    assert set(refused.value.pins) == set(clash)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rounds(), st.sampled_from(("alike", "apart", "never", "twice pinned")))
def test_bad_rounds_keep_the_rules_and_stay_within_the_bound(problem: Problem, how: str) -> None:
    people = problem.participants
    ids = frozenset(one.id for one in people)
    if how == "alike" and people:
        people = tuple(replace(people[0], id=one.id, keep_apart=frozenset()) for one in people)
    elif how == "apart":
        people = tuple(replace(one, keep_apart=ids - {one.id}) for one in people)
    elif how == "never":
        people = tuple(replace(one, hours=one.hours[:0]) for one in people)
    pins = problem.pinned * 2 if how == "twice pinned" else ()
    problem = replace(problem, participants=people, pinned=pins)
    assume(many.can_hold(problem))

    found = many.best(problem, Search(60))

    _, matched, points = sums(problem, found.sessions)
    assert broken_rules_of_sessions(problem, found.sessions) == []
    assert points <= found.bound
    assert matched <= found.matched_bound
