"""From circles of people who choose one another to whole pairs and, where nothing else helps, a trio or somebody alone.

Even circles are cut into pairs. An odd circle has one person too many: they ask for somebody, whose partner asks for
another, until this chain ends with the one too many of another circle. What a chain loses is the *slack* of its new
pairs: how much less each is worth than the prices of its two people, which is what the proven bound counts for them.
So the chain that loses least is the shortest path in a graph of slacks (Dijkstra), mostly a step or two long.

A chain may also end with a pair that lets the person join as a third, or with somebody who is left alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

import numpy as np

from peerhub.matching.flow import Edges, Fractional, Numbers

ALONE: Final = -1
NOBODY: Final = -1
MOST_ASKED: Final = 40  # people at the ends of chains who look for a pair to join


@dataclass(frozen=True)
class Trio:
    """Somebody who joins a pair, and twice what that loses against the prices."""

    people: tuple[int, int, int]
    loses: int


@dataclass(frozen=True)
class Chain:
    """The one too many, whom each asks for and who is thereby free; and how it ends."""

    loses: int
    last: int  # the person who is free at the end
    joins: int = NOBODY  # somebody who was free as well
    trio: Trio | None = None


JoinPair = Callable[[int, Numbers, Numbers], Trio | None]


class Matching:
    """Who is with whom, on the way from circles to pairs."""

    def __init__(self, edges: Edges, half: Fractional, join: JoinPair, least_for_a_trio: int) -> None:
        """``join`` finds the best pair of some for a third; no trio ever loses less than ``least_for_a_trio``."""
        self.twice = half.twice.tolist()
        self.mate = [ALONE] * len(self.twice)
        self.trios: list[Trio] = []
        self._join = join
        self._least_for_a_trio = least_for_a_trio
        self._circle: dict[int, list[int]] = {}  # of each person of an odd circle, until it is mended
        self._list(edges)
        for circle in half.circles():
            if len(circle) % 2 == 0:
                self._pair_up(circle)
            elif len(circle) > 1:
                self._circle.update(dict.fromkeys(circle, circle))

    def _list(self, edges: Edges) -> None:
        """For each person whom they could meet, and the slack of both."""
        people = len(self.twice)
        one, other = np.concatenate([edges.one, edges.other]), np.concatenate([edges.other, edges.one])
        worth = np.concatenate([edges.worth, edges.worth])
        twice = np.array(self.twice, np.int64)
        slack = twice[one] + twice[other] - 2 * worth
        order = np.lexsort((other, one))
        self._first = np.searchsorted(one[order], np.arange(people + 1)).tolist()
        self._other = other[order].tolist()
        self._slack = slack[order].tolist()

    def _near(self, person: int) -> Iterator[tuple[int, int]]:
        first, last = self._first[person], self._first[person + 1]
        return zip(self._other[first:last], self._slack[first:last], strict=True)

    def _pair_up(self, circle: list[int]) -> None:
        for one, other in zip(circle[::2], circle[1::2], strict=True):
            self.mate[one], self.mate[other] = other, one

    @property
    def pairs(self) -> list[tuple[int, int]]:
        in_trios = {person for trio in self.trios for person in trio.people}
        return [
            (one, other)
            for one, other in enumerate(self.mate)
            if one < other and one not in in_trios and other not in in_trios
        ]

    @property
    def broken(self) -> list[list[int]]:
        """The odd circles that are not mended."""
        return [circle for person, circle in self._circle.items() if person == circle[0]]

    def mend_next(self) -> bool:
        """Mend one odd circle, maybe with another; False when there was none."""
        if not self._circle:
            return False
        circle = next(iter(self._circle.values()))
        chain, came_from = self._shortest(circle)
        self._follow(chain, came_from)
        return True

    def leave_one_out(self) -> None:
        """Mend all odd circles at once, each by leaving out the person with the least price: for want of time."""
        for circle in self.broken:
            self._open(circle, min(circle, key=self.twice.__getitem__))

    def seat_who_is_alone(self, person: int) -> bool:
        """Let somebody who is alone join a pair, whatever it loses."""
        trio = self._join(person, *self._whole_pairs(frozenset()))
        if trio is None:
            return False
        self._seat(trio)
        return True

    def _seat(self, trio: Trio) -> None:
        self.trios.append(trio)
        for person in trio.people:
            self.mate[person] = ALONE

    @property
    def alone(self) -> list[int]:
        in_trios = {person for trio in self.trios for person in trio.people}
        return [p for p, mate in enumerate(self.mate) if mate == ALONE and p not in self._circle and p not in in_trios]

    def _shortest(self, circle: list[int]) -> tuple[Chain, dict[int, tuple[int, int]]]:
        """The chain that loses least, and for each person it frees: who asked, and for whom."""
        mine = self._circle[circle[0]]
        in_trios = {person for trio in self.trios for person in trio.people}
        came_from: dict[int, tuple[int, int]] = {}
        loses = dict.fromkeys(circle, 0)
        best = Chain(min(self.twice[person] for person in circle), min(circle, key=self.twice.__getitem__))
        heap = [(0, person) for person in circle]
        settled: list[int] = []
        done = set()
        asked_for_trios = False
        while heap and heap[0][0] < best.loses:
            so_far, person = heappop(heap)
            if person in done:
                continue
            if so_far >= self._least_for_a_trio and not asked_for_trios:
                asked_for_trios = True
                best = self._with_a_trio(best, settled, came_from, loses)
            done.add(person)
            settled.append(person)
            if so_far + self.twice[person] < best.loses:
                best = Chain(so_far + self.twice[person], person)
            for other, slack in self._near(person):
                if other in in_trios or self._circle.get(other) is mine:
                    continue
                now = so_far + max(0, slack)
                mate = self.mate[other]
                if mate == ALONE:  # one too many of another circle, or really alone
                    if now < best.loses:
                        best = Chain(now, person, other)
                elif mate not in done and now < loses.get(mate, best.loses) and not self._met(came_from, person, mate):
                    loses[mate] = now
                    came_from[mate] = person, other
                    heappush(heap, (now, mate))
        if not asked_for_trios and best.loses > self._least_for_a_trio:
            best = self._with_a_trio(best, settled, came_from, loses)
        return best, came_from

    def _met(self, came_from: dict[int, tuple[int, int]], person: int, mate: int) -> bool:
        """Whether the chain to a person already goes through somebody or their partner."""
        partner = self.mate[mate]
        while person in came_from:
            if person in (mate, partner):
                return True
            person = came_from[person][0]
        return False

    def _with_a_trio(
        self, best: Chain, settled: list[int], came_from: dict[int, tuple[int, int]], loses: dict[int, int]
    ) -> Chain:
        for person in settled[:MOST_ASKED]:
            on_the_way = {person}
            here = person
            while here in came_from:
                here = came_from[here][0]
                on_the_way.add(here)
            pairs = self._whole_pairs(frozenset(on_the_way), self._circle.get(here), here)
            trio = self._join(person, *pairs)
            if trio and loses[person] + trio.loses < best.loses:
                best = Chain(loses[person] + trio.loses, person, trio=trio)
        return best

    def _whole_pairs(
        self, without: frozenset[int], circle: list[int] | None = None, free: int = NOBODY
    ) -> tuple[Numbers, Numbers]:
        """All pairs that somebody could join: none that a chain takes apart; with those of the chain's own circle."""
        pairs = [(one, other) for one, other in self.pairs if one not in without and other not in without]
        if circle:
            rest = self._after(circle, free)
            pairs += list(zip(rest[::2], rest[1::2], strict=True))
        both = np.array(pairs, np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def _after(self, circle: list[int], person: int) -> list[int]:
        """The others of a circle in order, from the one after the person."""
        here = circle.index(person)
        return circle[here + 1 :] + circle[:here]

    def _open(self, circle: list[int], free: int) -> None:
        """Pair up a circle without one of its people."""
        self._pair_up(self._after(circle, free))
        self.mate[free] = ALONE
        for person in circle:
            del self._circle[person]

    def _follow(self, chain: Chain, came_from: dict[int, tuple[int, int]]) -> None:
        here = chain.last
        if chain.joins != NOBODY and chain.joins in self._circle:
            self._open(self._circle[chain.joins], chain.joins)
        steps = []
        while here in came_from:
            steps.append(came_from[here])
            here = came_from[here][0]
        self._open(self._circle[here], here)
        for one, other in steps:
            self.mate[one], self.mate[other] = other, one
        self.mate[chain.last] = ALONE
        if chain.joins != NOBODY:
            self.mate[chain.last], self.mate[chain.joins] = chain.joins, chain.last
        if chain.trio:
            self._seat(chain.trio)
