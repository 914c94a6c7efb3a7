"""The Social Golfer Problem through our matcher: groups of golfers, week after week, so that no two ever meet again.

    .venv/bin/python -m bench.golfers --only 5-3 8-4 --seconds 20 --tries 3

Published are the most weeks for so many groups of such a size; nobody has more, as a golfer runs out of others to meet.
Those who solve it plan all weeks at once, by design theory or by search over whole schedules. Our matcher is told one
week at a time, with the weeks before as history, and nothing about golf: everybody is free at the one hour, sizes are
fixed, and ``new_people`` is the only preference, so a week is worth all its points just when nobody meets again. As it
looks no week ahead, it can paint itself into a corner; how far it comes is what is measured. Several tries begin with
different seeds.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import combinations

from peerhub.domain.availability import WeeklyHours
from peerhub.domain.programs import WEIGHTS, Kind, MatchOn, Program
from peerhub.matching.match import match
from peerhub.matching.preferences import FULL
from peerhub.matching.problem import Meeting, Participant, Problem

WEEK = date(2026, 11, 30)
EVENING = (WeeklyHours(0, 18 * 60, 19 * 60),)

KIRKMAN = "Kirkman 1850; every v = 6k + 3 by Ray-Chaudhuri and Wilson 1971"
NEARLY_KIRKMAN = "nearly Kirkman triple systems, v = 6k from 18 on: Kotzig and Rosa 1974, Baker and Wilson 1977"
OF_FOUR = "every v = 12k + 4 by Hanani, Ray-Chaudhuri and Wilson 1972"
PLANE = "the lines of an affine plane, Bose 1938"
AGUADO = "Aguado 2004, see https://www.metalevel.at/sgp/"
PUBLISHED = {
    (5, 3): (7, KIRKMAN),
    (7, 3): (10, KIRKMAN),
    (9, 3): (13, KIRKMAN),
    (6, 3): (8, NEARLY_KIRKMAN),
    (8, 3): (11, NEARLY_KIRKMAN),
    (4, 4): (5, PLANE),
    (5, 5): (6, PLANE),
    (7, 7): (8, PLANE),
    (7, 4): (9, OF_FOUR),
    (8, 4): (10, AGUADO),
    (10, 4): (13, OF_FOUR),
}


@dataclass(frozen=True)
class Tour:
    """Weeks in which nobody met anybody twice, and why there is no further one."""

    weeks: tuple[frozenset[frozenset[str]], ...]
    seconds: float
    proven: bool  # no further week without a repetition exists after these weeks
    seated: int  # in the week that failed
    again: int  # twos who met again in the week that failed


def main() -> None:
    names = [f"{groups}-{size}" for groups, size in PUBLISHED]
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    ask.add_argument("--only", nargs="+", choices=names, default=names, metavar="GROUPS-SIZE")
    ask.add_argument("--seconds", type=float, default=20, help="For each week.")
    ask.add_argument("--tries", type=int, default=3)
    asked = ask.parse_args()
    print("groups  size  published  ours: weeks, by try  seconds  why no more (! proven)  published by")
    for (groups, size), (published, source) in PUBLISHED.items():
        if f"{groups}-{size}" in asked.only:
            tours = [tour(groups, size, seconds=asked.seconds, seed=seed) for seed in range(asked.tries)]
            weeks = " ".join(str(len(one.weeks)) for one in tours)
            why = ", ".join(_why(one, groups * size) for one in tours)
            took = sum(one.seconds for one in tours)
            print(f"{groups:>6} {size:>5} {published:>10} {weeks:>20} {took:>8.0f}  {why}  ({source})", flush=True)


def _why(one: Tour, golfers: int) -> str:
    what = f"{one.seated} of {golfers} seated" if one.seated < golfers else f"{one.again} pairs again"
    return what + "!" * one.proven


def tour(groups: int, size: int, *, seconds: float, seed: int = 0) -> Tour:
    """Week after week, until somebody would meet somebody again."""
    began = time.monotonic()
    problem = golfers(groups, size)
    weeks: list[frozenset[frozenset[str]]] = []
    while True:
        found = match(problem, time_limit=seconds, seed=seed)
        week = frozenset(frozenset(session.people) for session in found.sessions)
        if len(week) < groups or meet_again([*weeks, week]):
            most = FULL * groups * size
            proven = found.matched_bound < groups * size or (found.matched == groups * size and found.bound < most)
            again = meet_again([*weeks, week])
            return Tour(tuple(weeks), time.monotonic() - began, proven, found.matched, len(again))
        weeks.append(week)
        problem = replace(problem, history=tuple(_history(problem.week, weeks)))


def golfers(groups: int, size: int) -> Problem:
    nothing = dict.fromkeys(("topics", "languages", "roles"), MatchOn.IGNORE)
    weights = {**dict.fromkeys((*WEIGHTS, "ideal_size"), 0), "new_people": 1}
    program = Program(Kind.SESSIONS, 60, size, size, size, mediums=("video",), match_on=nothing, weights=weights)
    return Problem(program, WEEK, tuple(Participant(f"g{n}", "UTC", EVENING) for n in range(groups * size)))


def _history(week: date, weeks: list[frozenset[frozenset[str]]]) -> Iterator[Meeting]:
    """All weeks so far as if they were the last one: whenever they met, they met."""
    return (Meeting(week - timedelta(weeks=1), group) for one in weeks for group in one)


def meet_again(weeks: list[frozenset[frozenset[str]]]) -> list[frozenset[str]]:
    """The twos who are in one group more than once."""
    pairs = Counter(frozenset(two) for week in weeks for group in week for two in combinations(sorted(group), 2))
    return [pair for pair, times in pairs.items() if times > 1]


if __name__ == "__main__":
    main()
