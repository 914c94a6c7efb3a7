"""Sessions that would be worth more than they take: every group of people at every hour, without listing them all.

Far too many groups could meet to list each of them. Given the *price* of each person, leader and hour (see ``linear``),
only sessions matter that are worth more than the prices of all that they take, and this module finds them: the pricing
problem of column generation (Dantzig and Wolfe 1960). What a session *gains* is its worth less these prices.

``Rooms`` knows where and when sessions can be, and who could come. A ``Bill`` says what everything there takes at some
prices. A ``Desk`` puts people on shelves by what each would gain (see ``shelves``), counts in full every group that it
is handed from there, and finds leaders for those that gain enough.

People are named by their places in ``Problem.participants``, and a start by its place among ``Starts``. All that is
priced is in whole parts of a point (``SCALE``).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations
from operator import or_
from typing import Final, NamedTuple

import numpy as np

from peerhub.domain.availability import cells_in
from peerhub.domain.comfort import MEDIUMS, Role
from peerhub.domain.programs import MatchOn
from peerhub.matching.hours import grid_of, pinned_start, possible_starts
from peerhub.matching.linear import SCALE, Prices
from peerhub.matching.packing import Column, Packing, Row
from peerhub.matching.problem import Participant, Pin, Problem
from peerhub.matching.rules import requires, topics_of
from peerhub.matching.search import Search
from peerhub.matching.shelves import NEVER, Company, Patience, Quest, Shelves
from peerhub.matching.terms import Groups, Numbers, Terms, Truths

PER_START: Final = 3  # groups of each size that are taken at a glance
MOST_FOUND: Final = 200_000
Leaders = tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """Sessions that gain something, the highest gain first; and what no session that is not among them exceeds."""

    columns: list[Column]
    gains: list[int]
    others: int


class Group(NamedTuple):
    """People who might meet: at the place of a start, by the place of a medium."""

    at: int
    medium: int
    people: tuple[int, ...]


class Counted(NamedTuple):
    """What a group gains with its cheapest leaders, and its points."""

    gain: int
    points: int


# Where and when sessions can be, and who could come


@dataclass(frozen=True)
class Starts:
    """When a session can begin, and who is there then; the arrays have the shape (starts, people)."""

    cells: list[int]  # of the week
    leads: list[list[Leaders]]  # by start: all who could lead together
    free: Truths  # could come as a peer
    on_grid: Truths  # would begin on the slot grid of their own clock
    hours: Numbers  # the points that the hour adds


def starts_of(problem: Problem, terms: Terms) -> Starts:
    """Every start with enough people and leaders, on somebody's grid or a pin's."""
    people = problem.participants
    free = [possible_starts(problem, person) for person in people]
    leads = {cell: _leads(problem, free, cell) for cell in cells_in(reduce(or_, free, 0) & _usable(problem))}
    cells = [cell for cell in leads if leads[cell] and _enough_peers(problem, free, cell)]
    peers = [hours if person.most_sessions > 0 else 0 for person, hours in zip(people, free, strict=True)]
    return Starts(
        cells,
        [leads[cell] for cell in cells],
        _at_cells(cells, peers),
        _at_cells(cells, [grid_of(problem, person) for person in people]),
        _hours(terms, cells, peers),
    )


def _usable(problem: Problem) -> int:
    grid = reduce(or_, (grid_of(problem, person) for person in problem.participants), 0)
    return reduce(or_, (pinned_start(problem, pin) for pin in problem.pinned), grid)


def _leads(problem: Problem, free: list[int], cell: int) -> list[Leaders]:
    leaders = [place for place, person in enumerate(problem.participants) if person.facilitates > 0]
    here = [place for place in leaders if free[place] >> cell & 1]
    return list(combinations(here, problem.program.facilitators_per_session))


def _enough_peers(problem: Problem, free: list[int], cell: int) -> bool:
    here = [person for person, hours in zip(problem.participants, free, strict=True) if hours >> cell & 1]
    return sum(person.most_sessions > 0 for person in here) >= problem.program.smallest


def _at_cells(cells: list[int], bits: list[int]) -> Truths:
    """By cell and person: whether the cell is among their bits."""
    rows = [[of_person >> cell & 1 for of_person in bits] for cell in cells]
    return np.array(rows, bool).reshape(len(cells), len(bits))


def _hours(terms: Terms, cells: list[int], peers: list[int]) -> Numbers:
    hours = np.zeros((len(cells), len(peers)), np.int64)
    for place, bits in enumerate(peers):
        points = terms.hours(place, bits & sum(1 << cell for cell in cells))
        hours[:, place] = [points.get(cell, 0) for cell in cells]
    return hours


def everyone(problem: Problem) -> Truths:
    """One circle that all are in; of shape (1, people)."""
    return np.ones((1, len(problem.participants)), bool)


def circles(problem: Problem, said: Callable[[Participant], frozenset[str]]) -> Truths:
    """For each answer, who may be together by it: who gave it, and who said nothing; of shape (circles, people).

    Those that lie inside another are left out.
    """
    answers = [said(person) for person in problem.participants]
    options = sorted(frozenset().union(*answers))
    found = {tuple(not answer or option in answer for answer in answers) for option in options}
    widest = [one for one in sorted(found) if not any(_lies_inside(one, other) for other in found)]
    return np.array(widest, bool) if widest else everyone(problem)


def _lies_inside(one: tuple[bool, ...], other: tuple[bool, ...]) -> bool:
    return one != other and all(there or not here for here, there in zip(one, other, strict=True))


class Rooms:
    """Where and when sessions can be, who could come, and what they would add."""

    def __init__(self, problem: Problem, search: Search) -> None:
        people, program = problem.participants, problem.program
        self.problem = problem
        self.search = search
        self.terms = Terms(problem)
        self.sizes = range(program.smallest, min(program.largest, len(people)) + 1)
        self.mediums = [place for place, medium in enumerate(MEDIUMS) if medium in program.mediums]
        self.starts = starts_of(problem, self.terms)
        self.packing = Packing(problem, sum(1 << cell for cell in self.starts.cells), all_listed=False)
        self.moments = [self.packing.moments(Column((), cell, "")) for cell in self.starts.cells]
        languages, topics = requires(problem, "languages"), requires(problem, "topics")
        self.languages = circles(problem, lambda person: person.languages) if languages else everyone(problem)
        self.topics = circles(problem, topics_of) if topics else everyone(problem)
        self.allows_medium = np.array([[p.comfort.allows_medium(medium) for p in people] for medium in MEDIUMS], bool)
        self.shares = np.array([person.role is not Role.LISTEN for person in people], bool)
        self.listens = np.array([person.role is not Role.SHARE for person in people], bool)

    @cached_property
    def most_sessions(self) -> int:
        """There can be no more sessions than this."""
        people, program = self.problem.participants, self.problem.program
        most = sum(person.most_sessions for person in people) // program.smallest
        leads = sum(person.facilitates for person in people)
        return min(most, leads // program.facilitators_per_session) if program.facilitators_per_session else most

    def columns(self, prices: Prices, points: bool, threshold: int, *, every: bool, most: int = MOST_FOUND) -> Found:
        """Sessions that gain more than the threshold; all of them, if asked, as long as they are not too many."""
        return Desk(self, prices, points, threshold, most).columns(every=every)

    @cached_property
    def partners(self) -> Numbers:
        """By start and person: the strongest bond they have with anyone who is free then, in points."""
        free = self.starts.free[:, None, :]
        return np.asarray(np.where(free, self.terms.bonds[None], 0).max(axis=2, initial=0))

    def comfortable(self, medium: int, size: int) -> Truths:
        """By start and person: whether they are free, and at ease with the medium and the size."""
        fine = [person.comfort.allows_size(size) for person in self.problem.participants]
        return np.asarray(self.starts.free & self.allows_medium[medium] & np.array(fine, bool))

    def may_meet(self, groups: Groups) -> Truths:
        """By group: whether none of them keep apart, and where it is asked, someone shares and someone listens."""
        may = np.ones(len(groups), bool)
        for one, other in combinations(groups.T, 2):
            may &= ~self.terms.apart[one, other]
        if requires(self.problem, "roles"):
            may &= self.shares[groups].any(axis=1) & self.listens[groups].any(axis=1)
        return may

    def points_of(self, groups: Groups, starts: Numbers, medium: int) -> Numbers:
        """By group, each at its own start: their points, in whole points."""
        eases = self.terms.eases(groups.shape[1])[medium]
        hours = self.starts.hours[starts[:, None], groups]
        return np.asarray(self.terms.points_of(groups) + eases[groups].sum(axis=1) + hours.sum(axis=1))

    def may_lead(self, lead: Leaders, group: Group) -> bool:
        """Whether these leaders and this group, who may meet, may meet together."""
        together = (*group.people, *lead)
        return (
            not set(lead) & set(group.people)
            and all(self.allows_medium[group.medium, place] for place in lead)
            and not any(self.terms.apart[one, other] for one in lead for other in together)
            and self._have_in_common("languages", lambda person: person.languages, together)
            and self._have_in_common("topics", topics_of, group.people)
            and (any(self.starts.on_grid[group.at, place] for place in together) or self._are_pinned(group, lead))
        )

    def _have_in_common(self, facet: str, said: Callable[[Participant], frozenset[str]], places: Iterable[int]) -> bool:
        """Whether all who said something share an answer, where the program requires it."""
        if not requires(self.problem, facet):
            return True
        answers = [answer for answer in (said(self.problem.participants[place]) for place in places) if answer]
        return not answers or bool(frozenset.intersection(*answers))

    def _are_pinned(self, group: Group, lead: Leaders) -> bool:
        """Whether a pin wants them at this very time, which may be off everyone's grid."""
        cell = self.starts.cells[group.at]
        people, leaders = ({self.problem.participants[at].id for at in places} for places in (group.people, lead))
        return any(
            pinned_start(self.problem, pin) == 1 << cell and pin.people <= people and pin.facilitators <= leaders
            for pin in self.problem.pinned
        )


# What everything takes at some prices


class PriceList:
    """The price of each row that has one, and what follows for seats, leaders and starts."""

    def __init__(self, packing: Packing, prices: Prices, points: bool) -> None:
        known = len(prices.of_rows)
        self.packing = packing
        self.points = points
        self.of_rows = {row: int(prices.of_rows[at]) for row, at in packing.rows.items() if at < known}
        self.weight, self.people = int(prices.of_rows[packing.weight]), int(prices.of_rows[packing.people])

    def of(self, rule: str, who: int, cell: int = -1) -> int:
        """The price of a row of ``packing``; nothing for one that no session stands in so far."""
        return self.of_rows.get(Row(rule, who, cell), 0)

    def of_seat(self, place: int) -> int:
        """What a seat takes; less what it is worth by itself, as long as points do not count."""
        price = self.of("nobody_has_too_many_sessions", place)
        if place in self.packing.has_a_seat:
            return price - self.of("has_a_seat", place)
        weight = self.packing.weights[place]
        worth = 0 if self.points else (weight * self.packing.step + 1) * SCALE
        return price + self.weight * weight + self.people - worth

    def of_lead(self, lead: Leaders, cells: list[int]) -> int:
        return sum(self.of("nobody_leads_too_many_sessions", place) + self.of_time(place, cells) for place in lead)

    def of_time(self, place: int, cells: list[int]) -> int:
        """What it takes that somebody is busy then."""
        if place not in self.packing.twice:
            return 0
        return sum(self.of("nobody_is_in_two_places", place, cell) for cell in cells)

    def of_start(self, cells: list[int]) -> int:
        return sum(self.of("not_too_many_at_once", -1, cell) for cell in cells)


@dataclass(frozen=True)
class PricedPin:
    """What a pin adds to a session that keeps it.

    Before a group is known, each of the pin's people brings a share of the bonus: together never less than all of it.
    """

    bonus: int
    asked: frozenset[int]
    leaders: frozenset[int]  # -1 for somebody who is not in the problem
    knows_all: bool  # who is asked is in the problem
    at: Truths  # by start: whether the pin allows it

    @classmethod
    def of(cls, pin: Pin, bonus: int, rooms: Rooms) -> "PricedPin":
        places, start = rooms.terms.places, pinned_start(rooms.problem, pin)
        asked = frozenset(places[person] for person in pin.people if person in places)
        leaders = frozenset(places.get(person, -1) for person in pin.facilitators)
        at = np.array([pin.span is None or start == 1 << cell for cell in rooms.starts.cells], bool)
        return cls(bonus, asked, leaders, len(asked) == len(pin.people), at)

    @property
    def share(self) -> int:
        """The bonus over all who are asked, rounded up."""
        return -(-self.bonus // max(1, len(self.asked)))

    def too_much(self, group: Group, lead: Leaders) -> int:
        """What was counted for the pin beyond what it adds to this session."""
        if not self.bonus or not self.at[group.at]:
            return 0
        counted = self.share * len(self.asked.intersection(group.people)) if self.asked else self.bonus
        kept = self.knows_all and self.asked.issubset(group.people) and self.leaders.issubset(lead)
        return counted - self.bonus * kept


@dataclass(frozen=True)
class Bill:
    """What a session takes; what pins add is taken off."""

    seats: Numbers  # of shape (starts, people)
    starts: Numbers  # of shape (starts,), with the cheapest leaders
    dearer: list[list[int]]  # by start and lead: what these leaders take beyond the cheapest
    pins: list[PricedPin]


def bill_of(rooms: Rooms, prices: PriceList) -> Bill:
    """What everyone, every start and every lead takes at these prices."""
    everybody = range(len(rooms.problem.participants))
    leads = [
        [prices.of_lead(lead, cells) for lead in here]
        for here, cells in zip(rooms.starts.leads, rooms.moments, strict=True)
    ]
    seats = np.tile(np.array([prices.of_seat(place) for place in everybody], np.int64), (len(rooms.moments), 1))
    for place in rooms.packing.twice:
        seats[:, place] += np.array([prices.of_time(place, cells) for cells in rooms.moments], np.int64)
    starts = np.array([prices.of_start(cells) for cells in rooms.moments], np.int64)
    starts += np.array([min(here) for here in leads], np.int64)
    pins = [PricedPin.of(pin, -prices.of("pins_are_kept", n), rooms) for n, pin in enumerate(rooms.problem.pinned)]
    for pin in pins:
        for place in pin.asked:
            seats[pin.at, place] -= pin.share
        starts[pin.at] -= 0 if pin.asked else pin.bonus
    return Bill(seats, starts, [[price - min(here) for price in here] for here in leads], pins)


# Which sessions gain enough


class Desk:
    """The rooms at one set of prices: people come from the shelves, and leave as sessions."""

    def __init__(self, rooms: Rooms, prices: Prices, points: bool, threshold: int, most: int) -> None:
        self.rooms = rooms
        self.points = points
        self.threshold = threshold
        self.bill = bill_of(rooms, PriceList(rooms.packing, prices, points))
        self.company = Company(rooms.terms, points)
        self.partners = rooms.partners * SCALE * points
        self.found: dict[Group, Counted] = {}
        self.patience = Patience(rooms.search, most)

    def columns(self, *, every: bool) -> Found:
        look_at = self._every_group if every else self._best_groups
        others = NEVER
        for medium in self.rooms.mediums:
            for size in self.rooms.sizes:
                for leans in self._shelves(medium, size):
                    others = max(others, look_at(leans, medium))
        sessions = list(self._sessions(every))
        return Found([column for column, _ in sessions], [gain for _, gain in sessions], others)

    # From the shelves

    def _shelves(self, medium: int, size: int) -> Iterator[list[Shelves]]:
        """For each circle of people who may be together: the same shelves, once for each lean (see ``_leans``)."""
        scores, topics = self._scores(medium, size), self._topics()
        fixed = self.rooms.terms.of_size(size) * SCALE * self.points - self.bill.starts
        starts = np.repeat(np.arange(len(scores)), len(topics))
        for circle in (circle & asked for circle in self.rooms.languages for asked in self.rooms.topics):
            here = np.where(circle, scores, NEVER)[:, None, :]
            by_lean = ((here + topics + lean).reshape(-1, len(circle)) for lean in self._leans())
            yield [Shelves.filled(size, starts, fixed[starts], each) for each in by_lean]

    def _scores(self, medium: int, size: int) -> Numbers:
        """By start and person: what they gain, with the strongest bond and without a topic; or NEVER."""
        scores = -self.bill.seats
        if self.points:
            scores = scores + (self.rooms.starts.hours + self.rooms.terms.eases(size)[medium]) * SCALE + self.partners
        return np.where(self.rooms.comfortable(medium, size), scores, NEVER)

    def _topics(self) -> Numbers:
        """By topic and person: what it adds. One row, with the best for each, where circles are by topic already."""
        terms = self.rooms.terms
        if not self.points or terms.topics_count is not MatchOn.SIMILAR:
            return np.zeros((1, len(terms.people)), np.int64)
        return (terms.topics if len(self.rooms.topics) == 1 else terms.topics.max(axis=0, keepdims=True)) * SCALE

    def _leans(self) -> list[Numbers]:
        """By lean and person: what balance takes away, as if it were known to which side the group will lean.

        A group of more who share than listen loses as much for each one more, and the other way round. Each guess, a
        lean to one side, to the other, or to none, counts no group too low, and so does the lowest of the three.
        """
        terms = self.rooms.terms
        guesses = (-1, 0, 1) if self.points and terms.leanings.any() else (0,)
        return [-guess * terms.tilt * terms.leanings * SCALE for guess in guesses]

    def _best_groups(self, leans: list[Shelves], medium: int) -> int:
        """Look at the best group of each shelf and some that are nearly as good; what no other exceeds."""
        top = np.array([shelves.tops for shelves in leans]).min(axis=0)
        for shelves in leans:
            for pick in shelves.picks:
                good = (top > self.threshold) & (shelves.ranked[:, max(pick)] > NEVER // 2)
                self._count(shelves.order[good][:, pick], shelves.starts[good], medium)
        return int(top.max(initial=NEVER))

    def _every_group(self, leans: list[Shelves], medium: int) -> int:
        """Look at every group that could gain enough, by the lean that promises least; what no other exceeds."""
        tops = np.array([shelves.tops for shelves in leans])
        top, least = tops.min(axis=0), tops.argmin(axis=0)
        for lean, shelves in enumerate(leans):
            which = np.flatnonzero((least == lean) & (top > self.threshold))
            quest = Quest(shelves, self.company, self.partners, self.threshold)
            for groups, starts in quest.groups(which, self.patience):
                self._count(groups, starts, medium)
        return int(top.max(initial=NEVER)) if self.patience.is_over() else self.threshold

    # Counted in full

    def _count(self, groups: Groups, starts: Numbers, medium: int) -> None:
        """Count these groups in full, each at its own start, and keep those that gain more than the threshold."""
        groups = np.sort(groups, axis=1)
        may = self.rooms.may_meet(groups)
        groups, starts = groups[may], starts[may]
        if not len(groups):
            return
        points = self.rooms.points_of(groups, starts, medium)
        takes = self.bill.seats[starts[:, None], groups].sum(axis=1) + self.bill.starts[starts]
        gains = points * SCALE * self.points - takes
        for n in np.flatnonzero(gains > self.threshold).tolist():
            group = Group(int(starts[n]), medium, tuple(groups[n].tolist()))
            self.found[group] = Counted(int(gains[n]), int(points[n]))
        self.patience.found = len(self.found)

    # With their leaders

    def _sessions(self, every: bool) -> Iterator[tuple[Column, int]]:
        """What was found, the highest gain first, with all leaders with whom it still gains enough; and that gain."""
        in_order = sorted(self.found, key=lambda group: (-self.found[group].gain, group))
        for group in in_order if every else _first_of_each(in_order):
            gain, points = self.found[group]
            start, medium = self.rooms.starts.cells[group.at], MEDIUMS[group.medium]
            for lead, dearer in zip(self.rooms.starts.leads[group.at], self.bill.dearer[group.at], strict=True):
                exact = gain - dearer - sum(pin.too_much(group, lead) for pin in self.bill.pins)
                if exact > self.threshold and self.rooms.may_lead(lead, group):
                    yield Column(group.people, start, medium, points, lead), exact


def _first_of_each(groups: Iterable[Group]) -> Iterator[Group]:
    """A few groups of each size at each start."""
    taken: dict[tuple[int, int], int] = {}
    for group in groups:
        kind = group.at, len(group.people)
        taken[kind] = taken.get(kind, 0) + 1
        if taken[kind] <= PER_START:
            yield group
