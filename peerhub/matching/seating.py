"""Sessions of a large round as arrays: what each is worth, and what it would be worth with one more person.

The sum of what sessions are worth orders seatings as the search does: first the matched weight, then the people, then
the points. A session that breaks a rule is worth ``NEVER``.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache

import numpy as np

from peerhub.matching.acquaintance import Twos
from peerhub.matching.hall import NEVER, Hall, Words
from peerhub.matching.terms import Numbers, Truths

NOBODY = -1


@dataclass(frozen=True)
class Seating:
    """Some sessions: arrays with one entry, or one row, for each.

    ``people`` has the shape (sessions, largest), with ``NOBODY`` in free places; ``leaders`` (sessions, leaders of
    each); ``starts`` are places among those of the hall. ``held`` says which seats a pin holds, and ``stays`` which
    sessions keep their start and leaders for a pin.
    """

    people: Numbers
    leaders: Numbers
    starts: Numbers
    held: Truths
    stays: Truths

    @classmethod
    def none(cls, hall: Hall) -> "Seating":
        return cls.of(hall, [], [], [])

    @classmethod
    def of(
        cls, hall: Hall, groups: list[tuple[int, ...]], leaders: list[tuple[int, ...]], starts: list[int]
    ) -> "Seating":
        """Sessions whose people are not held."""
        people = np.full((len(groups), hall.largest), NOBODY)
        for row, group in zip(people, groups, strict=True):
            row[: len(group)] = group
        led = np.array(leaders, np.int64).reshape(len(groups), hall.leaders_each)
        none = np.zeros(len(groups), bool)
        return cls(people, led, np.array(starts, np.int64), np.zeros(people.shape, bool), none)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, chosen: Numbers | Truths) -> "Seating":
        return Seating(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def and_also(self, more: "Seating") -> "Seating":
        both = ((getattr(self, field.name), getattr(more, field.name)) for field in fields(self))
        return Seating(*(np.concatenate(arrays) for arrays in both))

    def with_people(self, people: Numbers) -> "Seating":
        """The same sessions with these people, those who are held first."""
        order = np.argsort(np.where(self.held, 0, 1 + (people == NOBODY)), axis=1, kind="stable")
        held = np.take_along_axis(self.held, order, axis=1)
        return replace(self, people=np.take_along_axis(people, order, axis=1), held=held)

    @property
    def sizes(self) -> Numbers:
        return np.asarray((self.people != NOBODY).sum(axis=1))

    @property
    def matched(self) -> Numbers:
        """Who has a seat, each once."""
        return np.unique(self.seated)

    @property
    def seated(self) -> Numbers:
        """Who sits, once for each seat."""
        return np.asarray(self.people[self.people != NOBODY])

    def leads(self, hall: Hall) -> Numbers:
        """How many of these sessions each person leads."""
        return np.bincount(self.leaders.ravel(), minlength=hall.people)


class Company:
    """What is known of the people of each session, before perhaps one more comes."""

    def __init__(self, hall: Hall, seating: Seating) -> None:
        self.hall = hall
        self.starts = seating.starts
        self.people = seating.people
        self.leaders = seating.leaders
        there = seating.people != NOBODY
        who = np.where(there, seating.people, 0)
        self.sizes = there.sum(axis=1)
        self.weight = np.where(there, hall.weights[who], 0).sum(axis=1)
        hours = hall.hours[who, seating.starts[:, None]].astype(np.int64)
        self.hours = np.where(there, hours, 0).sum(axis=1)
        self.are_free = ((hours >= 0) | ~there).all(axis=1)
        suits = hall.mediums[:, seating.leaders].all(axis=2)  # mediums, sessions
        self.eases = np.where(there, hall.eases[:, :, who], 0).sum(axis=3) + np.where(suits, 0, NEVER)[None]
        self.topics = np.where(there, hall.topics[:, who], 0).sum(axis=2)
        self.leaning = np.where(there, hall.leanings[who], 0).sum(axis=1)
        self.shares = (there & hall.shares[who]).any(axis=1)
        self.listens = (there & hall.listens[who]).any(axis=1)
        self.words = [
            _in_common(words, there, who) & np.bitwise_and.reduce(words[seating.leaders], axis=1)
            for words in hall.words
        ] + [_in_common(words, there, who) for words in hall.peers_words]
        on_grid = hall.grids[hall.zones[who], seating.starts[:, None]] & there
        led_on_grid = hall.grids[hall.zones[seating.leaders], seating.starts[:, None]]
        self.on_grid = on_grid.any(axis=1) | led_on_grid.any(axis=1) | seating.stays
        everyone = np.concatenate([seating.people, seating.leaders], axis=1)
        self.are_apart = any_apart(hall, everyone)
        self.together = points_together(hall, seating.people)

    @cached_property
    def worth(self) -> Numbers:
        """By session, as it is."""
        worth = self.points + rank_step(self.hall) * self._rank(self.weight, self.sizes)
        return np.where(self.points >= 0, worth, NEVER)

    @property
    def mediums(self) -> Numbers:
        """By session: the medium that suits it best, by its place among those offered."""
        kinds, _ = _by_size(self.hall)
        return np.asarray(self.eases[kinds[self.sizes], :, np.arange(len(self.sizes))].argmax(axis=1))

    @cached_property
    def points(self) -> Numbers:
        """By session, as it is; below zero where a rule is broken."""
        hall = self.hall
        kinds, of_size = _by_size(hall)
        ease = self.eases[kinds[self.sizes], :, np.arange(len(self.sizes))].max(axis=1, initial=NEVER)
        topics = self.topics.max(axis=0, initial=0)
        points = of_size[self.sizes] + self.hours + ease + (-topics if hall.differ else topics)
        points += self.together - hall.tilt * abs(self.leaning)
        may = self.are_free & ~self.are_apart & self.on_grid & (ease >= 0) & (of_size[self.sizes] > NEVER)
        for words in self.words:
            may &= (words != 0).any(axis=1)
        if hall.needs_both:
            may &= self.shares & self.listens
        return np.where(may, points, NEVER)

    def worth_with(self, session: Numbers, person: Numbers) -> Numbers:
        """What each of these sessions is worth with the person who comes to it; arrays of the same length."""
        hall = self.hall
        kinds, of_size = _by_size(hall)
        size, start = self.sizes[session] + 1, self.starts[session]
        hours = hall.hours[person, start]
        ease = np.full(len(session), NEVER)
        for medium in range(len(hall.mediums)):
            kind = kinds[size]
            np.maximum(ease, self.eases[kind, medium, session] + hall.eases[kind, medium, person], out=ease)
        topics = np.zeros(len(session), np.int64)
        for of_company, of_person in zip(self.topics, hall.topics, strict=True):
            np.maximum(topics, of_company[session] + of_person[person], out=topics)
        points = of_size[size] + self.hours[session] + hours + ease + (-topics if hall.differ else topics)
        points += self.together[session] - hall.tilt * abs(self.leaning[session] + hall.leanings[person])
        may = (hours >= 0) & (ease >= 0) & (of_size[size] > NEVER) & self.are_free[session] & ~self.are_apart[session]
        may &= self.on_grid[session] | hall.grids[hall.zones[person], start]
        for of_company, words in zip(self.words, (*hall.words, *hall.peers_words), strict=True):
            may &= (of_company[session] & words[person] != 0).any(axis=1)
        if hall.needs_both:
            may &= (self.shares[session] | hall.shares[person]) & (self.listens[session] | hall.listens[person])
        for leader in self.leaders.T:
            may &= ~hall.apart.find(person, leader[session])[0]
        self._mind_who_is_known(session, person, points, may)
        rank = self._rank(self.weight[session] + hall.weights[person], size)
        return np.where(may, points + rank_step(hall) * rank, NEVER)

    def _mind_who_is_known(self, session: Numbers, person: Numbers, points: Numbers, may: Truths) -> None:
        """Count what people add together only where the person knows somebody there."""
        hall = self.hall
        at, column = np.nonzero(self.people != NOBODY)
        sits = self.people[at, column]
        order = np.argsort(sits, kind="stable")
        coming = np.zeros(hall.people, bool)
        coming[person] = True
        one, other = (np.concatenate([a, b]) for a, b in zip(hall.known.both, hall.apart.both, strict=True))
        comes, there = np.concatenate([one, other]), np.concatenate([other, one])
        comes, there = comes[coming[comes]], there[coming[comes]]
        first, last = (np.searchsorted(sits[order], there, side) for side in ("left", "right"))
        seats = last - first
        if not seats.any():
            return
        nth = np.arange(seats.sum()) - np.repeat(seats.cumsum() - seats - first, seats)
        keys = at[order[nth]] * hall.people + np.repeat(comes, seats)
        some = np.flatnonzero(np.isin(session * hall.people + person, keys))
        groups = np.concatenate([self.people[session[some]], person[some][:, None]], axis=1)
        points[some] += points_together(hall, groups) - self.together[session[some]]
        may[some] &= ~any_apart(hall, groups)

    def _rank(self, weight: Numbers, size: Numbers) -> Numbers:
        return weight * (self.hall.people + 1) + size


def rank_step(hall: Hall) -> int:
    """More than all points that any seating has."""
    return 1 + int(hall.most.sum()) * hall.most_points


def points_together(hall: Hall, groups: Numbers) -> Numbers:
    """By group: everyone's strongest bond less their longest shadow with anyone there."""
    one, other, known, where = _twos(groups, hall.known)
    points = np.zeros(len(groups), np.int64)
    some = np.flatnonzero(known.any(axis=1))
    if not len(some):
        return points
    bonds, shadows = np.zeros((2, len(some), groups.shape[1]), np.int64)
    for two, (a, b) in enumerate(zip(one, other, strict=True)):
        at = where[some, two]
        is_known = known[some, two]
        first = (groups[some, a] > groups[some, b]).astype(np.int64)
        for end, side in ((a, first), (b, 1 - first)):
            bonds[:, end] = np.maximum(bonds[:, end], np.where(is_known, hall.known.bonds[at, side], 0))
            shadows[:, end] = np.maximum(shadows[:, end], np.where(is_known, hall.known.shadows[at], 0))
    points[some] = (bonds - shadows).sum(axis=1)
    return points


def any_apart(hall: Hall, groups: Numbers) -> Truths:
    """By group: whether two of them keep apart."""
    return np.asarray(_twos(groups, hall.apart)[2].any(axis=1))


def _twos(groups: Numbers, pairs: Twos) -> tuple[Numbers, Numbers, Truths, Numbers]:
    """The places of every two in a group; and by group and two, whether they are among the pairs, and where."""
    one, other = _two_columns(groups.shape[1])
    a, b = groups[:, one], groups[:, other]
    known, where = pairs.find(a.ravel(), b.ravel())
    known = known.reshape(a.shape) & (a != NOBODY) & (b != NOBODY)
    return one, other, known, where.reshape(a.shape)


@lru_cache(maxsize=64)
def _two_columns(width: int) -> tuple[Numbers, Numbers]:
    one, other = np.triu_indices(width, 1)
    return one, other


def _in_common(words: Words, there: Truths, who: Numbers) -> Words:
    return np.asarray(np.bitwise_and.reduce(np.where(there[..., None], words[who], ~np.uint64(0)), axis=1))


def _by_size(hall: Hall) -> tuple[Numbers, Numbers]:
    """By number of people: the kind of comfort, and what each such session has at first; NEVER where it cannot be."""
    kinds = np.zeros(hall.largest + 2, np.int64)
    of_size = np.full(hall.largest + 2, NEVER)
    kinds[list(hall.sizes)] = hall.kinds
    of_size[list(hall.sizes)] = hall.of_size
    return kinds, of_size
