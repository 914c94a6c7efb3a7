"""All that the matcher is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, reduce
from itertools import combinations

from peerhub.domain.availability import Liking, Span, WeeklyHours, cells_touched, free_cells
from peerhub.domain.comfort import Comfort, Role
from peerhub.domain.programs import Program

SLOT_MINUTES = 30


@dataclass(frozen=True)
class Participant:
    """A member as one round's matcher sees them.

    ``busy`` is when they are taken already, whatever their hours say: by a session of another round, for example.
    ``facilitates`` is how many sessions this person can lead in the week; ``owed`` how many rounds in a row they were
    not matched; ``most_sessions`` how many sessions they would like at most as a peer: 0 for who only facilitates.
    """

    id: str
    time_zone: str
    hours: tuple[WeeklyHours, ...]
    name: str = ""
    away: frozenset[date] = frozenset()
    busy: frozenset[Span] = frozenset()
    comfort: Comfort = field(default_factory=Comfort)
    languages: frozenset[str] = frozenset()
    role: Role = Role.BOTH
    facilitates: int = 0
    keep_apart: frozenset[str] = frozenset()
    prefers: frozenset[str] = frozenset()
    owed: int = 0
    most_sessions: int = 1


@dataclass(frozen=True)
class Meeting:
    """People who came together in an earlier week, and how it went, if they said: well, okay or badly."""

    week: date
    together: frozenset[str]
    went: str | None = None


@dataclass(frozen=True)
class Pin:
    """People an organizer wants in one session; with ``span``, at that time; with ``facilitators``, led by them.

    Others may join them, as far as the program's sizes allow. A pin bends one rule only: its session need not start on
    the slot grid.
    """

    people: frozenset[str]
    span: Span | None = None
    facilitators: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Problem:
    """One program, one week, and everyone who takes part."""

    program: Program
    week: date
    participants: tuple[Participant, ...]
    history: tuple[Meeting, ...] = ()
    pinned: tuple[Pin, ...] = ()
    slot_minutes: int = SLOT_MINUTES

    @cached_property
    def by_id(self) -> Mapping[str, Participant]:
        return {person.id: person for person in self.participants}

    @cached_property
    def free(self) -> Mapping[str, int]:
        """The cells of the week in which each participant is free, as bits."""
        return {p.id: self._free(p) for p in self.participants}

    @cached_property
    def free_and_good(self) -> Mapping[str, int]:
        """The cells of the week that each participant called good, as bits."""
        return {p.id: self._free(p, Liking.GOOD) for p in self.participants}

    def _free(self, person: Participant, liking: Liking | None = None) -> int:
        offered = free_cells(person.hours, person.time_zone, self.week, person.away, liking)
        return reduce(lambda free, span: free & ~cells_touched(span, self.week), person.busy, offered)

    @cached_property
    def apart(self) -> frozenset[frozenset[str]]:
        """Every two people of whom at least one keeps apart from the other."""
        return frozenset(
            frozenset((person.id, other))
            for person in self.participants
            for other in person.keep_apart
            if other in self.by_id and other != person.id
        )

    @cached_property
    def last_meetings(self) -> Mapping[frozenset[str], Meeting]:
        """The latest meeting of every two people who have met before."""
        return {
            frozenset(two): meeting
            for meeting in sorted(self.history, key=lambda met: met.week)
            for two in combinations(sorted(meeting.together & self.by_id.keys()), 2)
        }
