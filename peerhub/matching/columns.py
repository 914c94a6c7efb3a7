"""Sessions at the size of a whole community: linear relaxation over all possible sessions, listing only the few needed.

*Column generation* (Dantzig and Wolfe 1960): with the sessions known so far, the relaxation gives prices; ``rooms``
finds sessions that are worth more than these prices; they are added, and so on until none is left. At any prices,

    bound = what all rows are worth at these prices + the most sessions there can be x the most that any one still gains

is proven (Lagrange). Then whole sessions are chosen among those listed. What this choice lacks to the bound is the gap;
a session that gains less than minus the gap can be in no better choice. So every session that gains more is listed, and
the best choice among them is the best of all. As everywhere: first the matched weight and the people, then the points.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from peerhub.matching.linear import SCALE, Best, NoSolution, Prices, Relaxation, among_the_best, priced_again, total
from peerhub.matching.packing import Column
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import Progress
from peerhub.matching.rooms import Rooms
from peerhub.matching.search import CannotHold, Found, Search, most_people, most_points

WORTHWHILE: Final = SCALE // 100  # what a session must gain to be added
MOST_ROUNDS: Final = 300
MOST_LISTED: Final = 20_000  # sessions at once within the gap
PARTS_OF_THE_GAP: Final = (1, 2, 4, 8)
MOST_ADDED: Final = 1_000  # in one round
WORK_TO_SEAT: Final = 0.03  # of the solver's work, for each second of the time limit
WORK_TO_IMPROVE: Final = 0.1
WORK_TO_FINISH: Final = 1.0


class NotFound(Exception):
    """No seating was found this way; another way may find one."""


def best(problem: Problem, search: Search) -> Found:
    """Search in order: the highest matched weight, at that weight the most people, at that number the most points.

    Raises:
        CannotHold: nothing keeps all pins.
        NotFound: no seating was found, or none that keeps the pins.
    """
    return _Stages(problem, search).found()


@dataclass(frozen=True)
class _Relaxed:
    """Prices of the best in parts, what no session that is not listed gains more than, and the bound that follows."""

    prices: Prices
    unlisted: int
    bound: int  # on all, in whole points
    bound_of_unlisted: int = 0  # on all that need a session that is not listed


class _Stages:
    """People, then points; the best that is known so far is in ``seated``."""

    def __init__(self, problem: Problem, search: Search) -> None:
        self.problem = problem
        self.search = search
        self.rooms = Rooms(problem, search)
        self.packing = self.rooms.packing
        self.relaxation = Relaxation(self.packing.choices)
        self.listed: set[Column] = set()
        self.seated: frozenset[int] | None = None if problem.pinned else frozenset()
        self.bound = most_points(problem)
        self.most_people = len(problem.participants)
        self.cut = False

    def found(self) -> Found:
        if not self.rooms.starts.cells:
            raise NotFound
        self._report("matching")
        relaxed = self._relaxed(points=False, until=0.4)
        most = relaxed.bound
        if most < 0:
            raise CannotHold
        self._keep(self._whole(relaxed, points=False, work=WORK_TO_SEAT, until=0.5), most)
        most = self._settled(most)
        bound = self._best_points(most)
        if bound is None:
            most = self._more_people(most)
            bound = self._best_points(self._rank)
        if self.seated is None or (not self.seated and most > 0 and not self._is_over(1)):
            raise NotFound
        self._keep(None, most)
        bound = most_points(self.problem) if bound is None else bound
        return Found(self.packing.sessions_in(self.seated), bound, self.most_people, self.cut or self._is_over(1))

    # People, then points

    def _settled(self, most: int) -> int:
        """A tighter bound on the rank: the weight is a whole number, and at that weight people have a bound."""
        packing, step = self.packing, self.packing.step
        weight, people = divmod(most, step)
        while people < self._fewest_who_weigh(weight):
            weight, people = weight - 1, step - 1
        seats = self.rooms.most_sessions * self.problem.program.largest
        most = min(most, weight * step + min(people, seats))
        if self._rank < most and self._rank // step == weight:
            self.relaxation.limit(packing.weight, weight, weight)
            most = min(most, self._relaxed(points=False, until=0.45).bound)
            packing.aim(self.relaxation, None)
        return most

    def _fewest_who_weigh(self, weight: int) -> int:
        """Fewer people than this cannot weigh as much together."""
        sums = accumulate(sorted(self.packing.weights, reverse=True), initial=0)
        return next((people for people, much in enumerate(sums) if much >= weight), 0)

    def _more_people(self, most: int) -> int:
        """The highest rank in whole sessions, where the relaxation promised more than was found; a bound on any."""
        self.packing.aim(self.relaxation, None)
        relaxed = self._relaxed(points=False, until=0.4)
        best = self._whole(relaxed, points=False, work=WORK_TO_SEAT, until=0.5)
        if best is None:
            return most
        self._keep(best, most)
        return min(most, self._closed(best, relaxed, most, points=False, until=0.5))

    def _best_points(self, rank: int) -> int | None:
        """Improve the points at a rank; their bound, or None where no whole sessions were found that have that rank."""
        if self._is_over(1):
            return None
        self.packing.aim(self.relaxation, rank)
        try:
            roughly = self._relaxed(points=True, until=0.5, every=False)
            first = self._whole(roughly, points=True, work=WORK_TO_SEAT, until=0.6)
            self._keep(first, rank)
            if first is None and self._rank < rank:
                return None
            relaxed = self._relaxed(points=True, until=0.8)
        except NoSolution:
            return None
        best = self._whole(relaxed, points=True, work=WORK_TO_IMPROVE, until=0.9)
        if best is None:
            return None
        self._keep(best, rank)
        return self._closed(best, relaxed, rank, points=True, until=1)

    def _closed(self, best: Best, relaxed: _Relaxed, rank: int, *, points: bool, until: float) -> int:
        """Close the gap as far as time allows: list what a better choice might need, choose again; the bound."""
        bound = max(best.worth, relaxed.bound)
        while best.worth < bound and not self._is_over(until):
            closer = self._with_all_within(relaxed, best.worth, points=points)
            last = closer and self._whole(closer, points=points, work=WORK_TO_FINISH, until=until)
            if not closer or not last:
                break
            self._keep(last, rank)
            bound = min(bound, max(last.worth, last.bound, closer.bound_of_unlisted))
            if last.worth <= best.worth:
                break
            best, relaxed = last, closer
        return bound

    # What they are made of

    def _relaxed(self, *, points: bool, until: float, every: bool = True) -> _Relaxed:
        """List sessions until none is worth more than its prices; unless ``every``, none that is found at a glance."""
        bound = most_points(self.problem) if points else self.packing.full_rank
        for _ in range(MOST_ROUNDS):
            prices = self._solve(points)
            found = self.rooms.columns(prices, points, WORTHWHILE, every=False)
            new = self._unlisted(found.columns)
            if not new and every:
                found = self.rooms.columns(prices, points, WORTHWHILE, every=True)
                new = self._unlisted(found.columns)
            unlisted = max(found.others, WORTHWHILE, *found.gains)
            bound = min(bound, self._bounded(prices, unlisted))
            self._heard(bound, points)
            if not new or bound == prices.bound // SCALE or self._is_over(until):
                break
            self._add(new[:MOST_ADDED])
        self.cut = self.cut or self._is_over(until)
        return _Relaxed(prices, unlisted, bound)

    def _bounded(self, prices: Prices, unlisted: int) -> int:
        return (prices.bound + self.rooms.most_sessions * max(0, unlisted)) // SCALE

    def _with_all_within(self, relaxed: _Relaxed, worth: int, *, points: bool) -> _Relaxed | None:
        """List every session that a better choice than this worth might need, or as many of them as there may be."""
        ceiling = (self._bounded(relaxed.prices, relaxed.unlisted) + 1) * SCALE
        for part in PARTS_OF_THE_GAP if points else (1,):
            slack = (ceiling - worth * SCALE) // part
            found = self.rooms.columns(relaxed.prices, points, -slack, every=True, most=MOST_LISTED)
            if found.others <= -slack:
                self._add(self._unlisted(found.columns))
                prices = priced_again(self.packing.choices, self._worth(points), relaxed.prices)
                return _Relaxed(prices, -slack, relaxed.bound, (ceiling - slack) // SCALE)
        return None

    def _add(self, columns: list[Column]) -> None:
        self.packing.add(columns)
        self.listed.update(columns)

    def _whole(self, relaxed: _Relaxed, *, points: bool, work: float, until: float) -> Best | None:
        """The best choice of whole sessions among those listed."""

        def report(value: int, bound: int) -> Progress:
            self._heard(min(bound, relaxed.bound), points, value)
            return self._progress("improving" if points else "matching")

        worth = self._worth(points)
        choices, known = self.packing.choices, self.seated
        prices = priced_again(choices, worth, relaxed.prices)
        if known is not None and not choices.kept_by(known):
            known = None
        seconds = self.search.time_limit
        try:
            best = among_the_best(
                choices, worth, prices, self.search, seconds * until, report, known=known, work=work * seconds
            )
        except NoSolution:
            return None
        self.cut = self.cut or (best is not None and best.cut)
        return best

    def _keep(self, best: Best | None, most: int) -> None:
        """Remember the best seating, and how many people any that weighs as much can have."""
        if best and not best.chosen & self.packing.unkept:
            before = self._rank_and_points(self.seated) if self.seated is not None else (-1, 0)
            if self._rank_and_points(best.chosen) > before:
                self.seated = best.chosen
        self.most_people = most_people(most, max(0, self._rank), self.packing.step, self.packing.weights)

    @property
    def _rank(self) -> int:
        return total(self.packing.rank, self.seated or ())

    def _rank_and_points(self, chosen: frozenset[int]) -> tuple[int, int]:
        return total(self.packing.rank, chosen), total(self.packing.points, chosen)

    def _worth(self, points: bool) -> list[int]:
        return self.packing.points if points else self.packing.rank

    def _solve(self, points: bool) -> Prices:
        return self.relaxation.solve(self._worth(points), self.search.time_limit - self.search.seconds)

    def _unlisted(self, columns: Iterable[Column]) -> list[Column]:
        return [column for column in columns if column not in self.listed]

    def _is_over(self, share: float) -> bool:
        return self.search.is_over(self.search.time_limit * share)

    # What is told

    def _heard(self, bound: int, points: bool, value: int = 0) -> None:
        if points:
            self.bound = bound
            self._report("improving", value)
        else:
            self._report("matching")

    def _report(self, phase: str, value: int = 0) -> None:
        self.search.report(self._progress(phase, value))

    def _progress(self, phase: str, value: int = 0) -> Progress:
        packing = self.packing
        matched = packing.people_in(self.seated or ())
        points = max(value, total(packing.points, self.seated or ()))
        bound = max(self.bound, points)
        return Progress(phase, self.search.seconds, points, bound, matched, max(matched, self.most_people))
