"""Shelves: people side by side with what each would add, and the groups from one shelf that could gain enough.

A shelf stands for one start, medium, size, language and topic. Each person on it has a *score* of their own, so the
best group is the one with the highest scores. What people add together is not known before the group is: a score
counts the strongest bond that a person could have, and no shadow, so that a sum of scores is never too low.

The groups are found by branch and bound (Land and Doig 1960): a group is begun with one person, and grows person by
person in the order of its shelf. A beginning is given up as soon as even its best ending could not gain enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Final

import numpy as np

from peerhub.matching.linear import SCALE
from peerhub.matching.search import Search
from peerhub.matching.terms import Groups, Numbers, Terms, Truths

MOST_LOOKED_AT: Final = 3_000_000
BEGINNINGS_AT_ONCE: Final = 20_000
NEVER: Final = -(1 << 50)  # the score of who cannot come: no sum with it could ever be enough


@dataclass(frozen=True)
class Shelves:
    """People in the order of their scores, highest first, shelf by shelf, for groups of one size.

    ``starts`` and ``fixed`` have the shape (shelves,): the place of each shelf's start, and what any group has there
    besides its scores. ``order`` and ``ranked`` have the shape (shelves, people): who stands where, and with what
    score. All worth is in parts of a point (``SCALE``).
    """

    size: int
    starts: Numbers
    fixed: Numbers
    order: Numbers
    ranked: Numbers

    @classmethod
    def filled(cls, size: int, starts: Numbers, fixed: Numbers, scores: Numbers) -> "Shelves":
        """Put everyone in order; ``scores`` has the shape (shelves, people), people by their places."""
        order = np.argsort(-scores, axis=1, kind="stable")
        return cls(size, starts, fixed, order, np.take_along_axis(scores, order, axis=1))

    @cached_property
    def tops(self) -> Numbers:
        """By shelf: what no group there exceeds."""
        return np.asarray(np.maximum(self.ranked[:, : self.size].sum(axis=1) + self.fixed, NEVER))

    @cached_property
    def sums(self) -> Numbers:
        """The scores added up along each shelf, from nothing on; of shape (shelves, people + 1)."""
        return np.concatenate([np.zeros((len(self.ranked), 1), np.int64), self.ranked.cumsum(axis=1)], axis=1)

    @property
    def picks(self) -> list[list[int]]:
        """The places on a shelf of its best group, and of some that are nearly as good."""
        size, most = self.size, self.order.shape[1]
        picks = [[*range(size)], [*range(size - 1), size], [*range(1, size + 1)], [*range(size - 2), size - 1, size]]
        return [pick for pick in picks if pick[-1] < most]


@dataclass(frozen=True)
class Company:
    """What people add together, in parts of a point; nothing as long as points do not count."""

    terms: Terms
    points: bool

    def joining(self, groups: Groups) -> Numbers:
        """By group and person: what the person has from the group, the strongest bond less the deepest shadow."""
        if not self.points:
            return self._nothing(groups)
        return (self._most(self.terms.bonds, groups) - self._most(self.terms.shadows, groups)) * SCALE

    def welcoming(self, groups: Groups) -> Numbers:
        """By group and person: what the group has from the person, where a bond is stronger than those it has."""
        gained = self._nothing(groups)
        if self.points:
            for one, member in enumerate(groups.T):
                gained += np.maximum(0, self.terms.bonds[member] - self._bond_of(one, groups)[:, None])
        return gained * SCALE

    def still_open(self, groups: Groups) -> Numbers:
        """By group: what its members could still gain from others, if everyone came."""
        best = self.terms.bonds.max(axis=1, initial=0)
        gained = np.zeros(len(groups), np.int64)
        if self.points:
            for one, member in enumerate(groups.T):
                gained += best[member] - self._bond_of(one, groups)
        return gained * SCALE

    def apart_from(self, groups: Groups) -> Truths:
        """By group and person: whether the person and someone in the group keep apart."""
        apart = np.zeros((len(groups), len(self.terms.people)), bool)
        for member in groups.T:
            apart |= self.terms.apart[member]
        return apart

    def _most(self, table: Numbers, groups: Groups) -> Numbers:
        return reduce(np.maximum, (table.T[member] for member in groups.T), self._nothing(groups))

    def _bond_of(self, one: int, groups: Groups) -> Numbers:
        """By group: the strongest bond that this member of each has with another member."""
        others = np.delete(groups, one, axis=1)
        return np.asarray(self.terms.bonds[groups[:, [one]], others].max(axis=1, initial=0))

    def _nothing(self, groups: Groups) -> Numbers:
        return np.zeros((len(groups), len(self.terms.people)), np.int64)


@dataclass
class Patience:
    """How much was found and looked at; it ends when either is too much, or the time is over."""

    search: Search
    most: int
    found: int = 0
    looked_at: int = 0

    def is_over(self) -> bool:
        too_much = self.found > self.most or self.looked_at > MOST_LOOKED_AT
        return too_much or self.search.is_over(self.search.time_limit)


@dataclass(frozen=True)
class Beginnings:
    """The first people of groups; arrays with one entry, or one row, for each beginning.

    ``shelf`` is the shelf they are from, ``last`` the place on it of who came last, and ``worth`` what those in
    ``groups`` add, each with the ones before them.
    """

    shelf: Numbers
    groups: Groups
    last: Numbers
    worth: Numbers

    @classmethod
    def on(cls, shelf: Numbers) -> "Beginnings":
        """Nobody yet, on each of these shelves."""
        none = np.zeros(len(shelf), np.int64)
        return cls(shelf, np.zeros((len(shelf), 0), np.int64), none - 1, none)

    def in_parts(self) -> "Iterator[Beginnings]":
        for first in range(0, len(self.shelf), BEGINNINGS_AT_ONCE):
            part = slice(first, first + BEGINNINGS_AT_ONCE)
            yield Beginnings(self.shelf[part], self.groups[part], self.last[part], self.worth[part])

    def with_one_more(self, which: Numbers, last: Numbers, person: Numbers, adds: Numbers) -> "Beginnings":
        """``which`` of these go on, perhaps several times, each with the person at the place ``last``."""
        groups = np.concatenate([self.groups[which], person[:, None]], axis=1)
        return Beginnings(self.shelf[which], groups, last, self.worth[which] + adds)


@dataclass(frozen=True)
class _Next:
    """Who could come next, by beginning and place on its shelf: all arrays have the shape (beginnings, people)."""

    people: Numbers
    adds: Numbers  # with those who are there
    at_most: Numbers  # with those who are there and whoever comes later
    closed: Truths  # comes earlier on the shelf, or keeps apart from someone


@dataclass(frozen=True)
class Quest:
    """The groups on these shelves that could gain more than the threshold.

    ``partners`` has the shape (starts, people): the strongest bond that each score counts, in parts of a point.
    """

    shelves: Shelves
    company: Company
    partners: Numbers
    threshold: int

    def groups(self, which: Numbers, patience: Patience) -> Iterator[tuple[Groups, Numbers]]:
        """Groups from these shelves, many at a time, and the places of their starts; all, if patience lasts."""
        return self._complete(Beginnings.on(which), patience)

    def _complete(self, begun: Beginnings, patience: Patience) -> Iterator[tuple[Groups, Numbers]]:
        for part in begun.in_parts():
            if patience.is_over():
                return
            longer = self._longer(part)
            patience.looked_at += len(longer.shelf)
            if longer.groups.shape[1] == self.shelves.size:
                yield longer.groups, self.shelves.starts[longer.shelf]
            elif len(longer.shelf):
                yield from self._complete(longer, patience)

    def _longer(self, begun: Beginnings) -> Beginnings:
        """Each beginning with each person who could come next, as long as the best ending could gain enough."""
        after = self._next(begun)
        missing = self.threshold - self.shelves.fixed[begun.shelf] - begun.worth
        which, place = np.nonzero((self._endings(begun, after) > missing[:, None]) & ~after.closed)
        return begun.with_one_more(which, place, after.people[which, place], after.adds[which, place])

    def _next(self, begun: Beginnings) -> _Next:
        people, scores = self.shelves.order[begun.shelf], self.shelves.ranked[begun.shelf]
        welcome = np.take_along_axis(self.company.welcoming(begun.groups), people, axis=1)
        joining = np.take_along_axis(self.company.joining(begun.groups), people, axis=1)
        apart = np.take_along_axis(self.company.apart_from(begun.groups), people, axis=1)
        partners = self.partners[self.shelves.starts[begun.shelf][:, None], people]
        earlier = np.arange(people.shape[1])[None] <= begun.last[:, None]
        adds = scores - partners + joining + welcome
        return _Next(people, adds, np.maximum(adds, scores + welcome), apart | earlier)

    def _endings(self, begun: Beginnings, after: _Next) -> Numbers:
        """By beginning and place: what no ending adds to it that goes on with the person there, then to their right."""
        missing = self.shelves.size - begun.groups.shape[1]
        if missing == 1:
            return after.adds
        return _of_two(after) if missing == 2 else self._of_several(begun, missing)

    def _of_several(self, begun: Beginnings, missing: int) -> Numbers:
        """The scores of so many side by side, and all that those who are there could gain."""
        sums = self.shelves.sums[begun.shelf]
        ends = np.full((len(sums), sums.shape[1] - 1), NEVER)
        ends[:, : 1 - missing] = sums[:, missing:] - sums[:, :-missing]
        ends[:, : 1 - missing] += self.company.still_open(begun.groups)[:, None]
        return ends


def _of_two(after: _Next) -> Numbers:
    """Each person, and the best of all who stand to the right of them."""
    hopes = np.where(after.closed, NEVER, after.at_most)
    best_from_here = np.maximum.accumulate(hopes[:, ::-1], axis=1)[:, ::-1]
    nobody = np.full((len(hopes), 1), NEVER)
    return np.asarray(hopes + np.concatenate([best_from_here[:, 1:], nobody], axis=1))
