"""When a session can start: the cells of the week that the solvers choose from."""

from datetime import date, timedelta
from functools import lru_cache

from peerhub.domain.availability import CELL, Span, cell_of, moment_of, starts_of, wall_of_week
from peerhub.matching.preferences import cells_needed
from peerhub.matching.problem import Participant, Pin, Problem
from peerhub.matching.rules import cells_of


def possible_starts(problem: Problem, person: Participant) -> int:
    """The cells at which a whole session can begin in the person's hours, as bits."""
    return starts_within(problem, problem.free[person.id])


def starts_within(problem: Problem, free: int) -> int:
    """The cells at which a whole session can begin when only these are free, as bits."""
    return starts_of(free, cells_needed(problem.program) * (CELL // timedelta(minutes=1)))


def every_start(problem: Problem) -> int:
    """All cells of the week at which a whole session can begin, as bits."""
    cells = len(wall_of_week("UTC", problem.week)) - cells_needed(problem.program) + 1
    return (1 << cells) - 1


def grid_of(problem: Problem, person: Participant) -> int:
    """The cells that begin on the slot grid of the person's own wall clock, as bits."""
    return _grid(person.time_zone, problem.week, problem.slot_minutes)


@lru_cache(maxsize=512)
def _grid(zone: str, week: date, slot_minutes: int) -> int:
    wall = wall_of_week(zone, week)
    return sum(1 << cell for cell, minute in enumerate(wall) if minute >= 0 and minute % slot_minutes == 0)


def pinned_start(problem: Problem, pin: Pin) -> int:
    """The cell at which a pin wants its session to start, as one bit; 0 when it names no time, or an impossible one."""
    if pin.span is None or pin.span.length != timedelta(minutes=problem.program.session_minutes):
        return 0
    cells = cells_of(problem, pin.span)
    return cells & -cells if cells else 0


def span_at(problem: Problem, start: int) -> Span:
    """The time of a session that begins with the cell."""
    starts_at = moment_of(start, problem.week)
    return Span(starts_at, starts_at + timedelta(minutes=problem.program.session_minutes))


def cells_from(problem: Problem, start: int) -> int:
    """The cells that a session touches which begins with the cell, as bits."""
    return ((1 << cells_needed(problem.program)) - 1) << start


def start_of(problem: Problem, span: Span) -> int:
    """The cell that a session begins with."""
    return cell_of(span.starts_at, problem.week)
