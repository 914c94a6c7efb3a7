"""Seat first, in a large round of sessions, what an organizer pinned.

Pins that share people want one session. Every start, with every leader who could be there, and with the few people who
fill it best if the pinned ones are too few, is counted, and the best is taken; then the next pins, with who is left.
Whoever comes to a session besides those pinned may leave it again when the round is improved.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations, islice, product
from typing import Final

import numpy as np

from peerhub.matching.hall import Hall
from peerhub.matching.hours import pinned_start
from peerhub.matching.problem import Pin, Problem
from peerhub.matching.search import CannotHold
from peerhub.matching.seating import Company, Seating
from peerhub.matching.terms import Truths

OTHERS: Final = 12  # people who are looked at, at each start, to fill a session
LEADERS: Final = 40  # sets of leaders who are looked at, at each start
AT_ONCE: Final = 20_000  # sessions that are counted together


def pinned_seating(problem: Problem, hall: Hall) -> Seating:
    """A session for each pin, with the seats of those pinned held.

    Raises:
        CannotHold: no way was found to keep all pins.
    """
    places = {person.id: place for place, person in enumerate(problem.participants)}
    everybody = frozenset().union(*(pin.people for pin in problem.pinned))
    elsewhere = np.isin(np.arange(hall.people), [places[person] for person in everybody if person in places])
    seating = Seating.none(hall)
    for pins in sorted(sharing_people(problem.pinned), key=_freedom):
        seating = seating.and_also(_Pinned(problem, hall, pins, places).session(seating, elsewhere))
    return seating


def sharing_people(pins: Iterable[Pin]) -> list[tuple[Pin, ...]]:
    """The pins, those together that share people, directly or through others."""
    groups: list[tuple[frozenset[str], tuple[Pin, ...]]] = []
    for pin in pins:
        near = [group for group in groups if group[0] & pin.people]
        people = frozenset().union(pin.people, *(group[0] for group in near))
        groups = [group for group in groups if group not in near]
        groups.append((people, (*(one for group in near for one in group[1]), pin)))
    return [group for _, group in groups]


def _freedom(pins: tuple[Pin, ...]) -> tuple[bool, bool]:
    """Those that say when and who leads come first."""
    return not any(pin.span for pin in pins), not any(pin.facilitators for pin in pins)


class _Pinned:
    """Pins that want one session together."""

    def __init__(self, problem: Problem, hall: Hall, pins: tuple[Pin, ...], places: dict[str, int]) -> None:
        people = frozenset().union(*(pin.people for pin in pins))
        leaders = frozenset().union(*(pin.facilitators for pin in pins))
        if not (people | leaders) <= places.keys():
            raise CannotHold
        self.hall = hall
        self.people = tuple(sorted(places[person] for person in people))
        self.leaders = tuple(sorted(places[person] for person in leaders))
        cells = {pinned_start(problem, pin).bit_length() - 1 for pin in pins if pin.span}
        self.starts = np.flatnonzero(np.isin(hall.starts, list(cells))) if cells else np.arange(len(hall.starts))
        self.can_be = len(cells) <= 1 and len(self.people) <= hall.largest and len(self.leaders) <= hall.leaders_each
        self.on_time = bool(cells)

    def session(self, seating: Seating, elsewhere: Truths) -> Seating:
        """The best session that keeps the pins, beside those that there are."""
        best, most = None, -1
        for some in self._sessions(seating, elsewhere):
            points = Company(replace(self.hall, grids=self.hall.grids | self.on_time), some).points
            if points.max(initial=-1) > most:
                most, best = int(points.max()), some[np.array([int(points.argmax())])]
        if best is None:
            raise CannotHold
        held = np.isin(best.people, self.people) | self._needs_everyone(best)
        return replace(best, held=held, stays=np.ones(1, bool)).with_people(best.people)

    def _needs_everyone(self, session: Seating) -> bool:
        """Whether it starts on the grid of somebody's clock who is not pinned, so that nobody may leave."""
        hall, start = self.hall, int(session.starts[0])
        fixed = [*self.people, *session.leaders[0].tolist()]
        return not self.on_time and not hall.grids[hall.zones[fixed], start].any()

    def _sessions(self, seating: Seating, elsewhere: Truths) -> Iterator[Seating]:
        """All that are looked at, many at a time."""
        if not self.can_be or np.isin(self.people, seating.seated).any():
            return
        everything = (
            (group, leaders, start)
            for start in self.starts[self._are_free()].tolist()
            for group, leaders in product(
                self._groups(start, seating, elsewhere), self._leading(start, seating, elsewhere)
            )
        )
        while some := list(islice(everything, AT_ONCE)):
            groups, leaders, starts = (list(each) for each in zip(*some, strict=True))
            yield Seating.of(self.hall, groups, leaders, starts)

    def _are_free(self) -> Truths:
        return np.asarray((self.hall.hours[list(self.people)][:, self.starts] >= 0).all(axis=0))

    def _groups(self, start: int, seating: Seating, elsewhere: Truths) -> list[tuple[int, ...]]:
        """The pinned people; where they are too few, with others who like the hour best."""
        missing = max(0, self.hall.sizes[0] - len(self.people))
        hours = np.where(elsewhere, -1, self.hall.hours[:, start])
        hours[seating.seated] = -1
        free = np.flatnonzero(hours >= 0)
        others = free[np.argsort(-hours[free], kind="stable")][:OTHERS].tolist()
        more = range(missing, missing + 1 + (not self.people))
        return [(*self.people, *some) for count in more for some in combinations(others, count)]

    def _leading(self, start: int, seating: Seating, elsewhere: Truths) -> list[tuple[int, ...]]:
        """Everyone who could lead then, together with those pinned to lead."""
        hall = self.hall
        near = seating[hall.overlapping[start][seating.starts]]
        if hall.at_once is not None and len(near) >= hall.at_once:
            return []
        free = hall.leads_at[:, start] & (hall.leads > seating.leads(hall))
        free[near.leaders.ravel()] = False
        free[near.seated] = False
        if not free[list(self.leaders)].all():
            return []
        free[[*self.leaders, *self.people]] = False
        others = np.flatnonzero(free & ~elsewhere).tolist()
        sets = combinations(others, hall.leaders_each - len(self.leaders))
        return [(*self.leaders, *some) for some in islice(sets, LEADERS)]
