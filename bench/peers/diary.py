"""Who is where: sessions are entered one by one, each only if it fits beside those that stand there already."""

from collections import Counter

from bench.peers.crowd import Crowd, Met, Numbers
from peerhub.matching.proposal import PlannedSession


class Diary:
    """The sessions of a peer, never in each other's way."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.entries: list[tuple[list[int], list[int], int, int]] = []  # people, leaders, cell, medium
        self.times: dict[int, list[int]] = {}
        self.seats: Counter[int] = Counter()
        self.led: Counter[int] = Counter()
        self.starts: Counter[int] = Counter()

    def is_free(self, person: int, cell: int) -> bool:
        return all(abs(cell - other) >= self.crowd.length for other in self.times.get(person, ()))

    def has_room(self, cell: int) -> bool:
        most = self.crowd.program.sessions_at_once
        if most is None:
            return True
        length = self.crowd.length
        near = [other for other in self.starts if abs(cell - other) < length]
        return all(
            sum(self.starts[o] for o in near if o <= at < o + length) < most for at in {*near, cell} if at >= cell
        )

    def can_lead(self, person: int, cell: int) -> bool:
        return self.led[person] < self.crowd.people[person].facilitates and self.is_free(person, cell)

    def add(self, people: list[int], leaders: list[int], cell: int, medium: int) -> bool:
        fits = (
            all(self.seats[one] < self.crowd.people[one].most_sessions and self.is_free(one, cell) for one in people)
            and all(self.can_lead(one, cell) for one in leaders)
            and self.has_room(cell)
        )
        if fits:
            self.entries.append((people, leaders, cell, medium))
            self.starts[cell] += 1
            self.seats.update(people)
            self.led.update(leaders)
            for one in (*people, *leaders):
                self.times.setdefault(one, []).append(cell)
        return fits

    def add_met(self, met: Met, leaders: Numbers) -> None:
        """Enter all teams that can meet, those of most people and points first."""
        order = sorted(range(len(met.size)), key=lambda t: (-int(met.size[t]), -int(met.points[t])))
        for team in order:
            if met.size[team]:
                people = met.people[team][: met.size[team]].tolist()
                self.add(people, leaders[team].tolist(), int(met.cell[team]), int(met.medium[team]))

    def join(self, entry: int, person: int, medium: int) -> None:
        people, leaders, cell, _ = self.entries[entry]
        self.entries[entry] = ([*people, person], leaders, cell, medium)
        self.seats[person] += 1
        self.times.setdefault(person, []).append(cell)

    @property
    def sessions(self) -> tuple[PlannedSession, ...]:
        return tuple(self.crowd.session(*entry) for entry in self.entries)
