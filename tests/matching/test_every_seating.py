"""Every seating of small problems is tried, to show that the models and the rules mean the same.

A seating is a set of sessions; a session is any people, any facilitators, any quarter of an hour and any medium.
``rules.py`` says which seatings are allowed, and ``preferences.py`` which is best. The models must allow exactly the
same ones and find a best one; and a model that lacks any one of its rules must be caught.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import combinations

import pytest
from ortools.sat.python import cp_model

from peerhub.domain.availability import cells_in
from peerhub.domain.comfort import MEDIUMS
from peerhub.matching import groups, pairs
from peerhub.matching.hours import span_at
from peerhub.matching.match import match
from peerhub.matching.preferences import points_of
from peerhub.matching.problem import Meeting, Pin, Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import broken_rules_of_sessions
from peerhub.matching.search import weights_of
from tests.matching.cast import MONDAY_18, WEEK, buddies, person, sessions, span

Seating = frozenset[PlannedSession]
Quarter = timedelta(minutes=15)
EVENING = "mon 18:00-19:00"

BUDDIES = {
    "everyone can meet everyone": buddies(*(person(name, "mon 18:00-18:30") for name in ("ana", "ben", "cat", "dan"))),
    "hours differ and bend the grid": buddies(
        person("ana", "mon 18:00-18:45"), person("ben", "mon 18:15-19:00"), person("cat", "mon 18:15-18:45"),
        person("kit", "tue 0:00-0:30", zone="Asia/Kathmandu"),
    ),
    "sizes, mediums and wishes differ": buddies(
        person("ana", EVENING, sizes={"trio": 0}, mediums={"video": 0}),
        person("ben", EVENING, mediums={"voice": 0}),
        person("cat", EVENING, sizes={"pair": 0, "trio": 4}),
        person("dan", EVENING, keep_apart=["cat"], prefers=["ben"]),
    ),
    "languages, topics and roles are required": buddies(
        person("ana", "mon 18:00-18:30", languages=["en"], topics={"grief": 2}, role="share"),
        person("ben", "mon 18:00-18:30", languages=["en", "de"], topics={"sleep": 2, "grief": 1}, role="share"),
        person("cat", "mon 18:00-18:30", languages=["de"], topics={"sleep": 4}, role="listen"),
        person("dan", "mon 18:00-18:30", languages=["de"], topics={"grief": 3}, role="listen"),
        match_on={"topics": "requirement", "roles": "requirement"},
    ),
    "somebody comes twice": buddies(
        person("ana", EVENING, most_sessions=2), person("ben", EVENING, most_sessions=2), person("cat", EVENING),
        mediums=("voice",),
    ),
    "one session at once": buddies(
        *(person(name, EVENING) for name in ("ana", "ben", "cat")), person("dan", "mon 18:00-18:30"),
        sessions_at_once=1, mediums=("voice",),
    ),
    "trios only": buddies(*(person(name, EVENING) for name in ("ana", "ben", "cat", "dan")), smallest=3, ideal=3),
    "a pin off the grid": buddies(
        *(person(name, EVENING) for name in ("ana", "ben", "cat")),
        pinned=(Pin(frozenset({"ana", "ben"}), span(MONDAY_18 + Quarter)),),
    ),
    "a pin without a time": buddies(
        *(person(name, EVENING) for name in ("ana", "ben", "cat", "dan")), pinned=(Pin(frozenset({"ana", "ben"})),)
    ),
    "they met before": buddies(
        person("ana", EVENING, owed=2), person("ben", EVENING, role="share"), person("cat", EVENING, role="listen"),
        history=(
            Meeting(WEEK - timedelta(weeks=2), frozenset({"ana", "ben"}), "well"),
            Meeting(WEEK - timedelta(weeks=9), frozenset({"ana", "cat"}), "badly"),
        ),
    ),
}  # fmt: skip

LED = person("olu", EVENING, facilitates=2, most_sessions=0)
SESSIONS = {
    "one leads": sessions(*(person(name, EVENING) for name in ("ana", "ben", "cat")), LED, mediums=("voice",)),
    "leading twice, at hours that differ": sessions(
        person("ana", "mon 18:00-18:30"), person("ben", "mon 18:00-18:45"), person("cat", "mon 18:15-19:00"),
        person("dan", "mon 18:30-19:00"), person("olu", EVENING, facilitates=1, most_sessions=0),
        person("pat", "mon 18:00-18:30", facilitates=2, most_sessions=0), mediums=("voice",),
    ),
    "who leads also comes": sessions(
        person("ana", EVENING), person("ben", EVENING, most_sessions=2), person("olu", EVENING, facilitates=2),
        person("pat", "mon 18:00-18:45", facilitates=1, most_sessions=0), mediums=("voice",),
    ),
    "two lead": sessions(
        person("ana", EVENING), person("ben", EVENING), person("cat", EVENING, keep_apart=["pat"]),
        person("olu", EVENING, facilitates=2, most_sessions=0, mediums={"voice": 0}),
        person("pat", EVENING, facilitates=1, most_sessions=0, languages=["en"]),
        person("qin", "mon 18:00-18:30", facilitates=1, most_sessions=0, languages=["de"], mediums={"video": 0}),
        facilitators_per_session=2,
    ),
    "sizes, mediums and wishes differ": sessions(
        person("ana", "mon 18:00-18:30", sizes={"trio": 0}, mediums={"video": 0}),
        person("ben", "mon 18:00-18:30", mediums={"voice": 0}),
        person("cat", "mon 18:00-18:30", sizes={"pair": 0, "small": 0}),
        person("dan", "mon 18:00-18:30", keep_apart=["ana"]),
        LED,
    ),
    "languages, topics and roles are required": sessions(
        person("ana", "mon 18:00-18:30", languages=["en"], topics={"grief": 2}, role="share"),
        person("ben", "mon 18:00-18:30", languages=["en", "de"], topics={"sleep": 2, "grief": 1}, role="share"),
        person("cat", "mon 18:00-18:30", languages=["de"], topics={"sleep": 4}, role="listen"),
        person("dan", "mon 18:00-18:30", languages=["de"], topics={"grief": 3}, role="listen"),
        LED,
        match_on={"topics": "requirement", "roles": "requirement"}, mediums=("voice",),
    ),
    "one session at once": sessions(
        *(person(name, "mon 18:00-18:30") for name in ("ana", "ben", "cat", "dan")), LED,
        person("pat", EVENING, facilitates=2, most_sessions=0), sessions_at_once=1, mediums=("voice",),
    ),
    "pins off the grid and with a leader": sessions(
        *(person(name, EVENING) for name in ("ana", "ben", "cat")), LED,
        person("pat", EVENING, facilitates=2, most_sessions=0),
        pinned=(
            Pin(frozenset({"ana"}), span(MONDAY_18 + Quarter)),
            Pin(frozenset(), None, frozenset({"pat"})),
        ),
        mediums=("voice",),
    ),
    "nobody leads, and some are in Kathmandu": sessions(
        person("ana", "mon 18:00-18:45"), person("ben", "mon 18:15-18:45"), person("cat", EVENING, most_sessions=2),
        person("kit", "tue 0:00-0:30", zone="Asia/Kathmandu"),
        facilitators_per_session=0, mediums=("voice",),
    ),
    "different topics, and they met before": sessions(
        person("ana", EVENING, topics={"grief": 4, "sleep": 1}, role="share", prefers=["dan"]),
        person("ben", "mon 18:00-18:30", topics={"grief": 2}, role="share"),
        person("cat", EVENING, topics={"sleep": 3}, if_needed=("mon 17:30-18:00",)),
        person("dan", EVENING, topics={"work": 3}, role="listen", owed=1),
        LED, person("pat", "mon 18:30-19:00", facilitates=1, most_sessions=0),
        match_on={"topics": "different"}, mediums=("voice",),
        history=(
            Meeting(WEEK - timedelta(weeks=1), frozenset({"ana", "ben", "cat"}), "well"),
            Meeting(WEEK - timedelta(weeks=12), frozenset({"cat", "dan"})),
        ),
    ),
    "similar topics, and they met before": sessions(
        person("ana", EVENING, topics={"grief": 4, "sleep": 1}, role="share", prefers=["dan"]),
        person("ben", "mon 18:00-18:30", topics={"grief": 2}, role="share", mediums={"voice": 1, "video": 4}),
        person("cat", EVENING, topics={"sleep": 3}, sizes={"small": 4}),
        person("dan", EVENING, topics={"sleep": 3}, role="listen", owed=1),
        person("olu", EVENING, facilitates=1, most_sessions=0),
        history=(Meeting(WEEK - timedelta(weeks=1), frozenset({"ana", "ben", "cat"}), "well"),),
    ),
}  # fmt: skip
CASES = [("pairs", name, problem) for name, problem in BUDDIES.items()]
CASES += [("groups", name, problem) for name, problem in BUDDIES.items()]
CASES += [("groups, led", name, problem) for name, problem in SESSIONS.items()]
PROBLEMS = {f"{problem.program.kind}: {name}": problem for _, name, problem in CASES}
NAMES = [f"{model}: {name}" for model, name, _ in CASES]


@pytest.mark.parametrize(("model", "name", "problem"), CASES, ids=NAMES)
def test_the_model_allows_exactly_the_seatings_that_the_rules_allow(model: str, name: str, problem: Problem) -> None:
    allowed = frozenset(every_allowed_seating(problem))

    seatings = seatings_of_model(model, problem)

    assert seatings == allowed


@pytest.mark.parametrize(
    "problem", [*BUDDIES.values(), *SESSIONS.values()], ids=[*BUDDIES, *(f"led: {n}" for n in SESSIONS)]
)
def test_no_seating_is_better_than_the_one_that_is_found(problem: Problem) -> None:
    best = max(worth(problem, seating) for seating in every_allowed_seating(problem))

    proposal = match(problem, time_limit=60)

    assert worth(problem, frozenset(proposal.sessions)) == best
    assert (proposal.matched_bound, proposal.bound) == (best[1], best[2])


@pytest.mark.parametrize("rule", pairs.RULES, ids=lambda rule: rule.__name__)
def test_a_model_of_pairs_that_lacks_one_rule_is_caught(rule: Callable[..., object]) -> None:
    caught = any(breaks_out("pairs", problem, without=rule.__name__) for problem in BUDDIES.values())

    assert caught


@pytest.mark.parametrize("rule", groups.RULES, ids=lambda rule: rule.__name__)
def test_a_model_of_groups_that_lacks_one_rule_is_caught(rule: Callable[..., object]) -> None:
    caught = any(breaks_out("groups", problem, without=rule.__name__) for problem in SESSIONS.values())

    assert caught


def test_leaving_seatings_out_early_leaves_out_none_that_the_rules_allow() -> None:
    problem = buddies(
        person("ana", EVENING, most_sessions=2), person("ben", EVENING), person("cat", "mon 18:00-18:30"),
        mediums=("voice",), pinned=(Pin(frozenset({"cat"})),),
    )  # fmt: skip
    possible = [one for one in every_session(problem) if len(one.people) > 1 and one.medium == "voice"]

    in_full = {
        frozenset(some)
        for count in range(4)
        for some in combinations(possible, count)
        if not broken_rules_of_sessions(problem, some)
    }

    assert frozenset(every_allowed_seating(problem)) == in_full


def every_session(problem: Problem) -> Iterator[PlannedSession]:
    """Any people, any facilitators, any quarter of an hour around somebody's hours, any medium."""
    ids = [person.id for person in problem.participants]
    anyone = 0
    for free in problem.free.values():
        anyone |= free | free << 1 | free >> 1
    leaders = [person.id for person in problem.participants if person.facilitates]
    led = [some for count in range(len(leaders) + 1) for some in combinations(leaders, count)]
    for people in (some for count in range(1, len(ids) + 1) for some in combinations(ids, count)):
        for start in cells_in(anyone):
            for medium in MEDIUMS:
                yield from (PlannedSession(people, span_at(problem, start), medium, lead) for lead in led)


def every_allowed_seating(problem: Problem) -> Iterator[Seating]:
    """Every set of sessions that the rules allow.

    A seating that breaks a rule other than ``pins_are_kept`` is not extended: more sessions cannot mend it.
    """
    possible = [one for one in every_session(problem) if not _broken(problem, (one,))]
    waiting: list[tuple[tuple[PlannedSession, ...], int]] = [((), 0)]
    while waiting:
        seating, after = waiting.pop()
        if not broken_rules_of_sessions(problem, seating):
            yield frozenset(seating)
        for place in range(after, len(possible)):
            larger = (*seating, possible[place])
            if not _broken(problem, larger):
                waiting.append((larger, place + 1))


def _broken(problem: Problem, seating: tuple[PlannedSession, ...]) -> bool:
    return any(broken.rule != "pins_are_kept" for broken in broken_rules_of_sessions(problem, seating))


def worth(problem: Problem, seating: Seating) -> tuple[int, int, int]:
    """The order of wishes: the matched weight, the number of people, the points."""
    matched = {person for session in seating for person in session.people}
    weight = sum(weights_of(problem)[person] for person in matched)
    return weight, len(matched), sum(points_of(problem, session) for session in seating)


def seatings_of_model(model: str, problem: Problem, without: str = "") -> frozenset[Seating]:
    """Every seating that the model allows."""
    return frozenset(_enumerate(model, problem, without, lambda _: False))


def breaks_out(model: str, problem: Problem, without: str) -> bool:
    """Whether the model, without one rule, allows a seating that the rules do not."""
    broken: list[Seating] = []

    def stop(seating: Seating) -> bool:
        broken.extend([seating] if broken_rules_of_sessions(problem, seating) else [])
        return bool(broken)

    _enumerate(model, problem, without, stop)
    return bool(broken)


def _enumerate(model: str, problem: Problem, without: str, stop: Callable[[Seating], bool]) -> set[Seating]:
    left_out = frozenset({without} - {""})
    built = pairs.Pairs(problem, left_out, list_all=True) if model == "pairs" else groups.Groups(problem, left_out)
    found: set[Seating] = set()

    class Listener(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]
        def on_solution_callback(self) -> None:
            seating = frozenset(_bare(session) for session in built.sessions_in(self.value))
            found.add(seating)
            if stop(seating):
                self.stop_search()

    solver = cp_model.CpSolver()
    solver.parameters.enumerate_all_solutions = True
    solver.parameters.num_workers = 1
    solver.solve(built.cp, Listener())
    return found


def _bare(session: PlannedSession) -> PlannedSession:
    return PlannedSession(session.people, session.span, session.medium, session.facilitators)
