"""The last step of a large round: the few pairs and trios that could still bring it to its bound, chosen exactly.

Against the prices every pair and trio *loses* something, nobody alone loses less than their price, and what a proposal
is worth is all prices less what its sessions and its people alone lose. So whatever loses as much as our whole proposal
is in no better one (reduced-cost fixing), and the rest is mostly so little that it can be listed and solved exactly.
People whose part of the list holds together without a loss are as well off as can be, and are left as they are.

Where the number of people is odd, any proposal has a trio or somebody alone: it loses at least the least of these, and
all others together only what is left. Numbers are twice the points, as the prices are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from peerhub.matching.bargains import bargains
from peerhub.matching.flow import NO_EDGES, Edges, together
from peerhub.matching.terms import Numbers

if TYPE_CHECKING:
    from peerhub.matching.many import Round

MOST_LISTED: Final = 20_000  # pairs, and as many trios, that are chosen from exactly
NO_TRIO: Final = 1 << 60

Group = tuple[int, ...]


class TooMany(Exception):
    """More pairs or trios could matter than can be chosen from exactly."""


@dataclass(frozen=True)
class Left:
    """What could be in a better proposal: people, by their places, whom the groups that we have do not serve best."""

    people: tuple[int, ...]
    groups: tuple[Group, ...]


class Losses:
    """What pairs, trios and people alone lose against the prices."""

    def __init__(self, a_round: "Round", prices: Numbers) -> None:
        self.round = a_round
        self.crowd = a_round.crowd
        self.prices = prices
        self.room = 2 * a_round.step * a_round.weights - prices
        self.share = self.crowd.share_of_a_trio
        self.least_two: int = self._least_two()

    @property
    def is_odd(self) -> bool:
        """Whether any proposal has a trio or somebody alone."""
        return not self.round.pinned and int(self.crowd.can_come.sum()) % 2 == 1

    @property
    def of_the_least_trio(self) -> int:
        """No trio loses less: it loses at least half of what the shares of its three twos do."""
        if self.round.problem.program.largest < 3:
            return NO_TRIO
        return (3 * self.least_two + 1) // 2

    def least(self, prices: Numbers) -> int:
        """What any proposal loses at these prices, which are ours or the same for lower weights."""
        return min(int(prices[self.crowd.can_come].min()), self.of_the_least_trio) if self.is_odd else 0

    def _least_two(self) -> int:
        """What the share of any two in a trio loses at least: as a pair they are not worth more than their prices."""
        usual: int = max(0, -2 * self.share)
        if not self.is_odd or not usual or not self.round.thirds_matter:
            return usual
        try:
            _, _, losses = self._twos(usual + 2 * self.share)
        except TooMany:
            return 0
        return max(0, int((losses - 2 * self.share).min(initial=usual)))

    def _twos(self, below: int, *, with_a_third: bool = True) -> tuple[Numbers, Numbers, Numbers]:
        """All two by two whose points lose less than this, with a third or as a pair; and what they lose."""
        found = [NO_EDGES]
        listed = 0
        room = self.room + max(0, below + 1) // 2
        for one, other in self._may_lose_less(room, with_a_third=with_a_third):
            if len(one):
                points = self.crowd.points_of(one, other, with_a_third=with_a_third)
                gains = 2 * points + self.room[one] + self.room[other]
                some = (points >= 0) & (gains > -below)
                found.append(Edges(np.minimum(one, other)[some], np.maximum(one, other)[some], gains[some]))
                listed += len(found[-1])
            if listed > MOST_LISTED:
                found = [together(found)]
                listed = len(found[0])
            if listed > MOST_LISTED or self.round.is_over(self.round.search.time_limit):
                raise TooMany
        edges = together(found)
        return edges.one, edges.other, -edges.worth

    def _may_lose_less(self, room: Numbers, *, with_a_third: bool) -> Iterator[tuple[Numbers, Numbers]]:
        yield self.crowd.known_pairs
        yield from bargains(self.crowd, room, with_a_third=with_a_third)

    def left(self, groups: Sequence[Group], loses: int) -> Left:
        """What might make a proposal of these groups better that ``loses`` so much.

        Raises:
            TooMany: that is too much to choose from.
        """
        one, other, _ = self._twos(loses - self.least(self.prices), with_a_third=False)
        listed: list[Group] = list(zip(one.tolist(), other.tolist(), strict=True))
        if self.round.problem.program.largest >= 3:
            listed += self._trios(loses)
        parts = _parts(self.crowd.count, [*listed, *groups])
        seated = {person for group in groups for person in group}
        lossy = {parts[group[0]] for group, lost in zip(groups, self._of(groups), strict=True) if lost > 0}
        lossy |= {parts[place] for place in range(self.crowd.count) if place not in seated and self.prices[place] > 0}
        here = [group for group in dict.fromkeys([*listed, *groups]) if parts[group[0]] in lossy]
        people = tuple(place for place in range(self.crowd.count) if parts[place] in lossy)
        return Left(people, tuple(here))

    def _of(self, groups: Sequence[Group]) -> list[int]:
        alone = self.room.tolist()
        points = self.round.points_of(groups).tolist()
        return [-2 * much - sum(alone[place] for place in group) for group, much in zip(groups, points, strict=True)]

    def _trios(self, loses: int) -> list[Group]:
        """The trios that lose less than this."""
        one, other, _ = self._twos(2 * loses - 2 * self.least_two + 2 * self.share)
        near: dict[int, set[int]] = {}
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            near.setdefault(a, set()).add(b)
        trios: list[Group] = []
        for a, later in near.items():
            trios += [(a, b, c) for b in sorted(later) for c in sorted(later & near.get(b, set()))]
            if len(trios) > MOST_LISTED:
                raise TooMany
        rows = np.array(trios, np.int64).reshape(-1, 3)
        points = self.crowd.points_of_trios(rows) if len(rows) else np.zeros(0, np.int64)
        good = (points >= 0) & (-self.room[rows].sum(axis=1) - 2 * points < loses)
        return [tuple(trio) for trio in rows[good].tolist()]


def _parts(people: int, groups: Iterable[Group]) -> list[int]:
    """For each person somebody who stands for all whom a chain of groups joins."""
    stands = list(range(people))

    def of(person: int) -> int:
        while stands[person] != person:
            stands[person] = stands[stands[person]]
            person = stands[person]
        return person

    for first, *others in groups:
        for other in others:
            stands[of(other)] = of(first)
    return [of(person) for person in range(people)]
