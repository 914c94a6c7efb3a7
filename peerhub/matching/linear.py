"""Choosing the most worth under limits: linear relaxation, an exact bound, and a search among what can still win.

The choices are yes or no; each takes something from the rows it stands in, and each row has a least and a most. This is
how the best choice is found and proven (*reduced-cost fixing*; Dantzig and Wolfe 1960, Balas and Martin 1980):

1. Where choices may be made in part, GLOP finds the best in a moment, and a *price* for each row: what one more of it
   would be worth.
2. Whatever the prices are, nobody can have more than the worth of all rows at these prices, plus for each choice what
   it is worth beyond what it takes: its *gain* (Lagrange's bound). Prices are rounded to whole numbers first and the
   sum is made of whole numbers, so no rounding error can spoil the bound.
3. A choice with a gain below zero lowers that bound by as much wherever it is taken. So a search among the choices with
   the highest gains is a search among all, as soon as the best that it finds is as much as the bound leaves to others.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from ortools.linear_solver import pywraplp
from ortools.sat.python import cp_model

from peerhub.matching.proposal import Progress
from peerhub.matching.search import Run, Search

Numbers: TypeAlias = NDArray[np.int64]

SCALE: Final = 1 << 20  # prices are whole numbers of this part of a point
MUCH: Final = 1 << 40  # no limit
MOST_CUT_ROUNDS: Final = 12
FIRST_CHOICES: Final = 600  # that a search begins with
WHOLE: Final = 1e-6


class NoSolution(Exception):
    """The limits cannot all be kept."""


@dataclass
class Choices:
    """What may be chosen: for each choice the rows it stands in and what it takes there; for each row its limits."""

    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    takes: list[tuple[tuple[int, int], ...]] = field(default_factory=list)

    def row(self, low: int = -MUCH, high: int = MUCH) -> int:
        self.low.append(low)
        self.high.append(high)
        return len(self.low) - 1

    def choice(self, takes: Iterable[tuple[int, int]]) -> int:
        self.takes.append(tuple(takes))
        return len(self.takes) - 1

    def taken(self, chosen: Iterable[int]) -> list[int]:
        """What these choices take from each row."""
        sums = [0] * len(self.low)
        for choice in chosen:
            for row, much in self.takes[choice]:
                sums[row] += much
        return sums

    def kept_by(self, chosen: Iterable[int]) -> bool:
        """Whether these choices keep all limits."""
        limits = zip(self.low, self.taken(chosen), self.high, strict=True)
        return all(low <= taken <= high for low, taken, high in limits)


@dataclass(frozen=True)
class Prices:
    """A price for each row, what each choice gains beyond it, and the bound that follows; in parts of a point."""

    of_rows: Numbers
    gains: Numbers
    bound: int

    @property
    def most(self) -> int:
        """A proven bound on the worth of any choices that keep the limits."""
        return self.bound // SCALE


def priced(choices: Choices, worth: Sequence[int], prices: Sequence[float]) -> Prices:
    """Lagrange's bound for prices that may come with rounding errors, in whole numbers."""
    low, high = np.array(choices.low, np.int64), np.array(choices.high, np.int64)
    of_rows = np.rint(np.array(prices, float) * SCALE).astype(np.int64)
    of_rows = np.where((of_rows > 0) & (high >= MUCH) | (of_rows < 0) & (low <= -MUCH), 0, of_rows)
    gains = np.array(worth, np.int64) * SCALE
    row, much, of_choice = _flat(choices)
    np.subtract.at(gains, of_choice, much * of_rows[row])
    rows = sum(
        int(price) * int(limit) for price, limit in zip(of_rows, np.where(of_rows > 0, high, low), strict=True) if price
    )
    return Prices(of_rows, gains, rows + int(gains[gains > 0].sum()))


def priced_again(choices: Choices, worth: Sequence[int], prices: Prices) -> Prices:
    """The same prices for choices to which more have come."""
    more = [0] * (len(choices.low) - len(prices.of_rows))
    return priced(choices, worth, [*(prices.of_rows / SCALE), *more])


def _flat(choices: Choices) -> tuple[Numbers, Numbers, Numbers]:
    counts = np.fromiter(map(len, choices.takes), np.int64, len(choices.takes))
    flat = np.array([pair for takes in choices.takes for pair in takes], np.int64).reshape(-1, 2)
    return flat[:, 0], flat[:, 1], np.repeat(np.arange(len(counts)), counts)


class Relaxation:
    """The choices where they may be made in part: what is best then, and the price of each row."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.parts: list[float] = []
        self._lp = pywraplp.Solver.CreateSolver("GLOP")
        self._lp.Objective().SetMaximization()
        self._rows: list[pywraplp.Constraint] = []
        self._parts: list[pywraplp.Variable] = []

    def solve(self, worth: Sequence[int], seconds: float) -> Prices:
        """What each row is worth at the best; nothing, which still gives a bound, when the time was too short.

        Raises:
            NoSolution: the limits cannot be kept even in part.
        """
        self._catch_up()
        for part, much in zip(self._parts, worth, strict=True):
            self._lp.Objective().SetCoefficient(part, much)
        self._lp.SetTimeLimit(max(100, int(seconds * 1000)))
        status = self._lp.Solve()
        if status == pywraplp.Solver.INFEASIBLE:
            raise NoSolution
        known = status == pywraplp.Solver.OPTIMAL
        self.parts = [part.solution_value() for part in self._parts] if known else []
        return priced(self.choices, worth, [row.dual_value() if known else 0 for row in self._rows])

    def limit(self, row: int, low: int, high: int) -> None:
        """Change the limits of a row."""
        self.choices.low[row], self.choices.high[row] = low, high
        self._catch_up()
        self._rows[row].SetBounds(*self._limits(row))

    def tightened(self, worth: Sequence[int], single: Sequence[int], search: Search, until: float) -> Prices:
        """Like ``solve``, with a best in parts cut off as long as it is one that no whole choices reach.

        Three people of whom each could meet each other can be matched half and half; but the number of pairs of an odd
        number of people is at most half of it, rounded down: halve the sum of rows with an odd number of places, round
        down on both sides, and it still holds for whole choices (Edmonds for pairs; Chvátal and Gomory for all).
        """
        prices = self.solve(worth, until - search.seconds)
        for _ in range(MOST_CUT_ROUNDS):
            if not self.parts or search.is_over(until) or not self._cut(single):
                break
            prices = self.solve(worth, until - search.seconds)
        return prices

    def _cut(self, single: Sequence[int]) -> bool:
        row, much, of_choice = _flat(self.choices)
        found = False
        for odd in _odd_rows(self.choices, self.parts, single):
            inside = np.zeros(len(self.choices.low), np.int64)
            inside[odd] = 1
            takes = np.bincount(of_choice, weights=much * inside[row], minlength=len(self.parts)).astype(np.int64) // 2
            most = sum(self.choices.high[row] for row in odd) // 2
            if float(takes @ np.array(self.parts)) > most + WHOLE:
                self._add({int(choice): int(takes[choice]) for choice in np.flatnonzero(takes)}, most)
                found = True
        return found

    def _add(self, takes: dict[int, int], high: int) -> None:
        """Add a row to choices that are there already."""
        row = self.choices.row(high=high)
        for choice, much in takes.items():
            self.choices.takes[choice] += ((row, much),)
        self._catch_up()
        for choice, much in takes.items():
            self._rows[row].SetCoefficient(self._parts[choice], much)

    def _catch_up(self) -> None:
        """Take in the rows and choices that have come since."""
        for row in range(len(self._rows), len(self.choices.low)):
            self._rows.append(self._lp.Constraint(*self._limits(row)))
        for takes in self.choices.takes[len(self._parts) :]:
            part = self._lp.NumVar(0, 1, "")
            for row, much in takes:
                self._rows[row].SetCoefficient(part, much)
            self._parts.append(part)

    def _limits(self, row: int) -> tuple[float, float]:
        low, high = self.choices.low[row], self.choices.high[row]
        return (-self._lp.infinity() if low <= -MUCH else low), (self._lp.infinity() if high >= MUCH else high)


def _odd_rows(choices: Choices, parts: Sequence[float], single: Sequence[int]) -> Iterator[list[int]]:
    """Rows that hang together, by all choices or by those made in part, where they have an odd number of places."""
    everything = [[row for row, _ in takes] for takes in choices.takes]
    in_part = [rows for rows, part in zip(everything, parts, strict=True) if WHOLE < part < 1 - WHOLE]
    for joins in (everything, in_part):
        groups = _joined(single, joins)
        yield from (group for group in groups if len(group) > 1 and sum(choices.high[row] for row in group) % 2)
    yield from ([row] for row, high in enumerate(choices.high) if high < MUCH and high % 2 and row not in set(single))


def _joined(rows: Sequence[int], joins: Iterable[Iterable[int]]) -> list[list[int]]:
    """The rows, sorted into groups that the joins connect."""
    group_of = {row: [row] for row in rows}
    for join in joins:
        groups = {id(group_of[row]): group_of[row] for row in join if row in group_of}
        if len(groups) > 1:
            largest, *others = sorted(groups.values(), key=len, reverse=True)
            for row in (row for group in others for row in group):
                largest.append(row)
                group_of[row] = largest
    return list({id(group): group for group in group_of.values()}.values())


@dataclass(frozen=True)
class Best:
    """The best choices found, what they are worth, and a proven bound on the worth of any others."""

    chosen: frozenset[int]
    worth: int
    bound: int
    cut: bool = False


def best_of(
    relaxation: Relaxation,
    worth: Sequence[int],
    search: Search,
    until: float,
    report: Callable[[int, int], Progress | None],
    *,
    known: frozenset[int] | None = None,
    single: Sequence[int] = (),
) -> Best | None:
    """The choices that are worth most; None when none were found in time.

    ``known`` are choices that keep the limits, to start from; ``single`` are rows with room for one, to tighten.

    Raises:
        NoSolution: the limits cannot be kept.
    """
    prices = relaxation.tightened(worth, single, search, until)
    whole = frozenset(choice for choice, part in enumerate(relaxation.parts) if part > 1 - WHOLE)
    if relaxation.choices.kept_by(whole) and (known is None or total(worth, whole) >= total(worth, known)):
        known = whole
    return among_the_best(relaxation.choices, worth, prices, search, until, report, known=known)


def total(worth: Sequence[int], chosen: Iterable[int]) -> int:
    return sum(worth[choice] for choice in chosen)


def among_the_best(  # noqa: PLR0917
    choices: Choices,
    worth: Sequence[int],
    prices: Prices,
    search: Search,
    until: float,
    report: Callable[[int, int], Progress | None],
    *,
    known: frozenset[int] | None = None,
    work: float | None = None,
) -> Best | None:
    """Search among the choices with the highest gains, and among more until nothing outside can be better."""
    best = Best(known, total(worth, known), prices.most) if known is not None else None
    if best and best.worth == best.bound:
        return best

    outside = -MUCH

    def heard(value: int, bound: int) -> Progress | None:
        return report(value, min(prices.most, max(bound, outside)))

    order = np.argsort(-prices.gains, kind="stable")
    count = min(FIRST_CHOICES, len(order))
    while True:
        among = sorted({*order[:count].tolist(), *(best.chosen if best else ())})
        outside = (prices.bound + int(prices.gains[order[count]])) // SCALE if count < len(order) else -MUCH
        model = _search_model(choices, worth, among, best)
        run = Run(model, search, until - search.seconds, heard, prices.most, portfolio=True, work=work)
        if run.values is not None and (best is None or run.objective > best.worth):
            best = Best(
                frozenset(c for c, yes in zip(among, run.values, strict=True) if yes), run.objective, prices.most
            )
        inside = -MUCH if run.status == cp_model.INFEASIBLE else run.bound
        bound = min(prices.most, max(inside, outside))
        if best is None:
            if count == len(order) and run.status == cp_model.INFEASIBLE:
                raise NoSolution
            if count == len(order) or run.cut:
                return None
            count = min(len(order), 8 * count)
            continue
        bound = max(bound, best.worth)
        if run.status not in (cp_model.OPTIMAL, cp_model.INFEASIBLE) or outside <= best.worth:
            return Best(best.chosen, best.worth, bound, run.cut)
        needed = int(np.count_nonzero(prices.gains > best.worth * SCALE - prices.bound))
        count = max(count + 1, min(len(order), needed))


def model_of(choices: Choices, among: Sequence[int]) -> cp_model.CpModel:
    """Some of the choices under all limits, as a model of CP-SAT that has them in this order."""
    cp = cp_model.CpModel()
    taken: dict[int, tuple[list[cp_model.IntVar], list[int]]] = {row: ([], []) for row in range(len(choices.low))}
    for choice in among:
        yes = cp.new_bool_var("")
        for row, much in choices.takes[choice]:
            taken[row][0].append(yes)
            taken[row][1].append(much)
    for row, (takers, muches) in taken.items():
        low, high = choices.low[row], choices.high[row]
        if low <= 0 and high == 1 and set(muches) == {1}:
            cp.add_at_most_one(takers)
        elif low > -MUCH or high < MUCH:
            cp.add_linear_constraint(cp_model.LinearExpr.weighted_sum(takers, muches), low, high)
    return cp


def _search_model(choices: Choices, worth: Sequence[int], among: Sequence[int], best: Best | None) -> cp_model.CpModel:
    cp = model_of(choices, among)
    chosen = [cp.get_bool_var_from_proto_index(place) for place in range(len(among))]
    for choice, yes in zip(among, chosen, strict=True):
        if best:
            cp.add_hint(yes, choice in best.chosen)
    cp.maximize(cp_model.LinearExpr.weighted_sum(chosen, [worth[choice] for choice in among]))
    return cp
