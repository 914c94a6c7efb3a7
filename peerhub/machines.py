"""Other machines that do a part of the matcher's work: those of a Dask cluster, found by the address of its scheduler.

The one home of ``distributed``, an optional library. A task that runs on a worker asks it whether anybody still waits:
neither cancelling a Dask future nor the end of the one who asked ends a task that runs.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any, Final, TypeVar

from peerhub.domain.refusals import Refusal
from peerhub.matching.crew import called_off

Given = TypeVar("Given")
Answer = TypeVar("Answer")

CONNECT_SECONDS: Final = 10
CLOSE_SECONDS: Final = 1
RETRIES: Final = 3  # of a task that failed, before it is given up and done here


@contextmanager
def lent_by(address: str) -> Iterator[Executor]:
    """The workers of the scheduler at this address, like ``tcp://scheduler:8786``.

    Raises:
        Refusal: Dask is not installed here, nothing answers there, or no worker has this version of peerhub.
    """
    try:
        import distributed  # noqa: PLC0415
    except ImportError:
        raise Refusal("--dask needs Dask: pip install 'peerhub[dask]'") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is made good, or said by us
    connect: Any = distributed.Client  # without types
    try:
        client = connect(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError):
        raise Refusal(
            f"no Dask scheduler answers at {address}; expected an address like tcp://scheduler:8786"
        ) from None
    try:
        _check_workers(client, address)
        yield _Lent(client.get_executor(pure=False, retries=RETRIES))
    finally:
        with suppress(OSError):
            client.close(timeout=CLOSE_SECONDS)


def _check_workers(client: Any, address: str) -> None:
    """Workers that have another peerhub, or none, would answer differently, or not at all."""
    here = version("peerhub")
    versions = client.run(version, "peerhub", on_error="return")
    if not versions:
        raise Refusal(f"the Dask scheduler at {address} has no workers yet; start some with `dask worker {address}`")
    if others := sorted(worker for worker, there in versions.items() if there != here):
        raise Refusal(f"the Dask worker {others[0]} does not have peerhub {here}; install it on every worker")


class _Lent(Executor):
    """Dask's executor, whose tasks notice when nobody waits for them any more."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(  # type: ignore[override]
        self, task: Callable[[Given], Answer], thing: Given, /
    ) -> "Future[Answer]":
        return self._executor.submit(_on_a_worker, task, thing)


def _on_a_worker(task: Callable[[Given], Answer], thing: Given) -> Answer:
    from distributed import get_worker  # noqa: PLC0415

    worker = get_worker()
    key = worker.get_current_task()
    token = called_off.set(lambda: _is_released(worker.state.tasks.get(key)))
    try:
        return task(thing)
    finally:
        called_off.reset(token)


def _is_released(task: Any) -> bool:
    """Whether the scheduler wants no answer any more: the worker keeps the task only until it ends by itself."""
    return task is None or task.state == "cancelled"
