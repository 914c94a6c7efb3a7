"""A genetic algorithm of gruepr's kind, with the hour, the medium and the facilitators decided as well.

gruepr (https://github.com/gruepr/gruepr, ``GA.h`` and ``GA.cpp``, read in November 2026; nothing of it is copied) keeps
a pool of orderings of all people, cut into teams. Each generation keeps the 3 best; all others are children of two
winners of tournaments of 100 who share no parent, grandparent or great-grandparent. A child takes a run of whole teams
from one parent and everybody else in the order of the other (ordered crossover); then people swap places, with a
likelihood of 25 to 75 percent, again and again. Pools hold 60,000 genomes below 30 people, 45,000 below 75, 20,000
below 200 and 10,000 above. It ends when 25 generations brought nothing new, after at least 40.

What is ours: a genome also orders the facilitators' places. A team asks its people in their order who can come with
those before them, and meets at the best hour and by the best medium for those who come; the others are left out, which
costs the genome their seats (gruepr instead fines a team without a common hour; this way every genome has a score to
climb). A facilitator who is in two places leads only one. At last the best genome is written into a diary of sessions
that keep every rule, and the greedy assignment seats who is left, for which there is up to a fifth of the time more. A
report is never worse than one before.

What is slower: numpy on one core instead of compiled threads. So that there is time for ``GENERATIONS``, the pool is
as large as the machine's speed allows, at most gruepr's. When a pool has become stable, another begins; the best of all
is kept.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.judge import judge
from bench.peers.crowd import NOBODY, Crowd, Met, Numbers, Truths
from bench.peers.diary import Diary
from bench.peers.greedy import complete
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession

Draw = np.random.Generator

ELITES: Final = 3
TOURNAMENT: Final = 100
LEAST_GENERATIONS: Final = 40
STABLE_GENERATIONS: Final = 25
GENERATIONS: Final = 100  # that there should be time for
SMALLEST_POOL: Final = 40
PLACES_TO_MATE: Final = 4_000_000  # people in the genomes that are mated at once
TRIES_FOR_A_STRANGER: Final = 20


@dataclass(frozen=True)
class Ways:
    """How gruepr goes about so many people: the pool, how often the best wins, what counts as related, mutations."""

    pool: int
    best_wins: float
    generations_of_ancestors: int
    mutates: float


def ways_for(people: int) -> Ways:
    for below, ways in (
        (30, Ways(60_000, 0.25, 3, 0.25)),
        (75, Ways(45_000, 0.33, 3, 0.50)),
        (200, Ways(20_000, 0.66, 3, 0.50)),
    ):
        if people < below:
            return ways
    return Ways(10_000, 0.80, 2, 0.75)


@dataclass
class Pool:
    """The genomes of one generation: two orderings, who their ancestors are, and what they are worth."""

    people: Numbers  # shape (pool, people)
    leaders: Numbers  # shape (pool, places of facilitators)
    ancestors: Numbers  # shape (pool, 2 + 4 + ...), by number of birth
    worth: Numbers


def genetic(
    problem: Problem,
    seconds: float,
    seed: int = 0,
    marks: tuple[float, ...] = (),
    clock: Callable[[], float] | None = None,
) -> Iterator[tuple[float, tuple[PlannedSession, ...]]]:
    """The best sessions known after each of the ``marks`` and at the end, with the seconds that they took."""
    clock = clock or time.monotonic
    began = clock()
    until = [*(mark for mark in sorted(marks) if mark < seconds), seconds]
    for sessions in Breeding(Crowd(problem), seed, lambda: clock() - began, until).reports():
        yield clock() - began, sessions


class Breeding:
    """One run, from random genomes to the end of the time."""

    def __init__(self, crowd: Crowd, seed: int, seconds: Callable[[], float], until: list[float]) -> None:
        self.crowd = crowd
        self.draw = np.random.default_rng(seed)
        self.seconds = seconds
        self.until = until
        self.ways = ways_for(crowd.count)
        self.generations = 0
        self.pools = 0
        self.size = 0
        needed = crowd.program.facilitators_per_session
        most = len(crowd.leader_seats) // needed if needed else len(crowd.peers)
        self.teams = max(
            0, min(most, len(crowd.peers) // crowd.program.smallest, -(-len(crowd.peers) // crowd.program.ideal))
        )
        self.needed = needed
        self.places, self.ends = self._places()
        self.best: tuple[int, Numbers, Numbers] | None = None

    def _places(self) -> tuple[Numbers, Numbers]:
        """Which places of the ordering are a team, as even as can be, and where each team begins or ends.

        Where there are too few facilitators, some people of a team stand in no place that comes.
        """
        shares = np.array_split(np.arange(len(self.crowd.peers)), max(1, self.teams))
        places = np.full((len(shares), self.crowd.program.largest), NOBODY, np.int64)
        for row, share in enumerate(shares):
            places[row, : min(len(share), self.crowd.program.largest)] = share[: self.crowd.program.largest]
        return places, np.cumsum([0, *map(len, shares)])

    def reports(self) -> Iterator[tuple[PlannedSession, ...]]:
        if not self.teams or not len(self.crowd.cells):
            for _ in self.until:
                yield ()
            return
        self.size = self._pool_size()
        generations = self._all_generations()
        best: tuple[PlannedSession, ...] = ()
        for mark in self.until:
            while self.seconds() < mark:
                next(generations)
            now = self._sessions(1.2 * mark)
            best = max(best, now, key=lambda some: judge(self.crowd.problem, some).rank)
            yield best

    def _pool_size(self) -> int:
        """As many genomes as there is time for, measured on a few."""
        few = max(2, min(self.ways.pool, 4_000 // self.teams + 1))
        sample = self._strangers(few)
        before = self.seconds()
        self._worth(sample.people, sample.leaders)
        each = max(1e-9, self.seconds() - before) / few
        room = (self.until[-1] - self.seconds()) / (1.5 * each * GENERATIONS)
        return int(min(self.ways.pool, max(SMALLEST_POOL, room)))

    def _all_generations(self) -> Iterator[None]:
        while True:
            pool = self._strangers(self.size)
            self.pools += 1
            self._keep(pool)
            yield
            last_gain, best = 0, int(pool.worth.max())
            generation = 0
            while generation < LEAST_GENERATIONS or generation - last_gain <= STABLE_GENERATIONS:
                generation += 1
                pool = self._next(pool, generation)
                self.generations += 1
                if int(pool.worth.max()) > best:
                    last_gain, best = generation, int(pool.worth.max())
                self._keep(pool)
                yield

    def _keep(self, pool: Pool) -> None:
        top = int(pool.worth.argmax())
        if self.best is None or pool.worth[top] > self.best[0]:
            self.best = int(pool.worth[top]), pool.people[top].copy(), pool.leaders[top].copy()

    def _strangers(self, count: int) -> Pool:
        people = self.draw.permuted(np.tile(self.crowd.peers, (count, 1)), axis=1)
        leaders = self.draw.permuted(np.tile(self.crowd.leader_seats, (count, 1)), axis=1)
        born = np.arange(count)[:, None] + self.size * (1 + self.pools) * 1_000
        ancestors = -(born * 100 + np.arange(_ancestors(self.ways))[None, :]) - 1
        return Pool(people, leaders, ancestors, self._worth(people, leaders))

    # Worth

    def _worth(self, people: Numbers, leaders: Numbers) -> Numbers:
        teams, led_by = self._teams_of(people), self._leaders_of(leaders)
        met = self.crowd.meet(teams, led_by)
        each = met.points + self.crowd.step * np.where(met.people >= 0, self.crowd.weights[met.people], 0).sum(axis=1)
        each[met.size == 0] = 0
        if self.needed:
            each[self._in_two_places(met, led_by, len(people))] = 0
        return np.asarray(each.reshape(len(people), self.teams).sum(axis=1))

    def _teams_of(self, people: Numbers) -> Numbers:
        teams = np.where(self.places >= 0, people[:, self.places], NOBODY)
        return teams.reshape(-1, self.places.shape[1])

    def _leaders_of(self, leaders: Numbers) -> Numbers:
        return leaders[:, : self.teams * self.needed].reshape(len(leaders) * self.teams, self.needed)

    def _in_two_places(self, met: Met, led_by: Numbers, genomes: int) -> Truths:
        """Teams whose facilitator is with another team of the genome at that time, which comes first."""
        genome = np.repeat(np.arange(genomes), self.teams * self.needed)
        team = np.repeat(np.arange(len(met.size)), self.needed)
        leader, cell = led_by.ravel(), np.repeat(met.cell, self.needed)
        real = np.repeat(met.size > 0, self.needed)
        genome, team, leader, cell = genome[real], team[real], leader[real], cell[real]
        order = np.lexsort((cell, leader, genome))
        same = (np.diff(genome[order]) == 0) & (np.diff(leader[order]) == 0)
        clash = same & (np.diff(cell[order]) < self.crowd.length)
        twice = np.zeros(len(met.size), bool)
        twice[team[order][1:][clash]] = True
        return twice

    def _sessions(self, until: float) -> tuple[PlannedSession, ...]:
        diary = Diary(self.crowd)
        if self.best is not None:
            _, people, leaders = self.best
            led_by = self._leaders_of(leaders[None, :])
            diary.add_met(self.crowd.meet(self._teams_of(people[None, :]), led_by), led_by)
        complete(self.crowd, diary, lambda: self.seconds() > until)
        return diary.sessions

    # Generations

    def _next(self, pool: Pool, generation: int) -> Pool:
        order = np.argsort(-pool.worth, kind="stable")
        elite = order[:ELITES]
        children = len(pool.worth) - len(elite)
        mom, dad = self._parents(pool, order, children)
        cuts = self._cuts(children)
        people = np.concatenate([pool.people[elite], self._children(pool.people, mom, dad, self.ends[cuts])])
        leaders = np.concatenate([pool.leaders[elite], self._children(pool.leaders, mom, dad, cuts * self.needed)])
        born = self.size * (generation + self.pools * 1_000)
        parents = np.column_stack([mom, dad]) + born
        ancestors = np.concatenate([pool.ancestors[elite], self._ancestry(pool.ancestors, mom, dad, parents)])
        worth = np.empty(len(people), np.int64)
        worth[: len(elite)] = pool.worth[elite]
        worth[len(elite) :] = self._worth(people[len(elite) :], leaders[len(elite) :])
        return Pool(people, leaders, ancestors, worth)

    def _parents(self, pool: Pool, order: Numbers, children: int) -> tuple[Numbers, Numbers]:
        """By tournament, best first; the second parent is the next best who is no relative of the first."""
        ranks = np.sort(self.draw.integers(0, len(order), (children, TOURNAMENT)), axis=1)
        rows = np.arange(children)
        first = (self.draw.geometric(self.ways.best_wins, children) - 1) % TOURNAMENT
        second = (self.draw.geometric(self.ways.best_wins, children) - 1) % TOURNAMENT
        second = np.where(second == first, (second + 1) % TOURNAMENT, second)
        mom = order[ranks[rows, first]]
        dad = order[ranks[rows, second]]
        for _ in range(TRIES_FOR_A_STRANGER):
            related = np.flatnonzero(self._are_related(pool.ancestors, mom, dad))
            if not len(related):
                break
            second[related] = (second[related] + 1) % TOURNAMENT
            dad[related] = order[ranks[related, second[related]]]
        return mom, dad

    def _are_related(self, ancestors: Numbers, mom: Numbers, dad: Numbers) -> Truths:
        related = mom == dad
        first, count = 0, 2
        for _ in range(self.ways.generations_of_ancestors):
            theirs, others = ancestors[mom, first : first + count], ancestors[dad, first : first + count]
            related |= (theirs[:, :, None] == others[:, None, :]).any(axis=(1, 2))
            first, count = first + count, 2 * count
        return np.asarray(related)

    def _ancestry(self, ancestors: Numbers, mom: Numbers, dad: Numbers, parents: Numbers) -> Numbers:
        """Parents first, then the mother's and the father's ancestors, generation by generation."""
        columns = [parents]
        first, count = 0, 2
        for _ in range(self.ways.generations_of_ancestors - 1):
            columns += [ancestors[mom, first : first + count], ancestors[dad, first : first + count]]
            first, count = first + count, 2 * count
        return np.concatenate(columns, axis=1)

    def _cuts(self, children: int) -> Numbers:
        """Two different borders between teams for each child."""
        first = self.draw.integers(0, self.teams + 1, children)
        second = (first + self.draw.integers(1, self.teams + 1, children)) % (self.teams + 1)
        return np.sort(np.column_stack([first, second]), axis=1)

    def _children(self, genomes: Numbers, mom: Numbers, dad: Numbers, cuts: Numbers) -> Numbers:
        length = genomes.shape[1]
        if length < 2:
            return genomes[mom]
        at_once = max(1, PLACES_TO_MATE // length)
        blocks = [slice(one, one + at_once) for one in range(0, len(mom), at_once)]
        return np.concatenate([self._swapped(crossed(genomes[mom[b]], genomes[dad[b]], cuts[b])) for b in blocks])

    def _swapped(self, genomes: Numbers) -> Numbers:
        swaps = self.draw.random(len(genomes)) < self.ways.mutates
        while swaps.any():
            rows = np.flatnonzero(swaps)
            one, other = self.draw.integers(0, genomes.shape[1], (2, len(rows)))
            genomes[rows, one], genomes[rows, other] = genomes[rows, other], genomes[rows, one]
            swaps[rows] = self.draw.random(len(rows)) < self.ways.mutates
        return genomes


def crossed(mom: Numbers, dad: Numbers, cuts: Numbers) -> Numbers:
    """Each child has the first parent's places between its two cuts, and all else in the order of the second.

    Somebody may stand in an ordering more than once: their places are told apart by which of them comes first.
    """
    mom, dad, names = _told_apart(mom, dad)
    children, length = mom.shape
    start, end = cuts[:, [0]], cuts[:, [1]]
    place = np.empty_like(mom)
    np.put_along_axis(place, mom, np.tile(np.arange(length), (children, 1)), axis=1)
    place = np.take_along_axis(place, dad, axis=1)
    taken = (place >= start) & (place < end)
    nth = np.cumsum(~taken, axis=1) - 1
    place = np.where(taken, place, nth + np.where(nth >= start, end - start, 0))
    child = np.empty_like(dad)
    np.put_along_axis(child, place, dad, axis=1)
    return names[child]


def _told_apart(mom: Numbers, dad: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """The same orderings with the numbers from 0 on, each once, and what each number stands for."""
    names = np.sort(mom[0])
    told = []
    for genomes in (mom, dad):
        numbers = np.empty_like(genomes)
        np.put_along_axis(
            numbers,
            np.argsort(genomes, axis=1, kind="stable"),
            np.tile(np.arange(len(names)), (len(genomes), 1)),
            axis=1,
        )
        told.append(numbers)
    return told[0], told[1], names


def _ancestors(ways: Ways) -> int:
    return int(2 ** (ways.generations_of_ancestors + 1)) - 2
