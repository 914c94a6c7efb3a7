"""One neighbourhood of a repair: some people and their sessions may change while all others stay, and a model says how.

The models of ``pairs`` and ``groups`` say who may meet. The wishes of a repair are asked of them one after the other:
each among the answers that are best by those before it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
from typing import Final

import numpy as np
from ortools.sat.python import cp_model

from peerhub.domain.comfort import MEDIUMS, size_name
from peerhub.matching import terms
from peerhub.matching.groups import Groups, Room, Setting, total
from peerhub.matching.hours import possible_starts, span_at, start_of
from peerhub.matching.match import are_pairs
from peerhub.matching.packing import Column, fit_at_once
from peerhub.matching.pairs import Pairs
from peerhub.matching.preferences import cells_needed, points_of
from peerhub.matching.problem import Participant, Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import cells_of
from peerhub.matching.search import CannotHold, Choice, Linear, Run, Search, Values, weights_of

MOST_PLACES: Final = 1_200  # of people in rooms, in the model of a neighbourhood
SECONDS_FOR_A_WISH: Final = 10.0


@dataclass(frozen=True)
class Told:
    """What everyone was told so far, as it bears on what they hear next.

    ``open`` are the sessions that cannot stay. ``claims`` are the people who should have a seat; ``settled`` those of
    them whose session stands.
    """

    problem: Problem
    standing: tuple[PlannedSession, ...]
    open: tuple[PlannedSession, ...]
    claims: frozenset[str]
    settled: frozenset[str]

    @cached_property
    def hear_anyway(self) -> frozenset[str]:
        """Whose session cannot stay: whatever becomes of them, it is news."""
        return frozenset(person for one in self.open for person in one.everyone)

    @cached_property
    def open_starts(self) -> int:
        """When the open sessions start that begin on a quarter of an hour of the week, as bits."""
        return self._starts(self.open)

    @cached_property
    def weights(self) -> dict[str, int]:
        return weights_of(self.problem)

    def hours_of(self, person: str) -> int:
        """When the sessions start that somebody was told, as bits."""
        return self._starts(self._of(person))

    def mediums_of(self, person: str) -> frozenset[str]:
        """By which mediums the sessions meet that somebody was told."""
        return frozenset(one.medium for one in self._of(person))

    def _of(self, person: str) -> Sequence[PlannedSession]:
        return self._by_person.get(person, ())

    @cached_property
    def _by_person(self) -> Mapping[str, Sequence[PlannedSession]]:
        return by_person(self.standing)

    def _starts(self, sessions: Iterable[PlannedSession]) -> int:
        spans = [one.span for one in sessions if cells_of(self.problem, one.span) is not None]
        starts = [start_of(self.problem, span) for span in spans]
        as_long = (start for start, span in zip(starts, spans, strict=True) if span_at(self.problem, start) == span)
        return reduce(or_, (1 << start for start in as_long), 0)


def by_person(sessions: Iterable[PlannedSession]) -> dict[str, list[PlannedSession]]:
    """The sessions that each person is in."""
    with_person: dict[str, list[PlannedSession]] = defaultdict(list)
    for session in sessions:
        for person in session.everyone:
            with_person[person].append(session)
    return with_person


@dataclass(frozen=True)
class Solved:
    """All sessions; how many hear something new who had not to; whether the neighbourhood has nothing better.

    They are the best by the first two wishes; ``finished``, by all.
    """

    sessions: tuple[PlannedSession, ...]
    told: int
    proven: bool
    _by_all_wishes: Callable[[], tuple[PlannedSession, ...]]

    @cached_property
    def finished(self) -> tuple[PlannedSession, ...]:
        return self._by_all_wishes()


class Neighbourhood:
    """Some people and the sessions among them that may change, while all other sessions stay."""

    def __init__(
        self,
        told: Told,
        problem: Problem,
        movable: tuple[PlannedSession, ...],
        outside: tuple[PlannedSession, ...],
        search: Search,
    ) -> None:
        """``problem`` is that of these people beside the sessions ``outside``, but for how many fit at once."""
        self.told = told
        self.problem = problem
        self.movable = movable
        self.outside = outside
        self.search = search

    @cached_property
    def starts(self) -> dict[str, int]:
        """When each person may start a session here: in a neighbourhood of groups, who has one stays at such an hour.

        Otherwise every session near could be held at any hour of anybody in it, which is more than a model holds.
        """
        whole = len(self.outside) == 0 or are_pairs(self.problem)
        hours = reduce(or_, (1 << start_of(self.problem, one.span) for one in self.movable), self.told.open_starts)
        settled = frozenset() if whole else {person for one in self.movable for person in one.everyone}
        every = ((person, possible_starts(self.problem, person)) for person in self.problem.participants)
        return {person.id: starts & hours if person.id in settled else starts for person, starts in every}

    @property
    def fits(self) -> bool:
        """Whether one model holds it."""
        return are_pairs(self.problem) or places(self.problem, self.starts) <= MOST_PLACES

    def solved_or_nothing(self) -> Solved | None:
        """The best sessions of all; None where none were found that keep the pins."""
        with suppress(CannotHold):
            return self.solved()
        return None

    def solved(self) -> Solved | None:
        """The best sessions of all; None where none were found in time.

        Raises:
            CannotHold: the pins cannot be kept so near.
        """
        choices = self._choices()
        self._not_too_many_at_once(choices)
        told = self._told(choices)
        wish = self._claims_held_then_fewest_told(choices, told)
        run = self._run(choices.cp, wish)
        if run.status == cp_model.INFEASIBLE:
            raise CannotHold
        if run.values is None:
            return None
        news = sum(run.value(one) for one in told)
        sessions = self.outside + choices.sessions_in(run.value)
        return Solved(sessions, news, run.status == cp_model.OPTIMAL, lambda: self._by_all_wishes(choices, wish, run))

    def _by_all_wishes(self, choices: "_Choices", wish: Linear, run: Run) -> tuple[PlannedSession, ...]:
        """The best by the other wishes among all that fulfil this one as well as the run did."""
        found = choices.sessions_in(run.value)
        then: tuple[Callable[[], Linear], ...] = (
            lambda: self._most_matched(choices),
            lambda: choices.as_told,
            choices.points,
        )
        for another in then:
            choices.cp.add(wish == run.objective)
            _hint(choices.cp, run)
            wish = another()
            run = self._run(choices.cp, wish)
            if run.values is None:
                break
            found = choices.sessions_in(run.value)
        return self.outside + found

    def _claims_held_then_fewest_told(self, choices: "_Choices", told: Sequence[Linear]) -> Linear:
        """Each of those whose session stands counts more than all claims together, and a claim more than any news."""
        weights = self.told.weights
        claims = [one for one in choices.matched if one in self.told.claims and not self._has_a_seat_outside(one)]
        all_claims = sum(weights[one] for one in claims)
        counts = [weights[one] * (1 + (all_claims + 1) * (one in self.told.settled)) for one in claims]
        held = _sum([choices.matched[one] for one in claims], [count * self._more_than_all for count in counts])
        return held - cp_model.LinearExpr.sum(told)

    def _most_matched(self, choices: "_Choices") -> Linear:
        """The highest matched weight, and at that weight the most people."""
        counts = [self.told.weights[one] * self._more_than_all + 1 for one in choices.matched]
        return _sum(list(choices.matched.values()), counts)

    @property
    def _more_than_all(self) -> int:
        return len(self.problem.participants) + 1

    def _run(self, cp: cp_model.CpModel, wish: Linear) -> Run:
        cp.maximize(wish)
        rest = self.search.time_limit - self.search.seconds
        return Run(cp, self.search, min(SECONDS_FOR_A_WISH, rest), lambda *_: None)

    def _has_a_seat_outside(self, person: str) -> bool:
        return self.told.problem.by_id[person].most_sessions > self.problem.by_id[person].most_sessions

    def _told(self, choices: "_Choices") -> list[Linear]:
        """For everyone who does not hear something new anyway: 1 when they would."""
        told: list[Linear] = []
        for person in self.problem.participants:
            if person.id in self.told.hear_anyway or person.id not in choices.seats:
                continue
            mine = [choices.kept[one] for one in self.movable if person.id in one.everyone]
            seats = choices.seats[person.id]
            most = person.most_sessions + person.facilitates
            if most <= 1:
                told.append(1 - mine[0] if mine else seats)
                continue
            news = choices.cp.new_bool_var("")
            for kept in mine:
                choices.cp.add(news >= 1 - kept)
            choices.cp.add(seats - cp_model.LinearExpr.sum(mine) <= most * news)
            told.append(news)
        return told

    def _not_too_many_at_once(self, choices: "_Choices") -> None:
        most = fit_at_once(self.told.problem)
        if most is None:
            return
        length = cells_needed(self.problem.program)
        outside = Counter(start_of(self.problem, one.span) for one in self.outside)
        for moment in sorted({*choices.running, *outside}):
            near = range(moment - length + 1, moment + 1)
            running = [choices.running[start] for start in near if start in choices.running]
            if running:
                room = most - sum(outside[start] for start in near)
                choices.cp.add(cp_model.LinearExpr.sum(running) <= max(0, room))

    def _choices(self) -> "_Choices":
        if are_pairs(self.problem):
            each_start = fit_at_once(self.told.problem) is not None
            return _of_pairs(_PairsNear(self.problem, self.told, list_all=each_start), self.movable)
        return _of_groups(_GroupsNear(self.problem, self.told, self.starts), self.movable)


def places(problem: Problem, starts: Mapping[str, int]) -> int:
    """How many people could be in how many rooms."""
    led = problem.program.facilitators_per_session > 0
    holders = [starts[one.id] for one in problem.participants if one.id in starts and (one.facilitates or not led)]
    return sum((holder & mine).bit_count() for holder in holders for mine in starts.values())


def _sum(choices: Sequence[Linear], counts: Sequence[int]) -> Linear:
    return cp_model.LinearExpr.weighted_sum(list(choices), list(counts))


def _hint(cp: cp_model.CpModel, run: Run) -> None:
    cp.clear_hints()
    for index, value in enumerate(run.values or ()):
        cp.add_hint(cp.get_int_var_from_proto_index(index), value)


# What the models of pairs and of groups are asked


@dataclass
class _Choices:
    """A model of who meets, with what a repair asks of it.

    ``matched`` says who has a seat, ``seats`` in how many sessions each person is, ``kept`` which sessions stay as they
    are, ``running`` which sessions start when; ``as_told`` how many people meet at an hour that they were told, and
    then by a medium.
    """

    cp: cp_model.CpModel
    matched: Mapping[str, Linear]
    seats: Mapping[str, Linear]
    kept: Mapping[PlannedSession, Linear]
    running: Mapping[int, Linear]
    as_told: Linear
    points: Callable[[], Linear]
    sessions_in: Callable[[Values], tuple[PlannedSession, ...]]


def _hour_before_mediums(problem: Problem) -> int:
    """What an hour that somebody was told counts, when a medium counts 1: more than all mediums together."""
    return 1 + sum(person.most_sessions + person.facilitates for person in problem.participants)


class _PairsNear(Pairs):
    """Pairs and trios at an hour, and by a medium, that as many of them as possible were told."""

    def __init__(self, problem: Problem, told: Told, *, list_all: bool) -> None:
        self.told = told
        self._hour = _hour_before_mediums(problem)
        super().__init__(problem, list_all=list_all)

    def _best_starts(self, groups: terms.Groups, hours: terms.Numbers) -> terms.Numbers:
        return super()._best_starts(groups, _first(self.hours_told[groups].sum(axis=1), hours))

    def _best_mediums(self, groups: terms.Groups, eases: terms.Numbers) -> terms.Numbers:
        return super()._best_mediums(groups, _first(self.mediums_told[:, groups].sum(axis=2), eases))

    @cached_property
    def told_of(self) -> list[tuple[int, frozenset[str]]]:
        """By person: the hours, as bits, and the mediums of the sessions that they were told."""
        people = [person.id for person in self.problem.participants]
        return [(self.told.hours_of(person), self.told.mediums_of(person)) for person in people]

    @cached_property
    def hours_told(self) -> terms.Truths:
        """By person and start: whether they were told of a session then."""
        return self._bits([hours for hours, _ in self.told_of])

    @cached_property
    def mediums_told(self) -> terms.Truths:
        """By medium and person: whether they were told of a session by it."""
        return np.array([[medium in mediums for _, mediums in self.told_of] for medium in MEDIUMS], bool)

    def as_told(self, column: Column) -> int:
        """What the column counts for people who meet as they were told."""
        told = [self.told_of[place] for place in column.people]
        hours = sum(hours >> column.start & 1 for hours, _ in told)
        return hours * self._hour + sum(column.medium in mediums for _, mediums in told)


def _first(wish: terms.Numbers, worth: terms.Numbers) -> terms.Numbers:
    """The worth where it is allowed at all, but more of the wish is worth more than anything else."""
    return np.where(worth < 0, worth, wish * (1 + worth.max(initial=0)) + worth)


def _of_pairs(pairs: _PairsNear, movable: Sequence[PlannedSession]) -> _Choices:
    problem, packing = pairs.problem, pairs.packing
    listed = {(column.people, column.start, column.medium): n for n, column in enumerate(packing.columns)}
    stays: dict[PlannedSession, int] = {}
    for session in movable:
        people = tuple(sorted(pairs.terms.places[person] for person in session.people))
        column = Column(people, start_of(problem, session.span), session.medium, points_of(problem, session))
        if column[:3] not in listed:
            listed[column[:3]] = len(packing.columns)
            packing.add([column])
        stays[session] = listed[column[:3]]
    chosen = [pairs.cp.get_bool_var_from_proto_index(n) for n in range(len(packing.choices.takes))]
    possible = chosen[packing.first :]
    seats, running = defaultdict[str, list[Choice]](list), defaultdict[int, list[Choice]](list)
    for column, choice in zip(packing.columns, possible, strict=True):
        running[column.start].append(choice)
        for place in column.people:
            seats[problem.participants[place].id].append(choice)
    totals = {person: cp_model.LinearExpr.sum(choices) for person, choices in seats.items()}
    several = {problem.participants[place].id: chosen[n] for place, n in packing.has_a_seat.items()}
    return _Choices(
        cp=pairs.cp,
        matched=totals | {person: choice for person, choice in several.items() if person in totals},
        seats=totals,
        kept={session: possible[n] for session, n in stays.items()},
        running={start: cp_model.LinearExpr.sum(choices) for start, choices in running.items()},
        as_told=_sum(possible, [pairs.as_told(column) for column in packing.columns]),
        points=lambda: cp_model.LinearExpr.weighted_sum(chosen, packing.points),
        sessions_in=pairs.sessions_in,
    )


class _GroupsNear(Groups):
    """The model of groups where people start sessions at some of their hours only."""

    def __init__(self, problem: Problem, told: Told, starts: Mapping[str, int]) -> None:
        self.told = told
        self._only = starts
        super().__init__(problem)

    def _starts(self, person: Participant) -> int:
        return self._only[person.id]

    def as_told(self) -> Linear:
        """How many people meet at an hour that they were told, and then by a medium."""
        hour = _hour_before_mediums(self.problem)
        counted: list[tuple[Linear, int]] = []
        for person, rooms in self.rooms_of.items():
            hours, mediums = self.told.hours_of(person), self.told.mediums_of(person)
            if hours:
                counted += [(room.is_in(person), hour) for room in rooms if hours >> room.start & 1]
            if mediums:
                counted += [(self._is_by(mediums, room, person), 1) for room in rooms]
        return _sum([choice for choice, _ in counted], [count for _, count in counted])

    def _is_by(self, mediums: frozenset[str], room: Room, person: str) -> Linear:
        """1 when the person is in the room, and it meets by one of these mediums."""
        settings = [setting for setting in room.settings if setting.medium in mediums]
        sits = total(room.seats[setting][person] for setting in settings if person in room.seats[setting])
        if person not in room.leads or not settings:
            return sits
        if len(settings) == len(room.settings):
            return room.is_in(person)
        leads = self.choice()
        self.cp.add(leads <= room.leads[person])
        self.cp.add(leads <= total(room.settings[setting] for setting in settings))
        return sits + leads


def _of_groups(groups: _GroupsNear, movable: Sequence[PlannedSession]) -> _Choices:
    model = groups.model()
    rooms = {(room.holder.id, room.start): room for room in groups.rooms}
    running = defaultdict[int, list[Linear]](list)
    for room in groups.rooms:
        running[room.start].append(room.is_open)
    return _Choices(
        cp=groups.cp,
        matched=model.matched,
        seats={
            person: cp_model.LinearExpr.sum([room.is_in(person) for room in theirs])
            for person, theirs in groups.rooms_of.items()
        },
        kept={session: _kept(groups, rooms, session) for session in movable},
        running={start: cp_model.LinearExpr.sum(some) for start, some in running.items()},
        as_told=groups.as_told(),
        points=model.points,
        sessions_in=model.sessions_in,
    )


def _kept(groups: Groups, rooms: Mapping[tuple[str, int], Room], session: PlannedSession) -> Linear:
    """A choice that is only possible when the session takes place as it stands."""
    order = {person.id: place for place, person in enumerate(groups.problem.participants)}
    holder = min(session.facilitators if groups.led else session.people, key=order.__getitem__)
    room = rooms.get((holder, start_of(groups.problem, session.span)))
    size = len(session.people)
    setting = Setting(session.medium, size_name(size))
    if room is None or size not in room.sizes or setting not in room.settings:
        return 0
    kept = groups.choice()
    wanted = [room.sizes[size], room.settings[setting], *(room.leads.get(one) for one in session.facilitators)]
    for needed in (*wanted, *(room.seats[setting].get(person) for person in session.people)):
        if needed is None:
            return 0
        groups.cp.add_implication(kept, needed)
    return kept
