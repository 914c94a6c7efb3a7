"""Sessions for a large round: opened by the prices of the market, improved part by part, and bounded by the market.

1. ``market`` finds prices for leaders and hours, and what follows from them for everybody; ``opening`` opens sessions
   by these prices.
2. ``reopening`` improves them in parts: sessions near each other in time, with all who lead them and a share of those
   who wait. Parts share nobody, so any ``concurrent.futures.Executor`` may improve them at once, in processes here or
   on other machines. After each round the parts are drawn anew.
3. The market bounds the points of all sessions of the matched weight and the number of people that were reached;
   ``wholesale`` does so more closely, and finds better prices to improve by, where people are some hundreds.

Which parts there are, and how long each is tried, depends on the problem and the seed alone, never on the clock or on
how many processors there are; only a limit of time or a stop cuts the search.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Final

import numpy as np

from peerhub.domain.comfort import MEDIUMS
from peerhub.matching.crew import Crew
from peerhub.matching.exchange import joined
from peerhub.matching.hall import Hall, hall_of
from peerhub.matching.hours import span_at
from peerhub.matching.market import Aim, Fees, Market
from peerhub.matching.opening import Opening, Scores
from peerhub.matching.pinning import pinned_seating
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession, Progress
from peerhub.matching.recombining import MOST, Memory
from peerhub.matching.reopening import Improved, Part, all_worth, improved
from peerhub.matching.search import CannotHold, Found, Search
from peerhub.matching.seating import NOBODY, Company, Seating
from peerhub.matching.terms import Numbers
from peerhub.matching.wholesale import Prices, Wholesale

SESSIONS_OF_A_PART: Final = 40
TRIES: Final = 40  # in a part of that many sessions, in each round but the first, which only exchanges
ROUNDS: Final = 80
PATIENCE: Final = 30  # rounds that bring nothing, and it is enough
PEOPLE_AT_FIRST: Final = 1_500  # for whom the first prices are found
PEOPLE_AT_LAST: Final = 5_000  # and the last, which prove the bound
SHARE_FOR_THE_BOUND: Final = 0.12  # of the time limit
SHARE_FOR_WHOLES: Final = 0.2  # of the time limit: no longer are the first prices of whole sessions looked for
VARIANTS: Final = 2  # of a round that is a single part
REMEMBERED: Final = 100_000  # sessions that were looked at, to choose from them again
SPREAD: Final = 60  # cells: how much the order of leaders in time is shuffled for each round
SLACK: Final = 0.0005  # of the highest weight, which the prices may give away: it is rarely reached


def can_hold(problem: Problem) -> bool:
    """Whether people were found with whom all pins can be kept."""
    try:
        pinned_seating(problem, hall_of(problem))
    except CannotHold:
        return False
    return True


def best(problem: Problem, search: Search, rounds: int | None = None) -> Found:
    """A high matched weight, then many people, then many points; with bounds on what there could be.

    It ends after so many rounds of improvement, if not before.

    Raises:
        CannotHold: nobody was found with whom all pins can be kept.
        TooLarge: more people than fit into memory.
    """
    with Crew(search.processes, search.executor) as crew:
        return _Assembly(problem, search, crew).found(ROUNDS if rounds is None else rounds)


class _Assembly:
    """One round on its way from everyone to sessions; the best that is known so far is in ``seating``."""

    def __init__(self, problem: Problem, search: Search, crew: Crew) -> None:
        self.problem = problem
        self.search = search
        self.crew = crew
        self.hall = hall_of(problem)
        self.market = Market(self.hall)
        self.peers = np.flatnonzero((self.hall.hours >= 0).any(axis=1))
        self.seating = Seating.none(self.hall)
        self.wholesale = Wholesale(self.market)
        self.prices: list[tuple[str, Fees]] = []
        self.of_wholes: list[Prices] = []
        self.bounds_of_wholes: dict[Aim, int] = {}
        self.cut = False

    def found(self, rounds: int) -> Found:
        if not len(self.market.who) and not self.problem.pinned:
            return Found((), 0, 0, cut=False)
        if self.problem.pinned:
            self.seating = pinned_seating(self.problem, self.hall)
        self._report("matching")
        scores = self._scores()
        waiting = np.setdiff1d(self.peers, self.seating.seated)
        self.seating = self.seating.and_also(Opening(self.hall, scores, self.seating, waiting).seating(self._has_ended))
        self._report("improving")
        scores = self._closer(scores)
        self._improve(scores, rounds)
        self._come_again(scores)
        self._prove()
        self.cut = self.cut or self._is_over(1)
        sessions = sessions_of(self.problem, self.hall, self.seating)
        return Found(sessions, self._bound("points"), self._bound("people"), self.cut)

    # Prices and bounds

    def _scores(self) -> Scores:
        """What everybody counts at the prices for the highest weight, and at that for the most points."""
        self._ask(Aim("weight"), PEOPLE_AT_FIRST, 0.3)
        fees = self._ask(self._first_aim, PEOPLE_AT_FIRST, 0.4)
        self._ask(replace(self._first_aim, most_of="people"), PEOPLE_AT_FIRST, 0.4)
        if fees is None:
            return Scores(self.hall.weights * self.hall.most_points, np.zeros(self.hall.people, np.int64))
        return self._scores_at(Prices(fees, self.market.gains(fees)))

    def _closer(self, scores: Scores) -> Scores:
        """What everybody counts at the prices of whole sessions; the same where there are none."""
        fees = dict(self.prices).get("points")
        if fees is None or not self.wholesale.is_open:
            return scores
        return self._scores_at(self._of_wholes(self._first_aim, fees, SHARE_FOR_WHOLES))

    def _scores_at(self, prices: Prices) -> Scores:
        scale, fees = self.market.scale, prices.fees
        counts = (fees.weight * self.hall.weights + fees.people) // scale
        return Scores(counts - prices.people // scale, fees.leaders // scale)

    @property
    def _first_aim(self) -> Aim:
        """The most points at nearly the highest weight."""
        return Aim("points", (self._bound("weight") * (1 - SLACK), math.inf))

    def _prove(self) -> None:
        """Ask for the best prices for what was reached."""
        weight, people = self._weight, len(self.seating.matched)
        aim = Aim("points", (weight, weight), (people, people))
        fees = self._ask(aim, PEOPLE_AT_LAST, 1)
        self._ask(Aim("people", (weight, math.inf)), PEOPLE_AT_LAST, 1)
        if fees and self.wholesale.is_open:
            self._of_wholes(aim, fees, 1)

    def _ask(self, aim: Aim, people: int, until: float) -> Fees | None:
        fees = self.market.fees(aim, people, lambda: self._is_over(until))
        if fees:
            self.prices.append((aim.most_of, fees))
        return fees

    def _of_wholes(self, aim: Aim, fees: Fees, until: float) -> Prices:
        """Prices of whole sessions, beginning with those of the market."""
        prices = self.wholesale.prices(aim, fees, lambda: self._is_over(until))
        self.of_wholes.append(prices)
        self.bounds_of_wholes.clear()
        return prices

    def _bound(self, most_of: str) -> int:
        """What follows from all prices that are known, for as much weight and as many people as are seated."""
        weight, people = self._weight, len(self.seating.matched)
        aims = {
            "points": Aim("points", (weight, weight), (people, people)),
            "people": Aim("people", (weight, math.inf)),
            "weight": Aim("weight"),
        }
        most = {
            "points": int(self.hall.most.sum()) * self.hall.most_points,
            "people": len(self.peers),
            "weight": int(self.hall.weights[self.peers].sum()),
        }[most_of]
        bounds = [self.market.bound(fees, aims[most_of]) for about, fees in self.prices if about == most_of]
        if most_of == "points" and self.of_wholes:
            bounds.append(self._bound_of_wholes(aims["points"]))
        return min([most, *bounds])

    def _bound_of_wholes(self, aim: Aim) -> int:
        if aim not in self.bounds_of_wholes:
            bounds = [self.wholesale.bound(prices, aim) for prices in self.of_wholes]
            self.bounds_of_wholes[aim] = min(bounds)
        return self.bounds_of_wholes[aim]

    @property
    def _weight(self) -> int:
        return int(self.hall.weights[self.seating.matched].sum())

    # Part by part

    def _improve(self, scores: Scores, rounds: int) -> None:
        until, idle = 1 - SHARE_FOR_THE_BOUND, 0
        memory = Memory(self.hall, scores, REMEMBERED)
        for turn in range(rounds):
            if idle == PATIENCE or not len(self.seating) or self._is_over(until):
                break
            parts = list(self._parts(memory, turn))
            before = all_worth(self.hall, self.seating)
            tasks = [replace(part, seed=part.seed + n) for part, _, _ in parts for n in range(self._variants(parts))]
            answers = self.crew.all(improved, tasks, lambda: self._is_over(until))
            self.seating = reduce(Seating.and_also, self._the_best_of(parts, answers, memory))
            idle = idle + 1 if all_worth(self.hall, self.seating) == before else 0
            self._report("improving")

    def _variants(self, parts: Sequence[object]) -> int:
        """How often each part is tried at once: a single one several times."""
        return VARIANTS if len(parts) == 1 else 1

    def _the_best_of(
        self, parts: "list[tuple[Part, Numbers, Numbers]]", answers: list[Improved | None], memory: Memory
    ) -> Iterator[Seating]:
        each = self._variants(parts)
        for n, (part, sessions, people) in enumerate(parts):
            better = [answer for answer in answers[n * each : (n + 1) * each] if answer is not None]
            for answer in better:
                memory.remember(_in_the_whole(answer.seen, people))
            best = max((one.seating for one in better), key=lambda seating: all_worth(part.hall, seating), default=None)
            yield self.seating[sessions] if best is None else _in_the_whole(best, people)

    def _parts(self, memory: Memory, turn: int) -> Iterator[tuple[Part, Numbers, Numbers]]:
        """Parts that share nobody; for each, which sessions and which people are in it."""
        hall, seating = self.hall, self.seating
        draw = np.random.default_rng((self.search.seed, turn))
        of_session = self._part_of_each(draw)
        count = int(of_session.max()) + 1
        led = np.full(hall.people, NOBODY)
        for leaders in seating.leaders.T:
            led[leaders] = of_session
        idle = np.flatnonzero((hall.leads > 0) & (led == NOBODY))
        led[idle] = draw.integers(count, size=len(idle))
        waits = np.setdiff1d(self.peers, seating.seated)
        place = np.full(hall.people, NOBODY)
        place[waits] = self._where_to_wait(waits, of_session, count, draw)
        for sitting in seating.people.T:
            place[sitting[sitting != NOBODY]] = of_session[sitting != NOBODY]
        leads = led != NOBODY
        place[leads] = led[leads]
        known, gains = memory.all()
        for part in range(count):
            sessions, people = np.flatnonzero(of_session == part), np.flatnonzero(place == part)
            tries = -(-TRIES * len(sessions) // SESSIONS_OF_A_PART) if turn else 0
            inside = self._inside(people)
            mine = _all_inside(known, inside)
            best = np.sort(mine[np.argsort(-gains[mine], kind="stable")[:MOST]])
            alone = self._part(sessions, people, waits, memory.scores, _renamed(known[best], inside))
            yield replace(alone, tries=tries, seed=int(draw.integers(1 << 30))), sessions, people

    def _inside(self, people: Numbers) -> Numbers:
        """By person of the whole, and for nobody: their place among these people."""
        inside = np.full(self.hall.people + 1, NOBODY)
        inside[people] = np.arange(len(people))
        return inside

    def _part(self, sessions: Numbers, people: Numbers, waits: Numbers, scores: Scores, known: Seating) -> Part:
        inside = self._inside(people)
        mine = Scores(scores.people[people], scores.leaders[people])
        waiting = inside[waits]
        waiting = waiting[waiting != NOBODY]
        seating = _renamed(self.seating[sessions], inside)
        return Part(self.hall.part(people), seating, waiting, mine, tries=0, seed=0, known=known)

    def _part_of_each(self, draw: np.random.Generator) -> Numbers:
        """By session: the part it is in, with all other sessions of its leader."""
        hall, seating = self.hall, self.seating
        cells = hall.starts[seating.starts]
        if self._cannot_be_parted:
            return np.zeros(len(seating), np.int64)
        who = seating.leaders[:, 0] if hall.leaders_each else np.arange(len(seating))
        some, of_who = np.unique(who, return_inverse=True)
        mean = np.bincount(of_who, cells) / np.bincount(of_who)
        order = np.argsort(mean + draw.random(len(some)) * SPREAD, kind="stable")
        held = np.bincount(of_who)[order].cumsum()
        parts = max(1, round(len(seating) / SESSIONS_OF_A_PART))
        part = np.empty(len(some), np.int64)
        part[order] = np.minimum((held - 1) * parts // len(seating), parts - 1)
        return part[of_who]

    @property
    def _cannot_be_parted(self) -> bool:
        """Whether parts would have more in common than their people."""
        hall = self.hall
        return hall.at_once is not None or hall.leaders_each > 1 or bool((hall.leads[self.peers] > 0).any())

    def _where_to_wait(self, waits: Numbers, of_session: Numbers, count: int, draw: np.random.Generator) -> Numbers:
        """By person who waits: a part with sessions that they are free for, if there is one."""
        held = np.zeros((len(self.hall.starts), count), np.float32)
        held[self.seating.starts, of_session] = 1
        suits = (self.hall.hours[waits] >= 0).astype(np.float32) @ held > 0
        return np.asarray((suits + draw.random(suits.shape)).argmax(axis=1))

    # Who comes more than once

    def _come_again(self, scores: Scores) -> None:
        """Give those who would come more than once the seats that are left, and sessions of their own."""
        while not self._is_over(1 - SHARE_FOR_THE_BOUND):
            before = len(self.seating.seated)
            again, hall = self._who_could_come_again()
            if not len(again):
                return
            self.seating = self.seating.and_also(Opening(hall, scores, self.seating, again).seating())
            again, hall = self._who_could_come_again()
            free = replace(self.hall, weights=np.zeros_like(hall.weights))
            self.seating = joined(free, self.seating, again, hall.hours >= 0)
            if len(self.seating.seated) == before:
                return
            self._report("improving")

    def _who_could_come_again(self) -> tuple[Numbers, Hall]:
        """Those with fewer sessions than they would like; and the hall without the hours at which they are busy."""
        hall, seating = self.hall, self.seating
        hours = hall.hours.copy()
        for sitting in (*seating.people.T, *seating.leaders.T):
            there = sitting != NOBODY
            for who, start in zip(sitting[there].tolist(), seating.starts[there].tolist(), strict=True):
                hours[who, hall.overlapping[start]] = -1
        seats = np.bincount(seating.seated, minlength=hall.people)
        wanted = (seats < hall.most) & (hall.most > 1) & (hours >= 0).any(axis=1)
        return np.flatnonzero(wanted), replace(hall, hours=hours)

    # What is told

    def _has_ended(self) -> bool:
        return self._is_over(1)

    def _is_over(self, share: float) -> bool:
        over = self.search.is_over(self.search.time_limit * share)
        self.cut = self.cut or over
        return over

    def _report(self, phase: str) -> None:
        points = int(Company(self.hall, self.seating).points.sum()) if len(self.seating) else 0
        bound, people = self._bound("points"), len(self.seating.matched)
        most = max(people, self._bound("people"))
        progress = Progress(phase, self.search.seconds, points, max(bound, points), people, most)
        sessions = sessions_of(self.problem, self.hall, self.seating) if people else ()
        self.search.report(progress, Found(sessions, progress.bound, most, cut=True) if sessions else None)


def _in_the_whole(seating: Seating, people: Numbers) -> Seating:
    """Sessions of a part, by the places of people in the whole."""
    return _renamed(seating, np.append(people, NOBODY))


def _all_inside(seating: Seating, inside: Numbers) -> Numbers:
    """Which sessions have all of their people inside."""
    everyone = np.concatenate([seating.people, seating.leaders], axis=1)
    return np.flatnonzero(((inside[everyone] != NOBODY) | (everyone == NOBODY)).all(axis=1))


def _renamed(seating: Seating, places: Numbers) -> Seating:
    return replace(seating, people=places[seating.people], leaders=places[seating.leaders])


def sessions_of(problem: Problem, hall: Hall, seating: Seating) -> tuple[PlannedSession, ...]:
    """Each session by its best medium, with people in their order."""
    ids = [person.id for person in problem.participants]
    offered = [medium for medium in MEDIUMS if medium in problem.program.mediums]
    mediums = Company(hall, seating).mediums
    return tuple(
        PlannedSession(
            tuple(ids[place] for place in sorted(group) if place != NOBODY),
            span_at(problem, int(hall.starts[start])),
            offered[medium],
            tuple(ids[place] for place in sorted(leaders)),
        )
        for group, leaders, start, medium in zip(
            seating.people.tolist(), seating.leaders.tolist(), seating.starts.tolist(), mediums.tolist(), strict=True
        )
    )
