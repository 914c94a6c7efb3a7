"""Exchange, recombination and reopening lose nobody, break no rule, keep who is held, and never make anything worse."""

from dataclasses import replace

import numpy as np
import pytest

from peerhub.domain.availability import cell_of
from peerhub.matching import recombining, reopening
from peerhub.matching.assembly import sessions_of
from peerhub.matching.exchange import _offers, exchanged
from peerhub.matching.hall import Hall, hall_of
from peerhub.matching.opening import Opening, Scores
from peerhub.matching.problem import Problem
from peerhub.matching.recombining import Memory, recombined
from peerhub.matching.reopening import Part, all_worth, improved, settled
from peerhub.matching.rules import broken_rules_of_sessions
from peerhub.matching.seating import NOBODY, Company, Seating
from tests.matching.cast import MONDAY_18, WEEK, person, sessions
from tests.matching.drawn import drawn_round

ROUNDS = {seed: drawn_round(30, seed) for seed in range(14)}
EVENING = "mon 18:00-21:00"


def no_scores(hall: Hall) -> Scores:
    return Scores(hall.weights * hall.most_points, np.zeros(hall.people, np.int64))


def opened(hall: Hall, spread: int = 0, seed: int = 0) -> tuple[Seating, np.ndarray]:
    """Sessions as they open first, less good ones for a wide spread; and who waits."""
    scores = no_scores(hall)
    off = np.random.default_rng(seed).integers(0, spread + 1, hall.people)
    peers = np.flatnonzero((hall.hours >= 0).any(axis=1))
    seating = Opening(hall, replace(scores, people=scores.people + off), Seating.none(hall), peers).seating()
    return seating, np.setdiff1d(peers, seating.seated)


def some_held(seating: Seating, draw: np.random.Generator) -> Seating:
    """The same sessions, of which some stay, with somebody held there."""
    stays = draw.random(len(seating)) < 0.4
    held = (draw.random(seating.people.shape) < 0.5) & (seating.people != NOBODY) & stays[:, None]
    return replace(seating, held=held, stays=stays).with_people(seating.people)


def held_in(seating: Seating) -> set[tuple[int, tuple[int, ...], int]]:
    """Who is held where, and led by whom."""
    return {
        (int(seating.people[row, place]), tuple(seating.leaders[row].tolist()), int(seating.starts[row]))
        for row, place in zip(*np.nonzero(seating.held), strict=True)
    }


def everyone(seating: Seating, waiting: np.ndarray) -> list[int]:
    return sorted([*seating.seated.tolist(), *waiting.tolist()])


def broken(problem: Problem, hall: Hall, seating: Seating) -> list[object]:
    return list(broken_rules_of_sessions(problem, sessions_of(problem, hall, seating)))


@pytest.mark.parametrize("seed", ROUNDS)
def test_what_opens_keeps_the_rules(seed: int) -> None:
    hall = hall_of(ROUNDS[seed])

    seating, _ = opened(hall)

    assert broken(ROUNDS[seed], hall, seating) == []


def test_sessions_open_in_most_rounds() -> None:
    """Otherwise the other tests here would show little."""
    halls = [hall_of(problem) for problem in ROUNDS.values()]

    seatings = [opened(hall)[0] for hall in halls]

    assert sum(len(seating) > 2 for seating in seatings) > len(ROUNDS) / 2
    assert {hall.leaders_each for hall, seating in zip(halls, seatings, strict=True) if len(seating)} == {0, 1, 2}
    assert {hall.at_once for hall, seating in zip(halls, seatings, strict=True) if len(seating)} == {None, 1, 3}


@pytest.mark.parametrize("seed", ROUNDS)
def test_an_exchange_loses_nobody_and_nothing(seed: int) -> None:
    problem, draw = ROUNDS[seed], np.random.default_rng(seed)
    hall = hall_of(problem)
    seating, waiting = opened(hall, spread=2_000)
    seating = some_held(seating, draw)
    for _ in range(6):
        before, sat, held = all_worth(hall, seating), everyone(seating, waiting), held_in(seating)

        seating, waiting = exchanged(hall, seating, waiting, draw)

        assert all_worth(hall, seating) >= before
        assert everyone(seating, waiting) == sat
        assert held_in(seating) == held
        assert broken(problem, hall, seating) == []


@pytest.mark.parametrize("seed", ROUNDS)
def test_an_exchange_minds_the_sessions_beside_it(seed: int) -> None:
    problem, draw = ROUNDS[seed], np.random.default_rng(seed)
    hall = hall_of(problem)
    seating, waiting = opened(hall)
    here = np.arange(len(seating)) % 2 == 0

    some, waits = exchanged(hall, seating[here], waiting, draw, beside=seating[~here])

    assert broken(problem, hall, some.and_also(seating[~here])) == []
    assert everyone(some, waits) == everyone(seating[here], waiting)


@pytest.mark.parametrize("seed", ROUNDS)
def test_the_best_of_what_was_seen_is_no_worse_and_keeps_who_is_held(seed: int) -> None:
    problem = ROUNDS[seed]
    hall = hall_of(problem)
    memory = Memory(hall, no_scores(hall))
    for n in range(3):
        memory.remember(opened(hall, spread=3_000, seed=n)[0])
    seating = some_held(opened(hall)[0], np.random.default_rng(seed))

    best = recombined(hall, seating, memory, seed)

    assert broken(problem, hall, best) == []
    assert all_worth(hall, best) >= all_worth(hall, seating)
    assert held_in(best) == held_in(seating)
    assert len(best[best.stays]) == len(seating[seating.stays])


@pytest.mark.parametrize("seed", ROUNDS)
def test_a_part_is_improved_or_stays_as_it_was_and_alike_each_time(seed: int) -> None:
    problem = ROUNDS[seed]
    hall = hall_of(problem)
    seating, waiting = opened(hall, spread=2_000)
    seating = some_held(seating, np.random.default_rng(seed))
    part = Part(hall, seating, waiting, no_scores(hall), 3, seed, known=opened(hall, spread=3_000, seed=1)[0])

    better, again = improved(part).seating, improved(part).seating

    assert broken(problem, hall, better) == []
    assert all_worth(hall, better) >= all_worth(hall, seating)
    assert held_in(better) == held_in(seating)
    assert {*better.seated.tolist()} <= {*everyone(seating, waiting)}
    assert sessions_of(problem, hall, again) == sessions_of(problem, hall, better)


def led_by_one(first: str, second: str) -> tuple[Problem, Hall, int]:
    """Two are free first and two second, and one leads twice; sessions of an hour, on a grid of half hours.

    Also the place of the start at six.
    """
    problem = sessions(
        *(person(name, first) for name in ("ana", "ben")), *(person(name, second) for name in ("cat", "dan")),
        person("olu", EVENING, facilitates=2, most_sessions=0), session_minutes=60,
    )  # fmt: skip
    hall = hall_of(problem)
    return problem, hall, int(np.flatnonzero(hall.starts == cell_of(MONDAY_18, WEEK))[0])


@pytest.mark.parametrize("at_once", [None, 1])
def test_what_runs_one_after_another_may_open_and_be_recombined(at_once: int | None) -> None:
    problem, hall, six = led_by_one("mon 18:00-19:00", "mon 19:00-20:00")
    problem, hall = (
        replace(problem, program=replace(problem.program, sessions_at_once=1)),
        replace(hall, at_once=at_once),
    )
    memory = _remembering(hall, Seating.of(hall, [(0, 1), (2, 3)], [(4,), (4,)], [six, six + 2]))

    best = recombined(hall, Seating.none(hall), memory, seed=0)

    assert broken(problem, hall, best) == []
    assert len(best) == len(opened(hall)[0]) == 2


@pytest.mark.parametrize("later", [1, 2])
def test_who_leads_a_session_that_stays_leads_no_other_at_that_time(later: int) -> None:
    problem, hall, six = led_by_one(EVENING, EVENING)
    other = Seating.of(hall, [(2, 3)], [(4,)], [six + later])
    staying = replace(Seating.of(hall, [(0, 1)], [(4,)], [six]), stays=np.array([True]))

    best = recombined(hall, staying, _remembering(hall, other), seed=0)

    assert broken(problem, hall, best) == []
    assert len(best) == later


@pytest.mark.parametrize("later", [1, 2])
def test_who_leads_and_comes_is_in_one_place(later: int) -> None:
    problem = sessions(
        *(person(name, EVENING) for name in ("ana", "ben", "cat", "dan")),
        person("olu", EVENING, facilitates=1, most_sessions=0), person("pat", EVENING, facilitates=1),
        session_minutes=60, largest=2, ideal=2,
    )  # fmt: skip
    hall = hall_of(problem)
    six = int(np.flatnonzero(hall.starts == cell_of(MONDAY_18, WEEK))[0])
    led, beside = Seating.of(hall, [(0, 1)], [(5,)], [six]), Seating.of(hall, [(2, 3)], [(4,)], [six + later])
    with_pat = Seating.of(hall, [(2, 5)], [(4,)], [six + later])

    best = recombined(hall, Seating.none(hall), _remembering(hall, led.and_also(with_pat)), seed=0)
    company = Company(hall, beside.with_people(np.array([[2, NOBODY]])))
    offers = _offers(hall, beside.and_also(led), company, np.array([5]))

    assert len(best) == later
    assert len(offers[0]) == later - 1


def test_the_best_is_kept_however_far_a_search_strays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reopening, "MAY_LOSE", 1 << 50)
    monkeypatch.setattr(reopening, "BLUR", 10**6)
    monkeypatch.setattr(reopening, "recombined", lambda hall, seating, memory, seed: seating)
    for seed in range(8):
        hall = hall_of(ROUNDS[seed])
        part = Part(hall, *opened(hall), no_scores(hall), 4, 0, Seating.none(hall))

        assert all_worth(hall, improved(part).seating) >= all_worth(hall, part.seating)


def rows_of(seating: Seating) -> list[tuple[int, ...]]:
    """Start, leaders and people of each session."""
    columns = seating.starts.tolist(), seating.leaders.tolist(), np.sort(seating.people, axis=1).tolist()
    return [(start, *leaders, *people) for start, leaders, people in zip(*columns, strict=True)]


def test_a_full_memory_keeps_those_that_gain_the_most_beside_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recombining, "MOST", 3)
    hall = hall_of(ROUNDS[1])
    scores = Scores(np.arange(hall.people) * 1_000, np.zeros(hall.people, np.int64))
    memory, there = Memory(hall, scores, most=5), opened(hall)[0][np.array([0])]
    gains: dict[tuple[int, ...], int] = {}
    for seed in range(9):
        seen = opened(hall, spread=3_000, seed=seed)[0]
        memory.remember(seen)
        gains |= zip(rows_of(seen), (Company(hall, seen).points + scores.of(seen)).tolist(), strict=True)

    best = rows_of(memory.best(beside=there))

    assert len(gains) > 10 >= len(memory.all()[0])
    assert best[:1] == rows_of(there)
    assert {*best} - {best[0]} == {*sorted(gains, key=lambda row: -gains[row])[:3]} - {best[0]}


def _remembering(hall: Hall, seating: Seating) -> Memory:
    memory = Memory(hall, no_scores(hall))
    memory.remember(seating)
    return memory


def test_nothing_is_gained_where_there_is_nobody() -> None:
    hall = hall_of(sessions(person("ana", EVENING), person("ben", EVENING)))
    draw = np.random.default_rng(0)

    seating, waiting = settled(hall, Seating.none(hall), np.array([0, 1]), draw)

    assert (len(seating), waiting.tolist()) == (0, [0, 1])
    assert len(improved(Part(hall, seating, waiting, no_scores(hall), 2, 0, seating)).seating) == 0
