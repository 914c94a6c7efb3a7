"""One solver on one round, in a process of its own, and what became of it as one JSON object.

    .venv/bin/python -m bench.runs --solver ours --kind sessions --people 300 --seconds 60

Every solver gets the same seconds, from the problem in memory to its last word, and the same judge counts its sessions
(``bench/judge.py``): points, people matched, pairs who had met before. A bound is our matcher's alone; the gap of a
peer is its distance to that bound, where both matched as many people.
"""

import argparse
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bench.judge import judge
from bench.people import lines
from peerhub.matching.problem import Problem
from peerhub.matching.problem_file import problem_from_json
from peerhub.matching.proposal import PlannedSession, Progress

SOLVERS: Final = ("ours", "genetic", "greedy", "donut")
MARKS: Final = (10, 60)
GRACE_SECONDS: Final = 300  # after its time, for a solver that explains, judges and then says its last word

Row = dict[str, Any]


def run(
    solver: str,
    kind: str,
    people: int,
    seconds: float,
    *,
    processes: int = 1,
    seed: int = 0,
    members: Path | None = None,
) -> Row:
    """The row of one run; where it failed, a row with ``error`` instead of numbers."""
    command = [sys.executable, "-m", "bench.runs", "--solver", solver, "--kind", kind, "--people", str(people)]
    command += ["--seconds", str(seconds), "--processes", str(processes), "--seed", str(seed)]
    command += ["--problem", str(members)] if members else []
    began = time.monotonic()
    row: Row = {"kind": kind, "solver": solver, "people": people, "time_limit": seconds, "seed": seed}
    row |= {"machine": machine(), "processes": processes, "commit": commit()}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as one:
        try:
            out, said = one.communicate(timeout=seconds * 1.5 + GRACE_SECONDS)
            told: Row = json.loads(out)
            return row | told
        except subprocess.TimeoutExpired:
            os.killpg(one.pid, signal.SIGKILL)
            one.communicate()
            return row | {"error": "it did not end", "seconds": round(time.monotonic() - began, 1)}
        except json.JSONDecodeError:
            return row | {"error": (said.strip().splitlines() or ["it said nothing"])[-1][:300]}


def machine() -> Row:
    return {"cores": os.cpu_count(), "python": platform.python_version(), "ortools": version("ortools")}


def commit() -> str:
    """Which state of the code ran, as far as it was committed."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return said.stdout.strip()


def append(path: Path | None, row: Row) -> None:
    if path:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


# In the process of its own


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    ask.add_argument("--solver", choices=SOLVERS, required=True)
    ask.add_argument("--kind", choices=("buddies", "sessions"), default="sessions")
    ask.add_argument("--people", type=int, default=60)
    ask.add_argument("--problem", type=Path, help="A problem file instead of people drawn by seed.")
    ask.add_argument("--seconds", type=float, default=60)
    ask.add_argument("--processes", type=int, default=1)
    ask.add_argument("--seed", type=int, default=0)
    asked = ask.parse_args()
    text = asked.problem.read_text("utf-8") if asked.problem else "".join(lines(asked.people, asked.seed, asked.kind))
    problem = problem_from_json(text)
    if asked.solver == "ours":
        row = ours(problem, asked.seconds, asked.processes, asked.seed)
    else:
        row = peer(asked.solver, problem, asked.seconds, asked.seed)
    print(json.dumps(row | {"memory_mb": _memory_mb()}))


def ours(problem: Problem, seconds: float, processes: int, seed: int) -> Row:
    from peerhub.matching.match import match  # noqa: PLC0415  (a peer's memory is counted without the solver's)

    trail: list[Progress] = []
    began = time.monotonic()
    found = match(problem, time_limit=seconds, processes=processes, seed=seed, on_progress=trail.append)
    took = time.monotonic() - began
    at = {str(mark): _known(trail, mark) for mark in MARKS if mark < took}
    row = _counted(problem, found.sessions) | {"seconds": round(took, 2), "at": at, "cut": found.cut}
    row |= {"bound": found.bound, "gap": found.gap, "matched_bound": found.matched_bound}
    return row | {"trail": [[round(p.seconds, 2), p.matched, p.points] for p in _steps(trail)]}


def _known(trail: list[Progress], mark: float) -> Row:
    last = max((p for p in trail if p.seconds <= mark), key=lambda p: p.seconds, default=Progress("reading", 0))
    gap = (last.bound - last.points) / last.bound if last.bound > 0 and last.points > 0 else None
    return {"points": last.points, "matched": last.matched, "bound": last.bound, "gap": gap}


def _steps(trail: list[Progress]) -> Iterator[Progress]:
    """Each report that knew of something better than the ones before."""
    best = (0, 0)
    for progress in trail:
        if (progress.matched, progress.points) > best:
            best = progress.matched, progress.points
            yield progress


def peer(solver: str, problem: Problem, seconds: float, seed: int) -> Row:
    began = time.monotonic()
    at: dict[str, Row] = {}
    sessions: tuple[PlannedSession, ...] = ()
    took = 0.0
    for took, sessions in _reports(solver, problem, seconds, seed, began):
        for mark in MARKS:
            if mark <= took and mark < seconds and str(mark) not in at:
                at[str(mark)] = _counted(problem, sessions)
    return _counted(problem, sessions) | {"seconds": round(took, 2), "at": at}


def _reports(
    solver: str, problem: Problem, seconds: float, seed: int, began: float
) -> Iterator[tuple[float, tuple[PlannedSession, ...]]]:
    from bench.peers.donut import donut  # noqa: PLC0415
    from bench.peers.genetic import genetic  # noqa: PLC0415
    from bench.peers.greedy import greedy  # noqa: PLC0415

    if solver == "genetic":
        yield from genetic(problem, seconds, seed, MARKS)
    elif solver == "greedy":
        sessions = greedy(problem, seed, lambda: time.monotonic() - began > seconds)
        yield time.monotonic() - began, sessions
    else:
        sessions = donut(problem, seed)
        yield time.monotonic() - began, sessions


def _counted(problem: Problem, sessions: tuple[PlannedSession, ...]) -> Row:
    verdict = judge(problem, sessions)
    return {
        "points": verdict.points,
        "matched": verdict.matched,
        "weight": verdict.weight,
        "repeats": verdict.repeats,
        "sessions": verdict.sessions,
        "dropped": verdict.dropped,
    }


def _memory_mb() -> int:
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return most // 1024


if __name__ == "__main__":
    main()
