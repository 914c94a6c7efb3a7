"""Which possible sessions go together: a choice for each session that might be, a row for each limit they share.

Each function in ``RULES`` keeps the rule of the same name in ``rules.py``: it says which rows a session stands in. A
row is the number of sessions, of all that are chosen, which one person attends, or leads, or is in at one moment.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from peerhub.domain.availability import cells_in
from peerhub.matching.hours import cells_from, pinned_start, span_at
from peerhub.matching.linear import MUCH, Best, Choices, NoSolution, Relaxation, best_of
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession, Progress
from peerhub.matching.search import (
    SHARE_FOR_PEOPLE,
    CannotHold,
    Found,
    Search,
    most_people,
    most_points,
    weights_of,
)
from peerhub.matching.stopping import NotInTime


class Column(NamedTuple):
    """A session that might be; people by their places among the participants."""

    people: tuple[int, ...]
    start: int
    medium: str
    points: int = 0
    leaders: tuple[int, ...] = ()


class Row(NamedTuple):
    """A limit that sessions share: which rule, and for whom or what, and when."""

    rule: str
    who: int
    cell: int = -1


class Packing:
    """Every session that might be, and how they go together."""

    def __init__(
        self, problem: Problem, starts: int, without: frozenset[str] = frozenset(), *, all_listed: bool = True
    ) -> None:
        """``starts`` are the cells at which any session may start, as bits.

        Unless all sessions are listed at once, a pin may stay unkept for so much less worth that nobody would want it.
        """
        self.problem = problem
        self.starts = starts
        self.without = without
        self.columns: list[Column] = []
        self.choices = Choices()
        self.rows: dict[Row, int] = {}
        self.rules = [rule for rule in RULES if rule.__name__ not in without]
        self.most_at_once = fit_at_once(problem)
        self.twice = frozenset(place for place in range(len(problem.participants)) if self._may_be_twice(place))
        self.weights = list(weights_of(problem).values())
        self.weight, self.people = self.choices.row(), self.choices.row()
        self.rank: list[int] = []  # by choice: the matched weight first, then the number of people
        self.points: list[int] = []  # by choice
        self.has_a_seat = {
            place: self._has_a_seat(place)
            for place, person in enumerate(problem.participants)
            if person.most_sessions > 1
        }
        pins = [
            self._row(Row("pins_are_kept", n)) for n in range(len(problem.pinned) if pins_are_kept in self.rules else 0)
        ]
        self.unkept = frozenset() if all_listed else frozenset(self._choose([(pin, 1)], missing=True) for pin in pins)
        self.first = len(self.choices.takes)

    def add(self, columns: Iterable[Column]) -> None:
        for column in columns:
            self.columns.append(column)
            takes = [(self._row(row), 1) for rule in self.rules for row in rule(self, column)]
            single = [place for place in column.people if place not in self.has_a_seat]
            takes += [(self._row(Row("has_a_seat", place)), -1) for place in column.people if place in self.has_a_seat]
            if single:
                takes += [(self.weight, sum(self.weights[place] for place in single)), (self.people, len(single))]
            self._choose(takes, column.points)

    def _choose(self, takes: list[tuple[int, int]], points: int = 0, *, missing: bool = False) -> int:
        counts = {self.weight: self.step, self.people: 1}
        rank = sum(much * counts.get(row, 0) for row, much in takes)
        self.rank.append(-self.full_rank - 1 if missing else rank)
        self.points.append(-most_points(self.problem) - 1 if missing else points)
        return self.choices.choice(takes)

    def _has_a_seat(self, place: int) -> int:
        """Yes when somebody who may come more than once comes at all."""
        seats = self._row(Row("has_a_seat", place))
        return self._choose([(seats, 1), (self.weight, self.weights[place]), (self.people, 1)])

    @property
    def step(self) -> int:
        """What one more in matched weight counts in a rank; more than all people together."""
        return len(self.problem.participants) + 1

    @property
    def full_rank(self) -> int:
        """More than any proposal has: everyone is matched."""
        return sum(weight * self.step + 1 for weight in self.weights)

    def people_in(self, chosen: Iterable[int]) -> int:
        """How many are matched by these choices."""
        return sum(much for choice in chosen for row, much in self.choices.takes[choice] if row == self.people)

    def aim(self, relaxation: Relaxation, rank: int | None) -> None:
        """Ask for exactly this matched weight and number of people; for None, for any."""
        weight, people = (-MUCH, MUCH), (-MUCH, MUCH)
        if rank is not None:
            weight, people = ((much, much) for much in divmod(rank, self.step))
        relaxation.limit(self.weight, *weight)
        relaxation.limit(self.people, *people)

    @property
    def single(self) -> list[int]:
        """The rows with room for one session."""
        return [place for row, place in self.rows.items() if self.choices.high[place] == 1 and row.rule != "has_a_seat"]

    def session(self, column: Column) -> PlannedSession:
        ids = [person.id for person in self.problem.participants]
        people, leaders = (tuple(ids[place] for place in places) for places in (column.people, column.leaders))
        return PlannedSession(people, span_at(self.problem, column.start), column.medium, leaders, column.points)

    def sessions_in(self, chosen: Iterable[int]) -> tuple[PlannedSession, ...]:
        return tuple(
            self.session(self.columns[choice - self.first]) for choice in sorted(chosen) if choice >= self.first
        )

    def _row(self, row: Row) -> int:
        if row not in self.rows:
            self.rows[row] = self.choices.row(*self._limits(row))
        return self.rows[row]

    def _limits(self, row: Row) -> tuple[int, int]:
        person = self.problem.participants[row.who]
        match row.rule:
            case "pins_are_kept":
                return 1, MUCH
            case "has_a_seat":
                return -MUCH, 0
            case "nobody_has_too_many_sessions":
                return -MUCH, person.most_sessions
            case "nobody_leads_too_many_sessions":
                return -MUCH, person.facilitates
            case "not_too_many_at_once":
                return -MUCH, self.most_at_once or 0
        return -MUCH, 1

    def _may_be_twice(self, place: int) -> bool:
        """Whether somebody could be in two sessions at once, if it were not forbidden."""
        if {"nobody_has_too_many_sessions", "nobody_leads_too_many_sessions"} & self.without:
            return True
        person = self.problem.participants[place]
        leads = person.facilitates if self.problem.program.facilitators_per_session else 0
        return person.most_sessions + leads > 1

    def moments(self, column: Column) -> list[int]:
        """The starts of any session at which this one would be running."""
        return list(cells_in(cells_from(self.problem, column.start) & self.starts))


def nobody_has_too_many_sessions(packing: Packing, column: Column) -> Iterator[Row]:  # noqa: ARG001
    return (Row("nobody_has_too_many_sessions", place) for place in column.people)


def nobody_leads_too_many_sessions(packing: Packing, column: Column) -> Iterator[Row]:  # noqa: ARG001
    return (Row("nobody_leads_too_many_sessions", place) for place in column.leaders)


def nobody_is_in_two_places(packing: Packing, column: Column) -> Iterator[Row]:
    for place in (*column.people, *column.leaders):
        if place in packing.twice:
            yield from (Row("nobody_is_in_two_places", place, cell) for cell in packing.moments(column))


def not_too_many_at_once(packing: Packing, column: Column) -> Iterator[Row]:
    if packing.most_at_once is not None:
        yield from (Row("not_too_many_at_once", -1, cell) for cell in packing.moments(column))


def pins_are_kept(packing: Packing, column: Column) -> Iterator[Row]:
    for n, pin in enumerate(packing.problem.pinned):
        ids = packing.problem.participants
        people, leaders = ({ids[place].id for place in places} for places in (column.people, column.leaders))
        at = pin.span is None or pinned_start(packing.problem, pin) == 1 << column.start
        if at and pin.people <= people and pin.facilitators <= leaders:
            yield Row("pins_are_kept", n)


RULES: Final[Sequence[Callable[[Packing, Column], Iterator[Row]]]] = (
    nobody_has_too_many_sessions,
    nobody_leads_too_many_sessions,
    nobody_is_in_two_places,
    not_too_many_at_once,
    pins_are_kept,
)


def fit_at_once(problem: Problem) -> int | None:
    """How many sessions may run at once, where that could ever matter."""
    most, smallest = problem.program.sessions_at_once, problem.program.smallest
    seats = sum(person.most_sessions for person in problem.participants)
    return None if most is None or most >= seats // smallest else most


# The best of them


def best(packing: Packing, search: Search) -> Found:
    """Search in order: the highest matched weight, at that weight the most people, at that number the most points.

    The linear relaxation tells how much weight and how many people there can be at most. The search for points aims at
    exactly that; only when no proposal reaches it, the weight and the people are searched for first.

    Raises:
        CannotHold: nothing keeps all pins.
        NotInTime: nothing that keeps all pins was found in time.
    """
    search.report(Progress("matching", search.seconds))
    stages = _Stages(packing, search)
    return stages.found()


class _Stages:
    def __init__(self, packing: Packing, search: Search) -> None:
        self.packing = packing
        self.search = search
        self.relaxation = Relaxation(packing.choices)
        self.half_time = search.time_limit * SHARE_FOR_PEOPLE

    def found(self) -> Found:
        packing = self.packing
        try:
            most = self.relaxation.tightened(packing.rank, packing.single, self.search, self.half_time).most
            return self._aiming_at(most) or self._people_first()
        except NoSolution:
            raise CannotHold from None

    def _aiming_at(self, most: int) -> Found | None:
        """The most points at the rank that the relaxation promises; None where no proposal was found that has it."""
        packing = self.packing
        try:
            packing.aim(self.relaxation, most)
            points = self._points(None, most % packing.step)
        except NoSolution:
            points = None
        packing.aim(self.relaxation, None)
        return (
            points
            if points is None
            else Found(packing.sessions_in(points.chosen), points.bound, most % packing.step, points.cut)
        )

    def _people_first(self) -> Found:
        packing, search = self.packing, self.search
        people = best_of(
            self.relaxation, packing.rank, search, self.half_time, self._people_report, single=packing.single
        )
        if people is None:
            return self._nothing()
        bound = self._most_people(people.bound, people.worth)
        packing.aim(self.relaxation, people.worth)
        points = self._points(people.chosen, bound) or Best(people.chosen, 0, 0)  # never: something is known
        return Found(packing.sessions_in(points.chosen), points.bound, bound, people.cut or points.cut)

    def _points(self, known: frozenset[int] | None, most_people: int) -> Best | None:
        packing, search = self.packing, self.search

        def report(value: int, bound: int) -> Progress:
            matched = packing.choices.low[packing.people]
            return Progress("improving", search.seconds, value, bound, matched, most_people)

        until = search.time_limit if known else self.half_time
        return best_of(self.relaxation, packing.points, search, until, report, known=known, single=packing.single)

    def _people_report(self, rank: int, bound: int) -> Progress:
        people = rank % self.packing.step
        return Progress("matching", self.search.seconds, matched=people, matched_bound=self._most_people(bound, rank))

    def _most_people(self, bound: int, rank: int) -> int:
        return most_people(bound, rank, self.packing.step, self.packing.weights)

    def _nothing(self) -> Found:
        """Nobody is seated, and nobody seated has no points."""
        if self.packing.problem.pinned:
            raise NotInTime
        return Found((), 0, len(self.packing.weights), cut=True)
