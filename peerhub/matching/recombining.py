"""Choose the best of all sessions that a search came upon: parts of one seating often go well with parts of another.

A set packing, as in ``packing.py``, but of those sessions alone that were looked at anyway and promise most. CP-SAT
searches it with its own measure of work, so the same sessions give the same choice on every machine.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
from ortools.sat.python import cp_model

from peerhub.matching.hall import Hall
from peerhub.matching.opening import Scores
from peerhub.matching.seating import NOBODY, Company, Seating
from peerhub.matching.terms import Numbers

WORK: Final = 1.0  # of the solver's own measure
MOST: Final = 2_000  # sessions that are chosen from, besides those there are
REMEMBERED: Final = 20_000
FOR_A_PERSON: Final = 20_000  # points: more than anything that a few sessions could lack by seating one person more


class Memory:
    """Sessions that were looked at, each once, with what each gains at the prices of the market.

    At the best prices none gains more than nothing, and one that loses much is in no good seating: so those that gain
    the most are worth choosing from.
    """

    def __init__(self, hall: Hall, scores: Scores, most: int = REMEMBERED) -> None:
        self.hall = hall
        self.scores = scores
        self.most = most
        self._gains: dict[bytes, int] = {}

    def remember(self, seating: Seating) -> None:
        """The sessions that break no rule, and that no pin keeps as they are."""
        points = Company(self.hall, seating).points
        new = (points >= 0) & ~seating.stays
        gains = (points + self.scores.of(seating))[new].tolist()
        self._gains |= zip((row.tobytes() for row in _rows(seating[new])), gains, strict=True)
        if len(self._gains) > 2 * self.most:
            self._gains = {row: self._gains[row] for row in self._by_gain()[: self.most]}

    def best(self, beside: Seating) -> Seating:
        """These sessions, and of all others those that gain the most."""
        now = dict.fromkeys(row.tobytes() for row in _rows(beside[~beside.stays]))
        return self._sessions(list(now | dict.fromkeys(self._by_gain()[:MOST])))

    def all(self) -> tuple[Seating, Numbers]:
        """All of them, the earliest first, and what each gains."""
        return self._sessions(list(self._gains)), np.fromiter(self._gains.values(), np.int64, len(self._gains))

    def _by_gain(self) -> list[bytes]:
        return sorted(self._gains, key=lambda row: -self._gains[row])

    def _sessions(self, seen: list[bytes]) -> Seating:
        led = 1 + self.hall.leaders_each
        rows = np.frombuffer(b"".join(seen), np.int64).reshape(len(seen), led + self.hall.largest)
        people = rows[:, led:]
        return Seating(people, rows[:, 1:led], rows[:, 0], np.zeros(people.shape, bool), np.zeros(len(rows), bool))


def recombined(hall: Hall, seating: Seating, memory: Memory, seed: int) -> Seating:
    """The best sessions among those remembered and those there are; what is held stays as it is."""
    held = seating[seating.stays]
    known = memory.best(beside=seating)
    if not len(known):
        return seating
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in range(len(known))]
    for limit, takers in _limits(hall, held, known):
        model.add(sum(chosen[taker] for taker in takers) <= limit)
    company = Company(hall, known)
    worth = company.points + FOR_A_PERSON * company.weight + FOR_A_PERSON // 20 * company.sizes
    model.maximize(cp_model.LinearExpr.weighted_sum(chosen, worth.tolist()))
    now = {row.tobytes() for row in _rows(seating)}
    for variable, row in zip(chosen, _rows(known), strict=True):
        model.add_hint(variable, row.tobytes() in now)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.linearization_level = 2
    solver.parameters.max_deterministic_time = WORK
    solver.parameters.catch_sigint_signal = False
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return seating
    best = known[np.array([solver.boolean_value(variable) for variable in chosen])]
    return held.and_also(best)


def _rows(seating: Seating) -> Numbers:
    return np.column_stack([seating.starts, seating.leaders, np.sort(seating.people, axis=1)])


def _limits(hall: Hall, held: Seating, known: Seating) -> list[tuple[int, list[int]]]:
    """How many of which sessions at most."""
    runs = [np.flatnonzero(hall.running[start]).tolist() for start in range(len(hall.starts))]
    by_person: dict[int, list[int]] = {}
    by_leader: dict[int, list[int]] = {}
    at_moment: dict[tuple[int, int], list[int]] = {}
    for session, (people, leaders, start) in enumerate(_each(known)):
        for person in people:
            by_person.setdefault(person, []).append(session)
        for leader in leaders:
            by_leader.setdefault(leader, []).append(session)
        for who in _busy_with(hall, people, leaders):
            for moment in runs[start]:
                at_moment.setdefault((who, moment), []).append(session)
    seated, led = set(held.seated.tolist()), held.leads(hall)
    taken = Counter(
        (who, moment)
        for people, leaders, start in _each(held)
        for who in _busy_with(hall, people, leaders)
        for moment in runs[start]
    )
    limits = [(0 if person in seated else 1, takers) for person, takers in by_person.items()]
    limits += [(int(hall.leads[leader] - led[leader]), takers) for leader, takers in by_leader.items()]
    for (who, moment), takers in at_moment.items():
        limits.append(((hall.at_once or 0 if who == NOBODY else 1) - taken[who, moment], takers))
    return limits


def _each(seating: Seating) -> Iterator[tuple[list[int], list[int], int]]:
    """People, leaders and start of each session."""
    for group, leaders, start in zip(
        seating.people.tolist(), seating.leaders.tolist(), seating.starts.tolist(), strict=True
    ):
        yield [person for person in group if person != NOBODY], leaders, start


def _busy_with(hall: Hall, people: list[int], leaders: list[int]) -> list[int]:
    """Who could be wanted elsewhere at that time; ``NOBODY`` stands for the room, where only so many run at once."""
    return [*leaders, *(person for person in people if hall.leads[person]), *([NOBODY] * (hall.at_once is not None))]
