"""Buddies: pairs, with a trio for the odd one out, by choosing among every pair and trio that the rules allow.

First every two and three people are listed who may meet at all, each with its best hour and medium: which hour makes no
difference to anybody else, unless somebody may have several sessions or only some sessions fit at once. Then each of
their hours is listed on its own. ``packing`` says how they go together, and ``linear`` finds the best and proves it.

Each function in ``PEOPLE_RULES``, ``START_RULES`` and ``MEDIUM_RULES`` keeps the rule of the same name in ``rules.py``
for many groups at once: a group is a row of places among the participants. ``without`` leaves rules out, so that a test
can see that each of them matters.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, reduce
from itertools import combinations
from math import comb
from operator import or_
from typing import Final

import numpy as np
from ortools.sat.python import cp_model

from peerhub.domain.availability import cells_in
from peerhub.domain.comfort import MEDIUMS, Role
from peerhub.matching import packing
from peerhub.matching.hours import every_start, grid_of, pinned_start, possible_starts
from peerhub.matching.linear import model_of
from peerhub.matching.packing import Column, Packing, fit_at_once
from peerhub.matching.problem import Participant, Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import requires, topics_of
from peerhub.matching.search import MOST_VARIABLES, TooLarge, Values
from peerhub.matching.terms import Groups, Numbers, Terms, Truths

SIZES: Final = (2, 3)
AT_ONCE: Final = 4_000  # groups that are looked at together


class Pairs:
    """Every pair and trio of one round of buddies, and how they go together."""

    def __init__(self, problem: Problem, without: frozenset[str] = frozenset(), *, list_all: bool = False) -> None:
        """``list_all`` lists each group at every hour and by every medium, not only at its best."""
        self.problem = problem
        self.without = without
        self.list_all = list_all
        self.terms = Terms(problem)
        self.free = [self._starts(person) if person.most_sessions > 0 else 0 for person in problem.participants]
        self.starts = list(cells_in(reduce(or_, self.free, 0)))
        self.packing = Packing(problem, reduce(or_, self.free, 0), without)
        self.packing.add(self._within_memory(self._columns()))

    @cached_property
    def cp(self) -> cp_model.CpModel:
        """The choices as a model of CP-SAT, in the order of the packing."""
        return model_of(self.packing.choices, range(len(self.packing.choices.takes)))

    def sessions_in(self, value: Values) -> tuple[PlannedSession, ...]:
        chosen = range(len(self.packing.choices.takes))
        return self.packing.sessions_in(c for c in chosen if value(self.cp.get_bool_var_from_proto_index(c)))

    def _within_memory(self, columns: Iterable[Column]) -> Iterator[Column]:
        for listed, column in enumerate(columns):
            if listed >= MOST_VARIABLES:
                raise TooLarge(
                    f"{len(self.problem.participants)} people have more than {MOST_VARIABLES:,} possible sessions,"
                    f" more than fit into memory; {_people_that_fit()} people always fit"
                )
            yield column

    def _columns(self) -> Iterator[Column]:
        """Every session worth a choice, with its points."""
        sizes = SIZES if self._leaves_out(every_session_has_its_size) else every_session_has_its_size(self.problem)
        people = [place for place, free in enumerate(self.free) if free]
        for size in sizes:
            every = np.array(list(combinations(people, size)), np.int64).reshape(-1, size)
            for first in range(0, len(every), AT_ONCE):
                yield from self._columns_of(every[first : first + AT_ONCE])

    def _columns_of(self, groups: Groups) -> Iterator[Column]:
        for rule in PEOPLE_RULES:
            if not self._leaves_out(rule):
                groups = groups[rule(self, groups)]
        may_start = self._may_start(groups)
        some = may_start.any(axis=1)
        groups, may_start = groups[some], may_start[some]
        if not len(groups):
            return
        points = self.terms.points_of(groups)
        hours = np.where(may_start, self._hours[groups].sum(axis=1), -1)
        best = self._best_starts(groups, hours)
        eases, mediums = self._mediums(groups)
        likes_most = self._best_mediums(groups, np.where(mediums, eases, -1))
        for n in np.flatnonzero(mediums.any(axis=0)).tolist():
            people = tuple(groups[n].tolist())
            whens = self._worth_listing(people, may_start[n], int(best[n]))
            whats = np.flatnonzero(mediums[:, n]).tolist() if self.list_all else [int(likes_most[n])]
            for what in whats:
                for when in whens:
                    worth = int(points[n] + eases[what, n] + hours[n, when])
                    yield Column(people, self.starts[when], MEDIUMS[what], worth)

    def _best_starts(self, groups: Groups, hours: Numbers) -> Numbers:  # noqa: ARG002 - a repair asks whose they are
        """The best start of each group, by what the hour adds for it; less than nothing where it cannot be."""
        return np.asarray(hours.argmax(axis=1))

    def _best_mediums(self, groups: Groups, eases: Numbers) -> Numbers:  # noqa: ARG002
        """The best medium of each group, by how well it suits; less than nothing where it cannot be."""
        return np.asarray(eases.argmax(axis=0))

    def _may_start(self, groups: Groups) -> Truths:
        """By group and start: whether the session can be then."""
        may = np.ones((len(groups), len(self.starts)), bool)
        for member in groups.T:
            may &= self._free[member]
        if not self._leaves_out(every_session_starts_on_the_grid):
            may &= every_session_starts_on_the_grid(self, groups)
        return may

    def _mediums(self, groups: Groups) -> tuple[Numbers, Truths]:
        """By medium and group: how well it suits the group, and whether it may be."""
        may = np.ones((len(MEDIUMS), len(groups)), bool)
        for rule in MEDIUM_RULES:
            if not self._leaves_out(rule):
                may &= rule(self, groups)
        return self.terms.eases(groups.shape[1])[:, groups].sum(axis=2), may

    def _worth_listing(self, people: tuple[int, ...], may_start: Truths, best: int) -> list[int]:
        """The starts at which a group is a column: all where they matter to others, or the best and the pinned."""
        if self._each_start_counts or any(place in self.packing.has_a_seat for place in people):
            return np.flatnonzero(may_start).tolist()
        pinned = self._pinned_starts(people) if self.problem.pinned else 0
        if not pinned:
            return [best]
        return sorted(
            {best} | {when for when, cell in enumerate(self.starts) if pinned >> cell & 1 and may_start[when]}
        )

    @cached_property
    def _each_start_counts(self) -> bool:
        return self.list_all or fit_at_once(self.problem) is not None

    def _pinned_starts(self, people: tuple[int, ...]) -> int:
        """The starts, as bits, that pins name which these people might keep."""
        ids = {self.problem.participants[place].id for place in people}
        return reduce(or_, (pinned_start(self.problem, pin) for pin in self.problem.pinned if pin.people <= ids), 0)

    def _starts(self, person: Participant) -> int:
        if self._leaves_out(everyone_is_free):
            return every_start(self.problem)
        return everyone_is_free(self.problem, person)

    @cached_property
    def _free(self) -> Truths:
        return self._bits(self.free)

    @cached_property
    def grids(self) -> Truths:
        """By person and start: whether it is on the slot grid of their wall clock."""
        return self._bits([grid_of(self.problem, person) for person in self.problem.participants])

    @cached_property
    def _hours(self) -> Numbers:
        """By person and start: what the hour adds for them."""
        table = np.zeros((len(self.free), len(self.starts)), np.int64)
        for place, free in enumerate(self.free):
            hours = self.terms.hours(place, free)
            table[place] = [hours.get(cell, 0) for cell in self.starts]
        return table

    def _bits(self, starts: Iterable[int]) -> Truths:
        return np.array([[cells >> cell & 1 for cell in self.starts] for cells in starts], bool)

    def _leaves_out(self, rule: Callable[..., object]) -> bool:
        return rule.__name__ in self.without


# Who may be a candidate, and when


def everyone_is_free(problem: Problem, person: Participant) -> int:
    return possible_starts(problem, person)


def every_session_has_its_size(problem: Problem) -> tuple[int, ...]:
    return tuple(size for size in SIZES if problem.program.smallest <= size <= problem.program.largest)


def every_session_starts_on_the_grid(pairs: Pairs, groups: Groups) -> Truths:
    on_time: Truths = np.asarray(pairs.grids[groups].any(axis=1))
    pins = [pin for pin in pairs.problem.pinned if pinned_start(pairs.problem, pin)]
    for pin in pins:
        asked = [pairs.terms.places[person] for person in pin.people if person in pairs.terms.places]
        at = pairs._bits([pinned_start(pairs.problem, pin)])
        if len(asked) == len(pin.people):
            on_time = on_time | _all_in(asked, groups)[:, None] & at
    return on_time


def _all_in(people: list[int], groups: Groups) -> Truths:
    """Which groups have all of these people in them."""
    having: Truths = np.ones(len(groups), bool)
    for place in people:
        having &= (groups == place).any(axis=1)
    return having


def nobody_is_crowded(pairs: Pairs, groups: Groups) -> Truths:
    size = groups.shape[1]
    allows = np.array([person.comfort.allows_size(size) for person in pairs.problem.participants], bool)
    return np.asarray(allows[groups].all(axis=1))


def nobody_meets_who_they_keep_apart_from(pairs: Pairs, groups: Groups) -> Truths:
    may = np.ones(len(groups), bool)
    for one, other in combinations(groups.T, 2):
        may &= ~pairs.terms.apart[one, other]
    return may


def everyone_shares_a_language(pairs: Pairs, groups: Groups) -> Truths:
    return _share_one(pairs, groups, lambda person: person.languages, requires(pairs.problem, "languages"))


def everyone_shares_a_topic(pairs: Pairs, groups: Groups) -> Truths:
    return _share_one(pairs, groups, topics_of, requires(pairs.problem, "topics"))


def _share_one(pairs: Pairs, groups: Groups, said: Callable[[Participant], frozenset[str]], required: bool) -> Truths:
    """Who named an answer shares it with all others who named any; who said nothing stands in nobody's way."""
    answers = [said(person) for person in pairs.problem.participants]
    options = sorted(frozenset().union(*answers))
    if not required or not options:
        return np.ones(len(groups), bool)
    agrees = np.array([[not answer or option in answer for answer in answers] for option in options])
    return np.asarray(agrees[:, groups].all(axis=2).any(axis=0))


def someone_shares_and_someone_listens(pairs: Pairs, groups: Groups) -> Truths:
    if not requires(pairs.problem, "roles"):
        return np.ones(len(groups), bool)
    roles = [person.role for person in pairs.problem.participants]
    shares, listens = (np.array([role is not only for role in roles]) for only in (Role.LISTEN, Role.SHARE))
    return np.asarray(shares[groups].any(axis=1) & listens[groups].any(axis=1))


def nobody_is_in_a_medium_they_never_use(pairs: Pairs, groups: Groups) -> Truths:
    people = pairs.problem.participants
    allows = np.array([[person.comfort.allows_medium(medium) for person in people] for medium in MEDIUMS])
    return np.asarray(allows[:, groups].all(axis=2))


def the_medium_is_offered(pairs: Pairs, groups: Groups) -> Truths:  # noqa: ARG001
    return np.array([[medium in pairs.problem.program.mediums] for medium in MEDIUMS])


PEOPLE_RULES: Final = (
    nobody_is_crowded,
    nobody_meets_who_they_keep_apart_from,
    everyone_shares_a_language,
    everyone_shares_a_topic,
    someone_shares_and_someone_listens,
)
START_RULES: Final = (everyone_is_free, every_session_starts_on_the_grid)
MEDIUM_RULES: Final = (nobody_is_in_a_medium_they_never_use, the_medium_is_offered)
MODEL_RULES: Final = tuple(rule for rule in packing.RULES if rule is not packing.nobody_leads_too_many_sessions)
RULES: Final = (*PEOPLE_RULES, *START_RULES, *MEDIUM_RULES, every_session_has_its_size, *MODEL_RULES)


def _people_that_fit() -> int:
    return next(
        people for people in range(2, MOST_VARIABLES) if comb(people + 1, 2) + comb(people + 1, 3) > MOST_VARIABLES
    )
