"""A closer bound for a round of some hundreds: whole sessions are sold instead of single seats.

On the ``market`` a tenth of a session can be filled by one person alone, who needs nobody else to like their medium and
topic. Here everyone has a price of their own, and who leads buys the people of a whole session, of one size, medium and
topic. So many people are few enough to find the session that is worth most beyond the prices of its people, at each
start: those who add the most beyond their own price, sorted, for each number of them who come only to share or only to
listen. What two people add together is counted for each at its most, as on the market. Then, whatever the prices are,

    bound = the prices of everyone + of all sessions that can be led + sessions x what any gains beyond that

is proven (Lagrange). The best prices are those of a linear program over such sessions, which are listed only where they
are worth more than its prices so far (column generation, Dantzig and Wolfe 1960). Its prices jump about as long as few
sessions are listed, so each look is taken at prices between them and the best that are known (Wentges 1997).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product
from typing import Final, NamedTuple

import numpy as np
from ortools.linear_solver import pywraplp

from peerhub.matching.hall import NEVER
from peerhub.matching.market import Aim, Fees, Market, solved
from peerhub.matching.terms import Numbers

MOST_PEOPLE: Final = 500  # a program for more takes minutes
LARGEST: Final = 10  # people in a session: more could be of too many kinds
MOST_ROUNDS: Final = 100
TOWARDS: Final = 0.3  # the newest prices, from the best
CLOSE: Final = 0.0001  # of what the program has in parts: a bound so near to it ends the search
NEAR: Final = 1_500  # points that sessions may lack to be listed at first
MISSED: Final = 20  # times the points of a seat, for one person less or more than the limits say
FORBIDDEN: Final = -(1 << 50)  # no sum with it is ever enough


@dataclass(frozen=True)
class Prices:
    """Those of leaders and hours, and by person what is paid for them; in parts of a point as the market has them."""

    fees: Fees
    people: Numbers

    def towards(self, other: "Prices", share: float) -> "Prices":
        mine, theirs = self.fees, other.fees
        fees = Fees(
            _between(mine.leaders, theirs.leaders, share),
            _between(mine.moments, theirs.moments, share),
            int(_between(mine.weight, theirs.weight, share)),
            int(_between(mine.people, theirs.people, share)),
        )
        return Prices(fees, _between(self.people, other.people, share))


def _between(one: Numbers | int, other: Numbers | int, share: float) -> Numbers:
    return np.asarray(np.rint(one + share * (np.asarray(other) - one)), np.int64)


class Ware(NamedTuple):
    """The people of a session that might be, at the place of a start, and its points if each bond were the best."""

    at: int
    people: tuple[int, ...]
    points: int


class Wholesale:
    """All sessions that anybody could buy; those that were worth listing once are listed again at once."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._listed: list[Ware] = []

    @property
    def is_open(self) -> bool:
        """Whether neither the round nor its sessions are too large, and nobody comes twice."""
        hall = self.market.hall
        return hall.people <= MOST_PEOPLE and hall.largest <= LARGEST and bool((hall.most <= 1).all())

    @cached_property
    def starts(self) -> "list[_Start]":
        hall = self.market.hall
        enough = (hall.hours >= 0).sum(axis=0) >= hall.sizes[0]
        return [_Start(self.market, at) for at in np.flatnonzero(self.market.open & enough).tolist()]

    def bound(self, prices: Prices, aim: Aim) -> int:
        """No sessions within the limits of the aim have more points."""
        prices = replace(prices, fees=prices.fees.within(aim))
        return self._bound(prices, aim, [gain for gain, _ in self._wares(prices)])

    def prices(self, aim: Aim, fees: Fees, is_over: Callable[[], bool]) -> Prices:
        """The best prices that were found, beginning with those of the market."""
        best = Prices(fees, self.market.gains(fees))
        if is_over():
            return best
        program = _Program(self.market, aim)
        program.add([*self._listed, *(ware for _, ware in self._wares(best, -NEAR * self.market.scale))])
        bound, share = self.bound(best, aim), TOWARDS
        for _ in range(MOST_ROUNDS):
            newest = program.prices(is_over)
            if newest is None or bound <= program.points * (1 + CLOSE):
                break
            asked = best.towards(newest, share)
            wares = list(self._wares(asked))
            if (now := self._bound(asked, aim, [gain for gain, _ in wares])) < bound:
                best, bound = asked, now
            grows = program.add(ware for _, ware in wares)
            if not grows and share == 1:
                break
            share = TOWARDS if grows else 1
        self._listed = list(program.listed)
        return best

    def _bound(self, prices: Prices, aim: Aim, gains: list[int]) -> int:
        paid = int(prices.people.sum()) + self._most_sessions * max([0, *gains])
        return (paid + self.market.takes(prices.fees, aim)) // self.market.scale

    @property
    def _most_sessions(self) -> int:
        hall = self.market.hall
        led = int(hall.leads.sum()) // hall.leaders_each if hall.leaders_each else hall.people
        return min(led, int(hall.most.sum()) // hall.sizes[0])

    def _wares(self, prices: Prices, least: int = 0) -> Iterator[tuple[int, Ware]]:
        """At each start, of each size, medium and topic: the session that gains most, if it gains more than that."""
        hall, fees = self.market.hall, prices.fees
        counts = fees.weight * hall.weights + fees.people - prices.people
        for start, cost in zip(self.starts, self.market.of_sessions(fees)[[s.at for s in self.starts]], strict=True):
            yield from start.wares(counts, int(cost) + least, least)


class _Start:
    """Who could come then, apart by what they lean to, and what each would add in each size of comfort."""

    def __init__(self, market: Market, at: int) -> None:
        hall = market.hall
        self.at, self.hall, self.scale = at, hall, market.scale
        who = np.flatnonzero(hall.hours[:, at] >= 0)
        leanings = hall.leanings * bool(hall.tilt)
        self.leanings = np.unique(leanings[who])
        self.sides = [who[leanings[who] == leaning] for leaning in self.leanings]
        self.splits = {size: _splits(size, len(self.sides)) for size in hall.sizes}
        self.adds = [self._adds(market, side) for side in self.sides]

    def _adds(self, market: Market, side: Numbers) -> Numbers:
        """By size of comfort, medium, topic and person, in points."""
        hall = self.hall
        topics = np.zeros((1, len(side)), np.int64) if hall.differ else hall.topics[:, side]
        alone = hall.hours[side, self.at] + market.bonds[side]
        return np.asarray(hall.eases[:, :, None, side] + topics[None, None] + alone)

    def wares(self, counts: Numbers, above: int, least: int) -> Iterator[tuple[int, Ware]]:
        """The best session of each size, medium and topic that is worth more, and what it gains beyond that."""
        hall = self.hall
        tops = [self._tops(adds, counts[side]) for adds, side in zip(self.adds, self.sides, strict=True)]
        for size, kind, of_size in zip(hall.sizes, hall.kinds, hall.of_size, strict=True):
            splits = self.splits[size]
            sums = sum(of_side[kind][:, :, many] for (of_side, _), many in zip(tops, splits.T, strict=True))
            worth = sums + (of_size - hall.tilt * abs(splits @ self.leanings)) * self.scale
            best = worth.argmax(axis=2)
            for medium, topic in np.argwhere(worth.max(axis=2) > above).tolist():
                which = best[medium, topic]
                people = [
                    side[order[kind, medium, topic, :many]]
                    for side, (_, order), many in zip(self.sides, tops, splits[which], strict=True)
                ]
                group = np.sort(np.concatenate(people))
                value = int(worth[medium, topic, which])
                points = (value - int(counts[group].sum())) // self.scale
                yield value - above + least, Ware(self.at, tuple(group.tolist()), points)

    def _tops(self, adds: Numbers, counts: Numbers) -> tuple[Numbers, Numbers]:
        """What the best nobody, one, two and so on add together; and who they are."""
        each = np.where(adds < NEVER // 2, FORBIDDEN, adds * self.scale + counts)
        order = np.argsort(-each, axis=3, kind="stable")[..., : self.hall.largest]
        sums = np.take_along_axis(each, order, axis=3).cumsum(axis=3)
        nobody = np.zeros((*sums.shape[:3], 1), np.int64)
        too_many = np.full((*sums.shape[:3], self.hall.largest - sums.shape[3]), FORBIDDEN)
        return np.concatenate([nobody, sums, too_many], axis=3), order


@cache
def _splits(size: int, sides: int) -> Numbers:
    """How many of each side may come to a session of that size."""
    return np.array([split for split in product(range(size + 1), repeat=sides) if sum(split) == size])


class _Program:
    """The listed sessions as a linear program: each may be held in part."""

    def __init__(self, market: Market, aim: Aim) -> None:
        self.market = market
        self.listed: dict[Ware, None] = {}
        self.lp = pywraplp.Solver.CreateSolver("GLOP")
        self.lp.Objective().SetMaximization()
        hall = market.hall
        self.people = [self.lp.RowConstraint(-self.lp.infinity(), 1, "") for _ in range(hall.people)]
        self.weight, self.number = (self._missed(*limits) for limits in (aim.weight, aim.people))
        self.leaders = {who: self._row(int(hall.leads[who])) for who in np.flatnonzero(hall.leads).tolist()}
        self.moments = {at: self._row(hall.at_once) for at in range(len(hall.starts)) if hall.at_once is not None}
        self.led = {at: self._led(at) for at in np.flatnonzero(market.open).tolist() if hall.leaders_each}

    @property
    def points(self) -> float:
        """The most that the listed sessions come to, in part."""
        return float(self.lp.Objective().Value())

    def add(self, wares: Iterable[Ware]) -> bool:
        """List these sessions too; whether there was a new one among them."""
        hall, before = self.market.hall, len(self.listed)
        for ware in wares:
            if ware in self.listed:
                continue
            self.listed[ware] = None
            people = list(ware.people)
            takes = [(self.people[person], 1) for person in people]
            takes += [(self.weight, int(hall.weights[people].sum())), (self.number, len(people))]
            takes += [(self.led[ware.at], hall.leaders_each)] if self.led else []
            takes += [(self.moments[at], 1) for at in np.flatnonzero(hall.running[ware.at]).tolist() if self.moments]
            self._part(ware.points, takes)
        return len(self.listed) > before

    def prices(self, is_over: Callable[[], bool]) -> Prices | None:
        """What each person, leader and moment is worth at the best; None where it was over before."""
        if is_over() or solved(self.lp, is_over) != pywraplp.Solver.OPTIMAL:
            return None
        hall, scale = self.market.hall, self.market.scale
        people, leaders = np.zeros((2, hall.people), np.int64)
        moments = np.zeros(len(hall.starts), np.int64)
        for of, rows in ((people, dict(enumerate(self.people))), (leaders, self.leaders), (moments, self.moments)):
            for place, row in rows.items():
                of[place] = max(0, round(row.dual_value() * scale))
        weight, number = (-round(row.dual_value() * scale) for row in (self.weight, self.number))
        return Prices(Fees(leaders, moments, weight, number), people)

    def _row(self, high: float) -> pywraplp.Constraint:
        return self.lp.RowConstraint(-self.lp.infinity(), high, "")

    def _missed(self, low: float, high: float) -> pywraplp.Constraint:
        """A row with limits that the first sessions may miss, for many points."""
        row = self.lp.RowConstraint(low, high, "")
        for much in (1, -1):
            self._part(-MISSED * self.market.hall.most_points, [(row, much)])
        return row

    def _led(self, at: int) -> pywraplp.Constraint:
        """A row for sessions that start then, which whoever leads then makes room in."""
        row = self._row(0)
        for who in np.flatnonzero(self.market.hall.leads_at[:, at]).tolist():
            self._part(0, [(row, -1), (self.leaders[who], 1)])
        return row

    def _part(self, worth: float, takes: list[tuple[pywraplp.Constraint, int]]) -> None:
        part = self.lp.NumVar(0, self.lp.infinity(), "")
        self.lp.Objective().SetCoefficient(part, worth)
        for row, much in takes:
            row.SetCoefficient(part, much)
