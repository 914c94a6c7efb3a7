"""Large rounds of sessions keep the rules and their own word: bounds, accounts, the same bytes, stops and bad input."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from bench.people import lines
from peerhub.matching import assembly, reopening
from peerhub.matching.groups import Groups
from peerhub.matching.match import match
from peerhub.matching.preferences import points_of
from peerhub.matching.problem import Participant, Problem
from peerhub.matching.problem_file import problem_from_json
from peerhub.matching.proposal import PlannedSession, Progress
from peerhub.matching.proposal_file import differences, proposal_to_json
from peerhub.matching.rules import broken_rules, broken_rules_of_sessions
from peerhub.matching.search import Search, best, weights_of
from tests.matching.cast import person, sessions
from tests.matching.drawn import drawn_round

EVENING = "mon 18:00-20:00"


@pytest.fixture(autouse=True)
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "ROUNDS", 2)
    monkeypatch.setattr(assembly, "TRIES", 4)


@pytest.fixture
def lent() -> Iterator[ThreadPoolExecutor]:
    """Threads of this process, in which constants are as the test set them, and which start at once."""
    with ThreadPoolExecutor(2) as threads:
        yield threads


def believable(people: int, seed: int = 0) -> Problem:
    return problem_from_json("".join(lines(people, seed, "sessions")))


def sums(problem: Problem, planned: tuple[PlannedSession, ...]) -> tuple[int, int, int]:
    """Matched weight, people, points."""
    weights = weights_of(problem)
    matched = {one for session in planned for one in session.people}
    return sum(weights[one] for one in matched), len(matched), sum(points_of(problem, one) for one in planned)


@pytest.mark.parametrize("seed", range(20))
def test_sessions_of_a_drawn_round_keep_the_rules_within_their_bounds(seed: int, lent: ThreadPoolExecutor) -> None:
    problem = drawn_round(2 + 2 * seed, seed)

    found = assembly.best(problem, Search(60, executor=lent))

    _, matched, points = sums(problem, found.sessions)
    assert broken_rules_of_sessions(problem, found.sessions) == []
    assert points <= found.bound
    assert matched <= found.matched_bound
    assert not found.cut


@pytest.mark.parametrize("seed", range(6))
def test_who_would_come_more_than_once_sits_within_the_rules_and_bounds(seed: int, lent: ThreadPoolExecutor) -> None:
    problem = drawn_round(24, seed)
    people = [replace(one, most_sessions=one.most_sessions * (1 + n % 3)) for n, one in enumerate(problem.participants)]
    problem = replace(problem, participants=tuple(people))

    found = assembly.best(problem, Search(60, executor=lent))

    _, matched, points = sums(problem, found.sessions)
    assert broken_rules_of_sessions(problem, found.sessions) == []
    assert points <= found.bound
    assert matched <= found.matched_bound


def test_small_rounds_come_out_no_better_than_the_exact_ones_and_often_as_well(lent: ThreadPoolExecutor) -> None:
    equal = 0
    for problem in (drawn_round(8, seed) for seed in range(12)):
        found = assembly.best(problem, Search(60, executor=lent))

        mine = sums(problem, found.sessions)
        exact = sums(problem, best(problem, Groups(problem).model(), Search(60)).sessions)
        assert mine <= exact
        if mine[0] == exact[0]:
            assert exact[1] <= found.matched_bound
        if mine[:2] == exact[:2]:
            assert exact[2] <= found.bound
        equal += mine == exact

    assert equal >= 6


def test_a_round_of_a_hundred_and_twenty_is_matched_and_everyone_is_told(lent: ThreadPoolExecutor) -> None:
    problem = believable(120)
    heard: list[Progress] = []

    proposal = match(problem, executor=lent, on_progress=heard.append)

    assert broken_rules(problem, proposal) == []
    assert differences(problem, proposal_to_json(proposal, problem)) == []
    assert 0 <= proposal.gap < 0.025
    assert proposal.matched <= proposal.matched_bound
    assert not proposal.cut
    assert {"matching", "improving", "explaining"} <= {progress.phase for progress in heard}
    assert all(progress.points <= progress.bound for progress in heard)


def test_the_same_round_gives_the_same_bytes_wherever_it_is_matched(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = believable(120, seed=3)
    monkeypatch.setattr(assembly, "SESSIONS_OF_A_PART", 6)  # so that there are several parts
    monkeypatch.setattr(assembly, "ROUNDS", 1)
    monkeypatch.setattr(reopening, "PATIENCE", 3)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(3) as three:
        written = {
            proposal_to_json(match(problem, seed=5, processes=2, executor=threads), problem)
            for threads in (one, three) * 5
        }

    assert len(written) == 1


def test_one_process_and_two_give_the_same_proposal() -> None:
    problem = believable(120, seed=4)

    one, two = (match(problem, processes=processes) for processes in (1, 2))

    assert one == two


@pytest.mark.parametrize("after", [1, 2, 4, 8, 16])
def test_a_stop_at_any_moment_gives_sessions_that_keep_the_rules_and_bounds_that_hold(
    after: int, lent: ThreadPoolExecutor
) -> None:
    problem = believable(120)
    asked = iter(range(100_000))

    proposal = match(problem, executor=lent, should_stop=lambda: next(asked) >= after)

    assert broken_rules(problem, proposal) == []
    assert proposal.cut
    assert proposal.matched <= proposal.matched_bound
    assert proposal.points <= proposal.bound


# Bad input


def crowd(people: int, *free: str, **more: Any) -> list[Participant]:
    return [person(f"p{n}", *free, **more) for n in range(people)]


def leaders(count: int, *free: str, **more: Any) -> list[Participant]:
    return [person(f"l{n}", *free, facilitates=2, most_sessions=0, **more) for n in range(count)]


def apart(people: list[Participant]) -> list[Participant]:
    ids = frozenset(one.id for one in people)
    return [replace(one, keep_apart=ids - {one.id}) for one in people]


RANGES = [
    f"{day} {hour:02}:{minute:02}-{hour:02}:{minute + 15:02}"
    for day in ("mon", "tue", "wed", "thu", "sat") for hour in range(4, 24) for minute in (0, 30)
]  # fmt: skip
HOURS = [f"{day} {hour:02}:00-{hour:02}:30" for day in ("mon", "tue", "wed", "thu", "fri", "sat") for hour in range(24)]
BAD: dict[str, tuple[Callable[[], Problem], int]] = {
    "all alike, and few lead": (lambda: sessions(*crowd(150, EVENING), *leaders(10, EVENING)), 80),
    "all alike, and nobody needs to lead": (lambda: sessions(*crowd(150, EVENING), facilitators_per_session=0), 150),
    "all keep apart": (lambda: sessions(*apart(crowd(120, EVENING)), *leaders(5, EVENING)), 0),
    "no hour in common": (lambda: sessions(*(person(f"p{n}", hour) for n, hour in enumerate(HOURS)),
                                           facilitators_per_session=0), 0),
    "nobody leads": (lambda: sessions(*crowd(120, EVENING)), 0),
    "who leads has no hours": (lambda: sessions(*crowd(120, EVENING), *leaders(9)), 0),
    "nobody has any hours": (lambda: sessions(*crowd(110), *leaders(9)), 0),
    "nobody comes, all lead": (lambda: sessions(*leaders(120, EVENING)), 0),
    "all lead and come": (lambda: sessions(*crowd(104, "mon 18:00-18:30", facilitates=1)), 80),
    "one at once": (lambda: sessions(*crowd(120, EVENING), *leaders(9, EVENING), sessions_at_once=1), 16),
    "200 ranges each": (lambda: sessions(*crowd(110, *RANGES, "sun 10:00-12:00"), *leaders(9, "sun 10:00-12:00")), 72),
    "larger than everyone": (lambda: sessions(*crowd(101, EVENING), *leaders(1, EVENING), largest=150), 101),
    "never any medium": (lambda: sessions(*crowd(110, EVENING, mediums={"video": 0, "voice": 0}),
                                          *leaders(9, EVENING)), 0),
    "leaders whom all keep apart from": (lambda: sessions(
        *crowd(110, EVENING, keep_apart=[f"l{n}" for n in range(9)]), *leaders(9, EVENING)), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_rounds_keep_the_rules_and_tell_everyone(name: str, lent: ThreadPoolExecutor) -> None:
    make, most = BAD[name]
    problem = make()

    proposal = match(problem, executor=lent, time_limit=30)

    assert broken_rules(problem, proposal) == []
    assert 0.95 * most <= proposal.matched <= most
    assert proposal.matched <= proposal.matched_bound
    assert proposal.points <= proposal.bound


def test_a_thousand_people_who_are_all_alike_in_one_hour_are_all_told_in_little_time(lent: ThreadPoolExecutor) -> None:
    problem = sessions(*crowd(1_000, "mon 18:00-19:00"), *leaders(60, "mon 18:00-19:00"))

    proposal = match(problem, executor=lent, time_limit=5)

    assert broken_rules(problem, proposal) == []
    assert proposal.matched <= proposal.matched_bound
    assert proposal.points <= proposal.bound
