"""Buddies: pairs, with a trio for the odd one out, by choosing among every pair and trio that the rules allow.

First every two and three people are listed who may meet at all, each with its best hour and medium: which hour makes no
difference to anybody else, unless somebody may have several sessions or only some sessions fit at once. Then each of
their hours is listed on its own. A model with one choice for each candidate finds the best set, and proves it.

Each function in ``PEOPLE_RULES``, ``START_RULES``, ``MEDIUM_RULES`` and ``MODEL_RULES`` keeps the rule of the same name
in ``rules.py``. The first three say who may be a candidate, the last how candidates go together. ``without`` leaves
rules out, so that a test can see that each of them matters.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, reduce
from itertools import combinations
from math import comb
from operator import or_
from typing import Final

from ortools.sat.python import cp_model

from peerhub.domain.availability import cells_in
from peerhub.domain.comfort import MEDIUMS, Role
from peerhub.matching.hours import cells_from, every_start, grid_of, pinned_start, possible_starts, span_at, start_of
from peerhub.matching.preferences import AT_ANY_HOUR, ease, hour_points, points_of
from peerhub.matching.problem import Participant, Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import keeps, requires, share_one, topics_of
from peerhub.matching.search import MOST_VARIABLES, Choice, Linear, Model, TooLarge, Values

Group = tuple[Participant, ...]
SIZES: Final = (2, 3)


@dataclass(frozen=True)
class Candidate:
    """A pair or trio at one time and by one medium, as a choice of the model. ``cells`` are its time, as bits."""

    session: PlannedSession
    cells: int
    chosen: Choice


class Pairs:
    """Every candidate of one round of buddies, and a model of how they go together."""

    def __init__(self, problem: Problem, without: frozenset[str] = frozenset(), *, list_all: bool = False) -> None:
        """``list_all`` lists each group at every hour and by every medium, not only at its best."""
        self.problem = problem
        self.without = without
        self.list_all = list_all
        self.cp = cp_model.CpModel()
        self.candidates = [self._candidate(session) for session in self._within_memory(self._sessions())]
        self.of_person: dict[str, list[Candidate]] = {}
        for candidate in self.candidates:
            for person in candidate.session.people:
                self.of_person.setdefault(person, []).append(candidate)
        for rule in MODEL_RULES:
            if rule.__name__ not in without:
                rule(self)

    def model(self) -> Model:
        """What the search needs: the choices, who is matched by them, and their points."""
        return Model(self.cp, self._matched(), self._points, self.sessions_in, portfolio=False)

    def _points(self) -> Linear:
        chosen = [candidate.chosen for candidate in self.candidates]
        return cp_model.LinearExpr.weighted_sum(chosen, [candidate.session.points for candidate in self.candidates])

    def sessions_in(self, value: Values) -> tuple[PlannedSession, ...]:
        return tuple(candidate.session for candidate in self.candidates if value(candidate.chosen))

    def _matched(self) -> dict[str, Linear]:
        matched: dict[str, Linear] = {}
        for person, theirs in self.of_person.items():
            seats = cp_model.LinearExpr.sum([candidate.chosen for candidate in theirs])
            if self.problem.by_id[person].most_sessions == 1:
                matched[person] = seats
            else:
                matched[person] = has_a_seat = self.cp.new_bool_var("")
                self.cp.add(has_a_seat <= seats)
        return matched

    def _candidate(self, session: PlannedSession) -> Candidate:
        start = start_of(self.problem, session.span)
        return Candidate(session, cells_from(self.problem, start), self.cp.new_bool_var(""))

    def _within_memory(self, sessions: Iterable[PlannedSession]) -> Iterator[PlannedSession]:
        for listed, session in enumerate(sessions):
            if listed >= MOST_VARIABLES:
                raise TooLarge(
                    f"{len(self.problem.participants)} people have more than {MOST_VARIABLES:,} possible sessions,"
                    f" more than fit into memory; {_people_that_fit()} people always fit"
                )
            yield session

    def _sessions(self) -> Iterator[PlannedSession]:
        """Every session worth a choice, with its points."""
        problem = self.problem
        worth = cache(lambda person, start: hour_points(problem, problem.by_id[person], start))
        for group, starts in self._groups():
            people = tuple(person.id for person in group)
            hours = {start: sum(worth(person, start) for person in people) for start in cells_in(starts)}
            for medium in self._mediums(group):
                at_some_hour = PlannedSession(people, span_at(problem, next(iter(hours))), medium)
                points = points_of(problem, at_some_hour, AT_ANY_HOUR)
                for start in self._worth_listing(group, hours):
                    yield PlannedSession(people, span_at(problem, start), medium, points=points + hours[start])

    def _groups(self) -> Iterator[tuple[Group, int]]:
        """Every pair and trio that may meet, with the cells at which they may start, as bits."""
        people = [person for person in self.problem.participants if person.most_sessions > 0]
        free = {p.id: self._starts(p) for p in people}
        sizes = SIZES if self._leaves_out(every_session_has_its_size) else every_session_has_its_size(self.problem)
        for one, two in combinations(range(len(people)), 2):
            pair = (people[one], people[two])
            both = free[pair[0].id] & free[pair[1].id]
            if not both:
                continue
            if 2 in sizes:
                yield from self._if_allowed(pair, both)
            if 3 in sizes and self._keeps(PAIRWISE_RULES, pair):
                for third in people[two + 1 :]:
                    if all_three := both & free[third.id]:
                        yield from self._if_allowed((*pair, third), all_three)

    def _if_allowed(self, group: Group, starts: int) -> Iterator[tuple[Group, int]]:
        if not self._leaves_out(every_session_starts_on_the_grid):
            starts &= every_session_starts_on_the_grid(self.problem, group)
        if starts and self._keeps(PEOPLE_RULES, group):
            yield group, starts

    def _starts(self, person: Participant) -> int:
        if self._leaves_out(everyone_is_free):
            return every_start(self.problem)
        return everyone_is_free(self.problem, person)

    def _mediums(self, group: Group) -> list[str]:
        """The mediums by which a group may meet: all, or the best."""
        mediums = [
            medium
            for medium in MEDIUMS
            if all(self._leaves_out(rule) or rule(self.problem, group, medium) for rule in MEDIUM_RULES)
        ]
        if self.list_all or len(mediums) < 2:
            return mediums
        return [max(mediums, key=lambda medium: sum(ease(person, len(group), medium) for person in group))]

    def _worth_listing(self, group: Group, hours: dict[int, int]) -> list[int]:
        """The hours at which a group is a candidate: all where they matter to others, or the best and the pinned."""
        if self.list_all or _fit_at_once(self.problem) is not None or any(person.most_sessions > 1 for person in group):
            return list(hours)
        people = frozenset(person.id for person in group)
        pinned = {
            start
            for pin in self.problem.pinned
            if pin.people <= people
            for start in cells_in(pinned_start(self.problem, pin))
        }
        return sorted({max(hours, key=hours.__getitem__)} | (pinned & hours.keys()))

    def _keeps(self, rules: "Iterable[Callable[[Problem, Group], bool]]", group: Group) -> bool:
        return all(self._leaves_out(rule) or rule(self.problem, group) for rule in rules)

    def _leaves_out(self, rule: Callable[..., object]) -> bool:
        return rule.__name__ in self.without


# Who may be a candidate, and when


def everyone_is_free(problem: Problem, person: Participant) -> int:
    return possible_starts(problem, person)


def every_session_starts_on_the_grid(problem: Problem, group: Group) -> int:
    people = frozenset(person.id for person in group)
    on_somebodys_clock = reduce(or_, (grid_of(problem, person) for person in group))
    pinned = (pinned_start(problem, pin) for pin in problem.pinned if pin.people <= people)
    return reduce(or_, pinned, on_somebodys_clock)


def every_session_has_its_size(problem: Problem) -> tuple[int, ...]:
    return tuple(size for size in SIZES if problem.program.smallest <= size <= problem.program.largest)


def nobody_is_crowded(problem: Problem, group: Group) -> bool:  # noqa: ARG001
    return all(person.comfort.allows_size(len(group)) for person in group)


def nobody_meets_who_they_keep_apart_from(problem: Problem, group: Group) -> bool:
    return not problem.apart or not any(frozenset((a.id, b.id)) in problem.apart for a, b in combinations(group, 2))


def everyone_shares_a_language(problem: Problem, group: Group) -> bool:
    return not requires(problem, "languages") or share_one(person.languages for person in group)


def everyone_shares_a_topic(problem: Problem, group: Group) -> bool:
    return not requires(problem, "topics") or share_one(topics_of(person) for person in group)


def someone_shares_and_someone_listens(problem: Problem, group: Group) -> bool:
    if not requires(problem, "roles"):
        return True
    return any(p.role is not Role.LISTEN for p in group) and any(p.role is not Role.SHARE for p in group)


def nobody_is_in_a_medium_they_never_use(problem: Problem, group: Group, medium: str) -> bool:  # noqa: ARG001
    return all(person.comfort.allows_medium(medium) for person in group)


def the_medium_is_offered(problem: Problem, group: Group, medium: str) -> bool:  # noqa: ARG001
    return medium in problem.program.mediums


# How candidates go together


def nobody_has_too_many_sessions(pairs: Pairs) -> None:
    for person, theirs in pairs.of_person.items():
        chosen = [candidate.chosen for candidate in theirs]
        pairs.cp.add(cp_model.LinearExpr.sum(chosen) <= pairs.problem.by_id[person].most_sessions)


def nobody_is_in_two_places(pairs: Pairs) -> None:
    for person, theirs in pairs.of_person.items():
        if pairs.problem.by_id[person].most_sessions > 1 or pairs._leaves_out(nobody_has_too_many_sessions):
            for running in _running_together(theirs):
                pairs.cp.add_at_most_one(candidate.chosen for candidate in running)


def not_too_many_at_once(pairs: Pairs) -> None:
    if (most := _fit_at_once(pairs.problem)) is not None:
        for running in _running_together(pairs.candidates):
            pairs.cp.add(cp_model.LinearExpr.sum([candidate.chosen for candidate in running]) <= most)


def pins_are_kept(pairs: Pairs) -> None:
    for pin in pairs.problem.pinned:
        pairs.cp.add_bool_or([c.chosen for c in pairs.candidates if keeps(c.session, pin)])


PAIRWISE_RULES: Final = (nobody_meets_who_they_keep_apart_from,)
PEOPLE_RULES: Final = (
    nobody_is_crowded,
    nobody_meets_who_they_keep_apart_from,
    everyone_shares_a_language,
    everyone_shares_a_topic,
    someone_shares_and_someone_listens,
)
START_RULES: Final = (everyone_is_free, every_session_starts_on_the_grid)
MEDIUM_RULES: Final = (nobody_is_in_a_medium_they_never_use, the_medium_is_offered)
MODEL_RULES: Final = (nobody_has_too_many_sessions, nobody_is_in_two_places, not_too_many_at_once, pins_are_kept)
RULES: Final = (*PEOPLE_RULES, *START_RULES, *MEDIUM_RULES, every_session_has_its_size, *MODEL_RULES)


def _running_together(candidates: list[Candidate]) -> list[list[Candidate]]:
    """For each moment at which one of the candidates starts: those that would be running."""
    cells = sorted({cell for candidate in candidates for cell in cells_in(candidate.cells & -candidate.cells)})
    return [[candidate for candidate in candidates if candidate.cells >> cell & 1] for cell in cells]


def _fit_at_once(problem: Problem) -> int | None:
    """How many sessions may run at once, where that could ever matter."""
    most, smallest = problem.program.sessions_at_once, problem.program.smallest
    if most is None or most >= len(problem.participants) // smallest:
        return None
    return most


def _people_that_fit() -> int:
    return next(
        people for people in range(2, MOST_VARIABLES) if comb(people + 1, 2) + comb(people + 1, 3) > MOST_VARIABLES
    )
