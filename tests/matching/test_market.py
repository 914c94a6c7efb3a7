"""The bounds of the market, and of sessions sold whole, hold for every seating of small problems, at any prices."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings

from peerhub.matching.hall import Hall, hall_of
from peerhub.matching.market import Aim, Fees, Market
from peerhub.matching.problem import Problem
from peerhub.matching.seating import Company, Seating
from peerhub.matching.wholesale import Prices, Wholesale
from tests.matching.cast import person, sessions
from tests.matching.drawn import small_rounds

EVENING = "mon 18:00-21:00"
Sums = tuple[int, int, int]  # matched weight, people, points


def every_session(hall: Hall) -> tuple[Seating, Company]:
    """All that keep the rules."""
    groups, leaders, starts = [], [], []
    for start in range(len(hall.starts)):
        free = np.flatnonzero(hall.hours[:, start] >= 0).tolist()
        for led in combinations(np.flatnonzero(hall.leads_at[:, start]).tolist(), hall.leaders_each):
            come = [one for one in free if one not in led]
            for size in hall.sizes:
                for group in combinations(come, size):
                    groups.append(group)
                    leaders.append(led)
                    starts.append(start)
    seating = Seating.of(hall, groups, leaders, starts)
    legal = Company(hall, seating).points >= 0
    return seating[legal], Company(hall, seating[legal])


def every_seating(hall: Hall) -> Iterator[Sums]:
    """What each set of sessions comes to that may be held together."""
    seating, company = every_session(hall)
    people = [{one for one in row if one >= 0} for row in seating.people.tolist()]
    leaders = [set(row) for row in seating.leaders.tolist()]
    cells = hall.starts[seating.starts].tolist()
    sums = list(zip(company.weight.tolist(), seating.sizes.tolist(), company.points.tolist(), strict=True))

    def may_be_held(chosen: list[int]) -> bool:
        last, before = chosen[-1], chosen[:-1]
        for one in before:
            overlap = abs(cells[one] - cells[last]) < hall.length
            if people[one] & people[last]:
                return False
            if overlap and (people[one] | leaders[one]) & (people[last] | leaders[last]):
                return False
        if any(sum(who in leaders[one] for one in chosen) > hall.leads[who] for who in leaders[last]):
            return False
        running = [sum(0 <= cells[at] - cells[one] < hall.length for one in chosen) for at in chosen]
        return hall.at_once is None or max(running) <= hall.at_once

    waiting: list[list[int]] = [[]]
    while waiting:
        chosen = waiting.pop()
        weight, count, points = (sum(of) for of in zip((0, 0, 0), *(sums[one] for one in chosen), strict=True))
        yield weight, count, points
        after = chosen[-1] + 1 if chosen else 0
        waiting += [more for one in range(after, len(sums)) if may_be_held(more := [*chosen, one])]


def aims(weight: int, people: int) -> dict[str, Aim]:
    return {
        "points": Aim("points", (weight, weight), (people, people)),
        "people": Aim("people", (weight, math.inf)),
        "weight": Aim("weight"),
    }


def any_fees(hall: Hall, draw: np.random.Generator, scale: int) -> Fees:
    """Whatever prices: those of leaders not below zero, nor those of moments, which are for a limit alone."""
    much = 2_000 * scale
    leaders, moments = draw.integers(0, much, hall.people), draw.integers(0, much, len(hall.starts))
    moments[draw.random(len(hall.starts)) < (0.7 if hall.at_once else 1)] = 0
    return Fees(leaders, moments, int(draw.integers(-much, much)), int(draw.integers(-much, much)))


def any_prices(hall: Hall, draw: np.random.Generator, scale: int) -> Prices:
    return Prices(any_fees(hall, draw, scale), draw.integers(0, 4_000 * scale, hall.people))


def assert_that_bounds_hold(hall: Hall, seed: int = 0) -> None:
    market, draw = Market(hall), np.random.default_rng(seed)
    best: dict[tuple[int, int], int] = {}
    for weight, people, points in every_seating(hall):
        best[weight, people] = max(points, best.get((weight, people), 0))
    top = max(best)
    most_people = max(people for weight, people in best if weight == top[0])
    found = [market.fees(aim, 1_000, lambda: False) for aim in aims(*top).values()]
    no_prices = Fees(np.zeros(hall.people, np.int64), np.zeros(len(hall.starts), np.int64), 0, 0)
    dear = np.eye(len(hall.starts), dtype=np.int64)[(hall.hours >= 0).any(axis=0)] * 2_000 * market.scale
    dear_moments = [replace(no_prices, moments=moment) for moment in dear if hall.at_once]
    for fees in [
        *filter(None, found),
        no_prices,
        *dear_moments,
        *(any_fees(hall, draw, market.scale) for _ in range(3)),
    ]:
        assert market.bound(fees, aims(*top)["weight"]) >= top[0]
        assert market.bound(fees, aims(*top)["people"]) >= most_people
        for (weight, people), points in best.items():
            assert market.bound(fees, aims(weight, people)["points"]) >= points
    assert_that_bounds_hold_for_wholes(market, best, draw)


def assert_that_bounds_hold_for_wholes(
    market: Market, best: dict[tuple[int, int], int], draw: np.random.Generator
) -> None:
    wholesale, aim = Wholesale(market), aims(*max(best))["points"]
    fees = market.fees(aim, 1_000, lambda: False)
    found = [wholesale.prices(aim, fees, lambda: False)] if fees else []
    nothing = np.zeros(len(market.hall.starts), np.int64)
    no_prices = Prices(Fees(np.zeros(market.hall.people, np.int64), nothing, 0, 0), np.zeros_like(market.hall.most))
    for prices in [*found, no_prices, *(any_prices(market.hall, draw, market.scale) for _ in range(3))]:
        assert wholesale.bound(prices, Aim("points")) >= max(best.values())
        for (weight, people), points in best.items():
            assert wholesale.bound(prices, aims(weight, people)["points"]) >= points
    assert all(wholesale.bound(prices, aim) <= market.bound(fees, aim) for prices in found if fees)


@settings(max_examples=25, deadline=None, derandomize=True, phases=(Phase.generate,))
@given(small_rounds(most=6))
def test_no_seating_is_beyond_the_bounds(problem: Problem) -> None:
    hall = hall_of(problem)
    assume(hall.people and len(Market(hall).who) and len(every_session(hall)[0]) < 120)
    assert_that_bounds_hold(hall)


CLOSE = {
    "one after another, though a start lies between": sessions(
        *(person(name, "mon 18:00-20:00") for name in ("ana", "ben", "cat", "dan")),
        person("olu", EVENING, facilitates=2, most_sessions=0),
        person("pat", EVENING, facilitates=2, most_sessions=0),
        session_minutes=60, largest=2, ideal=2, sessions_at_once=1,
    ),
    "one leads all, and leads two": sessions(
        *(person(f"p{n}", "mon 18:00-20:00") for n in range(6)),
        person("olu", EVENING, facilitates=2, most_sessions=0),
        session_minutes=60, slot_minutes=60, largest=2, ideal=2,
    ),
    "dear leaders": sessions(
        *(person(f"p{n}", EVENING, topics={"grief": n % 5}, owed=n % 2) for n in range(5)),
        person("olu", EVENING, facilitates=1, most_sessions=0), session_minutes=60, slot_minutes=60, largest=3,
    ),
    "who leads comes elsewhere": sessions(
        *(person(f"p{n}", EVENING, facilitates=1, prefers=["p0"]) for n in range(5)),
        session_minutes=60, slot_minutes=60, largest=3,
    ),
    "different topics": sessions(
        *(person(f"p{n}", "mon 18:00-19:00", topics={("grief", "sleep")[n % 2]: 4}) for n in range(6)),
        facilitators_per_session=0, match_on={"topics": "different"}, largest=3,
    ),
    "two and two": sessions(
        *(person(f"p{n}", f"{('mon', 'tue')[n % 2]} 18:00-18:30") for n in range(4)),
        facilitators_per_session=0, largest=3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSE)
def test_no_seating_is_beyond_the_bounds_where_it_is_close(name: str) -> None:
    assert_that_bounds_hold(hall_of(CLOSE[name]))


def test_the_bound_is_met_where_nothing_is_in_the_way() -> None:
    """Otherwise a bound could be high for any reason."""
    problem = sessions(*(person(f"p{n}", "mon 18:00-18:30") for n in range(6)), facilitators_per_session=0, largest=3)
    hall = hall_of(problem)
    market, (weight, people, points) = Market(hall), max(every_seating(hall))

    bounds = {}
    for most_of, aim in aims(weight, people).items():
        fees = market.fees(aim, 1_000, lambda: False)
        assert fees is not None
        bounds[most_of] = market.bound(fees, aim)

    assert bounds == {"points": points, "people": people, "weight": weight}


def three_of(*people: dict[str, Any]) -> Hall:
    """Who could be in one session of three, at one hour."""
    return hall_of(
        sessions(
            *(person(f"p{n}", "mon 18:00-18:30", **told) for n, told in enumerate(people)),
            facilitators_per_session=0, smallest=3, ideal=3, largest=3, match_on=BALANCED,
        )
    )  # fmt: skip


BALANCED = {"topics": "similar", "roles": "complementary"}
OF_THEIR_OWN_TOPIC = [{"topics": {topic: 4}} for topic in ("grief", "sleep", "work")]
TOGETHER: dict[str, list[dict[str, Any]]] = {
    "each of their own topic": OF_THEIR_OWN_TOPIC,
    "all share": [{"role": "share"}] * 3,
    "all listen": [{"role": "listen"}] * 3,
    "who listens is one too many": [{"topics": {"grief": 4}}] * 3 + [{"role": "listen"}],
}


def bounds_of(hall: Hall, is_over: Callable[[], bool] = lambda: False) -> tuple[int, int, int]:
    """What the best have, and the bounds when they are sold whole, and seat by seat."""
    market, (weight, people, points) = Market(hall), max(every_seating(hall))
    aim = aims(weight, people)["points"]
    fees = market.fees(aim, 1_000, lambda: False)
    assert fees is not None
    prices = Wholesale(market).prices(aim, fees, is_over)
    return points, Wholesale(market).bound(prices, aim), market.bound(fees, aim)


@pytest.mark.parametrize("name", TOGETHER)
def test_the_bound_is_met_where_all_of_a_session_have_to_agree(name: str) -> None:
    """On the market each takes a part of a session on their own topic, and nobody's role matters."""
    points, wholes, _ = bounds_of(three_of(*TOGETHER[name]))

    assert wholes == points


@pytest.mark.parametrize("after", range(6))
def test_prices_of_wholes_hold_when_the_search_for_them_is_stopped(after: int) -> None:
    asked = iter(range(1_000))

    points, wholes, seats = bounds_of(hall_of(CLOSE["dear leaders"]), lambda: next(asked) >= after)

    assert points <= wholes <= seats


@pytest.mark.parametrize("after", [0, 1])
def test_a_search_for_prices_of_wholes_that_is_stopped_at_once_has_those_of_the_market(after: int) -> None:
    asked = iter(range(1_000))

    points, wholes, seats = bounds_of(three_of(*OF_THEIR_OWN_TOPIC), lambda: next(asked) >= after)

    assert points < wholes == seats


@pytest.mark.parametrize(
    ("people", "largest", "most", "is_open"),
    [(500, 10, 1, True), (501, 10, 1, False), (500, 11, 1, False), (500, 10, 2, False)],
)
def test_wholes_are_sold_to_some_hundreds_who_come_once(people: int, largest: int, most: int, *, is_open: bool) -> None:
    everyone = [person(f"p{n}", EVENING, most_sessions=most) for n in range(people)]
    hall = hall_of(sessions(*everyone, largest=largest))

    assert Wholesale(Market(hall)).is_open == is_open


@pytest.mark.parametrize("step", [2, 3])
def test_prices_found_for_a_part_of_the_people_hold_for_all(step: int) -> None:
    hall = hall_of(CLOSE["dear leaders"])
    market, top = Market(hall), max(every_seating(hall))

    for most_of, aim in aims(*top[:2]).items():
        fees = market.fees(aim, -(-hall.people // step), lambda: False)
        if fees is not None:
            assert market.bound(fees, aim) >= dict(zip(("weight", "people", "points"), top, strict=True))[most_of]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_search_for_prices_that_is_stopped_gives_none_or_such_that_hold(after: int) -> None:
    hall = hall_of(CLOSE["dear leaders"])
    market, top, asked = Market(hall), max(every_seating(hall)), iter(range(1_000))

    fees = market.fees(Aim("weight"), 1_000, lambda: next(asked) >= after)

    assert fees is None or market.bound(fees, Aim("weight")) >= top[0]
    assert (fees is None) >= (after == 0)
