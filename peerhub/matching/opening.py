"""Open sessions for a large round one by one: the one that gains the most, again and again.

What a session gains is what its people add beyond their *score*, which the market prices give: who would gain much from
any seat is not taken for a seat where others would do. What people add together is left to the exchange.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from peerhub.matching.hall import NEVER, Hall
from peerhub.matching.seating import Company, Seating, any_apart
from peerhub.matching.terms import Numbers, Truths

TRIED_LEADERS: Final = 4  # at one start
SPARE: Final = 8  # people who are looked at besides those who gain the most


@dataclass(frozen=True)
class Scores:
    """What each person counts beyond what they add, and what each leader takes."""

    people: Numbers
    leaders: Numbers

    def of(self, seating: Seating) -> Numbers:
        """By session: what its people count, less what its leaders take."""
        people = np.append(self.people, 0)[seating.people]  # nobody counts nothing
        return np.asarray(people.sum(axis=1) - self.leaders[seating.leaders].sum(axis=1))


@dataclass(frozen=True)
class _Session:
    gain: int
    people: tuple[int, ...]
    leaders: tuple[int, ...]


class Opening:
    """Sessions that open beside others that stay."""

    def __init__(self, hall: Hall, scores: Scores, staying: Seating, waiting: Numbers) -> None:
        self.hall = hall
        self.scores = scores
        self.waiting = np.zeros(hall.people, bool)
        self.waiting[waiting] = True
        self.leads = hall.leads - staying.leads(hall)
        self.running = hall.running[staying.starts].sum(axis=0)
        self.free_to_lead = hall.leads_at & (self.leads > 0)[:, None]
        self.can_come = hall.hours >= 0
        for led, start in zip(staying.leaders, staying.starts, strict=True):
            self._is_busy(led, int(start))
        for group, start in zip(staying.people, staying.starts, strict=True):
            self._is_busy(group[(group >= 0) & (hall.leads[group] > 0)], int(start))
        self.groups: list[tuple[int, ...]] = []
        self.leaders: list[tuple[int, ...]] = []
        self.starts: list[int] = []

    def seating(self, is_over: Callable[[], bool] = lambda: False) -> Seating:
        """All that open before it is over."""
        heap = [(-hope, start) for start, hope in enumerate(self._hopes().tolist()) if hope > NEVER // 2]
        heapq.heapify(heap)
        while heap and not is_over():
            _, start = heapq.heappop(heap)
            session = self._best(start)
            if session is None:
                continue
            if heap and -heap[0][0] > session.gain:
                heapq.heappush(heap, (-session.gain, start))
            elif self._is_legal(session, start):
                self._open(session, start)
                heapq.heappush(heap, (-session.gain, start))
        return Seating.of(self.hall, self.groups, self.leaders, self.starts)

    def _hopes(self) -> Numbers:
        """By start: what no session there could exceed; far below zero where there can be none."""
        hall = self.hall
        here = np.flatnonzero(self.waiting)
        liked = self.scores.people[here] + hall.eases[:, :, here].max(axis=(0, 1))
        liked += 0 if hall.differ else hall.topics[:, here].max(axis=0)
        adds = np.where(self.can_come[here], hall.hours[here] + liked[:, None], NEVER).T
        most = min(hall.largest, adds.shape[1])
        sums = (-np.sort(np.partition(-adds, most - 1, axis=1)[:, :most], axis=1)).cumsum(axis=1) if most else adds
        hopes = np.full(len(hall.starts), NEVER)
        for size, worth in zip(hall.sizes, hall.of_size, strict=True):
            if size <= most:
                np.maximum(hopes, sums[:, size - 1] + worth, out=hopes)
        return hopes - self._cheapest_leaders()

    def _cheapest_leaders(self) -> Numbers:
        each = self.hall.leaders_each
        if not each:
            return np.zeros(len(self.hall.starts), np.int64)
        prices = np.where(self.free_to_lead, self.scores.leaders[:, None], -NEVER)
        return np.asarray(np.partition(prices, each - 1, axis=0)[:each].sum(axis=0))

    def _open(self, session: _Session, start: int) -> None:
        self.groups.append(session.people)
        self.leaders.append(session.leaders)
        self.starts.append(start)
        self.waiting[list(session.people)] = False
        self.leads[list(session.leaders)] -= 1
        self.running += self.hall.running[start]
        self._is_busy(
            np.array(session.leaders + tuple(p for p in session.people if self.hall.leads[p]), np.int64), start
        )
        self.free_to_lead[self.leads <= 0] = False

    def _is_busy(self, people: Numbers, start: int) -> None:
        self.free_to_lead[np.ix_(people, self.hall.overlapping[start])] = False
        self.can_come[np.ix_(people, self.hall.overlapping[start])] = False

    # The best session at a start

    def _best(self, start: int) -> _Session | None:
        hall = self.hall
        if hall.at_once is not None and self.running[self.hall.running[start]].max() >= hall.at_once:
            return None
        here = np.flatnonzero(self.waiting & self.can_come[:, start])
        for leaders in self._leaders(start):
            session = self._best_led_by(leaders, start, here)
            if session:
                return session
        return None

    def _leaders(self, start: int) -> Iterator[tuple[int, ...]]:
        """A few who could lead together, the cheapest first."""
        hall = self.hall
        if not hall.leaders_each:
            yield ()
            return
        here = np.flatnonzero(self.free_to_lead[:, start])
        here = here[np.argsort(self.scores.leaders[here], kind="stable")][: TRIED_LEADERS + hall.leaders_each - 1]
        for tried, leaders in enumerate(combinations(here.tolist(), hall.leaders_each)):
            if tried == TRIED_LEADERS:
                return
            yield leaders

    def _best_led_by(self, leaders: tuple[int, ...], start: int, here: Numbers) -> _Session | None:
        hall = self.hall
        here = here[self._may_meet(here, leaders) & ~np.isin(here, leaders)]
        if len(here) < hall.sizes[0]:
            return None
        plain = self.scores.people[here] + hall.hours[here, start].astype(np.int64)
        suits = np.asarray(hall.mediums[:, list(leaders)].all(axis=1))
        adds = plain + np.where(suits[:, None], hall.eases[:, :, here], NEVER)  # kinds, mediums, people
        topics = np.zeros((1, len(here)), np.int64) if hall.differ else hall.topics[:, here]
        best, chosen = NEVER // 2, None
        for kind in range(len(adds)):
            each = adds[kind][:, None, :] + topics[None]
            most = min(len(here), max(s for s, k in zip(hall.sizes, hall.kinds, strict=True) if k == kind))
            top = -np.sort(np.partition(-each, most - 1, axis=2)[..., :most], axis=2)
            sums = top.cumsum(axis=2)
            for size, of_kind, worth in zip(hall.sizes, hall.kinds, hall.of_size, strict=True):
                if of_kind == kind and size <= most and (value := int(sums[..., size - 1].max()) + worth) > best:
                    medium, topic = np.unravel_index(int(sums[..., size - 1].argmax()), sums.shape[:2])
                    best, chosen = value, (size, each[medium, topic])
        if chosen is None:
            return None
        people = self._who_may_meet(here, *chosen, leaders)
        gain = best - int(self.scores.leaders[list(leaders)].sum())
        return _Session(gain, people, leaders) if people else None

    def _who_may_meet(self, here: Numbers, size: int, adds: Numbers, leaders: tuple[int, ...]) -> tuple[int, ...]:
        """So many who add the most, each of whom may meet those before."""
        order = here[np.argsort(-adds, kind="stable")][: size + SPARE]
        best = order[:size].tolist()
        if self._may_all_meet(best):
            return tuple(best)
        people: list[int] = []
        for person in order.tolist():
            if self._may_join(person, people, leaders) and self._are_both_there([*people, person], size):
                people.append(person)
            if len(people) == size:
                return tuple(people)
        return ()

    def _are_both_there(self, people: list[int], size: int) -> bool:
        """Whether there is, or could still be, somebody who shares and somebody who listens, where both must be."""
        hall = self.hall
        lacking = (not hall.shares[people].any()) + (not hall.listens[people].any())
        return not hall.needs_both or lacking <= size - len(people)

    def _may_all_meet(self, people: list[int]) -> bool:
        """Whether they have words in common, and none of them keep apart: a quick look, leaders were asked before."""
        words = (*self.hall.words, *self.hall.peers_words)
        if not all(np.bitwise_and.reduce(of_all[people]).any() for of_all in words):
            return False
        both = self._are_both_there(people, len(people))
        return both and not any_apart(self.hall, np.array([people])).any()

    def _may_join(self, person: int, people: list[int], leaders: tuple[int, ...]) -> bool:
        together = [*people, person]
        in_common = all((np.bitwise_and.reduce(words[together]) != 0).any() for words in self.hall.peers_words)
        return in_common and bool(self._may_meet(np.array([person]), (*leaders, *people)).all())

    def _may_meet(self, people: Numbers, others: tuple[int, ...]) -> Truths:
        """By person: whether they have words in common with these others, and keep apart from none."""
        hall = self.hall
        may = np.ones(len(people), bool)
        for words in hall.words:
            may &= (words[people] & np.bitwise_and.reduce(words[list(others)], axis=0)).any(axis=1)
        for other in others:
            may &= ~hall.apart.find(people, np.full(len(people), other))[0]
        return may

    def _is_legal(self, session: _Session, start: int) -> bool:
        one = Seating.of(self.hall, [session.people], [session.leaders], [start])
        return bool(Company(self.hall, one).points[0] >= 0)
