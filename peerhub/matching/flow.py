"""The best matching of a large graph where people may be matched half and half, and the price of each person.

A *fractional matching* gives each edge 0, a half or 1, and each person at most 1. It is an assignment in the double
cover of the graph: every person stands on a left side, to choose, and on a right side, to be chosen; who chooses
themselves stays alone. The best assignment falls into circles in which each chooses the next. Circles of two are pairs,
even circles are cut into pairs without loss, and only odd circles are truly half and half (Balinski 1965).

``Prices`` prove how good it is: as soon as the prices of any two people are together at least what their edge is worth,
no matching whatever can be worth more than all prices, for it takes each person at most once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peerhub.matching.aside import assigned, assigned_aside
from peerhub.matching.search import TooLarge

Numbers = NDArray[np.int64]

MOST_COST: Final = 1 << 61
ARCS_ASIDE: Final = 500_000  # from so many on, the assignment may take longer than a stop may wait


@dataclass(frozen=True)
class Edges:
    """Who could meet whom, each two once, with what it is worth."""

    one: Numbers
    other: Numbers
    worth: Numbers

    def __len__(self) -> int:
        return len(self.one)

    def where(self, chosen: NDArray[np.bool_]) -> "Edges":
        return Edges(self.one[chosen], self.other[chosen], self.worth[chosen])


NO_EDGES: Final = Edges(*(np.zeros(0, np.int64) for _ in range(3)))


def together(some: Sequence[Edges]) -> Edges:
    """All of these edges, each once: with the highest worth that any of them gives it."""
    one, other, worth = (np.concatenate([getattr(edges, end) for edges in some]) for end in ("one", "other", "worth"))
    order = np.lexsort((-worth, other, one))
    one, other, worth = one[order], other[order], worth[order]
    new = np.ones(len(one), bool)
    new[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return Edges(one[new], other[new], worth[new])


@dataclass(frozen=True)
class Fractional:
    """The best fractional matching: whom each person chooses, and twice the price of each.

    ``twice`` are whole numbers: no rounding can spoil what they prove.
    """

    chooses: Numbers
    twice: Numbers

    @property
    def most(self) -> int:
        """No matching of these edges is worth more."""
        return int(self.twice.sum()) // 2

    def circles(self) -> list[list[int]]:
        """The circles of people who choose one another, from the least place on; who is alone is a circle of one."""
        following = self.chooses.tolist()
        seen = [False] * len(following)
        circles = []
        for first in range(len(following)):
            circle = []
            person = first
            while not seen[person]:
                seen[person] = True
                circle.append(person)
                person = following[person]
            if circle:
                circles.append(circle)
        return circles


def most_worth(people: int) -> int:
    """What an edge may be worth at most: the solver counts costs times people, and prices up to people times that."""
    return int(MOST_COST // (people + 2) ** 2)


def fractional(people: int, edges: Edges) -> Fractional:
    """The best fractional matching of so many people.

    Raises:
        TooLarge: worths so large that their sums would not fit into 64 bits.
    """
    half = fractional_unless(people, edges, lambda: False)
    assert half is not None  # noqa: S101 - it is never over
    return half


def fractional_unless(people: int, edges: Edges, is_over: Callable[[], bool]) -> Fractional | None:
    """The best fractional matching, or None when it was over before that was found.

    Raises:
        TooLarge: worths so large that their sums would not fit into 64 bits.
    """
    if int(edges.worth.max(initial=0)) >= most_worth(people):
        raise TooLarge("the weights of this program are too large for so many people; use smaller ones")
    alone = np.arange(people)
    left = np.concatenate([edges.one, edges.other, alone])
    right = np.concatenate([edges.other, edges.one, alone])
    worth = np.concatenate([edges.worth, edges.worth, np.zeros(people, np.int64)])
    order = np.argsort(left, kind="stable")
    left, right, worth = left[order], right[order], worth[order]
    if len(left) < ARCS_ASIDE:
        chooses = assigned(people, left, right, -worth)
    elif (found := assigned_aside(people, left, right, -worth, is_over)) is None:
        return None
    else:
        chooses = found
    return Fractional(chooses, _twice_the_prices(left, right, worth, chooses))


def greedy(people: int, edges: Edges) -> Numbers:
    """Whom each person is with when those pairs come first that are the best for both; themselves for who is left."""
    mates = np.arange(people)
    order = np.argsort(-edges.worth, kind="stable")
    one, other = edges.one[order], edges.other[order]
    while len(one):
        rank = np.arange(len(one))
        best = np.full(people, len(one))
        np.minimum.at(best, one, rank)
        np.minimum.at(best, other, rank)
        chosen = (best[one] == rank) & (best[other] == rank)
        mates[one[chosen]], mates[other[chosen]] = other[chosen], one[chosen]
        free = (mates[one] == one) & (mates[other] == other)
        one, other = one[free], other[free]
    return mates


def _twice_the_prices(left: Numbers, right: Numbers, worth: Numbers, chooses: Numbers) -> Numbers:
    """What choosing and being chosen cost each person together, such that no arc is worth more than its two ends.

    Whoever is chosen costs what their chooser's arc is worth, less what the chooser pays. So an arc from one person to
    another says: to choose costs at least as much as for the chooser of the other, plus what the arc is worth more.
    Prices are raised until all of this holds; the assignment is the best, so no circle can raise itself for ever.
    """
    people = len(chooses)
    if not people:
        return np.zeros(0, np.int64)
    chooser = np.empty(people, np.int64)
    chooser[chooses] = np.arange(people)
    taken = np.zeros(people, np.int64)
    kept = chooses[left] == right
    taken[left[kept]] = worth[kept]
    before = chooser[right]
    more = worth - taken[before]
    first = np.searchsorted(left, np.arange(people))
    to_choose = taken // 2
    for _ in range(people + 1):
        raised = np.maximum.reduceat(to_choose[before] + more, first)
        if (raised <= to_choose).all():
            break
        np.maximum(to_choose, raised, out=to_choose)
    to_be_chosen = np.empty(people, np.int64)
    to_be_chosen[chooses] = taken - to_choose
    return to_choose + to_be_chosen
