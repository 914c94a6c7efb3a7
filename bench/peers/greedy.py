"""A greedy assignment: whatever looks best now, never taken back.

Sessions: people with the fewest hours first. Around each of them the hours at which most others are still free are
tried, each with the facilitator who has least other choice; the group grows by whoever adds the most points; the best
of these sessions is opened. At last, whoever is left joins a session with room.

Buddies: of all candidate pairs the one that counts most is taken, again and again; who is left may make a pair a trio.
Up to ``ALL_PAIRS`` people every two are candidates; beyond, each has ``DRAWN`` people drawn from their own hours.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from bench.peers.crowd import NOBODY, Crowd, Numbers
from bench.peers.diary import Diary
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import requires

HOURS_TRIED: Final = 4
MOST_CANDIDATES: Final = 150
ALL_PAIRS: Final = 3_000
DRAWN: Final = 60
PAIRS_AT_ONCE: Final = 200_000
PAIRS_TO_JOIN: Final = 400

Until = Callable[[], bool]


def greedy(problem: Problem, seed: int = 0, is_over: Until = lambda: False) -> tuple[PlannedSession, ...]:
    """The sessions, or as many of them as there was time for."""
    crowd = Crowd(problem)
    diary = Diary(crowd)
    if len(crowd.cells) and crowd.program.ideal == 2 and not crowd.program.facilitators_per_session:
        take_pairs(crowd, diary, seed, is_over)
    if len(crowd.cells):
        complete(crowd, diary, is_over)
    return diary.sessions


def complete(crowd: Crowd, diary: Diary, is_over: Until) -> None:
    """Seat whoever is left: in new sessions, and then where there is room."""
    if crowd.program.ideal > 2 or crowd.program.facilitators_per_session:
        _Opening(crowd, diary).open_all(is_over)
    _top_up(crowd, diary, is_over)


def take_pairs(crowd: Crowd, diary: Diary, seed: int, is_over: Until) -> None:
    one, other = _candidates(crowd, seed)
    worth, cells, mediums = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for first in range(0, len(one), PAIRS_AT_ONCE):
        teams = np.column_stack([one[first : first + PAIRS_AT_ONCE], other[first : first + PAIRS_AT_ONCE]])
        met = crowd.meet(teams, np.zeros((len(teams), 0), np.int64), all_or_none=True)
        both = crowd.weights[teams].sum(axis=1) * crowd.step
        worth.append(np.where(met.size == 2, met.points + both, NOBODY))
        cells.append(met.cell)
        mediums.append(met.medium)
        if is_over():
            break
    worths, where, how = (np.concatenate(some) for some in (worth, cells, mediums))
    taken = np.zeros(crowd.count, bool)
    for pair in np.argsort(-worths, kind="stable").tolist():
        a, b = int(one[pair]), int(other[pair])
        if worths[pair] < 0:
            break
        if not taken[a] and not taken[b] and diary.add([a, b], [], int(where[pair]), int(how[pair])):
            taken[[a, b]] = True


def _candidates(crowd: Crowd, seed: int) -> tuple[Numbers, Numbers]:
    peers = crowd.peers
    if len(peers) <= ALL_PAIRS:
        one, other = np.triu_indices(len(peers), 1)
        share = np.zeros(len(one), bool)
        for first in range(0, len(one), PAIRS_AT_ONCE):
            block = slice(first, first + PAIRS_AT_ONCE)
            share[block] = (crowd.starts[peers[one[block]]] & crowd.starts[peers[other[block]]]).any(axis=1)
        return peers[one[share]], peers[other[share]]
    draw = np.random.default_rng(seed)
    people, cells = np.nonzero(crowd.can_start[peers])
    by_cell = np.argsort(cells, kind="stable")
    at = np.searchsorted(cells[by_cell], np.arange(len(crowd.cells) + 1))
    firsts = np.searchsorted(people, np.arange(len(peers) + 1))
    has = np.flatnonzero(np.diff(firsts))
    one = np.repeat(has, DRAWN)
    hour = cells[firsts[one] + (draw.random(len(one)) * (firsts[one + 1] - firsts[one])).astype(np.int64)]
    other = people[by_cell[at[hour] + (draw.random(len(one)) * (at[hour + 1] - at[hour])).astype(np.int64)]]
    pairs = np.unique(np.sort(np.column_stack([one, other])[one != other], axis=1), axis=0)
    return peers[pairs[:, 0]], peers[pairs[:, 1]]


class _Opening:
    """Opening one session after the other among those who have no seat."""

    def __init__(self, crowd: Crowd, diary: Diary) -> None:
        self.crowd = crowd
        self.diary = diary
        self.waits = np.zeros(crowd.count, bool)
        self.waits[[p for p in crowd.peers.tolist() if diary.seats[p] == 0]] = True
        self.open = crowd.can_start & self.waits[:, None]
        self.waiting_at = self.open.sum(axis=0)
        self.leaders = np.unique(crowd.leader_seats)
        self.leads = crowd.can_start[self.leaders].copy()
        for row, leader in enumerate(self.leaders.tolist()):
            self._note(row, leader)
        needed = crowd.program.facilitators_per_session
        places = len(self.leaders) and int(self._left().sum()) // max(1, needed)
        scarce = needed and places * crowd.program.ideal < self.waits.sum()
        self.target = crowd.program.largest if scarce else crowd.program.ideal

    def _left(self) -> Numbers:
        return np.array([self.crowd.people[p].facilitates - self.diary.led[p] for p in self.leaders.tolist()], np.int64)

    def _note(self, row: int, leader: int) -> None:
        """Which hours a facilitator still has."""
        if self.diary.led[leader] >= self.crowd.people[leader].facilitates:
            self.leads[row] = False
        for cell in self.diary.times.get(leader, ()):
            self.leads[row] &= abs(self.crowd.cells - cell) >= self.crowd.length

    def open_all(self, is_over: Until) -> None:
        for target in range(self.target, self.crowd.program.smallest - 1, -1):
            waiting = np.flatnonzero(self.waits & self.crowd.allows[target])
            few = self.crowd.can_start[waiting].sum(axis=1)
            for seed in waiting[np.lexsort((few, -self.crowd.weights[waiting]))].tolist():
                if is_over():
                    return
                if self.waits[seed]:
                    self._open_around(seed, target)

    def _open_around(self, seed: int, target: int) -> None:
        hours = np.flatnonzero(self.crowd.can_start[seed] & (self.waiting_at >= target))
        if self.crowd.program.facilitators_per_session:
            hours = hours[self.leads[:, hours].sum(axis=0) >= self.crowd.program.facilitators_per_session]
        hours = hours[np.argsort(-self.waiting_at[hours], kind="stable")][:HOURS_TRIED]
        options = [found for hour in hours.tolist() if (found := self._grown(seed, hour, target))]
        if not options:
            return
        _, people, rows, hour, medium = max(options, key=lambda option: option[0])
        leaders = self.leaders[rows].tolist()
        if self.diary.add(people, leaders, int(self.crowd.cells[hour]), medium):
            self.waits[people] = False
            self.waiting_at -= self.open[people].sum(axis=0)
            self.open[people] = False
            for row in rows:
                self._note(row, int(self.leaders[row]))

    def _grown(self, seed: int, hour: int, target: int) -> tuple[int, list[int], list[int], int, int] | None:
        """The session of so many that grows around a person at an hour."""
        rows = self._leaders_at(hour, seed)
        crowd = self.crowd
        leaders = self.leaders[rows]
        if len(leaders) < crowd.program.facilitators_per_session:
            return None
        near = np.flatnonzero(self.open[:, hour] & crowd.allows[target])
        near = near[near != seed]
        if len(near) > MOST_CANDIDATES:
            few = crowd.can_start[near].sum(axis=1)
            near = near[np.lexsort((few, -crowd.weights[near]))][:MOST_CANDIDATES]
        people = [seed]
        medium = NOBODY
        while len(people) < target and len(near):
            groups = np.column_stack([np.tile(people, (len(near), 1)), near])
            points, mediums = self._points_at(groups, hour, leaders)
            points = np.where(points >= 0, points + crowd.step * crowd.weights[near], NOBODY)
            best = int(points.argmax())
            if points[best] < 0:
                return None
            people.append(int(near[best]))
            medium = int(mediums[best])
            near = near[(points >= 0) & (near != near[best])]
        if (
            len(people) < target
            or not self._may_start([*people, *leaders.tolist()], hour)
            or not self._has_roles(people)
        ):
            return None
        return int(points.max()) + crowd.step * int(crowd.weights[people].sum()), people, rows, hour, medium

    def _has_roles(self, people: list[int]) -> bool:
        return not requires(self.crowd.problem, "roles") or abs(self.crowd.role_leanings[people].sum()) < len(people)

    def _may_start(self, people: list[int], hour: int) -> bool:
        return bool((self.crowd.grids[people, hour // 64] >> np.uint64(hour % 64) & np.uint64(1)).any())

    def _leaders_at(self, hour: int, seed: int) -> list[int]:
        needed = self.crowd.program.facilitators_per_session
        if not needed:
            return []
        can = np.flatnonzero(self.leads[:, hour] & (self.leaders != seed))
        rows: list[int] = []
        for row in can[np.argsort(self.leads[can].sum(axis=1), kind="stable")].tolist():
            others = self.leaders[[*rows, row]]
            if len(rows) < needed and not self.crowd.apart(others, np.full(len(others), self.leaders[row])).any():
                rows.append(row)
        return rows

    def _points_at(self, groups: Numbers, hour: int, leaders: Numbers) -> tuple[Numbers, Numbers]:
        """What groups are worth at one hour, -1 where a rule is in the way, and by which medium."""
        crowd = self.crowd
        everyone = np.column_stack([groups, np.tile(leaders, (len(groups), 1))])
        allowed = np.bitwise_and.reduce(crowd.mediums[everyone], axis=1)
        fine = allowed != 0
        if crowd.languages is not None:
            fine &= np.bitwise_and.reduce(crowd.languages[everyone], axis=1) != 0
        if crowd.required_topics is not None:
            fine &= np.bitwise_and.reduce(crowd.required_topics[groups], axis=1) != 0
        newest = groups[:, -1]
        for other in everyone.T:
            fine &= (other == newest) | (crowd.apart(other, newest) == 0)
        for leader in leaders:
            fine &= newest != leader
            for other in groups.T:
                fine &= crowd.apart(np.full(len(groups), leader), other) == 0
        eases, mediums = crowd.best_mediums(groups, allowed)
        points = crowd.points_of(groups) + eases + crowd.hours[groups, hour].sum(axis=1)
        return np.where(fine, points, NOBODY), mediums


def _top_up(crowd: Crowd, diary: Diary, is_over: Until) -> None:
    """Let whoever is left join a session with room, where they add the most."""
    none = np.zeros((0,), np.int64)
    by_cell: dict[int, list[int]] = {}
    for entry, (_, _, cell, _) in enumerate(diary.entries):
        by_cell.setdefault(cell, []).append(entry)
    left = [person for person in crowd.peers.tolist() if diary.seats[person] == 0]
    for person in sorted(left, key=lambda p: -int(crowd.weights[p])):
        if is_over():
            return
        cells = [cell for cell in crowd.cells[crowd.can_start[person]].tolist() if diary.is_free(person, cell)]
        entries = [e for c in cells for e in by_cell.get(c, ()) if len(diary.entries[e][0]) < crowd.program.largest]
        best = (NOBODY, NOBODY, NOBODY)
        for entry in entries[:PAIRS_TO_JOIN]:
            people, leaders, cell, _ = diary.entries[entry]
            grown = np.array([[*people, person]], np.int64)
            if crowd.allows[len(people) + 1][grown].all() and person not in leaders:
                points, medium = joined_points(crowd, grown, cell, np.array(leaders, np.int64) if leaders else none)
                if points > best[0]:
                    best = points, entry, medium
        if best[0] >= 0:
            diary.join(best[1], person, best[2])


def joined_points(crowd: Crowd, group: Numbers, cell: int, leaders: Numbers) -> tuple[int, int]:
    """What one group is worth that takes somebody in at its hour, and by which medium; -1 where it may not."""
    opening = _Opening.__new__(_Opening)
    opening.crowd = crowd
    points, mediums = opening._points_at(group, int(np.searchsorted(crowd.cells, cell)), leaders)
    return int(points[0]), int(mediums[0])
