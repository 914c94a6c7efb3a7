"""Which twos of a large round have met or wish to meet, and which keep apart: lists of pairs, found by search.

Nothing here is a table of everyone by everyone. People are named by their places in ``Problem.participants``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from peerhub.matching.preferences import bond, shadow, weight
from peerhub.matching.problem import Problem
from peerhub.matching.terms import Numbers, Truths


@dataclass(frozen=True)
class Twos:
    """Twos of people, by key in order, and what is known of each."""

    people: int
    keys: Numbers  # of each two: the lower place times ``people``, and the higher
    shadows: Numbers
    bonds: Numbers  # of shape (pairs, 2): of the lower to the higher, and back

    @classmethod
    def of(cls, people: int, one: Numbers, other: Numbers, shadows: Numbers, bonds: Numbers) -> "Twos":
        keys = np.minimum(one, other) * people + np.maximum(one, other)
        bonds = np.where((one < other)[:, None], bonds, bonds[:, ::-1])
        order = np.argsort(keys, kind="stable")
        return cls(people, keys[order], shadows[order], bonds[order])

    @classmethod
    def without_more(cls, people: int, one: Numbers, other: Numbers) -> "Twos":
        return cls.of(people, one, other, np.zeros(len(one), np.int64), np.zeros((len(one), 2), np.int64))

    @property
    def both(self) -> tuple[Numbers, Numbers]:
        return self.keys // max(1, self.people), self.keys % max(1, self.people)

    def among(self, places: Numbers) -> "Twos":
        """Those within a part, by their places in it."""
        inside = np.full(self.people, -1)
        inside[places] = np.arange(len(places))
        one, other = (inside[end] for end in self.both)
        here = (one >= 0) & (other >= 0)
        return Twos.of(len(places), one[here], other[here], self.shadows[here], self.bonds[here])

    def find(self, one: Numbers, other: Numbers) -> tuple[Truths, Numbers]:
        """Which of these twos are known, and where they stand."""
        if not len(self.keys):
            return np.zeros(len(one), bool), np.zeros(len(one), np.int64)
        wanted = np.minimum(one, other) * self.people + np.maximum(one, other)
        where = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return self.keys[where] == wanted, where


def acquainted(problem: Problem) -> Twos:
    """Every two who have met, or of whom one asked for the other."""
    people, ids = problem.participants, problem.by_id
    places = {person.id: place for place, person in enumerate(people)}
    wishes = {frozenset((p.id, wish)) for p in people for wish in p.prefers if wish in ids and wish != p.id}
    twos = [sorted(two, key=places.__getitem__) for two in {*problem.last_meetings, *wishes}]
    new, trust = weight(problem.program, "new_people"), weight(problem.program, "trust")
    shadows = np.array([new * shadow(problem, *two) for two in twos], np.int64)
    bonds = [[trust * bond(problem, *two), trust * bond(problem, *reversed(two))] for two in twos]
    one, other = _ends([(places[one], places[other]) for one, other in twos])
    return Twos.of(len(people), one, other, shadows, np.array(bonds, np.int64).reshape(-1, 2))


def keeping_apart(problem: Problem) -> Twos:
    """Every two of whom one keeps apart from the other."""
    places = {person.id: place for place, person in enumerate(problem.participants)}
    one, other = _ends([tuple(places[person] for person in two) for two in problem.apart])
    return Twos.without_more(len(places), one, other)


def _ends(twos: Iterable[tuple[int, ...]]) -> tuple[Numbers, Numbers]:
    one, other = np.array(list(twos), np.int64).reshape(-1, 2).T
    return one, other
