"""Sixty believable people a seed, matched as buddies and as sessions: how long it takes, and how much is proven.

.venv/bin/python -m bench.sixty --seeds 1 2 3 --time-limit 60

The first line of each kind includes a second or more in which the solver is loaded.
"""

import argparse
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from time import perf_counter

from peerhub.demo import people
from peerhub.domain.programs import PRESETS, Kind
from peerhub.matching.match import match
from peerhub.matching.problem import Meeting, Participant, Problem

WEEK = date(2026, 11, 30)
SIXTY = 60


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    asked.add_argument("--kinds", type=Kind, nargs="+", default=list(Kind))
    asked.add_argument("--time-limit", type=float, default=60)
    options = asked.parse_args()
    print("kind      seed  seconds   points    bound     gap  matched  of at most")
    for kind in options.kinds:
        for seed in options.seeds:
            began = perf_counter()
            found = match(problem(kind, seed), time_limit=options.time_limit)
            seconds = perf_counter() - began
            print(
                f"{kind:9} {seed:4} {seconds:8.1f} {found.points:8,} {found.bound:8,} {found.gap:7.2%}"
                f" {found.matched:8} {found.matched_bound:11}",
                flush=True,
            )


def problem(kind: Kind, seed: int, count: int = SIXTY) -> Problem:
    """People like those of the demo, but drawn anew for each seed; of every sixty in sessions, four lead."""
    chance = Random(seed)
    communities = (people.drawn(chance, WEEK) for _ in range(-(-count // SIXTY)))
    everyone = [
        _participant(person, chance, kind, str(n) if n else "")
        for n, community in enumerate(communities)
        for person in community
    ][:count]
    return Problem(PRESETS[kind], WEEK, tuple(everyone), tuple(_history(everyone, chance, kind)))


def _participant(person: people.Person, chance: Random, kind: Kind, community: str) -> Participant:
    leads = person.facilitates if kind is Kind.SESSIONS else 0
    return Participant(
        person.name + community, person.time_zone, person.hours, away=person.away, comfort=person.comfort,
        languages=frozenset(person.languages), role=person.role, facilitates=leads,
        keep_apart=frozenset(other + community for other in person.keep_apart), owed=chance.choice((0, 0, 0, 1, 2)),
        most_sessions=0 if leads else 1,
    )  # fmt: skip


def _history(everyone: list[Participant], chance: Random, kind: Kind) -> Iterator[Meeting]:
    """Three rounds, as they might have been."""
    size = PRESETS[kind].ideal
    for weeks in (1, 2, 3):
        ids = [person.id for person in everyone if person.most_sessions]
        chance.shuffle(ids)
        for first in range(0, len(ids) - size + 1, size):
            together = frozenset(ids[first : first + size])
            yield Meeting(WEEK - timedelta(weeks=weeks), together, chance.choice(("well", "well", "okay", None)))


if __name__ == "__main__":
    main()
