"""A bound on what sessions for a large round can be worth: everyone buys the seat they like best.

Imagine a market. Who leads has a *price* for each session, and where those who could lead then are dear, so is a
session at that start. Each seat takes its share of that price, its *fee*, and each person takes the seat that is worth
most to them beyond its fee, or none; nobody else needs to like the same medium or topic. Then, whatever the prices are,

    bound = what everyone gains + the prices of all sessions that can be led

is proven: the people of any session together gain at least its points less its price (Lagrange). The better the prices,
the lower the bound. A linear program finds the best for as many people as fit; for more, for a fair part of them.

For sessions of a given matched weight and number of people, both have a price as well, which may be below zero: each
person then gains or pays it for their seat, and all of it is taken off the bound. All sums are of whole numbers.
"""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from ortools.linear_solver import pywraplp

from peerhub.matching.hall import NEVER, Hall
from peerhub.matching.search import POLL_SECONDS
from peerhub.matching.terms import Numbers, Truths

LOOK_UP: Final = 5_000  # seats, after which to ask whether it is over
DEAR: Final = 1 << 44  # a session that nobody can lead
MOST_PARTS: Final = 2_520  # of a price: sizes up to 10 share it without a rest, and sums of large ones fit into 64 bits


@dataclass(frozen=True)
class Aim:
    """What is asked for: the most of ``points``, ``weight`` or ``people``; limits, where there are any."""

    most_of: str
    weight: tuple[float, float] = (-math.inf, math.inf)
    people: tuple[float, float] = (-math.inf, math.inf)


@dataclass(frozen=True)
class Fees:
    """Prices in whole parts of a point (``Market.scale``).

    ``leaders`` has the shape (people,): the price of one session that each leads; ``moments`` (starts,): that of
    running then, where only so many may at once; ``weight`` and ``people`` are what each person gains for theirs.
    """

    leaders: Numbers
    moments: Numbers
    weight: int
    people: int

    def within(self, aim: Aim) -> "Fees":
        """The same, but without a price for what the aim sets no such limit to."""
        return replace(self, weight=_limited(self.weight, *aim.weight), people=_limited(self.people, *aim.people))


def _limited(price: int, low: float, high: float) -> int:
    return price if math.isfinite(high if price < 0 else low) else 0


class Market:
    """All seats that anybody could take."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self.scale = 64 * min(math.lcm(*hall.sizes), MOST_PARTS)
        self.who, self.at, self.kind = self._seats()

    def _seats(self) -> tuple[Numbers, Numbers, Numbers]:
        """Who could sit when in which size of comfort: three arrays of the same length, in the order of people."""
        hall = self.hall
        can = (hall.hours >= 0) & self.open[None]
        fine = hall.eases.max(axis=1) > NEVER // 2  # kinds, people
        who, at, kind = np.nonzero(can[:, :, None] & fine.T[:, None, :])
        return who, at, kind

    @cached_property
    def open(self) -> Truths:
        """By start: whether enough people could lead a session then."""
        return np.asarray(self.hall.leads_at.sum(axis=0) >= self.hall.leaders_each)

    @cached_property
    def liked(self) -> Numbers:
        """By kind and person: what they add at most, whoever comes, besides the hour."""
        hall = self.hall
        topic = 0 if hall.differ else hall.topics.max(axis=0)
        return np.asarray(hall.eases.max(axis=1) + topic + self.bonds)

    @cached_property
    def bonds(self) -> Numbers:
        """By person: what those they meet add for them at most."""
        return bonds_at_most(self.hall)

    @cached_property
    def points(self) -> Numbers:
        """By seat: what the person adds at most."""
        return self.liked[self.kind, self.who] + self.hall.hours[self.who, self.at]

    def worth(self, most_of: str) -> Numbers:
        """By seat."""
        if most_of == "points":
            return self.points
        return self.hall.weights[self.who] if most_of == "weight" else np.ones(len(self.who), np.int64)

    def of_size(self, most_of: str) -> Sequence[int]:
        return self.hall.of_size if most_of == "points" else [0] * len(self.hall.sizes)

    # What everything takes at some prices

    def of_sessions(self, fees: Fees) -> Numbers:
        """By start: what a session there costs with the cheapest leaders."""
        hall, each = self.hall, self.hall.leaders_each
        cost = np.zeros(len(hall.starts), np.int64)
        if each:
            by_leader = np.where(hall.leads_at, fees.leaders[:, None], DEAR)
            cost = np.partition(by_leader, each - 1, axis=0)[:each].sum(axis=0)
        return np.asarray(cost + (hall.running * fees.moments).sum(axis=1))

    def of_seats(self, fees: Fees, most_of: str = "points") -> Numbers:
        """By start and kind: the fee of a seat, that of the best size."""
        cost, hall = self.of_sessions(fees), self.hall
        by_size = [
            (cost - worth * self.scale) // size for size, worth in zip(hall.sizes, self.of_size(most_of), strict=True)
        ]
        kinds = range(len(hall.eases))
        return np.array(
            [np.min([f for f, k in zip(by_size, hall.kinds, strict=True) if k == kind], axis=0) for kind in kinds]
        ).T

    def gains(self, fees: Fees, most_of: str = "points") -> Numbers:
        """By person: what they gain from the seat that they like best, or nothing; as often as they would come.

        To be matched counts once.
        """
        gains = self.worth(most_of) * self.scale - self.of_seats(fees, most_of)[self.at, self.kind]
        best = np.full(self.hall.people, -DEAR)
        np.maximum.at(best, self.who, gains)
        again = np.maximum(0, best) * np.maximum(0, self.hall.most - 1) * (most_of == "points")
        return np.asarray(np.maximum(0, best + again + fees.weight * self.hall.weights + fees.people))

    def bound(self, fees: Fees, aim: Aim) -> int:
        """No sessions within the limits of the aim are worth more."""
        fees = fees.within(aim)
        return (int(self.gains(fees, aim.most_of).sum()) + self.takes(fees, aim)) // self.scale

    def takes(self, fees: Fees, aim: Aim) -> int:
        """The prices of all sessions that can be led, and run, less what people gain for the limits of the aim."""
        takes = int((self.hall.leads * fees.leaders).sum()) + int(fees.moments.sum()) * (self.hall.at_once or 0)
        for price, (low, high) in ((fees.weight, aim.weight), (fees.people, aim.people)):
            takes -= math.floor(price * (high if price < 0 else low)) if price else 0
        return takes

    # The best prices

    def fees(self, aim: Aim, people: int, is_over: Callable[[], bool]) -> Fees | None:
        """Good prices for the aim, found for about so many people; None where it cannot be reached even in part.

        Nor are there any where it was over before.
        """
        if is_over():
            return None
        return _Program(self, aim, -(-self.hall.people // people), is_over).fees()


def bonds_at_most(hall: Hall) -> Numbers:
    """By person: the strongest bond less the shadow that comes with it, with anyone they could meet."""
    most = np.zeros(hall.people, np.int64)
    one, other = hall.known.both
    apart = hall.apart.find(one, other)[0]
    for end, bonds in ((one, hall.known.bonds[:, 0]), (other, hall.known.bonds[:, 1])):
        np.maximum.at(most, end[~apart], (bonds - hall.known.shadows)[~apart])
    return most


def solved(lp: pywraplp.Solver, is_over: Callable[[], bool]) -> int:
    """The solver's answer, from a thread of its own, while this one listens for a stop."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(lp.Solve()), name="peerhub-prices", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(POLL_SECONDS)
            if thread.is_alive() and is_over():
                lp.InterruptSolve()
    finally:
        if thread.is_alive():  # who waited for it was broken off
            lp.InterruptSolve()
    return found[0]


class _Program:
    """The market as a linear program, for every so many-th person: sessions may be held, and seats taken, in part."""

    def __init__(self, market: Market, aim: Aim, step: int, is_over: Callable[[], bool]) -> None:
        self.market, self.aim, self.step, self.is_over = market, aim, step, is_over
        self.lp = pywraplp.Solver.CreateSolver("GLOP")
        self.lp.Objective().SetMaximization()
        self.weight, self.people = (self._row(high / step, low / step) for low, high in (aim.weight, aim.people))
        hall = market.hall
        self.leaders = {int(who): self._row(hall.leads[who] / step) for who in np.flatnonzero(hall.leads)}
        self.moments: dict[int, pywraplp.Constraint] = {}
        self._sessions()
        self._seats()

    def fees(self) -> Fees | None:
        hall, scale = self.market.hall, self.market.scale
        if self.is_over() or solved(self.lp, self.is_over) != pywraplp.Solver.OPTIMAL:
            return None
        leaders, moments = np.zeros(hall.people, np.int64), np.zeros(len(hall.starts), np.int64)
        for of, rows in ((leaders, self.leaders), (moments, self.moments)):
            for place, row in rows.items():
                of[place] = max(0, round(row.dual_value() * scale))
        return Fees(leaders, moments, *(-round(row.dual_value() * scale) for row in (self.weight, self.people)))

    def _row(self, high: float, low: float = -math.inf) -> pywraplp.Constraint:
        return self.lp.RowConstraint(low, high, "")

    def _part(self, worth: float, takes: Sequence[tuple[pywraplp.Constraint, float]]) -> None:
        part = self.lp.NumVar(0, math.inf, "")
        self.lp.Objective().SetCoefficient(part, worth)
        for row, much in takes:
            row.SetCoefficient(part, much)

    def _sessions(self) -> None:
        """Sessions of each size at each start offer their seats, and ask for leaders, and for room."""
        market, hall = self.market, self.market.hall
        self.seats = {}
        if hall.at_once is not None:
            self.moments = {at: self._row(hall.at_once / self.step) for at in range(len(hall.starts))}
        for at in np.flatnonzero(market.open).tolist():
            if self.is_over():
                return
            led = self._row(0)
            for kind in range(len(hall.eases)):
                self.seats[at, kind] = self._row(0, 0)
            runs = np.flatnonzero(hall.running[at]).tolist() if self.moments else []
            room = [(self.moments[moment], 1.0) for moment in runs]
            for size, kind, worth in zip(hall.sizes, hall.kinds, market.of_size(self.aim.most_of), strict=True):
                self._part(worth, [(self.seats[at, kind], -size), (led, hall.leaders_each), *room])
            if hall.leaders_each:
                for who in np.flatnonzero(hall.leads_at[:, at]).tolist():
                    self._part(0, [(led, -1), (self.leaders[who], 1)])

    def _seats(self) -> None:
        market, hall = self.market, self.market.hall
        people = {who: self._row(1) for who in range(0, hall.people, self.step)}
        worth, weights = market.worth(self.aim.most_of).tolist(), hall.weights.tolist()
        seats = zip(market.who.tolist(), market.at.tolist(), market.kind.tolist(), worth, strict=True)
        for n, (who, at, kind, much) in enumerate(seats):
            if n % LOOK_UP == 0 and self.is_over():
                return
            if who % self.step == 0:
                counts = [(self.weight, weights[who]), (self.people, 1.0)]
                self._part(much, [(people[who], 1), (self.seats[at, kind], 1), *counts])
