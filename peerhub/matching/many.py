"""Buddies for a large round: pairs by the best fractional matching, mended to whole ones, with a proven bound.

1. ``graph`` draws a few promising partners for each person, and ``flow`` finds the best fractional matching of these,
   with a price for each person.
2. Every pair that was left out is held against the prices: if it is worth at most the prices of both, it could not make
   the matching better. A quick estimate, never too low, settles nearly all of them in blocks; those that are worth more
   join the graph, and the matching is found again. When none is left, the prices prove a bound for the whole graph.
   Where the time is up before that, each price is raised by what its worst pair exceeds it, which proves a bound too.
3. ``mending`` turns odd circles into pairs, and one trio where somebody is left over.

*Both wishes at once.* A pair is worth its points, and for each of its two people their weight (1 and their ``owed``)
times ``step``, which is more than all points that any proposal has. So the most worth is the highest matched weight
and, at that weight, the most points. Sets of people that can be matched fractionally form a matroid, so a set of the
highest weight is also one of the most people.

*Trios in the bound.* What three people are worth is at most half of what their three twos are worth, when each two
counts at least its share of a trio (``Crowd.share_of_a_trio``). So a matching with trios is worth at most a fractional
matching, in which each two of a trio count half, and the prices bound it too. Where two people could only meet with
a third, their share stands in the graph of the bound alone.

*Fewer matched than the bound.* When only a weight R was reached, the bound on points is for proposals of weight R: any
number t taken off ``step`` gives prices that are t times the weight lower, but not below zero, and hence a bound; the
least of them all is used (Lagrange).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, reduce
from itertools import combinations
from operator import or_
from typing import Final

import numpy as np

from peerhub.matching import packing
from peerhub.matching.bargains import bargains
from peerhub.matching.finishing import NO_TRIO, Group, Left, Losses, TooMany
from peerhub.matching.flow import (
    NO_EDGES,
    Edges,
    Fractional,
    Numbers,
    fractional_unless,
    greedy,
    most_worth,
    together,
)
from peerhub.matching.graph import NEVER, Crowd
from peerhub.matching.hours import pinned_start, span_at
from peerhub.matching.mending import Matching, Trio
from peerhub.matching.packing import Column, Packing, fit_at_once
from peerhub.matching.pinning import sharing_people
from peerhub.matching.preferences import most_points_of_a_seat, points_of
from peerhub.matching.problem import Pin, Problem
from peerhub.matching.proposal import PlannedSession, Progress
from peerhub.matching.rules import broken_rules_of_sessions
from peerhub.matching.search import CannotHold, Found, Search, most_people, weights_of

FIRST_PARTNERS: Final = 12  # for each person, to begin with
LOOKED_AT: Final = 4  # times as many are counted exactly
SAMPLE: Final = 2_000  # people among whom the first partners are sought
MORE_PARTNERS: Final = 8  # that a person gets at most from one round of prices
GROUPS_AT_ONCE: Final = 2_000
MOST_THIRDS: Final = 200  # that are tried for two pinned people who cannot be a pair
QUICK_LOOKS: Final = ((1, 8), (2, 1))  # at the best of each row, at one start of so many: first rough, then finer
FULL_LOOK: Final = (None, 1)
SHARE_FOR_PRICES: Final = 0.7  # of the time limit


def can_match(problem: Problem) -> bool:
    """Whether this way is open: pairs and a trio for the odd one out, once each, none in the way of another."""
    program = problem.program
    return (
        program.smallest == program.ideal == 2
        and program.largest <= 3
        and program.facilitators_per_session == 0
        and fit_at_once(problem) is None
        and all(person.most_sessions <= 1 for person in problem.participants)
        and all(len(pin.people) in (2, 3) and not pin.facilitators for pin in problem.pinned)
    )


def can_hold(problem: Problem) -> bool:
    """Whether all pins can be kept together."""
    try:
        Round(problem, Search(math.inf))
    except CannotHold:
        return False
    return True


def best(problem: Problem, search: Search) -> Found:
    """The highest matched weight, then the most people, then the most points, each as far as there was time.

    Raises:
        CannotHold: not all pins can be kept.
        TooLarge: more people than fit into memory.
    """
    return Round(problem, search).found()


class Round:
    """One large round on its way from everyone to a proposal."""

    def __init__(self, problem: Problem, search: Search) -> None:
        self.problem = problem
        self.search = search
        self.crowd = Crowd(problem)
        self.weights = np.array(list(weights_of(problem).values()), np.int64)
        self.step = self._step()
        self.cut = False
        self.until = search.time_limit * SHARE_FOR_PRICES
        self.pinned = self._pinned()

    def _step(self) -> int:
        """More than the points of any proposal; or as much as 64 bits allow, which is still those of thousands."""
        each = most_points_of_a_seat(self.problem.program)
        room = most_worth(len(self.weights)) // (2 * int(self.weights.max(initial=1))) - 4 * each
        return max(2 * each, min(1 + len(self.weights) * each, room))

    def found(self) -> Found:
        self.search.report(Progress("matching", self.search.seconds))
        if not self.pinned and not self.crowd.can_come.any():
            return Found((), 0, 0, cut=False)
        self.edges = self._first_edges()
        self.half = self.bounding = self._in_haste(self.edges)
        self.lacking = np.zeros(self.crowd.count, np.int64)
        self._tell(self.half)
        half = self._solved(self.edges)
        if half is not None:
            self._tell(half)
            self._find_prices(half)
            self._tell(None)
        return self._finished(self.sessions_of(self._mended()))

    def _find_prices(self, half: Fractional) -> None:
        self.half, self.edges, self.lacking = self._priced(half, self.edges, with_thirds=False)
        self.bounding = self.half
        self.in_haste = False
        if self.thirds_matter:
            self.bounding, _, self.lacking = self._priced(self.half, self.edges, with_thirds=True)

    def _solved(self, edges: Edges) -> Fractional | None:
        """The best fractional matching of these edges; None when the time was up before."""
        return fractional_unless(self.crowd.count, edges, lambda: self.is_over(self.until))

    def _in_haste(self, edges: Edges) -> Fractional:
        """The pairs that come first to mind, with prices that hold whatever pairs there are."""
        self.in_haste = True
        return Fractional(greedy(self.crowd.count, edges), self._highest_prices)

    def _tell(self, half: Fractional | None) -> None:
        """What is known so far: a bound for everybody who can be matched, and the pairs that are the best yet.

        Of each odd circle one person is left out, for want of time.
        """
        prices = self._prices
        most_weight = self._most_weight(prices)
        bound, most = self._most_points(prices, most_weight), self._most_people(most_weight, most_weight)
        last = self.search.last
        progress = Progress("improving", self.search.seconds, last.points, max(last.points, bound), last.matched, most)
        if half is None:
            self.search.report(progress)
            return
        pairs = [two for circle in half.circles() for two in zip(circle[::2], circle[1::2], strict=False)]
        found = self._found(self._sessions_beside_pins(pairs, []))
        points, matched = self._points_and_people(found)
        self.search.report(replace(progress, points=points, bound=max(points, bound), matched=matched), found)

    def is_over(self, until: float) -> bool:
        over = self.search.is_over(until)
        self.cut = self.cut or over
        return over

    # Partners and prices

    def worth(self, one: Numbers, other: Numbers, points: Numbers) -> Numbers:
        return np.where(points >= 0, points + self.step * (self.weights[one] + self.weights[other]), NEVER)

    def _edges(self, one: Numbers, other: Numbers, *, with_thirds: bool = False) -> Edges:
        """Those of these pairs that can be, with their worth."""
        points = self.crowd.points_of(one, other)
        if with_thirds:
            shared = self.crowd.points_of(one, other, with_a_third=True)
            shared = np.where(shared >= 0, np.maximum(0, shared + self.crowd.share_of_a_trio), NEVER)
            points = np.maximum(points, shared)
        edges = Edges(np.minimum(one, other), np.maximum(one, other), self.worth(one, other, points))
        return edges.where(edges.worth >= 0)

    def _first_edges(self) -> Edges:
        """Each person's most promising partners, and every two who know each other."""
        known = self._edges(*self.crowd.known_pairs)
        edges = together([known, *self._likely_edges()])
        return together([self._best_of_each(edges, self._special(edges), FIRST_PARTNERS), self._pinned_edges()])

    def _special(self, edges: Edges) -> Numbers:
        """How much more the points of an edge are than is usual for both: who is dear to all is dear to nobody."""
        points = edges.worth - self.step * (self.weights[edges.one] + self.weights[edges.other])
        ends, twice = np.concatenate([edges.one, edges.other]), np.concatenate([points, points])
        sums = np.bincount(ends, twice, self.crowd.count).astype(np.int64)
        usual = sums // np.maximum(1, np.bincount(ends, minlength=self.crowd.count))
        return np.asarray(points - usual[edges.one] - usual[edges.other])

    def _likely_edges(self) -> Iterator[Edges]:
        partners = FIRST_PARTNERS * LOOKED_AT
        for one, other in self.crowd.likely_partners(partners, SAMPLE, self.search.seed):
            yield self._edges(one, other)
            if self.is_over(self.until):
                return

    def _best_of_each(self, edges: Edges, good: Numbers, most: int) -> Edges:
        """The edges that are among the best of at least one of their two people."""
        keep = np.zeros(len(edges), bool)
        for end in (edges.one, edges.other):
            order = np.lexsort((-good, end))
            starts = np.searchsorted(end[order], np.arange(self.crowd.count))
            place = np.arange(len(order)) - starts[end[order]]
            keep[order[place < most]] = True
        return edges.where(keep)

    def _priced(self, half: Fractional, edges: Edges, *, with_thirds: bool) -> tuple[Fractional, Edges, Numbers]:
        """The best fractional matching whose prices hold for all pairs, its edges, and what prices still lack."""
        looks = iter(() if with_thirds else QUICK_LOOKS)
        while True:
            look = next(looks, FULL_LOOK)
            more, lacking = self._dearer(half, look, with_thirds=with_thirds)
            is_over = self.is_over(self.until)
            if is_over and (look != FULL_LOOK or lacking is None):
                return half, edges, self._highest_prices - half.twice
            if lacking is not None and (is_over or (look == FULL_LOOK and not len(more))):
                return half, edges, lacking
            grown = together([edges, more])
            solved = self._solved(grown) if len(more) else half
            if solved is None:
                return half, edges, self._highest_prices - half.twice if lacking is None else lacking
            half, edges = solved, grown

    def _dearer(
        self, half: Fractional, look: tuple[int | None, int], *, with_thirds: bool
    ) -> tuple[Edges, Numbers | None]:
        """Pairs that are worth more than the prices of both; and by how much each person's price would have to rise.

        That is known only after a full look that nothing cut short.
        """
        lacking = np.zeros(self.crowd.count, np.int64)
        dearer = [NO_EDGES]
        for one, other in self._may_be_dearer(half, look, with_thirds=with_thirds):
            if len(one):
                some = self._edges(one, other, with_thirds=with_thirds)
                some = some.where(self._excess(half, some) > 0)
                np.maximum.at(lacking, some.one, self._excess(half, some))
                dearer.append(some)
            if self.is_over(self.until):
                return NO_EDGES, None
        found = together(dearer)
        best = self._best_of_each(found, self._excess(half, found), MORE_PARTNERS)
        return best, lacking if look == FULL_LOOK else None

    @cached_property
    def _highest_prices(self) -> Numbers:
        """Twice the prices that hold whomever somebody meets: all that each could add themselves."""
        crowd = self.crowd
        most = crowd.terms.of_size(2) + 2 * crowd.most_alone + max(0, crowd.share_of_a_trio)
        prices = 2 * self.step * self.weights + np.maximum(0, most)
        for session in self.pinned:
            people = [crowd.terms.places[person] for person in session.people]
            prices[people] = np.maximum(prices[people], 2 * (self.step * self.weights[people] + session.points))
        return np.where(crowd.can_come | crowd.pinned, prices, 0)

    def _excess(self, half: Fractional, edges: Edges) -> Numbers:
        return 2 * edges.worth - half.twice[edges.one] - half.twice[edges.other]

    def _may_be_dearer(
        self, half: Fractional, look: tuple[int | None, int], *, with_thirds: bool
    ) -> Iterator[tuple[Numbers, Numbers]]:
        yield self.crowd.known_pairs
        room = 2 * self.step * self.weights - half.twice + (max(0, self.crowd.share_of_a_trio) if with_thirds else 0)
        most, every = look
        yield from bargains(self.crowd, room, with_a_third=with_thirds, most=most, every=every)

    @cached_property
    def thirds_matter(self) -> bool:
        """Whether anything could be worth more with a third than it shows as a pair."""
        crowd = self.crowd
        return self.problem.program.largest >= 3 and (
            not crowd.one_grid
            or crowd.share_of_a_trio > 0
            or bool((crowd.in_trios & ~crowd.in_pairs).any())
            or crowd.roles_are_required
        )

    # Whole pairs and trios

    def _mended(self) -> Matching:
        matching = Matching(self.edges, self.half, self._best_to_join, self._least_for_a_trio)
        while matching.mend_next():
            if self.is_over(self.search.time_limit):
                matching.leave_one_out()
        if self.problem.program.largest >= 3:
            for person in sorted(matching.alone, key=lambda place: (-self.weights[place], place)):
                if (
                    self.crowd.in_trios[person]
                    and not self.crowd.pinned[person]
                    and not self.is_over(self.search.time_limit)
                ):
                    matching.seat_who_is_alone(person)
        return matching

    @property
    def _least_for_a_trio(self) -> int:
        if self.problem.program.largest < 3:
            return 1 << 62
        return max(0, -3 * self.crowd.share_of_a_trio)

    def _best_to_join(self, person: int, one: Numbers, other: Numbers) -> Trio | None:
        """The best of these pairs for a third; None where no pair can take them."""
        me = np.full(len(one), person)
        shares = [self.crowd.points_of(me, two, with_a_third=True) for two in (one, other)]
        may = np.flatnonzero((shares[0] >= 0) & (shares[1] >= 0) & ~self.crowd.pinned[one])
        twice = self.half.twice
        cheap = (
            2 * (shares[0] + shares[1])
            - twice[one]
            - twice[other]
            + 2 * self.step * (self.weights[one] + self.weights[other])
        )
        may = may[np.argsort(-cheap[may], kind="stable")]
        for chosen in _in_blocks(may):
            trios = np.column_stack([me[chosen], one[chosen], other[chosen]])
            points = self.crowd.points_of_trios(trios)
            if (points < 0).all():
                continue
            worth = 2 * points + 2 * self.step * self.weights[trios].sum(axis=1)
            loses = np.where(points >= 0, twice[trios].sum(axis=1) - worth, np.iinfo(np.int64).max)
            least = int(loses.argmin())
            a, b, c = trios[least].tolist()
            return Trio((a, b, c), int(loses[least]))
        return None

    def sessions_of(self, matching: Matching) -> tuple[PlannedSession, ...]:
        return self._sessions_beside_pins(matching.pairs, [trio.people for trio in matching.trios])

    def _sessions_beside_pins(self, pairs: Sequence[Group], trios: Sequence[Group]) -> tuple[PlannedSession, ...]:
        """The sessions that are pinned, and then one for each pair and trio of the others."""
        taken = np.zeros(self.crowd.count, bool)
        taken[[self.crowd.terms.places[person] for session in self.pinned for person in session.people]] = True
        sessions = list(self.pinned)
        for size, groups in ((2, pairs), (3, trios)):
            rows = np.array(groups, np.int64).reshape(-1, size)
            sessions += self._sessions(rows[~taken[rows].any(axis=1)])
        return tuple(sessions)

    def _sessions(self, groups: Numbers, pins: tuple[Pin, ...] = ()) -> Iterator[PlannedSession]:
        """Each group at its best hour, or when pins want it, and by its best medium; the first of several as good."""
        eases, mediums = self.crowd.mediums_of(groups)
        whats = iter(eases.argmax(axis=0).tolist())
        pinned = reduce(or_, (pinned_start(self.problem, pin) for pin in pins), 0)
        for some in _in_blocks(groups):
            whens = self.crowd.starts[self.crowd.hours_of(some).argmax(axis=1)].tolist()
            for group, when in zip(some.tolist(), whens, strict=True):
                people = tuple(self.problem.participants[place].id for place in sorted(group))
                start = pinned.bit_length() - 1 if pinned else when
                yield PlannedSession(people, span_at(self.problem, start), mediums[next(whats)])

    # Pins

    def _pinned(self) -> tuple[PlannedSession, ...]:
        """A session for the people of each pin, and of all pins that share people with it."""
        return tuple(self._pinned_session(pins) for pins in sharing_people(self.problem.pinned))

    def _pinned_session(self, pins: tuple[Pin, ...]) -> PlannedSession:
        places = sorted({self.crowd.terms.places[person] for pin in pins for person in pin.people})
        alone = replace(self.problem, pinned=pins)
        for group in self._groups_with(places):
            for session in self._sessions(group[None, :], pins):
                if not broken_rules_of_sessions(alone, [session]):
                    return replace(session, points=points_of(self.problem, session))
        raise CannotHold

    def _groups_with(self, places: list[int]) -> Iterator[Numbers]:
        """The people alone; or where two cannot be a pair, with the best third who is not pinned elsewhere."""
        yield np.array(places, np.int64)
        if len(places) == 2 and self.problem.program.largest >= 3:
            thirds = np.flatnonzero(self.crowd.can_come & ~self.crowd.pinned)
            trios = np.column_stack([np.tile(places, (len(thirds), 1)), thirds])
            points = np.concatenate([np.zeros(0, np.int64), *map(self.crowd.points_of_trios, _in_blocks(trios))])
            yield from trios[np.argsort(-points, kind="stable")[:MOST_THIRDS]]

    def _pinned_edges(self) -> Edges:
        """Each pinned session as a pair, or as three halves of which two count at least as much."""
        edges = [NO_EDGES]
        for session in self.pinned:
            places = sorted(self.crowd.terms.places[person] for person in session.people)
            points = session.points if len(places) == 2 else -(-2 * session.points // 3)
            one, other = np.array(list(combinations(places, 2)), np.int64).T
            edges.append(Edges(one, other, self.worth(one, other, np.full(len(one), points))))
        return together(edges)

    # What is proven

    def _finished(self, sessions: tuple[PlannedSession, ...]) -> Found:
        """The best choice among all that could still be better, where that is not too much to choose from."""
        found = self._found(sessions)
        points, matched = self._points_and_people(found)
        bound, most = max(points, found.bound), found.matched_bound
        self.search.report(Progress("improving", self.search.seconds, points, bound, matched, most), found)
        if self.in_haste or self.pinned or self.is_over(self.search.time_limit):
            return found
        places = self.crowd.terms.places
        groups = [tuple(sorted(places[person] for person in session.people)) for session in sessions]
        loses = int(self._prices.sum()) - self._worth_twice(groups)
        if loses <= self._losses.least(self._prices):
            return found
        try:
            left = self._losses.left(groups, loses)
            better = self._chosen_exactly(left)
        except TooMany:
            return found
        kept = [group for group in groups if group[0] not in set(left.people)]
        finished = kept + better
        if self._worth_twice(finished) < self._worth_twice(groups):
            return found
        best = self._found(tuple(self._sessions_of(finished)))
        return replace(best, bound=int(self.points_of(finished).sum()))

    def _points_and_people(self, found: Found) -> tuple[int, int]:
        places = self.crowd.terms.places
        others = found.sessions[len(self.pinned) :]
        points = sum(session.points for session in self.pinned)
        points += int(self.points_of([tuple(places[person] for person in one.people) for one in others]).sum())
        return points, sum(len(session.people) for session in found.sessions)

    def _chosen_exactly(self, left: Left) -> list[Group]:
        """The best of these groups.

        Raises:
            TooMany: it was not proven that they are the best.
        """
        people = {place: n for n, place in enumerate(left.people)}
        few = replace(self.problem, participants=tuple(self.problem.participants[place] for place in left.people))
        columns = [
            Column(tuple(people[place] for place in group), 0, "", points)
            for group, points in zip(left.groups, self.points_of(left.groups).tolist(), strict=True)
        ]
        among = Packing(few, 0)
        among.add(columns)
        rest = Search(max(0.1, self.search.time_limit - self.search.seconds), seed=self.search.seed)
        rest.should_stop = lambda: self.is_over(self.search.time_limit)
        found = packing.best(among, rest)
        ids = self.crowd.terms.places
        chosen = [tuple(sorted(ids[person] for person in session.people)) for session in found.sessions]
        if found.cut or found.bound > sum(session.points for session in found.sessions):
            raise TooMany
        return chosen

    def _worth_twice(self, groups: Sequence[Group]) -> int:
        people = [place for group in groups for place in group]
        return 2 * int(self.points_of(groups).sum()) + 2 * self.step * int(self.weights[people].sum())

    def points_of(self, groups: Sequence[Group]) -> Numbers:
        """The points of each pair and trio."""
        points = np.zeros(len(groups), np.int64)
        sizes = np.array([len(group) for group in groups], np.int64)
        for size in (2, 3):
            some = np.flatnonzero(sizes == size)
            rows = np.array([groups[n] for n in some.tolist()], np.int64).reshape(-1, size)
            for here, block in zip(_in_blocks(some), _in_blocks(rows), strict=True):
                points[here] = self.crowd.points_of(*block.T) if size == 2 else self.crowd.points_of_trios(block)
        return points

    def _sessions_of(self, groups: Iterable[Group]) -> Iterator[PlannedSession]:
        by_size: dict[int, list[Group]] = {2: [], 3: []}
        for group in groups:
            by_size[len(group)].append(group)
        for size, some in by_size.items():
            yield from self._sessions(np.array(some, np.int64).reshape(-1, size))

    @property
    def _prices(self) -> Numbers:
        """Twice the prices that hold for everybody, as far as they are known."""
        return self.bounding.twice + self.lacking

    @cached_property
    def _losses(self) -> Losses:
        """Asked for only when the prices are found."""
        return Losses(self, self._prices)

    def _found(self, sessions: tuple[PlannedSession, ...]) -> Found:
        places = self.crowd.terms.places
        seated = np.array([places[person] for session in sessions for person in session.people], np.int64)
        weight = int(self.weights[seated].sum())
        bound, most = (
            self._most_points(self._prices, weight),
            self._most_people(self._most_weight(self._prices), weight),
        )
        return Found(sessions, bound, most, self.cut)

    def _most_weight(self, prices: Numbers) -> int:
        """No proposal has a higher matched weight; ``prices`` are twice the prices.

        Rounded to half steps, the prices still hold for the weights alone, for what is rounded off both of two people
        is together less than half a step.
        """
        halves = (prices + self.step // 2) // self.step
        alone = int(halves[self.crowd.can_come].min(initial=NO_TRIO)) if self._someone_is_left_out else 0
        return min(int(prices.sum()) // self.step, int(halves.sum()) - alone) // 2

    @property
    def _someone_is_left_out(self) -> bool:
        """Whether pairs alone can never seat everybody."""
        return self.problem.program.largest < 3 and not self.pinned and int(self.crowd.can_come.sum()) % 2 == 1

    def _most_people(self, most_weight: int, weight: int) -> int:
        """How many people any proposal matches that has at least this matched weight."""
        matched = self.bounding.chooses != np.arange(self.crowd.count)
        most = int((self.crowd.can_come if self.in_haste or self.lacking.any() else matched).sum())
        step = len(self.weights) + 1
        most = min(most, most_people(most_weight * step + most, weight * step, step, self.weights.tolist()))
        return most - most % 2 if self.problem.program.largest < 3 else most

    def _most_points(self, prices: Numbers, weight: int) -> int:
        """The least bound on the points of proposals that have this matched weight; ``prices`` are twice the prices."""
        each = prices // self.weights
        order = np.argsort(-each, kind="stable")
        enough = int(np.searchsorted(np.cumsum(self.weights[order]), weight))
        off = int(each[order[min(enough, len(order) - 1)]]) if len(order) else 0
        taken_off = (0, off, off + 1)
        return max(0, min(self._bound(prices, weight, much) for much in taken_off) // 2)

    def _bound(self, prices: Numbers, weight: int, off: int) -> int:
        lower = np.maximum(0, prices - off * self.weights)
        loses = 0 if self.in_haste else self._losses.least(lower)
        return int(lower.sum()) - loses + (off - 2 * self.step) * weight


def _in_blocks(groups: Numbers) -> Iterator[Numbers]:
    return (groups[first : first + GROUPS_AT_ONCE] for first in range(0, len(groups), GROUPS_AT_ONCE))
