"""A bot of Donut's kind: random groups, not with those of the last times; hours are no part of the choice.

Such bots introduce people to one another and leave it to them to find a time. So groups are drawn without a look at
hours, and what is counted is what could then really happen: a group counts when all of it can meet by the rules at some
hour of the week (the best hour and medium are found for it), led by the facilitators drawn for it; otherwise it does
not count at all, whoever in it could have met.
"""

from random import Random

import numpy as np

from bench.peers.crowd import NOBODY, Crowd
from bench.peers.diary import Diary
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession

DRAWS = 20  # for somebody whom nobody in the group met before


def donut(problem: Problem, seed: int = 0) -> tuple[PlannedSession, ...]:
    crowd = Crowd(problem)
    diary = Diary(crowd)
    if len(crowd.cells):
        draw = Random(seed)
        groups = _groups(crowd, draw)
        needed = crowd.program.facilitators_per_session
        seats = crowd.leader_seats.tolist()
        draw.shuffle(seats)
        if needed:
            groups = groups[: len(seats) // needed]
        teams = np.full((len(groups), crowd.program.largest), NOBODY, np.int64)
        for row, group in enumerate(groups):
            teams[row, : len(group)] = group
        leaders = np.array(seats[: len(groups) * needed], np.int64).reshape(len(groups), needed)
        diary.add_met(crowd.meet(teams, leaders, all_or_none=True), leaders)
    return diary.sessions


def _groups(crowd: Crowd, draw: Random) -> list[list[int]]:
    """Everyone in random groups of the ideal size; who is over joins the first ones."""
    met = {frozenset(crowd.terms.places[p] for p in pair) for pair in crowd.problem.last_meetings}
    rest = crowd.peers.tolist()
    draw.shuffle(rest)
    groups: list[list[int]] = []
    while len(rest) >= crowd.program.ideal:
        group = [rest.pop()]
        while len(group) < crowd.program.ideal:
            tries = range(1, min(DRAWS, len(rest)) + 1)
            new = (n for n in tries if not any(frozenset((rest[-n], one)) in met for one in group))
            group.append(rest.pop(-next(new, 1)))
        groups.append(group)
    for group, person in zip([g for g in groups if crowd.program.largest > crowd.program.ideal], rest, strict=False):
        group.append(person)
    return groups
