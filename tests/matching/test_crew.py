"""A crew answers in order, replaces who dies, hears a stop, and leaves no process behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from peerhub.matching import crew
from peerhub.matching.crew import Crew

POLLS = 1_200  # of a twentieth of a second, until something that must happen has happened


def squared(n: int) -> int:
    return n * n


def marked(thing: tuple[Path, int]) -> tuple[int, int]:
    """Leaves a mark with the number of its process, and answers with the thing's own number and that."""
    folder, n = thing
    (folder / f"{n}-{os.getpid()}").touch()
    return n, os.getpid()


def dies_at_first(thing: tuple[Path, int]) -> int:
    """As if something killed its process in the middle; where it was so before, it answers."""
    folder, n = thing
    mark = folder / str(n)
    if n == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n


def dies_before_the_others(thing: tuple[Path, int, bytes]) -> int:
    """The first one kills its process while all others wait, with more to carry than fits into a pipe."""
    folder, n, _ = thing
    mark = folder / "died"
    if n == 0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    return n * n


def dies(_: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def never_ends(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    while True:
        time.sleep(60)


def fails(n: int) -> int:
    raise ValueError(n)


def are_gone(processes: list[int]) -> bool:
    """Whether all have ended; polled, as the system takes a moment to clear them away."""
    for _ in range(POLLS):
        if not any(_runs(process) for process in processes):
            return True
        time.sleep(0.05)
    return False


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def not_over() -> bool:
    return False


@pytest.fixture
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.mark.parametrize("lent", [False, True])
def test_answers_come_in_order(lent: bool, threads: Executor) -> None:
    with Crew(2, threads if lent else None) as workers:
        first, then = workers.all(squared, range(9), not_over), workers.all(squared, [], not_over)

    assert (first, then) == ([n * n for n in range(9)], [])


def test_a_process_that_is_killed_in_the_middle_is_replaced_and_the_answers_are_the_same(tmp_path: Path) -> None:
    with Crew(2) as workers:
        answers = workers.all(dies_at_first, [(tmp_path, n) for n in range(4)], not_over)

    assert answers == [0, 1, 4, 9]
    assert [mark.name for mark in tmp_path.iterdir()] == ["1"]


LOSES_ONE = """
import sys, time
from concurrent.futures import Future
from pathlib import Path
from peerhub.matching.crew import Crew
from tests.matching.test_crew import dies_before_the_others

tell = Future.set_exception

def tell_later(future, error):
    time.sleep(0.1)
    tell(future, error)

Future.set_exception = tell_later
with Crew(2) as workers:
    print(workers.all(dies_before_the_others, [(Path(sys.argv[1]), n, bytes(200_000)) for n in range(9)], bool))
"""


def test_a_lost_process_is_heard_of_future_by_future_and_nothing_hangs_or_complains(tmp_path: Path) -> None:
    """A crew that calls off what the pool is about to call lost ends the pool's own thread, and then never ends."""
    said = subprocess.run(
        [sys.executable, "-c", LOSES_ONE, str(tmp_path)], capture_output=True, text=True, timeout=180, check=False
    )

    assert (said.returncode, said.stdout) == (0, f"{[n * n for n in range(9)]}\n"), said.stderr
    assert "Exception in thread" not in said.stderr


def test_a_task_that_kills_whatever_does_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "MOST_DEATHS", 1)

    with Crew(1) as workers, pytest.raises(BrokenExecutor):
        workers.all(dies, [1], not_over)


def test_a_task_that_fails_says_so() -> None:
    with Crew(1) as workers, pytest.raises(ValueError, match="7"):
        workers.all(fails, [7], not_over)


def test_a_stop_is_heard_while_tasks_run_and_leaves_no_process_behind(tmp_path: Path) -> None:
    with Crew(2) as workers:
        answers = workers.all(never_ends, [tmp_path] * 2, lambda: len(list(tmp_path.iterdir())) == 2)

    assert answers == [None, None]
    assert are_gone([int(mark.name) for mark in tmp_path.iterdir()])


def test_nothing_is_left_behind_when_the_work_is_done(tmp_path: Path) -> None:
    with Crew(2) as workers:
        answers = workers.all(marked, [(tmp_path, n) for n in range(4)], not_over)

    assert [answer[0] for answer in answers if answer] == [0, 1, 2, 3]
    assert os.getpid() not in {answer[1] for answer in answers if answer}
    assert are_gone([answer[1] for answer in answers if answer])


def test_what_was_answered_before_a_stop_is_kept(tmp_path: Path, threads: Executor) -> None:
    with Crew(1, threads) as workers:

        def waits(n: int) -> int:
            return squared(n) if n < 2 else _until(tmp_path / "over", n)

        def over() -> bool:
            (tmp_path / "over").touch()
            return True

        answers = workers.all(waits, range(3), over)

    assert answers[:2] == [0, 1]
    assert answers[2] in (None, 4)


def _until(mark: Path, n: int) -> int:
    """Answers once the mark is there."""
    for _ in range(POLLS):
        if mark.exists():
            break
        time.sleep(0.05)
    return n * n
