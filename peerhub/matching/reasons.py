"""Why people were brought together; and, for who was not matched, the cause and what would help.

Organizers read both, and members what concerns them. So nothing here tells a comfort level, a keep-apart, a language or
another person's answer. Every cause that is not plainly about hours reads the same: ``NO_PLACE`` is true when others
were matched first, when sizes or mediums do not go together, and when people keep apart. What would help counts shared
hours only, whoever is behind them, and small numbers become "a few".
"""

from collections.abc import Iterable
from itertools import combinations
from typing import Final

from peerhub.domain.availability import DAY_MINUTES, cells_in, wall_of_week
from peerhub.matching.hours import every_start, grid_of, possible_starts, start_of
from peerhub.matching.preferences import FULL, points_by_preference, weight
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
NO_PLACE: Final = "no place was left at the hours that they share with others"

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PARTS: Final = ("night", "morning", "afternoon", "evening")
KINDS_OF_DAY: Final = ((range(4), "Mon-Thu"), (range(4, 5), "Friday"), (range(5, 7), "the weekend"))


# Why these people


def why(problem: Problem, session: PlannedSession) -> tuple[Reason, ...]:
    """Up to three reasons: the hour first, then what is well fulfilled, the most telling before the rest."""
    full = FULL * len(session.people)
    fulfilled = {
        name
        for name, points in points_by_preference(problem, session)
        if points > WORTH_SAYING * full * weight(problem.program, name)
    }
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


def why_unmatched(problem: Problem, sessions: Iterable[PlannedSession]) -> tuple[Unmatched, ...]:
    """Everyone without a seat, each with the cause and, where there is one, the hour that would help most."""
    seated = seated_in(sessions)
    hours = _Hours(problem)
    return tuple(hours.explain(person) for person in problem.participants if person.id not in seated)


class _Hours:
    """Who could start a session when, whatever else there is about them."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.starts = {person.id: possible_starts(problem, person) for person in problem.participants}
        self.peers = [person for person in problem.participants if person.most_sessions > 0]
        self.leaders = [person for person in problem.participants if person.facilitates > 0]
        self.needed_leaders = problem.program.facilitators_per_session
        usable = 0
        for person in problem.participants:
            usable |= grid_of(problem, person)
        self.usable = usable & every_start(problem)

    def explain(self, person: Participant) -> Unmatched:
        if person.most_sessions == 0:
            leads = person.facilitates > 0 and self.needed_leaders > 0
            return Unmatched(person.id, NOT_NEEDED if leads else NOT_ASKED)
        return Unmatched(person.id, self._cause(person), self._would_help(person))

    def _cause(self, person: Participant) -> str:
        mine = self.starts[person.id]
        if not mine:
            return NO_HOURS
        others = [self.starts[other.id] & mine for other in self.peers if other is not person]
        if not any(others):
            return NOBODY_FREE
        enough = [cell for cell in cells_in(mine) if self._enough(cell, others)]
        if not enough:
            return TOO_FEW_FREE
        return NO_PLACE if any(self._led(cell, person) for cell in enough) else NO_FACILITATOR

    def _enough(self, cell: int, others: list[int]) -> bool:
        return sum(starts >> cell & 1 for starts in others) >= self.problem.program.smallest - 1

    def _led(self, cell: int, person: Participant) -> bool:
        free = sum(self.starts[leader.id] >> cell & 1 for leader in self.leaders if leader is not person)
        return free >= self.needed_leaders

    def _would_help(self, person: Participant) -> str:
        """The kind of hour that would bring most people within reach who are not so yet, by one more free session."""
        mine = self.starts[person.id]
        new = [
            starts
            for other in self.peers
            if other is not person and (starts := self.starts[other.id] & self.usable) and not starts & mine
        ]
        best, best_cell = 0, -1
        reachable = 0
        for starts in new:
            reachable |= starts
        for cell in cells_in(reachable & ~mine):
            if wall_of_week(person.time_zone, self.problem.week)[cell] >= 0 and self._led(cell, person):
                count = sum(starts >> cell & 1 for starts in new)
                if count > best and count >= self.problem.program.smallest - 1:
                    best, best_cell = count, cell
        return self._in_words(person, best, best_cell) if best else ""

    def _in_words(self, person: Participant, count: int, cell: int) -> str:
        day, part = _part_of_day(self.problem, person, cell)
        days = next(name for kind, name in KINDS_OF_DAY if day in kind)
        minutes = self.problem.program.session_minutes
        time = f"one more {part} hour" if minutes == 60 else f"{minutes} more minutes in the {part}"
        more = f"{count} more people" if count >= SMALLEST_COUNT else "a few more people"
        return f"{time} {'at' if days == 'the weekend' else 'on'} {days} would bring {more} within reach"


def _part_of_day(problem: Problem, person: Participant, cell: int) -> tuple[int, str]:
    wall = wall_of_week(person.time_zone, problem.week)[cell]
    day, minute = divmod(max(0, wall), DAY_MINUTES)
    return day, PARTS[minute // (DAY_MINUTES // len(PARTS))]
