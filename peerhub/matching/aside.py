"""The assignment in a process of its own: native code listens to nobody, but a process can be ended when a stop comes.

    python -m peerhub.matching.aside PID < arcs > choices

Both files are whole numbers of 64 bits: how many people and how many arcs, then from whom, to whom and the cost of each
arc; back comes whom each person chooses, or nothing where there is no assignment. It dies with the process PID.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

POLL_SECONDS: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1


class NoAssignment(AssertionError):
    """The process ended without an answer: it was killed from outside, or sums do not fit into 64 bits."""


def assigned(people: int, left: Numbers, right: Numbers, cost: Numbers) -> Numbers:
    """Whom each person on the left is given on the right, at the least cost."""
    from ortools.graph.python import linear_sum_assignment  # noqa: PLC0415

    if not people:
        return np.zeros(0, np.int64)
    assignment = linear_sum_assignment.SimpleLinearSumAssignment()
    assignment.add_arcs_with_cost(left, right, cost)
    status = assignment.solve()
    if status != assignment.OPTIMAL:  # everybody may stay alone, and sums fit: the arcs always have an assignment
        raise NoAssignment(f"the assignment ended with {status}")
    return np.array([assignment.right_mate(person) for person in range(people)], np.int64)


def assigned_aside(
    people: int, left: Numbers, right: Numbers, cost: Numbers, is_over: Callable[[], bool]
) -> Numbers | None:
    """The same from a process of its own; None as soon as it is over."""
    with tempfile.TemporaryFile() as arcs, tempfile.TemporaryFile() as choices:
        for numbers in (np.array([people, len(left)]), left, right, cost):
            arcs.write(np.ascontiguousarray(numbers, np.int64).data)
        arcs.seek(0)
        command = [sys.executable, "-m", __name__, str(os.getpid())]
        with subprocess.Popen(command, stdin=arcs, stdout=choices) as process:
            try:
                while not _has_ended(process):
                    if is_over():
                        return None
            finally:
                process.kill()
        choices.seek(0)
        found = np.frombuffer(choices.read(), np.int64)
    if len(found) != people:
        raise NoAssignment(f"the assignment ended with status {process.returncode}")
    return found


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def die_with(parent: int) -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere it does nothing."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died while we asked
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    die_with(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process when it is over
    numbers = np.frombuffer(sys.stdin.buffer.read(), np.int64)
    people, arcs = (int(count) for count in numbers[:2])
    left, right, cost = numbers[2:].reshape(3, arcs)
    sys.stdout.buffer.write(assigned(people, left, right, cost).data)


if __name__ == "__main__":
    main()
