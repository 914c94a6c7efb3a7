"""Everyone as arrays, so that a peer can let thousands of teams find their hour, medium and points in one go.

The terms of ``preferences`` stay the definition: ``tests/bench`` holds every sum here against ``points_of``. Nothing is
asked of the solvers, and what two people share is looked up among those who know each other, so size is no limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peerhub.domain.availability import cells_in
from peerhub.domain.comfort import MEDIUMS
from peerhub.matching.hours import grid_of, possible_starts, span_at
from peerhub.matching.preferences import FULL, bond, cells_needed, shadow, weight
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import requires, topics_of
from peerhub.matching.terms import Terms

Numbers = NDArray[np.int64]
Truths = NDArray[np.bool_]
Bits = NDArray[np.uint64]

NOBODY: Final = -1
TEAMS_AT_ONCE: Final = 20_000
DENSE: Final = 3_000  # up to so many people, what two share is a table


@dataclass(frozen=True)
class Met:
    """Teams after they looked for an hour: who comes (the others are ``NOBODY``), how many (0: it cannot meet)."""

    people: Numbers  # shape (teams, largest)
    size: Numbers
    cell: Numbers  # of the week
    medium: Numbers
    points: Numbers


class OfTwo:
    """A number for some pairs of people, in that order, and 0 for all others."""

    def __init__(self, count: int, known: dict[tuple[int, int], int]) -> None:
        self.count = count
        self.empty = not any(known.values())
        keys = np.array([one * count + other for one, other in known], np.int64)
        values = np.array(list(known.values()), np.int64)
        if count <= DENSE:
            self._table = np.zeros(count * count, np.int64)
            self._table[keys] = values
        else:
            order = np.argsort(keys)
            self._keys, self._values = np.append(keys[order], -1), np.append(values[order], 0)

    def __call__(self, one: Numbers, other: Numbers) -> Numbers:
        keys = one * self.count + other
        if self.count <= DENSE:
            return np.asarray(self._table[keys])
        places = np.searchsorted(self._keys[:-1], keys)
        return np.asarray(np.where(self._keys[places] == keys, self._values[places], 0), np.int64)


class Crowd:
    """All participants of a problem, by their place in it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.program = problem.program
        self.people = problem.participants
        self.count = len(self.people)
        self.terms = Terms(problem)
        self.length = cells_needed(problem.program)
        self.peers = np.array([p for p, person in enumerate(self.people) if person.most_sessions > 0], np.int64)
        self.leader_seats = np.array([p for p, one in enumerate(self.people) for _ in range(one.facilitates)], np.int64)
        self.weights = np.array([1 + max(0, person.owed) for person in self.people], np.int64)
        self.step = 1 + self.count * FULL * sum(weight(self.program, name) for name in self._preferences)

    _preferences = ("overlap", "comfort", "topics", "new_people", "trust", "roles", "preferred_hours", "ideal_size")

    # When

    @cached_property
    def _starts(self) -> list[int]:
        return [possible_starts(self.problem, person) for person in self.people]

    @cached_property
    def cells(self) -> Numbers:
        """The cells of the week at which anybody could start, on anybody's grid."""
        grids = {person.time_zone: grid_of(self.problem, person) for person in self.people}
        anyone = 0
        for starts in self._starts:
            anyone |= starts
        on_any = 0
        for grid in grids.values():
            on_any |= grid
        return np.array(list(cells_in(anyone & on_any)), np.int64)

    @cached_property
    def can_start(self) -> Truths:
        """By person and place in ``cells``."""
        return self._table(self._starts)

    @cached_property
    def starts(self) -> Bits:
        return _packed(self.can_start)

    @cached_property
    def grids(self) -> Bits:
        by_zone = {person.time_zone: grid_of(self.problem, person) for person in self.people}
        rows = dict(zip(by_zone, _packed(self._table(list(by_zone.values()))), strict=True))
        return np.array([rows[person.time_zone] for person in self.people], np.uint64).reshape(self.count, -1)

    def _table(self, sets: list[int]) -> Truths:
        return _unpacked(sets)[:, self.cells]

    @cached_property
    def hours(self) -> NDArray[np.int32]:
        """By person and place in ``cells``: what the hour adds for them."""
        free = np.pad(_unpacked(list(self.problem.free.values())), ((0, 0), (2, self.length + 2)))
        good = np.pad(_unpacked(list(self.problem.free_and_good.values())), ((0, 0), (2, self.length + 2)))
        first, last = self.cells + 2, self.cells + 2 + self.length
        spare = sum(free[:, near].astype(np.int32) for near in (first - 2, first - 1, last, last + 1))
        within = np.zeros(free.shape, np.int32)
        within[:, 1:] = np.cumsum(good, axis=1, dtype=np.int32)[:, :-1]
        share = FULL * (within[:, last] - within[:, first]) // self.length
        return 25 * weight(self.program, "overlap") * spare + weight(self.program, "preferred_hours") * share

    # Who with whom

    @cached_property
    def mediums(self) -> NDArray[np.uint8]:
        offered = [place for place, medium in enumerate(MEDIUMS) if medium in self.program.mediums]
        return np.array(
            [sum(1 << m for m in offered if one.comfort.allows_medium(MEDIUMS[m])) for one in self.people], np.uint8
        )

    @cached_property
    def languages(self) -> Bits | None:
        return _answers([one.languages for one in self.people]) if requires(self.problem, "languages") else None

    @cached_property
    def required_topics(self) -> Bits | None:
        return _answers([topics_of(one) for one in self.people]) if requires(self.problem, "topics") else None

    @cached_property
    def allows(self) -> dict[int, Truths]:
        sizes = range(self.program.smallest, self.program.largest + 1)
        return {size: np.array([one.comfort.allows_size(size) for one in self.people], bool) for size in sizes}

    @cached_property
    def eases(self) -> dict[int, Numbers]:
        return {size: self.terms.eases(size) for size in range(1, self.program.largest + 1)}

    @cached_property
    def apart(self) -> OfTwo:
        return OfTwo(self.count, {two: 1 for pair in self.problem.apart for two in self._both_ways(pair)})

    @cached_property
    def shadows(self) -> OfTwo:
        return self._of_two("new_people", shadow, self.problem.last_meetings)

    @cached_property
    def bonds(self) -> OfTwo:
        wished = [
            frozenset((person.id, other)) for person in self.people for other in person.prefers if other != person.id
        ]
        return self._of_two("trust", bond, [*self.problem.last_meetings, *wished])

    def _of_two(self, name: str, how, pairs: Iterable[frozenset[str]]) -> OfTwo:  # type: ignore[no-untyped-def]
        worth = weight(self.program, name)
        known = {}
        for pair in pairs:
            for one, other in self._both_ways(pair):
                known[one, other] = worth * how(self.problem, self.people[one].id, self.people[other].id)
        return OfTwo(self.count, known)

    def _both_ways(self, pair: frozenset[str]) -> list[tuple[int, int]]:
        places = [self.terms.places[person] for person in pair if person in self.terms.places]
        return [(places[0], places[1]), (places[1], places[0])] if len(places) == 2 else []

    # Teams

    def meet(self, teams: Numbers, leaders: Numbers, *, all_or_none: bool = False) -> Met:
        """Let each team find who can come together, when and how.

        ``teams`` name people in the order in which they are asked, ``NOBODY`` where a place is empty; ``leaders`` has
        a column for each facilitator of a session. Who cannot join those before them is left out, unless it must be
        ``all_or_none``. The hour and the medium are the best for those who come.
        """
        blocks = range(0, max(1, len(teams)), TEAMS_AT_ONCE)
        met = [
            self._meet(teams[one : one + TEAMS_AT_ONCE], leaders[one : one + TEAMS_AT_ONCE], all_or_none)
            for one in blocks
        ]
        return Met(*(np.concatenate([getattr(one, name) for one in met]) for name in Met.__dataclass_fields__))

    def _meet(self, teams: Numbers, leaders: Numbers, all_or_none: bool) -> Met:
        joined, starts, mediums = self._joined(teams, leaders)
        if all_or_none:
            joined[(joined != (teams >= 0)).any(axis=1)] = False
        people, size = self._of_a_size(teams, joined)
        there = people >= 0
        if requires(self.problem, "roles"):
            leaning = np.where(there, self.role_leanings[people], 0)
            size[(abs(leaning.sum(axis=1)) == size)] = 0
        grid = np.bitwise_or.reduce(np.where(there[:, :, None], self.grids[people], np.uint64(0)), axis=1)
        for column in leaders.T:
            grid |= self.grids[column]
        legal = starts & grid
        legal[size == 0] = 0
        size[~legal.any(axis=1)] = 0
        points, cell = self._best_hours(people, there, legal)
        medium = np.zeros(len(teams), np.int64)
        for each in range(max(1, self.program.smallest), self.program.largest + 1):
            of_it = np.flatnonzero(size == each)
            if len(of_it):
                groups = people[of_it][:, :each]
                eases, medium[of_it] = self.best_mediums(groups, mediums[of_it])
                points[of_it] += eases + self.points_of(groups)
        points[size == 0] = 0
        people[size == 0] = NOBODY
        return Met(people, size, cell, medium, points)

    @cached_property
    def role_leanings(self) -> Numbers:
        return np.array([{"share": 1, "listen": -1}.get(person.role.value, 0) for person in self.people], np.int64)

    def _joined(self, teams: Numbers, leaders: Numbers) -> tuple[Truths, Bits, NDArray[np.uint8]]:
        starts = np.full((len(teams), self.starts.shape[1]), ~np.uint64(0))
        mediums = np.full(len(teams), self._offered, np.uint8)
        languages, topics = (np.full(len(teams), ~np.uint64(0)) for _ in range(2))
        fine = np.ones(len(teams), bool)
        for place, column in enumerate(leaders.T):
            starts &= self.starts[column]
            mediums &= self.mediums[column]
            if self.languages is not None:
                languages &= self.languages[column]
            for earlier in leaders.T[:place]:
                fine &= (earlier != column) & (self.apart(earlier, column) == 0)
        fine &= starts.any(axis=1) & (mediums != 0) & (languages != 0)
        joined = np.zeros(teams.shape, bool)
        for place, column in enumerate(teams.T):
            who = np.maximum(column, 0)
            and_starts, and_mediums = starts & self.starts[who], mediums & self.mediums[who]
            joins = fine & (column >= 0) & and_starts.any(axis=1) & (and_mediums != 0)
            if self.languages is not None:
                and_languages = languages & self.languages[who]
                joins &= and_languages != 0
            if self.required_topics is not None:
                and_topics = topics & self.required_topics[who]
                joins &= and_topics != 0
            for leader in leaders.T:
                joins &= (leader != who) & (self.apart(leader, who) == 0)
            if not self.apart.empty:
                for earlier in range(place):
                    joins &= ~(joined[:, earlier] & (self.apart(np.maximum(teams[:, earlier], 0), who) != 0))
            starts = np.where(joins[:, None], and_starts, starts)
            mediums = np.where(joins, and_mediums, mediums)
            if self.languages is not None:
                languages = np.where(joins, and_languages, languages)
            if self.required_topics is not None:
                topics = np.where(joins, and_topics, topics)
            joined[:, place] = joins
        return joined, starts, mediums

    @cached_property
    def _offered(self) -> int:
        return sum(1 << place for place, medium in enumerate(MEDIUMS) if medium in self.program.mediums)

    def _of_a_size(self, teams: Numbers, joined: Truths) -> tuple[Numbers, Numbers]:
        """The largest session that enough of those who joined are comfortable with; the first of them come."""
        people = np.full((len(teams), self.program.largest), NOBODY, np.int64)
        size = np.zeros(len(teams), np.int64)
        for each in range(self.program.largest, self.program.smallest - 1, -1):
            comes = joined & self.allows[each][teams]
            nth = np.cumsum(comes, axis=1)
            new = (size == 0) & (nth[:, -1] >= each)
            size[new] = each
            rows, columns = np.nonzero(comes & (nth <= each) & new[:, None])
            people[rows, nth[rows, columns] - 1] = teams[rows, columns]
        return people, size

    def _best_hours(self, people: Numbers, there: Truths, legal: Bits) -> tuple[Numbers, Numbers]:
        points, cell = np.zeros(len(people), np.int64), np.zeros(len(people), np.int64)
        rows, places = _where(legal)
        if len(rows):
            worth = np.where(there[rows], self.hours[people[rows], places[:, None]], 0).sum(axis=1)
            keys = worth * len(self.cells) + (len(self.cells) - 1 - places)
            firsts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))
            best = np.maximum.reduceat(keys, firsts)
            points[rows[firsts]] = best // len(self.cells)
            cell[rows[firsts]] = self.cells[len(self.cells) - 1 - best % len(self.cells)]
        return points, cell

    def best_mediums(self, groups: Numbers, allowed: NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
        eases = self.eases[groups.shape[1]][:, groups].sum(axis=2)
        for place in range(len(MEDIUMS)):
            eases[place, allowed >> place & 1 == 0] = -1
        return eases.max(axis=0), eases.argmax(axis=0)

    def points_of(self, groups: Numbers) -> Numbers:
        """The points of every group that depend neither on the hour nor on the medium."""
        points = np.full(len(groups), self.terms.of_size(groups.shape[1]), np.int64)
        points += self.terms.of_topics(groups) - self.terms.tilt * abs(self.terms.leanings[groups].sum(axis=1))
        for sign, of_two in ((-1, self.shadows), (1, self.bonds)):
            for one in range(groups.shape[1]) if not of_two.empty else ():
                others = np.delete(groups, one, axis=1)
                points += sign * of_two(groups[:, [one]], others).max(axis=1, initial=0)
        return points

    def session(self, people: Iterable[int], leaders: Iterable[int], cell: int, medium: int) -> PlannedSession:
        def ids(places: Iterable[int]) -> tuple[str, ...]:
            return tuple(sorted(self.people[int(place)].id for place in places))

        return PlannedSession(ids(people), span_at(self.problem, int(cell)), MEDIUMS[int(medium)], ids(leaders))


def _answers(answers: list[frozenset[str]]) -> Bits:
    """What each said, as bits; who said nothing stands in nobody's way."""
    names = {name: place for place, name in enumerate(sorted(frozenset().union(*answers)))}
    if len(names) > 64:
        raise ValueError("more than 64 different answers")
    every = (1 << 64) - 1
    return np.array([sum(1 << names[name] for name in said) or every for said in answers], np.uint64)


def _unpacked(sets: list[int]) -> Truths:
    """Whole numbers as rows of their bits."""
    length = 9 * 24 * 4
    raw = b"".join(one.to_bytes(length // 8, "little") for one in sets)
    return np.unpackbits(np.frombuffer(raw, np.uint8).reshape(len(sets), -1), axis=1, bitorder="little").astype(bool)


def _packed(table: Truths) -> Bits:
    wide = np.pad(table, ((0, 0), (0, -table.shape[1] % 64)))
    return np.ascontiguousarray(np.packbits(wide, axis=1, bitorder="little")).view(np.uint64)


def _where(bits: Bits) -> tuple[Numbers, Numbers]:
    """The rows and the places of all bits that are set, row by row."""
    rows, words = np.nonzero(bits)
    raw = bits[rows, words].view(np.uint8).reshape(len(rows), 8)
    set_bits = np.flatnonzero(np.unpackbits(raw, axis=1, bitorder="little").view(bool).ravel())
    return rows[set_bits // 64], words[set_bits // 64] * 64 + set_bits % 64
