"""Why people were brought together; and, for who was not matched, the cause and what would help.

Organizers read both, and members what concerns them. So nothing here tells a keep-apart, a language or another person's
answer, and what organizers read tells no comfort level. What is told of somebody is worked out as if nobody else had
answered anything but *when they are free*, whether they come and whether they lead: so it is the same whatever the
others said about themselves, and nothing about that can be learned from it, neither from one text nor by holding many
against each other. Of hours themselves only sums over everybody are told, and small numbers become "a few".

- The *cause* comes from hours alone. All others read the same: ``NO_PLACE`` is true when others were matched first,
  when sizes or mediums do not go together, and when people keep apart.
- ``would_help`` is the one more free session that brings most people *within reach*: who could be in one session with
  this person, at some hour, by the rules on hours, sizes and leaders. It knows nothing of the person's comfort either,
  for organizers read it.
- ``if_comfortable`` is for the person alone: the size or the medium that they said never to, and that would bring most
  people within reach if they were a little comfortable with it. Which sizes or mediums the others are comfortable with
  is not counted. So a medium is only named to somebody who shuts out every medium of the program, and a size to
  somebody who shuts out those for which enough people are free: more would give away what others said.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property, reduce
from itertools import combinations
from operator import or_
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from peerhub.domain.availability import CELL_MINUTES, DAY_MINUTES, WeeklyHours, cells_in, wall_of_week
from peerhub.domain.comfort import Comfort, size_name
from peerhub.matching.hours import cells_from, every_start, grid_of, possible_starts, start_of, starts_within
from peerhub.matching.preferences import FULL, cells_needed, points_by_preference, weight
from peerhub.matching.problem import Participant, Problem
from peerhub.matching.proposal import PlannedSession, Reason, Unmatched
from peerhub.matching.rules import peers_in, seated_in, topics_of

MOST_REASONS: Final = 3
TELLING: Final = ("topics", "trust", "new_people", "roles", "comfort", "overlap", "ideal_size")
WORTH_SAYING: Final = 0.6  # of the points that a preference can give
SMALLEST_COUNT: Final = 5

NOT_ASKED: Final = "asked for no session this week"
NOT_NEEDED: Final = "was not needed to lead a session this week"
NO_HOURS: Final = "no free hours this week that are long enough for a session"
NOBODY_FREE: Final = "no hour in common with anyone"
TOO_FEW_FREE: Final = "not enough people are free at the same hour"
NO_FACILITATOR: Final = "no facilitator is free at an hour that suits enough people"
STOPPED: Final = "the search was stopped before there was time to find out why"
NO_PLACE: Final = "no place was left at the hours that they share with others"

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PARTS: Final = ("night", "morning", "afternoon", "evening")
KINDS_OF_DAY: Final = ((range(4), "Mon-Thu"), (range(4, 5), "Friday"), (range(5, 7), "the weekend"))

SIZES_IN_WORDS: Final = {
    "pair": "sessions of two",
    "trio": "sessions of three",
    "small": "sessions of four or five",
    "large": "sessions of six or more",
}
MEDIUMS_IN_WORDS: Final = {
    "video": "meeting by video",
    "voice": "meeting by voice",
    "text": "meeting by text",
    "in_person": "meeting in person",
}
LARGE: Final = 6  # people, from which on comfort knows no other size
ALWAYS: Final = tuple(WeeklyHours(day, 0, DAY_MINUTES) for day in range(7))
CELLS: Final = 9 * DAY_MINUTES // CELL_MINUTES  # in a week on all walls
WORD: Final = 64
AT_ONCE: Final = 8  # cells that are looked at together

Words: TypeAlias = NDArray[np.uint64]
Counts: TypeAlias = NDArray[np.int64]
Cells: TypeAlias = NDArray[np.intp]  # of the week, by their places


# Why these people


def weighed(problem: Problem, session: PlannedSession) -> PlannedSession:
    """The session with its points and, unless it has them, its reasons."""
    by_preference = points_by_preference(problem, session)
    why = session.why or _why(problem, session, by_preference)
    points = sum(much for _, much in by_preference)
    return session if (points, why) == (session.points, session.why) else replace(session, points=points, why=why)


def why(problem: Problem, session: PlannedSession) -> tuple[Reason, ...]:
    """Up to three reasons: the hour first, then what is well fulfilled, the most telling before the rest."""
    return _why(problem, session, points_by_preference(problem, session))


def _why(problem: Problem, session: PlannedSession, points: list[tuple[str, int]]) -> tuple[Reason, ...]:
    full = FULL * len(session.people)
    fulfilled = {name for name, much in points if much > WORTH_SAYING * full * weight(problem.program, name)}
    told = (_reason(problem, session, name) for name in TELLING if name in fulfilled)
    return (_the_hour(problem, session), *(reason for reason in told if reason))[:MOST_REASONS]


def _the_hour(problem: Problem, session: PlannedSession) -> Reason:
    start = start_of(problem, session.span)
    walls = {_part_of_day(problem, person, start) for person in peers_in(problem, session)}
    if len(walls) == 1:
        day, part = walls.pop()
        who = "both" if len(session.people) == 2 else "all"
        return Reason("preferred_hours", f"{who} free {DAYS[day]} {part}")
    return Reason("preferred_hours", "an hour that everyone offered, each on their own clock")


def _reason(problem: Problem, session: PlannedSession, name: str) -> Reason | None:
    people = peers_in(problem, session)
    if name == "topics":
        shared = sorted(frozenset.intersection(*map(topics_of, people)))
        best = max(shared, key=lambda topic: sum(person.comfort.topics[topic] for person in people), default="")
        return Reason(name, "a topic in common", best) if best else None
    met = any(frozenset(two) in problem.last_meetings for two in combinations(session.people, 2))
    if name == "new_people":
        return None if met else Reason(name, "first time together")
    if name == "trust":  # a wish to meet somebody stays private: only what the organizer knows is said
        return Reason(name, "they have met before") if met else None
    if name == "ideal_size" and len(people) != problem.program.ideal:
        return None
    text = {
        "roles": "sharing and listening are in balance",
        "overlap": "time to spare before or after",
        "comfort": "a way of meeting that suits everyone",
        "ideal_size": "the size that this program aims for",
    }.get(name)
    return Reason(name, text) if text else None


# Who is not matched, and what would help


def why_unmatched(
    problem: Problem, sessions: Iterable[PlannedSession], may_explain: Callable[[], bool] = lambda: True
) -> tuple[Unmatched, ...]:
    """Everyone without a seat, each with the cause and, where there is one, the change that would help most.

    Those for whom it may not be worked out any more are told so.
    """
    seated = seated_in(sessions)
    hours = _Hours(problem)
    return tuple(
        hours.explain(person) if may_explain() else Unmatched(person.id, STOPPED)
        for person in problem.participants
        if person.id not in seated
    )


class _Hours:
    """Who could start a session when, whatever else there is about them.

    A set of people is a row of words with one bit for each peer; there is one such row for each cell of the week.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.needed_leaders = problem.program.facilitators_per_session
        self.peers = [person for person in problem.participants if person.most_sessions > 0]
        self.places = {person.id: place for place, person in enumerate(self.peers)}

    def explain(self, person: Participant) -> Unmatched:
        if person.most_sessions == 0:
            leads = person.facilitates > 0 and self.needed_leaders > 0
            return Unmatched(person.id, NOT_NEEDED if leads else NOT_ASKED)
        mine = possible_starts(self.problem, person)
        return Unmatched(
            person.id, self._cause(person, mine), self._would_help(person, mine), self._if_comfortable(person, mine)
        )

    # Who is free when

    @cached_property
    def coming(self) -> Words:
        """By cell: who could start a session then as a peer."""
        return _people_by_cell(possible_starts(self.problem, person) for person in self.peers)

    @cached_property
    def coming_on_grid(self) -> Words:
        """By cell: those of them on whose own clock it is on the slot grid."""
        starts = (possible_starts(self.problem, person) & grid_of(self.problem, person) for person in self.peers)
        return _people_by_cell(starts)

    @cached_property
    def leading_too(self) -> Words:
        """Which peers can lead sessions as well."""
        return np.asarray(_people_by_cell(int(person.facilitates > 0) for person in self.peers)[0])

    @cached_property
    def peers_at(self) -> Counts:
        """By cell: how many peers could start a session."""
        return _count(self.coming)

    @cached_property
    def leaders_at(self) -> Counts:
        leaders = [person for person in self.problem.participants if person.facilitates > 0]
        return _count(_people_by_cell(possible_starts(self.problem, person) for person in leaders))

    @cached_property
    def people_at(self) -> Counts:
        """By cell: how many could come or lead; who could do both counts once."""
        return self.peers_at + self.leaders_at - _count(self.coming & self.leading_too)

    # The cause

    def _cause(self, person: Participant, mine: int) -> str:
        cells = _places(mine)
        if not len(cells):
            return NO_HOURS
        others = self.peers_at[cells] - 1
        if not others.any():
            return NOBODY_FREE
        enough = cells[others >= self.problem.program.smallest - 1]
        if not len(enough):
            return TOO_FEW_FREE
        leaders = self.leaders_at[enough] - (person.facilitates > 0)
        return NO_PLACE if (leaders >= self.needed_leaders).any() else NO_FACILITATOR

    # Within reach

    def _within_reach(self, person: Participant, mine: int, starts: int, size: int) -> Words:
        """With whom the person, free at ``mine``, could be in one session of that size or more at one of these starts.

        It begins on the slot grid of one of the two. Somebody else may be needed to fill it up, and others to lead it.
        """
        return _anyone(self._reached_at(person, mine, _places(starts), size))

    def _reached_at(self, person: Participant, mine: int, cells: Cells, size: int) -> Words:
        """The same for each of these cells on its own."""
        needed = self.needed_leaders
        here = _bits(mine)[cells].astype(np.int64)
        peers, people = self.peers_at[cells] - here, self.people_at[cells] - here
        leaders = self.leaders_at[cells] - here * (person.facilitates > 0)
        enough = (peers >= size - 1) & (leaders >= needed) & (people >= size - 1 + needed)
        on_grid = _bits(grid_of(self.problem, person))[cells]
        reached = self.coming[cells]
        reached[~enough] = 0
        if not on_grid.all():
            reached[~on_grid] &= self.coming_on_grid[cells[~on_grid]]
        if needed:  # who leads as well can only come where others are enough to lead
            reached[leaders == needed] &= ~self.leading_too
        word, bit = divmod(self.places[person.id], WORD)
        reached[:, word] &= ~np.uint64(1 << bit)
        return reached

    # One more hour

    def _would_help(self, person: Participant, mine: int) -> str:
        """The kind of hour that would bring most people within reach who are not so yet, by one more free session."""
        size = self.problem.program.smallest
        reached = self._within_reach(person, mine, mine, size)
        alone, beside = self._one_more(person, mine)
        best, best_cell = 0, -1
        near = _places(reduce(or_, (starts for _, starts in beside), 0))
        new = self._reached_at(person, mine, near, size) & ~reached
        for cell, starts in beside:
            count = int(_count(_anyone(new[_bits(starts)[near]])))
            if count > best:
                best, best_cell = count, cell
        for first in range(0, len(alone), AT_ONCE):
            cells = alone[first : first + AT_ONCE]
            if self.peers_at[cells[0]] < best:
                break
            counts = _count(self._reached_at(person, mine, cells, size) & ~reached)
            cell = int(cells[counts == counts.max()].min())
            if (counts.max(), -cell) > (best, -best_cell):
                best, best_cell = int(counts.max()), cell
        return self._hour_in_words(person, best, best_cell) if best else ""

    def _one_more(self, person: Participant, mine: int) -> tuple[Cells, list[tuple[int, int]]]:
        """When the person could offer one session's length besides: alone, where most people are free first, or beside
        hours that they offer already, each with all starts that come with it.

        It begins on the slot grid of their clock.
        """
        problem, free = self.problem, self.problem.free[person.id]
        offers = replace(problem, participants=(replace(person, hours=ALWAYS),))
        new = possible_starts(offers, offers.participants[0]) & grid_of(problem, person) & every_start(problem) & ~mine
        near = reduce(or_, (free << 1 >> shift for shift in range(cells_needed(problem.program) + 2)), 0)
        alone = _places(new & ~near)
        beside = (
            (cell, starts_within(problem, free | cells_from(problem, cell)) & ~mine) for cell in cells_in(new & near)
        )
        return alone[np.argsort(-self.peers_at[alone], kind="stable")], list(beside)

    def _hour_in_words(self, person: Participant, count: int, cell: int) -> str:
        day, part = _part_of_day(self.problem, person, cell)
        days = next(name for kind, name in KINDS_OF_DAY if day in kind)
        minutes = self.problem.program.session_minutes
        time = f"one more {part} hour" if minutes == 60 else f"{minutes} more minutes in the {part}"
        return f"{time} {'at' if days == 'the weekend' else 'on'} {days} {_would_bring(count)}"

    # One more size or medium

    def _if_comfortable(self, person: Participant, mine: int) -> str:
        """The size or medium they said never to that would bring most people within reach."""
        reached = self._reached_with(person, mine, person.comfort)
        best, best_text = 0, ""
        for comfort, text in self._a_little_more(person.comfort):
            count = int(_count(self._reached_with(person, mine, comfort) & ~reached))
            if count > best:
                best, best_text = count, text
        return f"being a little comfortable with {best_text} {_would_bring(best)}" if best else ""

    def _reached_with(self, person: Participant, mine: int, comfort: Comfort) -> Words:
        """Who is within reach with such comfort of their own, as if the others were comfortable with everything."""
        program = self.problem.program
        size = next((size for size in self._sizes if comfort.allows_size(size)), None)
        if size is None or not any(map(comfort.allows_medium, program.mediums)):
            return np.zeros_like(self.coming[0])
        return self._within_reach(person, mine, mine, size)

    def _a_little_more(self, comfort: Comfort) -> Iterator[tuple[Comfort, str]]:
        for size in self._sizes:
            if not comfort.allows_size(size):
                name = size_name(size)
                yield replace(comfort, sizes={**comfort.sizes, name: 1}), SIZES_IN_WORDS[name]
        for medium in self.problem.program.mediums:
            if not comfort.allows_medium(medium):
                yield replace(comfort, mediums={**comfort.mediums, medium: 1}), MEDIUMS_IN_WORDS[medium]

    @cached_property
    def _sizes(self) -> list[int]:
        """The smallest session of each of the sizes that comfort knows."""
        program, smallest_by_name = self.problem.program, dict[str, int]()
        for size in range(program.smallest, max(program.smallest, min(program.largest, LARGE)) + 1):
            smallest_by_name.setdefault(size_name(size), size)
        return list(smallest_by_name.values())


def _would_bring(count: int) -> str:
    more = f"{count} more people" if count >= SMALLEST_COUNT else "a few more people"
    return f"would bring {more} within reach"


def _part_of_day(problem: Problem, person: Participant, cell: int) -> tuple[int, str]:
    wall = wall_of_week(person.time_zone, problem.week)[cell]
    day, minute = divmod(max(0, wall), DAY_MINUTES)
    return day, PARTS[minute // (DAY_MINUTES // len(PARTS))]


# Sets of people and of cells, as bits


def _bits(cells: int) -> NDArray[np.bool_]:
    """By cell of the week: whether it is in the set."""
    raw = np.frombuffer(cells.to_bytes(CELLS // 8, "little"), np.uint8)
    return np.unpackbits(raw, bitorder="little").astype(bool)


def _places(cells: int) -> Cells:
    return np.flatnonzero(_bits(cells))


def _people_by_cell(cells_of_each: Iterable[int]) -> Words:
    """By cell: the people who have it among theirs."""
    raw = b"".join(cells.to_bytes(CELLS // 8, "little") for cells in cells_of_each)
    people = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(-1, CELLS // 8), axis=1, bitorder="little")
    padded = np.zeros((CELLS, max(1, -(-len(people) // WORD)) * WORD), np.uint8)
    padded[:, : len(people)] = people.T
    return np.asarray(np.packbits(padded, axis=1, bitorder="little").view(np.uint64))


def _anyone(rows: Words) -> Words:
    return np.asarray(np.bitwise_or.reduce(rows, axis=0))


def _count(people: Words) -> Counts:
    """How many people are in each row."""
    return np.asarray(np.bitwise_count(people).sum(axis=-1, dtype=np.int64))
