"""Pairs that are worth more than the prices of both, found among all pairs without looking at them all.

What two people add together is, at one hour, by one medium, over one topic and between two kinds of roles, a sum of
what each of them adds. So in each such *row* people are sorted by what they add beyond their price, and the bargains
are the two by two whose sum is above zero: for each person a stretch at the top of the row. No bargain is missed, for
every pair is worth what its best row says; those that share no language, keep apart or have met are listed all the
same, and fall away when they are counted exactly. The work is that of sorting, and of the bargains that there are.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from peerhub.domain.programs import MatchOn
from peerhub.matching.graph import Crowd
from peerhub.matching.terms import Numbers, Truths

AT_ONCE: Final = 400_000  # pairs that are listed together
FEW: Final = 400
NOBODY: Final = np.zeros(0, np.int64)


class Stretches(NamedTuple):
    """For each of some people how many, from the top of a row, are bargains with them."""

    one: Numbers
    row: Numbers
    counts: Numbers


def bargains(
    crowd: Crowd, room: Numbers, *, with_a_third: bool = False, most: int | None = None, every: int = 1, few: int = FEW
) -> Iterator[tuple[Numbers, Numbers]]:
    """Two by two whose points, twice, and the ``room`` of both are together above zero; blocks may be empty.

    ``most``: the best for each person in each row, no more than so many; ``every``: only every so many starts. Then
    bargains may be missed. Among ``few`` people all pairs are listed, which is faster.
    """
    everyone = crowd.in_pairs | crowd.in_trios if with_a_third else crowd.in_pairs
    if crowd.count <= few:
        some = np.flatnonzero(crowd.can_come & everyone)
        for one, other in _all_twos(len(some)):
            yield some[one], some[other]
        return
    room = room + crowd.terms.of_size(2)
    for start in range(0, len(crowd.starts), every):
        who = np.flatnonzero(crowd.can_start[:, start] & everyone)
        yield NOBODY, NOBODY  # a moment to listen for a stop
        if len(who) > 1:
            here = _Start(crowd, who, room[who] + 2 * crowd.hours[who, start].astype(np.int64), most)
            on_grid = np.ones(len(who), bool) if with_a_third else crowd.on_grid(who, start)
            for one, other in here.bargains(on_grid):
                yield who[one], who[other]


class _Start:
    """Who could meet at one start, by their places among these people."""

    def __init__(self, crowd: Crowd, who: Numbers, gains: Numbers, most: int | None) -> None:
        self.crowd = crowd
        self.who = who
        self.gains = gains
        self.most = most
        self.leanings = crowd.terms.leanings[who]
        self._topics = 2 * crowd.terms.topics[:, who]

    def bargains(self, on_grid: Truths) -> Iterator[tuple[Numbers, Numbers]]:
        if not on_grid.any():
            return
        rows = list(self._rows())
        everybody = len(self.who) * (len(self.who) - 1) // 2
        listed = sum(int(row.counts.sum()) for row in rows)
        for one, other in _all_twos(len(self.who)) if listed > everybody else _listed(rows):
            may = (one != other) & (on_grid[one] | on_grid[other])
            keys = np.unique(np.minimum(one[may], other[may]) * len(self.who) + np.maximum(one[may], other[may]))
            if len(keys):
                yield keys // len(self.who), keys % len(self.who)

    def _rows(self) -> Iterator[Stretches]:
        for can_talk in self.crowd.speakers[:, self.who]:
            for ease in self.crowd.eases[:, self.who]:
                some = np.flatnonzero(can_talk & (ease >= 0))
                if len(some) > 1:
                    yield from self._over_each_topic(some, self.gains[some] + 2 * ease[some].astype(np.int64))

    def _over_each_topic(self, some: Numbers, gains: Numbers) -> Iterator[Stretches]:
        if self.crowd.terms.topics_count is not MatchOn.SIMILAR:
            yield from self._between_roles(some, gains[None, :])
            return
        topics = self._topics[:, some]
        most = gains + topics.max(axis=0)
        near = most > -most.max()
        if np.count_nonzero(near) > 1:
            yield from self._between_roles(some[near], gains[near] + topics[:, near])

    def _between_roles(self, some: Numbers, gains: Numbers) -> Iterator[Stretches]:
        """``gains`` by topic and person."""
        leanings = self.leanings[some]
        if not leanings.any():
            yield from _of_a_kind(some, gains, self.most)
            return
        alone = gains - 2 * self.crowd.terms.tilt * abs(leanings)
        for kind in (leanings >= 0, leanings <= 0):
            yield from _of_a_kind(some[kind], alone[:, kind], self.most)
        shares, listens = leanings > 0, leanings < 0
        if shares.any() and listens.any():
            mine, theirs = gains[:, shares], gains[:, listens]
            for topic in np.flatnonzero(mine.max(axis=1) + theirs.max(axis=1) > 0):
                yield _stretches(some[shares], mine[topic], some[listens], theirs[topic], self.most)


def _of_a_kind(some: Numbers, gains: Numbers, most: int | None) -> Iterator[Stretches]:
    if len(some) > 1:
        for topic in np.flatnonzero(np.partition(gains, -2, axis=1)[:, -2:].sum(axis=1) > 0):
            yield _stretches(some, gains[topic], some, gains[topic], most)


def _stretches(one: Numbers, mine: Numbers, other: Numbers, theirs: Numbers, most: int | None) -> Stretches:
    asks, answers = mine > -theirs.max(), theirs > -mine.max()
    one, mine, other, theirs = one[asks], mine[asks], other[answers], -theirs[answers]
    order = np.argsort(theirs, kind="stable")
    counts = np.searchsorted(theirs[order], mine, side="left")
    return Stretches(one, other[order], counts if most is None else np.minimum(counts, most + 1))


def _listed(rows: list[Stretches]) -> Iterator[tuple[Numbers, Numbers]]:
    """The pairs of these stretches, in blocks."""
    waiting: list[tuple[Numbers, Numbers]] = []
    size = 0
    for row in rows:
        last = np.cumsum(row.counts)
        first = 0
        while first < len(row.one):
            before = int(last[first - 1]) if first else 0
            after = max(first + 1, int(np.searchsorted(last, before + AT_ONCE, side="right")))
            counts = row.counts[first:after]
            places = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
            waiting.append((np.repeat(row.one[first:after], counts), row.row[places]))
            size += len(places)
            first = after
            if size >= AT_ONCE:
                yield _joined(waiting)
                waiting, size = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(some: list[tuple[Numbers, Numbers]]) -> tuple[Numbers, Numbers]:
    return np.concatenate([one for one, _ in some]), np.concatenate([other for _, other in some])


def _all_twos(people: int) -> Iterator[tuple[Numbers, Numbers]]:
    rows = max(1, AT_ONCE // max(1, people))
    for first in range(0, people, rows):
        one, other = np.meshgrid(np.arange(first, min(people, first + rows)), np.arange(people), indexing="ij")
        later = other > one
        yield one[later], other[later]
