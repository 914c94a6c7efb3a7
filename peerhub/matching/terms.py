"""The terms of the preferences for everyone at once, as arrays, so that thousands of groups are counted in one go.

``preferences.py`` stays the definition: every number here is read from its terms, and a test compares the sums.
People are named by their place in ``Problem.participants``; a set of groups is an array with one row for each group.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from peerhub.domain.availability import cells_in
from peerhub.domain.comfort import MEDIUMS
from peerhub.domain.programs import MatchOn
from peerhub.matching.preferences import (
    FULL,
    bond,
    ease,
    hour_points,
    leaning,
    shadow,
    size_value,
    topic_value,
    wants_balance,
    weight,
)
from peerhub.matching.problem import Problem
from peerhub.matching.rules import topics_of

Numbers: TypeAlias = NDArray[np.int64]
Truths: TypeAlias = NDArray[np.bool_]
Groups: TypeAlias = NDArray[np.int64]  # shape (groups, size): the places of the people


class Terms:
    """What each person, and each two, add to the points of a session; weights are counted in."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.people = problem.participants
        self.places = {person.id: place for place, person in enumerate(self.people)}
        self._eases: dict[int, Numbers] = {}

    def hours(self, place: int, starts: int) -> dict[int, int]:
        """What the hour adds for one person, at each of these cells."""
        return {start: hour_points(self.problem, self.people[place], start) for start in cells_in(starts)}

    def eases(self, size: int) -> Numbers:
        """By medium and person: what the size and the medium add for them."""
        if size not in self._eases:
            worth = weight(self.problem.program, "comfort")
            by_medium = [[worth * ease(person, size, medium) for person in self.people] for medium in MEDIUMS]
            self._eases[size] = np.array(by_medium, np.int64).reshape(len(MEDIUMS), len(self.people))
            self._eases[size].flags.writeable = False
        return self._eases[size]

    @cached_property
    def topics(self) -> Numbers:
        """By topic and person; one row of nothing when nobody named any."""
        worth = weight(self.problem.program, "topics")
        named = sorted(frozenset().union(*map(topics_of, self.people)))
        rows = [[worth * topic_value(person, topic) for person in self.people] for topic in named]
        return np.array(rows or [[0] * len(self.people)], np.int64)

    @cached_property
    def topics_count(self) -> MatchOn:
        """Similar when the best topic adds, different when it takes away, ignore when it does neither."""
        how = self.problem.program.match_on.get("topics")
        if how in (MatchOn.SIMILAR, MatchOn.REQUIREMENT):
            return MatchOn.SIMILAR
        return MatchOn.DIFFERENT if how is MatchOn.DIFFERENT else MatchOn.IGNORE

    @cached_property
    def shadows(self) -> Numbers:
        """By two people: what an earlier meeting takes away."""
        return self._of_two(weight(self.problem.program, "new_people"), shadow)

    @cached_property
    def bonds(self) -> Numbers:
        """By person and other: what a wish or a good meeting adds for the person."""
        return self._of_two(weight(self.problem.program, "trust"), bond)

    @cached_property
    def apart(self) -> Truths:
        """By two people: whether one keeps apart from the other."""
        table = np.zeros((len(self.people), len(self.people)), bool)
        for two in self.problem.apart:
            one, other = (self.places[person] for person in two)
            table[one, other] = table[other, one] = True
        return table

    @cached_property
    def leanings(self) -> Numbers:
        """1 for who comes only to share, -1 for who comes only to listen; nothing where balance is not wanted."""
        balance = wants_balance(self.problem.program)
        return np.array([leaning(person) * balance for person in self.people], np.int64)

    @cached_property
    def tilt(self) -> int:
        """What each person takes away who shares, or listens, without a counterpart."""
        return FULL * weight(self.problem.program, "roles")

    def of_size(self, size: int) -> int:
        """What every session of a size has at first: its size, no shadow, a balance, and no topic in common."""
        program = self.problem.program
        each = weight(program, "ideal_size") * size_value(program, size) + FULL * weight(program, "new_people")
        each += self.tilt * wants_balance(program)
        if self.topics_count is MatchOn.DIFFERENT:
            each += FULL * weight(program, "topics")
        return size * each

    def points_of(self, groups: Groups) -> Numbers:
        """The points of every group that depend neither on the hour nor on the medium."""
        points = np.full(len(groups), self.of_size(groups.shape[1]))
        points += self.of_topics(groups) - self.tilt * abs(self.leanings[groups].sum(axis=1))
        for one in range(groups.shape[1]):
            others = np.delete(groups, one, axis=1)
            points -= self.shadows[groups[:, [one]], others].max(axis=1, initial=0)
            points += self.bonds[groups[:, [one]], others].max(axis=1, initial=0)
        return points

    def of_topics(self, groups: Groups) -> Numbers:
        """What the topic that matters most to the group adds, or takes away."""
        most = np.zeros(len(groups), np.int64)
        if self.topics_count is not MatchOn.IGNORE:
            for values in self.topics:
                np.maximum(most, values[groups].sum(axis=1), out=most)
        return -most if self.topics_count is MatchOn.DIFFERENT else most

    def _of_two(self, worth: int, how: Callable[[Problem, str, str], int]) -> Numbers:
        table = np.zeros((len(self.people), len(self.people)), np.int64)
        for a, one in enumerate(self.people):
            for b, other in enumerate(self.people):
                if a != b:
                    table[a, b] = worth * how(self.problem, one.id, other.id)
        return table
