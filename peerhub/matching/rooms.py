"""Sessions that would be worth more than they take: every group of people at every hour, without listing them all.

Far too many groups could meet to list each of them. Given the *price* of each person, leader and hour (see ``linear``),
only sessions matter that are worth more than the prices of all that they take, and this module finds them: the pricing
problem of Dantzig and Wolfe's column generation. It looks at a *shelf* at a time: one start, medium, size, language and
topic, where each person adds a number of their own, so that the best groups are those with the highest numbers. What
people add together, by shadows, bonds and balance, is counted in favour at first, so that a sum is never too low, and
in full as soon as the group is known (branch and bound).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations
from operator import or_
from typing import Final

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
from peerhub.matching.terms import Groups, Numbers, Terms, Truths

PER_START: Final = 3
MOST_FOUND: Final = 200_000
MOST_LOOKED_AT: Final = 3_000_000
PARTIALS_AT_ONCE: Final = 20_000
NEVER: Final = -(1 << 50)
Leaders = tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """Sessions that gain something, the highest gain first; and what no session that is not among them exceeds."""

    columns: list[Column]
    gains: list[int]
    others: int


class Rooms:
    """Where and when sessions can be, who could come, and what they would add."""

    def __init__(self, problem: Problem, search: Search) -> None:
        self.problem = problem
        self.search = search
        self.terms = Terms(problem)
        program = problem.program
        self.sizes = range(program.smallest, min(program.largest, len(problem.participants)) + 1)
        self.mediums = [place for place, medium in enumerate(MEDIUMS) if medium in program.mediums]
        free = [possible_starts(problem, person) for person in problem.participants]
        grid = reduce(or_, (grid_of(problem, person) for person in problem.participants), 0)
        usable = reduce(or_, (pinned_start(problem, pin) for pin in problem.pinned), grid)
        self.starts: list[int] = []
        self.leads: list[list[Leaders]] = []  # by start
        for start in cells_in(reduce(or_, free, 0) & usable):
            here = [place for place, cells in enumerate(free) if cells >> start & 1]
            leads = self._leads(here)
            if leads and sum(problem.participants[place].most_sessions > 0 for place in here) >= program.smallest:
                self.starts.append(start)
                self.leads.append(leads)
        peers = [cells if p.most_sessions > 0 else 0 for p, cells in zip(problem.participants, free, strict=True)]
        self.free = np.array([[cells >> start & 1 for cells in peers] for start in self.starts], bool).reshape(
            len(self.starts), len(free)
        )
        self.grids = np.array(
            [[grid_of(problem, p) >> start & 1 for p in problem.participants] for start in self.starts], bool
        ).reshape(len(self.starts), len(free))
        self.hours = np.zeros((len(self.starts), len(free)), np.int64)
        for place, cells in enumerate(peers):
            hours = self.terms.hours(place, cells & sum(1 << start for start in self.starts))
            self.hours[:, place] = [hours.get(start, 0) for start in self.starts]
        self.packing = Packing(problem, sum(1 << start for start in self.starts), all_listed=False)
        self.languages = self._circles(lambda p: p.languages) if requires(problem, "languages") else self._everyone()
        self.required = self._circles(topics_of) if requires(problem, "topics") else self._everyone()
        self.allows_medium = np.array(
            [[p.comfort.allows_medium(m) for p in problem.participants] for m in MEDIUMS], bool
        )
        self.roles = [
            np.array([p.role is not only for p in problem.participants], bool) for only in (Role.LISTEN, Role.SHARE)
        ]
        self.speaks = [person.languages for person in problem.participants]

    def _leads(self, here: list[int]) -> list[Leaders]:
        leaders = [place for place in here if self.problem.participants[place].facilitates > 0]
        return list(combinations(leaders, self.problem.program.facilitators_per_session))

    def _everyone(self) -> Truths:
        return np.ones((1, len(self.problem.participants)), bool)

    def _circles(self, said: Callable[[Participant], frozenset[str]]) -> Truths:
        """For each answer, who may be together by it: who gave it, and who said nothing. Not those inside another."""
        answers = [said(person) for person in self.problem.participants]
        options = sorted(frozenset().union(*answers))
        circles = {tuple(not answer or option in answer for answer in answers) for option in options}
        largest = [
            one
            for one in sorted(circles)
            if not any(one != other and all(b or not a for a, b in zip(one, other, strict=True)) for other in circles)
        ]
        return np.array(largest, bool) if largest else self._everyone()

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


class Desk:
    """The rooms at one set of prices."""

    def __init__(self, rooms: Rooms, prices: Prices, points: bool, threshold: int, most: int) -> None:
        self.rooms = rooms
        self.points = points
        self.threshold = threshold
        self.most = most
        self.looked_at = 0
        self.found: dict[tuple[int, int, tuple[int, ...]], tuple[int, int]] = {}
        self.terms = rooms.terms
        self.prices = prices
        packing = rooms.packing
        known = len(prices.of_rows)
        self.price = {
            row: int(prices.of_rows[at]) for row, at in packing.rows.items() if at < known and prices.of_rows[at]
        }
        people = rooms.problem.participants
        seat = [self._seat(place) for place in range(len(people))]
        self.seats = np.tile(np.array(seat, np.int64), (len(rooms.starts), 1))
        moments = [packing.moments(Column((), start, "")) for start in rooms.starts]
        for at, cells in enumerate(moments):
            for place in packing.twice:
                self.seats[at, place] += self._of_place(place, cells)
        self.at_start = np.array(
            [sum(self.price.get(Row("not_too_many_at_once", -1, cell), 0) for cell in cells) for cells in moments],
            np.int64,
        )
        self.lead_prices = [
            [
                sum(
                    self.price.get(Row("nobody_leads_too_many_sessions", p), 0) + self._of_place(p, cells) for p in lead
                )
                for lead in leads
            ]
            for leads, cells in zip(rooms.leads, moments, strict=True)
        ]
        self.bonus = np.zeros(len(rooms.starts), np.int64)
        self.pins = [
            _PinHere(pin, -self.price.get(Row("pins_are_kept", n), 0), rooms)
            for n, pin in enumerate(rooms.problem.pinned)
        ]
        for pin in self.pins:
            for place in pin.asked:
                self.seats[pin.at, place] -= pin.share
            self.bonus[pin.at] += 0 if pin.asked else pin.bonus
        self.least_lead = np.array([min(of) for of in self.lead_prices], np.int64)

    def _seat(self, place: int) -> int:
        packing, single = self.rooms.packing, place not in self.rooms.packing.has_a_seat
        price = self.price.get(Row("nobody_has_too_many_sessions", place), 0)
        if not single:
            return price - self.price.get(Row("has_a_seat", place), 0)
        weight = packing.weights[place]
        price += int(self.prices.of_rows[packing.weight]) * weight + int(self.prices.of_rows[packing.people])
        return price - (0 if self.points else (weight * packing.step + 1) * SCALE)

    def _of_place(self, place: int, cells: Iterable[int]) -> int:
        if place not in self.rooms.packing.twice:
            return 0
        return sum(self.price.get(Row("nobody_is_in_two_places", place, cell), 0) for cell in cells)

    def shelves(self, medium: int, size: int) -> "list[list[Shelves]]":
        """All shelves for a medium and size: for each circle, one view of them for each lean of the balance."""
        rooms, terms = self.rooms, self.terms
        crowded = np.array([not p.comfort.allows_size(size) for p in rooms.problem.participants], bool)
        fixed = -self.at_start - self.least_lead + self.bonus
        base = -self.seats
        topics = np.zeros((1, base.shape[1]), np.int64)
        if self.points:
            fixed = fixed + terms.of_size(size) * SCALE
            base = base + (rooms.hours + terms.eases(size)[medium] + self._partners) * SCALE
            if terms.topics_count is MatchOn.SIMILAR:
                topics = (terms.topics if len(rooms.required) == 1 else terms.topics.max(axis=0, keepdims=True)) * SCALE
        base = np.where(rooms.free & rooms.allows_medium[medium] & ~crowded, base, NEVER)
        tilts = (-1, 0, 1) if self.points and terms.leanings.any() else (0,)
        starts = np.repeat(np.arange(len(rooms.starts)), len(topics))
        shelves = []
        for circle in (circle & asked for circle in rooms.languages for asked in rooms.required):
            leans = []
            for tilt in tilts:
                add = topics - tilt * terms.tilt * terms.leanings * SCALE
                scores = np.where(circle, base, NEVER)[:, None, :] + add[None]
                leans.append(Shelves(scores.reshape(-1, base.shape[1]), starts, fixed[starts], size))
            shelves.append(leans)
        return shelves

    @cached_property
    def _partners(self) -> Numbers:
        """By start and person: what they would add with someone they have a bond with, where one is free then."""
        return np.asarray(np.where(self.rooms.free[:, None, :], self.terms.bonds[None], 0).max(axis=2, initial=0))

    def columns(self, *, every: bool) -> Found:
        others = NEVER
        for medium in self.rooms.mediums:
            for size in self.rooms.sizes:
                for leans in self.shelves(medium, size):
                    others = max(others, self._of_every(leans, medium) if every else self._of_the_best(leans, medium))
        return self._columns(others, every)

    def _of_the_best(self, leans: "list[Shelves]", medium: int) -> int:
        """Look at the best group of each shelf and its neighbours; what no other exceeds."""
        top = np.array([shelves.tops for shelves in leans]).min(axis=0)
        for shelves in leans:
            for pick in shelves.picks:
                good = (top > self.threshold) & (shelves.ranked[:, max(pick)] > NEVER // 2)
                self._take(shelves.order[good][:, pick], shelves.starts[good], medium)
        return int(top.max(initial=NEVER))

    def _of_every(self, leans: "list[Shelves]", medium: int) -> int:
        """Look at every group that could gain enough; what no other exceeds."""
        tops = np.array([shelves.tops for shelves in leans])
        top, lean = tops.min(axis=0), tops.argmin(axis=0)
        for n, shelves in enumerate(leans):
            which = np.flatnonzero((lean == n) & (top > self.threshold))
            for groups, starts in self._complete(shelves, _Partial.begun(which)):
                self._take(groups, starts, medium)
        return int(top.max(initial=NEVER)) if self._too_many() else self.threshold

    def _too_many(self) -> bool:
        search = self.rooms.search
        return len(self.found) > self.most or self.looked_at > MOST_LOOKED_AT or search.is_over(search.time_limit)

    def _complete(self, shelves: "Shelves", partial: "_Partial") -> Iterator[tuple[Groups, Numbers]]:
        """The groups that begin so, person by person in the order of their shelf."""
        for first in range(0, len(partial.shelf), PARTIALS_AT_ONCE):
            if self._too_many():
                return
            longer = self._longer(shelves, partial.part(slice(first, first + PARTIALS_AT_ONCE)))
            self.looked_at += len(longer.shelf)
            if longer.groups.shape[1] == shelves.size:
                yield longer.groups, shelves.starts[longer.shelf]
            elif len(longer.shelf):
                yield from self._complete(shelves, longer)

    def _longer(self, shelves: "Shelves", partial: "_Partial") -> "_Partial":
        """One more person for each of these beginnings, as long as the best ending could gain enough."""
        rest = shelves.size - partial.groups.shape[1] - 1
        order = shelves.order[partial.shelf]
        own, lift, apart = self._together(partial.groups)
        own, lift = np.take_along_axis(own, order, axis=1), np.take_along_axis(lift, order, axis=1)
        apart = np.take_along_axis(apart, order, axis=1)
        alone = shelves.ranked[partial.shelf] - self._potential[shelves.starts[partial.shelf][:, None], order]
        exact = alone + own + lift
        apart |= np.arange(order.shape[1])[None] <= partial.last[:, None]
        if rest == 0:
            ends = exact
        elif rest == 1:
            hopes = np.where(apart, NEVER, np.maximum(exact, shelves.ranked[partial.shelf] + lift))
            after = np.maximum.accumulate(hopes[:, ::-1], axis=1)[:, ::-1]
            ends = hopes + np.concatenate([after[:, 1:], np.full((len(after), 1), NEVER)], axis=1)
        else:
            sums = shelves.sums[partial.shelf]
            ends = np.full(exact.shape, NEVER)
            ends[:, :-rest] = sums[:, rest + 1 :] - sums[:, : -rest - 1] + partial.open[:, None]
        need = self.threshold - shelves.fixed[partial.shelf] - partial.worth
        which, place = np.nonzero((ends > need[:, None]) & ~apart)
        return partial.with_one_more(which, place, order[which, place], exact[which, place], self)

    def _together(self, groups: Groups) -> tuple[Numbers, Numbers, Truths]:
        """By group and person: what they gain from the group, what it gains from them, and whether they keep apart."""
        shape = (len(groups), len(self.rooms.problem.participants))
        own, lift, apart = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, bool)
        if self.points and groups.shape[1]:
            terms = self.terms
            for member in groups.T:
                np.maximum(own, terms.bonds.T[member] * SCALE, out=own)
            for one, member in enumerate(groups.T):
                others = np.delete(groups, one, axis=1)
                has = terms.bonds[member[:, None], others].max(axis=1, initial=0)
                lift += np.maximum(0, terms.bonds[member] - has[:, None]) * SCALE
            shade = np.zeros(shape, np.int64)
            for member in groups.T:
                np.maximum(shade, terms.shadows.T[member] * SCALE, out=shade)
            own -= shade
        for member in groups.T:
            apart |= self.terms.apart[member]
        return own, lift, apart

    @cached_property
    def _potential(self) -> Numbers:
        return self._partners * SCALE if self.points else np.zeros(self.rooms.free.shape, np.int64)

    def open_bonds(self, groups: Groups) -> Numbers:
        """By group: what its members could still gain from others."""
        best = self.terms.bonds.max(axis=1, initial=0)
        total = np.zeros(len(groups), np.int64)
        if self.points:
            for one, member in enumerate(groups.T):
                others = np.delete(groups, one, axis=1)
                total += best[member] - self.terms.bonds[member[:, None], others].max(axis=1, initial=0)
        return total * SCALE

    def _take(self, groups: Groups, starts: Numbers, medium: int) -> None:
        """Count in full, and keep those that gain more than the threshold with their best leaders."""
        if not len(groups):
            return
        groups = np.sort(groups, axis=1)
        may = self._allowed(groups)
        groups, starts = groups[may], starts[may]
        if not len(groups):
            return
        points = self._points(groups, starts, medium)
        gains = points * SCALE * self.points - self.seats[starts[:, None], groups].sum(axis=1)
        gains += self.bonus[starts] - self.at_start[starts] - self.least_lead[starts]
        for n in np.flatnonzero(gains > self.threshold).tolist():
            self.found[int(starts[n]), medium, tuple(groups[n].tolist())] = int(gains[n]), int(points[n])

    def _allowed(self, groups: Groups) -> Truths:
        may = np.ones(len(groups), bool)
        for one, other in combinations(groups.T, 2):
            may &= ~self.terms.apart[one, other]
        if requires(self.rooms.problem, "roles"):
            for has in self.rooms.roles:
                may &= has[groups].any(axis=1)
        return may

    def _points(self, groups: Groups, starts: Numbers, medium: int) -> Numbers:
        eases = self.terms.eases(groups.shape[1])[medium]
        hours = self.rooms.hours[starts[:, None], groups]
        return np.asarray(self.terms.points_of(groups) + eases[groups].sum(axis=1) + hours.sum(axis=1))

    def _columns(self, others: int, every: bool) -> Found:
        columns, gains = [], []
        taken: dict[tuple[int, int], int] = {}
        for (at, medium, people), (gain, points) in sorted(self.found.items(), key=lambda item: (-item[1][0], item[0])):
            key = at, len(people)
            taken[key] = taken.get(key, 0) + 1
            if taken[key] > PER_START and not every:
                continue
            for lead, price in zip(self.rooms.leads[at], self.lead_prices[at], strict=True):
                exact = (
                    gain + int(self.least_lead[at]) - price - sum(pin.too_much(at, people, lead) for pin in self.pins)
                )
                if exact > self.threshold and self._may_lead(at, medium, people, lead):
                    columns.append(Column(people, self.rooms.starts[at], MEDIUMS[medium], points, lead))
                    gains.append(exact)
        return Found(columns, gains, others)

    def _may_lead(self, at: int, medium: int, people: tuple[int, ...], lead: Leaders) -> bool:
        rooms = self.rooms
        if set(lead) & set(people) or not all(rooms.allows_medium[medium, place] for place in lead):
            return False
        if any(self.terms.apart[one, other] for one in lead for other in (*people, *lead)):
            return False
        if requires(rooms.problem, "languages"):
            said = [rooms.speaks[place] for place in (*people, *lead) if rooms.speaks[place]]
            if said and not frozenset.intersection(*said):
                return False
        if requires(rooms.problem, "topics"):
            said = [topics_of(rooms.problem.participants[place]) for place in people]
            if any(said) and not frozenset.intersection(*(one for one in said if one)):
                return False
        return any(rooms.grids[at, place] for place in (*people, *lead)) or self._pinned(at, people, lead)

    def _pinned(self, at: int, people: tuple[int, ...], lead: Leaders) -> bool:
        rooms = self.rooms
        ids = [{rooms.problem.participants[place].id for place in places} for places in (people, lead)]
        return any(
            pinned_start(rooms.problem, pin) == 1 << rooms.starts[at]
            and pin.people <= ids[0]
            and pin.facilitators <= ids[1]
            for pin in rooms.problem.pinned
        )


class Shelves:
    """Scores of every person, shelf by shelf, and what a group of a size has at most there."""

    def __init__(self, scores: Numbers, starts: Numbers, fixed: Numbers, size: int) -> None:
        self.size, self.starts, self.fixed = size, starts, fixed
        self.order = np.argsort(-scores, axis=1, kind="stable")
        self.ranked = np.take_along_axis(scores, self.order, axis=1)
        self.tops = np.maximum(self.ranked[:, :size].sum(axis=1) + fixed, NEVER)

    @cached_property
    def sums(self) -> Numbers:
        """The scores added up along each shelf, from nothing on."""
        return np.concatenate([np.zeros((len(self.order), 1), np.int64), self.ranked.cumsum(axis=1)], axis=1)

    @property
    def picks(self) -> list[list[int]]:
        """The best, and some that are nearly so."""
        size, most = self.size, self.order.shape[1]
        picks = [[*range(size)], [*range(size - 1), size], [*range(1, size + 1)], [*range(size - 2), size - 1, size]]
        return [pick for pick in picks if pick[-1] < most]


class _PinHere:
    """What a pin adds to a session that keeps it; each of its people brings a share, until the group is known."""

    def __init__(self, pin: Pin, bonus: int, rooms: Rooms) -> None:
        places = rooms.terms.places
        self.bonus = bonus
        self.asked = [places[person] for person in pin.people if person in places]
        self.leads = [places.get(person, -1) for person in pin.facilitators]
        self.known = len(self.asked) == len(pin.people)
        self.at = np.array(
            [pin.span is None or pinned_start(rooms.problem, pin) == 1 << start for start in rooms.starts]
        )
        self.share = -(-bonus // max(1, len(self.asked)))

    def too_much(self, at: int, people: tuple[int, ...], lead: Leaders) -> int:
        """What was counted for the pin beyond what it adds to this session."""
        if not self.bonus or not self.at[at]:
            return 0
        counted = self.share * len(set(self.asked) & set(people)) if self.asked else self.bonus
        kept = self.known and set(self.asked) <= set(people) and set(self.leads) <= set(lead)
        return counted - self.bonus * kept


@dataclass(frozen=True)
class _Partial:
    """Beginnings of groups: on which shelf, who, the place of the last, their worth, and what bonds could still add."""

    shelf: Numbers
    groups: Groups
    last: Numbers
    worth: Numbers
    open: Numbers

    @classmethod
    def begun(cls, shelf: Numbers) -> "_Partial":
        none = np.zeros(len(shelf), np.int64)
        return cls(shelf, np.zeros((len(shelf), 0), np.int64), none - 1, none, none)

    def part(self, which: slice) -> "_Partial":
        return _Partial(self.shelf[which], self.groups[which], self.last[which], self.worth[which], self.open[which])

    def with_one_more(self, which: Numbers, place: Numbers, person: Numbers, adds: Numbers, desk: Desk) -> "_Partial":
        groups = np.concatenate([self.groups[which], person[:, None]], axis=1)
        return _Partial(self.shelf[which], groups, place, self.worth[which] + adds, desk.open_bonds(groups))
