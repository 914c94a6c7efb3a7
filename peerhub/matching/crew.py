"""Those who do the work of a search: processes of this machine, or any ``concurrent.futures.Executor``.

A task is a function of a module and what it is given, and answers the same wherever it runs. So work that was lost is
done again: a process of ours that dies is replaced; a lent executor is asked again, and when it goes on losing work, or
falls silent, the work is done in processes of ours. A stop is heard at once: what still runs is ended where it
is ours; elsewhere it is called off, and ends when the task next asks whether it is.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextvars import ContextVar
from types import TracebackType
from typing import Final, TypeVar

from peerhub.matching.aside import die_with

Given = TypeVar("Given")
Answer = TypeVar("Answer")

POLL_SECONDS: Final = 0.05
MOST_DEATHS: Final = 5  # of processes, in one call
MOST_LOSSES: Final = 3  # of work that others were given, in one search
MOST_SILENCE: Final = 60.0  # seconds without any answer from others

called_off: ContextVar[Callable[[], bool]] = ContextVar("called_off")  # set where a task runs that nobody may wait for


def is_called_off() -> bool:
    """Whether nobody waits for the task that runs here any more, as far as anybody knows."""
    return called_off.get(lambda: False)()


class _Silent(Exception):
    """Others have not answered for a long time."""


class Crew:
    """Workers for one search; leave the ``with`` block to let them go."""

    def __init__(self, processes: int, executor: Executor | None = None) -> None:
        self._processes = processes
        self._lent = executor
        self._own: ProcessPoolExecutor | None = None
        self._losses = 0

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._let_go()

    def all(
        self, task: Callable[[Given], Answer], things: Sequence[Given], is_over: Callable[[], bool]
    ) -> list[Answer | None]:
        """The answer to each thing, in order; None for what was not answered before it was over."""
        answers: list[Answer | None] = [None] * len(things)
        missing, deaths = list(range(len(things))), 0
        while missing:
            try:
                if not self._gather({self._submit(task, things[n]): n for n in missing}, answers, is_over):
                    break
            except Exception as error:
                deaths += 1
                self._bear(error, deaths)
            missing = [n for n in missing if answers[n] is None]
        return answers

    def _bear(self, error: Exception, deaths: int) -> None:
        """Get ready to have what is missing done again, unless that would not help."""
        if self._lent:
            self._losses += 1
            if self._losses == MOST_LOSSES or isinstance(error, _Silent):
                self._lent = None
        elif isinstance(error, BrokenExecutor) and deaths <= MOST_DEATHS:
            self._let_go()
        else:
            raise error

    def _submit(self, task: Callable[[Given], Answer], thing: Given) -> "Future[Answer]":
        return self._executor().submit(task, thing)

    def _gather(
        self, futures: "dict[Future[Answer], int]", answers: list[Answer | None], is_over: Callable[[], bool]
    ) -> bool:
        """Wait for all of them; no when it was over before."""
        running, silence = set(futures), 0.0
        try:
            while running:
                done, running = wait(running, POLL_SECONDS)
                silence = 0.0 if done else silence + POLL_SECONDS
                for future in done:
                    answers[futures[future]] = future.result()
                if running and is_over():
                    self._let_go()
                    return False
                if self._lent and silence > MOST_SILENCE:
                    raise _Silent
        finally:
            for future in running if self._lent else ():  # ours end with their processes
                future.cancel()
        return True

    def _executor(self) -> Executor:
        if self._lent:
            return self._lent
        if self._own is None:
            context = multiprocessing.get_context("spawn")
            self._own = ProcessPoolExecutor(self._processes, context, _begin, (os.getpid(),))
        return self._own

    def _let_go(self) -> None:
        """End the processes that are ours, whatever they do."""
        if self._own is None:
            return
        workers = list((self._own._processes or {}).values())
        self._own.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.kill()
        self._own = None


def _begin(parent: int) -> None:
    """What a process of ours does first: die with its parent, and leave Ctrl-C to it."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
