"""How a solver is run: first as many people as possible, then points; with limits, progress and a stop.

The only module of the matcher that looks at a clock, and only to keep to a limit. OR-Tools is imported here and by the
solvers (``pairs``, ``groups``, ``linear``, ``columns``, ``flow``, ``aside``) alone; what the web loads may import none
of them.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from ortools.sat.python import cp_model

from peerhub.domain.refusals import Refusal
from peerhub.matching.preferences import most_points_of_a_seat
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession, Progress
from peerhub.matching.stopping import BrokenOff, NotInTime

MOST_VARIABLES: Final = 600_000
MOST_MEMORY_MB: Final = 4_000
WORK_PER_SECOND: Final = 0.1  # of the solver's own measure of work, which is alike on every machine
MOST_WORK_TO_START: Final = 2.0
POLL_SECONDS: Final = 0.05
REPORT_SECONDS: Final = 0.8
SECONDS_TO_EXPLAIN: Final = 0.4  # after a stop
SHARE_FOR_PEOPLE: Final = 0.5  # of the time limit, for seating as many people as possible; points get the rest

Choice: TypeAlias = cp_model.IntVar
Linear: TypeAlias = cp_model.LinearExprT
Values = Callable[[Choice], int]


class TooLarge(Refusal):
    """More people than fit into memory; the message says how many would."""


class CannotHold(Exception):
    """The model has no solution at all, which only pins can cause."""


@dataclass(frozen=True)
class Model:
    """A model with the parts that a search asks for.

    ``matched`` says for each person that could have a seat as a peer whether they have one; ``points`` adds what the
    preferences need to the model, and gives their sum; ``sessions_in`` reads the sessions from the values found;
    ``portfolio`` says that several ways of searching for points do better than a linear relaxation alone.
    """

    cp: cp_model.CpModel
    matched: Mapping[str, Linear]
    points: Callable[[], Linear]
    sessions_in: Callable[[Values], tuple[PlannedSession, ...]]
    portfolio: bool


@dataclass(frozen=True)
class Found:
    """The best sessions that a search came upon, and what it proved.

    ``bound`` is an upper bound on the points of any proposal with the same matched weight and number of people.
    ``matched_bound`` bounds the number of people in any proposal whose matched weight is at least as high.
    """

    sessions: tuple[PlannedSession, ...]
    bound: int
    matched_bound: int
    cut: bool


@dataclass
class Search:
    """The limits of one search and the ears it reports to."""

    time_limit: float
    processes: int = 1
    seed: int = 0
    on_progress: Callable[[Progress], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    executor: Executor | None = None  # where parts of a large round are improved, if not in processes here
    keep: Callable[[Found], None] = lambda _: None  # told what the answer would be if the search were broken off now
    began: float = field(init=False)
    stopped_at: float | None = field(default=None, init=False)
    last: Progress = field(default=Progress("reading", 0), init=False)
    known: Progress = field(default=Progress("reading", 0), init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def seconds(self) -> float:
        return self.clock() - self.began

    @property
    def stopped(self) -> bool:
        return self.stopped_at is not None

    def stop(self) -> None:
        """Somebody asked to stop."""
        self.stopped_at = self.seconds

    def may_explain(self) -> bool:
        """Whether there is time to explain what was found: always, but for a stop, which leaves little."""
        self.is_over(math.inf)
        return self.stopped_at is None or self.seconds < self.stopped_at + SECONDS_TO_EXPLAIN

    def is_over(self, until: float) -> bool:
        """Whether the time is up, or somebody asked to stop."""
        if not self.stopped and self.should_stop():
            self.stop()
        if self.seconds - self.last.seconds > REPORT_SECONDS:
            self.report(replace(self.last, seconds=self.seconds))
        return self.stopped or self.seconds >= until

    def know(self, matched: int, points: int, found: Found) -> None:
        """Something so good is known already: no less is told or kept from now on."""
        self.known = Progress("improving", 0, points, found.bound, matched)
        self.keep(found)

    def report(self, progress: Progress, found: Found | None = None) -> None:
        """Tell how far the search is; ``found`` is kept as the answer if it is broken off."""
        known = self.known
        if (progress.matched, progress.points) < (known.matched, known.points):
            most = max(progress.matched_bound, known.matched)
            progress = replace(known, phase=progress.phase, seconds=progress.seconds, matched_bound=most)
        elif found:
            self.keep(found)
        self.last = progress
        self.on_progress(progress)

    def explain(self) -> None:
        """Tell that the search is at its end: from now on nothing is broken off."""
        self.report(replace(self.last, phase="explaining", seconds=self.seconds))


def weights_of(problem: Problem) -> dict[str, int]:
    """How much it counts to match each person: 1, and 1 more for each round in a row that they were left out."""
    return {person.id: 1 + max(0, person.owed) for person in problem.participants}


def best(problem: Problem, model: Model, search: Search) -> Found:
    """Search in order: the highest matched weight, at that weight the most people, at that number the most points.

    Raises:
        CannotHold: nothing keeps all pins.
    """
    search.report(Progress("matching", search.seconds))
    weights = {person: weights_of(problem)[person] for person in model.matched}
    step = len(problem.participants) + 1
    everyone = sum(counts * step + 1 for counts in weights.values())
    full = most_points(problem)
    rank = cp_model.LinearExpr.weighted_sum(
        list(model.matched.values()), [weights[person] * step + 1 for person in model.matched]
    )

    def people_progress(value: int, bound: int) -> Progress:
        most = most_people(bound, value, step, weights.values())
        return Progress("matching", search.seconds, matched=value % step, matched_bound=most)

    model.cp.maximize(rank)
    people = Run(model.cp, search, search.time_limit * SHARE_FOR_PEOPLE, people_progress, everyone)
    if people.status == cp_model.INFEASIBLE:
        raise CannotHold
    if people.values is None:
        most = most_people(people.bound, 0, step, weights.values())
        if problem.pinned:
            raise NotInTime
        return Found((), 0, most, cut=True)  # nobody is seated, and nobody seated has no points
    matched, most = people.objective % step, most_people(people.bound, people.objective, step, weights.values())

    def points_progress(value: int, bound: int) -> Progress:
        return Progress("improving", search.seconds, value, bound, matched, most)

    first = model.sessions_in(people.value)
    model.cp.maximize(model.points())
    model.cp.add(rank == people.objective)
    _start_from(model.cp, people.values)
    points = Run(model.cp, search, search.time_limit - search.seconds, points_progress, full, portfolio=model.portfolio)
    sessions = model.sessions_in(points.value) if points.values is not None else first
    return Found(sessions, points.bound, most, people.cut or points.cut)


def most_points(problem: Problem) -> int:
    """More points than any proposal can have: everyone comes as often as they like, and all is as they wish."""
    seats = sum(person.most_sessions for person in problem.participants)
    return seats * most_points_of_a_seat(problem.program)


def most_people(rank_bound: int, rank: int, step: int, weights: Iterable[int]) -> int:
    """A bound on how many people any proposal matches whose matched weight is at least that of ``rank``.

    A rank is ``weight * step + people``. When the weight is proven, the rest of the bound is the number of people;
    otherwise nobody can match more people than the lightest that fit under the bound.
    """
    if rank_bound // step == rank // step:
        return rank_bound % step
    room, most = rank_bound // step, 0
    for one in sorted(weights):
        room -= one
        if room < 0:
            break
        most += 1
    return most


def can_hold(cp: cp_model.CpModel, search: Search) -> bool:
    """Whether the model has any solution; yes when there was no time to find out."""
    run = Run(cp, search, search.time_limit, lambda *_: None)
    return bool(run.status != cp_model.INFEASIBLE)


class Run:
    """One run of the solver in a thread of its own, while this thread listens for a stop and reports progress."""

    def __init__(
        self,
        cp: cp_model.CpModel,
        search: Search,
        seconds: float,
        progress: Callable[[int, int], Progress | None],
        ceiling: int = 0,
        *,
        portfolio: bool = False,
        work: float | None = None,
    ) -> None:
        self._search = search
        self._progress = progress
        self._heard = (0, 0)
        self._solver = _solver(search, max(0.05, seconds), portfolio)
        if work is not None:
            self._solver.parameters.max_deterministic_time = work
        self._solver.best_bound_callback = self._hear_bound
        self._listener = _Listener(self._hear_value)
        self._known: list[int | None] = [None, None]
        self._solve(cp)
        self.status = self._status
        response = self._solver.response_proto
        found = self.status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
        self.values: Sequence[int] | None = list(response.solution) if found else None
        self.objective = round(response.objective_value) if found else 0
        self.bound = ceiling  # without a solution the solver's own bound means nothing
        if self.status == cp_model.OPTIMAL:
            self.bound = self.objective
        elif found:
            self.bound = min(ceiling, math.floor(response.best_objective_bound + 1e-6))
        self.cut = self.status != cp_model.OPTIMAL and (search.stopped or response.wall_time >= seconds)

    def value(self, variable: cp_model.IntVar) -> int:
        return int(self._solver.value(variable))

    def _solve(self, cp: cp_model.CpModel) -> None:
        failed: list[BaseException] = []

        def run() -> None:
            try:
                self._status = self._solver.solve(cp, self._listener)
            except BaseException as error:  # handed to the thread that waits
                failed.append(error)

        self._listen()
        if self._search.stopped:
            self._solver.parameters.max_time_in_seconds = 0
        thread = threading.Thread(target=run, name="peerhub-solver", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(POLL_SECONDS)
                self._listen()
        except BrokenOff:  # the solver ends as soon as it can, and has something to show
            self._search.stop()
        finally:
            while thread.is_alive():
                self._solver.stop_search()
                thread.join(POLL_SECONDS)
        if failed:
            raise failed[0]

    def _listen(self) -> None:
        self._search.is_over(math.inf)
        if self._search.stopped:
            self._solver.stop_search()
        value, bound = self._known
        if value is not None and bound is not None and (value, bound) != self._heard:
            self._heard = value, bound
            if progress := self._progress(value, max(value, bound)):
                self._search.report(progress)

    def _hear_value(self, value: float, bound: float) -> None:
        self._known[:] = [round(value), math.floor(bound + 1e-6)]

    def _hear_bound(self, bound: float) -> None:
        self._known[1] = math.floor(bound + 1e-6)


class _Listener(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]
    """Hears of each better solution."""

    def __init__(self, hear: Callable[[float, float], None]) -> None:
        super().__init__()
        self._hear = hear

    def on_solution_callback(self) -> None:
        self._hear(self.objective_value, self.best_objective_bound)


def _solver(search: Search, seconds: float, portfolio: bool) -> cp_model.CpSolver:
    """A solver that gives the same answer whatever else the machine is doing, as long as the time is enough.

    A linear relaxation alone seats people within seconds and proves it, and chooses pairs. The points of groups gain
    from a portfolio of searches, which take turns, so that neither their order nor the answer depends on the clock.
    """
    solver = cp_model.CpSolver()
    solver.parameters.random_seed = search.seed
    solver.parameters.num_workers = max(1, search.processes) if portfolio else 1
    solver.parameters.interleave_search = portfolio
    solver.parameters.linearization_level = 2
    solver.parameters.cp_model_probing_level = 0
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.max_deterministic_time = seconds * WORK_PER_SECOND
    solver.parameters.max_memory_in_mb = MOST_MEMORY_MB
    solver.parameters.catch_sigint_signal = False
    return solver


def _start_from(cp: cp_model.CpModel, values: Sequence[int]) -> None:
    """Let the search begin with a known seating; what else the model counts for it is worked out first.

    Without the rest a solver may take minutes to see that the seating is a solution.
    """
    fixed = cp.clone()
    for index, value in enumerate(values):
        fixed.add(fixed.get_int_var_from_proto_index(index) == value)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = MOST_WORK_TO_START
    solver.parameters.catch_sigint_signal = False
    status = solver.solve(fixed)
    known = solver.response_proto.solution if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else values
    cp.clear_hints()
    for index, value in enumerate(known):
        cp.add_hint(cp.get_int_var_from_proto_index(index), value)
