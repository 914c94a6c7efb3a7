"""Improve a part of a large round: close a few sessions, open others, exchange, and keep what is better.

To ruin and to recreate (Schrimpf and others 2000): what an exchange cannot mend, because a session is at a poor start
or its leader would do more good at another, a new beginning for a few sessions can. A part is all that one process
needs, and holds nothing but arrays, so parts of a round can be improved on several processors or machines at once.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from peerhub.matching.crew import is_called_off
from peerhub.matching.exchange import exchanged
from peerhub.matching.hall import Hall
from peerhub.matching.opening import Opening, Scores
from peerhub.matching.recombining import Memory, recombined
from peerhub.matching.seating import Company, Seating
from peerhub.matching.terms import Numbers, Truths

MOST_CLOSED: Final = 6
EXCHANGES_AFTER: Final = 4
PATIENCE: Final = 12  # exchanges without any gain, and it is enough
SPREAD: Final = 40  # cells: how far from each other sessions may be that are near
MAY_LOSE: Final = 12  # points for each session, at first
BLUR: Final = 120  # points by which the scores are off, so that not the same opens again


@dataclass(frozen=True)
class Part:
    """Some sessions with their people and leaders, people who wait, how long to try, and sessions known from before."""

    hall: Hall
    seating: Seating
    waiting: Numbers
    scores: Scores
    tries: int
    seed: int
    known: Seating


@dataclass(frozen=True)
class Improved:
    """Sessions of a part, and the most promising of those that were looked at on the way to them."""

    seating: Seating
    seen: Seating


def improved(part: Part) -> Improved:
    """Sessions that are worth at least as much. The same part gives the same sessions.

    A try may lose a little, less and less, as long as it loses no one (Dueck 1993): that leads out of many a corner.
    """
    draw = np.random.default_rng(part.seed)
    memory = Memory(part.hall, part.scores)
    memory.remember(part.known)
    seating, waiting = settled(part.hall, part.seating, part.waiting, draw)
    part = replace(part, seating=seating, waiting=waiting)
    best = part.seating
    for n in range(part.tries):
        if is_called_off():
            break
        may_lose = MAY_LOSE * len(part.seating) * (part.tries - n) // part.tries
        part = _reopened(part, memory, draw, all_worth(part.hall, best) - may_lose)
        best = _better(part.hall, best, part.seating)
    if part.tries:
        best = _better(part.hall, best, recombined(part.hall, best, memory, part.seed))
    return Improved(best, memory.best(beside=best))


def _better(hall: Hall, one: Seating, other: Seating) -> Seating:
    return one if all_worth(hall, one) >= all_worth(hall, other) else other


def settled(hall: Hall, seating: Seating, waiting: Numbers, draw: np.random.Generator) -> tuple[Seating, Numbers]:
    """Exchange until nothing was gained for a while."""
    worth, idle = all_worth(hall, seating), 0
    while len(seating) and idle < PATIENCE:
        seating, waiting = exchanged(hall, seating, waiting, draw)
        before, worth = worth, all_worth(hall, seating)
        idle = 0 if worth > before else idle + 1
    return seating, waiting


def all_worth(hall: Hall, seating: Seating) -> int:
    return int(Company(hall, seating).worth.sum())


def _reopened(part: Part, memory: Memory, draw: np.random.Generator, least: int) -> Part:
    """One try; what was there before where all sessions would be worth less than the least."""
    hall, seating = part.hall, part.seating
    closing, beside = _near_each_other(part, draw)
    freed = np.concatenate([part.waiting, seating[closing].seated])
    blurred = part.scores.people + np.rint(draw.normal(0, BLUR, hall.people)).astype(np.int64)
    opened = Opening(hall, replace(part.scores, people=blurred), seating[~closing], freed).seating()
    waiting = np.setdiff1d(freed, opened.seated)
    far = seating[~closing & ~beside]
    some = seating[beside].and_also(opened)
    for _ in range(EXCHANGES_AFTER):
        some, waiting = exchanged(hall, some, waiting, draw, beside=far)
        memory.remember(some)
    if all_worth(hall, some) + all_worth(hall, far) < least:
        return part
    return replace(part, seating=far.and_also(some), waiting=waiting)


def _near_each_other(part: Part, draw: np.random.Generator) -> tuple[Truths, Truths]:
    """Which sessions to close, and which others are near them."""
    seating, count = part.seating, len(part.seating)
    cells = part.hall.starts[seating.starts]
    around = part.hall.starts[draw.integers(len(part.hall.starts))] if not count else cells[draw.integers(count)]
    order = np.argsort(abs(cells - around) + draw.random(count) * SPREAD, kind="stable")
    free = order[~seating.stays[order]][: draw.integers(1, MOST_CLOSED + 1)]
    closing, beside = np.zeros((2, count), bool)
    closing[free] = True
    beside[order[: 3 * MOST_CLOSED]] = True
    return closing, beside & ~closing
