"""`--dask`: a real scheduler and real worker processes, which die, fall silent or were never there."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from distributed import Client, LocalCluster

from bench import sixty
from peerhub.domain.programs import Kind
from peerhub.domain.refusals import Refusal
from peerhub.machines import lent_by
from peerhub.matching import assembly, graph, hall
from peerhub.matching.crew import Crew, is_called_off
from peerhub.matching.match import match
from peerhub.matching.problem import Problem
from peerhub.matching.problem_file import problem_to_json
from peerhub.matching.proposal import Progress

COMMAND = "from peerhub.match_command import match; match(prog_name='peerhub match')"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler and two worker processes of one thread each; a worker that is killed comes back."""
    settings = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(scheduler_port=0, silence_logs=50, **settings) as cluster:  # type: ignore[no-untyped-call]
        yield cluster


@pytest.fixture
def lent(cluster: Any) -> Iterator[Executor]:
    with lent_by(cluster.scheduler_address) as executor:
        yield executor


@pytest.fixture
def a_short_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of several parts each."""
    for name, value in {"ROUNDS": 2, "TRIES": 2, "SESSIONS_OF_A_PART": 8}.items():
        monkeypatch.setattr(assembly, name, value)


def large_round() -> Problem:
    return sixty.problem(Kind.SESSIONS, 0, 130)


@pytest.mark.usefixtures("a_short_search")
def test_a_worker_that_is_killed_changes_nothing_about_the_proposal(cluster: Any, lent: Executor) -> None:
    alone = match(large_round(), time_limit=600)
    killed: list[int] = []
    told = [Progress("reading", 0)]

    def kill_one() -> bool:
        """Called now and then while the search waits; kills the first worker that works for it."""
        working = [worker for worker in cluster.scheduler.workers.values() if worker.processing]
        if not killed and told[-1].phase == "improving" and working:
            killed.append(cluster.workers[working[0].name].pid)
            os.kill(killed[0], signal.SIGKILL)
        return False

    together = match(large_round(), time_limit=600, executor=lent, on_progress=told.append, should_stop=kill_one)

    assert len(killed) == 1
    assert together == alone
    assert alone.cut is False


def test_work_that_kills_every_worker_is_done_here(lent: Executor, tmp_path: Path) -> None:
    with Crew(1, lent) as crew:
        answers = crew.all(dies_elsewhere, [os.getpid()], lambda: False)

    assert answers == ["done"]


def dies_elsewhere(parent: int) -> str:
    """Kills every process but one that the tests themselves have started."""
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def test_a_stop_leaves_no_work_behind_on_the_workers(cluster: Any, lent: Executor) -> None:
    def is_under_way() -> bool:
        return any(worker.processing for worker in cluster.scheduler.workers.values())

    with Crew(1, lent) as crew:
        answers = crew.all(works_until_called_off, [1, 2, 3, 4], is_under_way)

    assert answers == [None] * 4
    assert all_answer(cluster.scheduler_address)


def works_until_called_off(_: int) -> None:
    while not is_called_off():
        time.sleep(0.01)


def all_answer(address: str) -> bool:
    """Whether each worker is free to do something else."""
    with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        client.wait_for_workers(2)
        workers = list(client.scheduler_info()["workers"])
        asked = [client.submit(os.getpid, workers=[worker], pure=False) for worker in workers]
        return len({one.result(timeout=60) for one in asked}) == len(workers)


def test_a_scheduler_that_is_not_there_is_named() -> None:
    with pytest.raises(Refusal, match=r"^no Dask scheduler answers at nonsense://; expected"), lent_by("nonsense://"):
        pass


def test_a_scheduler_without_workers_is_said_to_have_none() -> None:
    with (
        LocalCluster(n_workers=0, dashboard_address=None, scheduler_port=0) as empty,  # type: ignore[no-untyped-call]
        pytest.raises(Refusal, match="has no workers yet"),
        lent_by(empty.scheduler_address),
    ):
        pass


def test_without_dask_the_command_says_what_to_install_and_writes_nothing(tmp_path: Path) -> None:
    file, out = tmp_path / "problem.json", tmp_path / "out.json"
    file.write_text(problem_to_json(large_round()))
    code = f"import sys; sys.modules['distributed'] = None\n{COMMAND}"
    options = ["--progress", "lines", "--out", str(out), "--dask", "tcp://there:8786"]

    done = run(
        [sys.executable, "-c", code, str(file), *options], capture_output=True, text=True, check=False, timeout=120
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert json.loads(done.stderr)["mistakes"][0]["text"] == "--dask needs Dask: pip install 'peerhub[dask]'"
    assert not out.exists()


def test_sessions_for_more_people_than_fit_into_memory_are_refused_with_the_number_that_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph, "MOST_MEMORY", 110 * hall.BYTES_EACH)

    with pytest.raises(Refusal, match=r"^130 people are more than fit into memory; 110 people always fit$"):
        match(large_round())
