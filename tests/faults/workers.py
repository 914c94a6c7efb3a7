"""Workers in processes of their own, as a test starts, kills and waits for them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio

from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.store import outbox
from peerhub.store.database import AWAY
from peerhub.store.tables import Letter
from tests.mail.cast import a_stored_member

LETTERS_ONLY = ("post_letters", "expire_letters")
WHAT_THE_CLOCK_ASKS_FOR = (
    "post_letters", "expire_letters", "remind", "nudge", "ask_for_check_ins", "call_off_reminders",
    "note_missed_reminders",
)  # fmt: skip


class Nursery:
    """The process that workers are forked from; it has no connection and no loop of its own."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            env=os.environ | dict(environment or {}), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._ask(None) == "ready"

    def fork(self, **asked: Any) -> int:
        return int(self._ask(asked))

    def exit_code(self, worker: int) -> int | None:
        """How the worker ended, if it has; asked once more after that, nobody knows."""
        answer = self._ask({"wait": worker})
        return int(answer) if answer else None

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _ask(self, what: dict[str, Any] | None) -> str:
        assert self._process.stdin and self._process.stdout
        if what is not None:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@dataclass
class Workers:
    """The workers of one test; what still runs at its end is killed."""

    nursery: Nursery
    folder: Path
    database: str
    smtp: str
    alive: list[int] = field(default_factory=list)
    started: int = 0
    ahead: float = 0.0  # of the machine's clock, in seconds

    def start(self, lease: float = 300.0, **other: Any) -> int:
        """Start a worker, or a web where a ``port`` is given; its process id."""
        self.started += 1
        asked: dict[str, Any] = {
            "database": self.database, "smtp": self.smtp, "lease": lease, "deadlines": {}, "place": "", "tick": 0.05,
            "clock": str(self.folder / "clock"), "said": str(self.said), "duties": LETTERS_ONLY, "everywhere": False,
            "until_idle": False, "dies": str(self.dies), "patience": None,
        }  # fmt: skip
        worker = self.nursery.fork(**(asked | other))
        self.alive.append(worker)
        return worker

    @property
    def dies(self) -> Path:
        """Where a web reads when it is to die."""
        return self.folder / "dies"

    @property
    def said(self) -> Path:
        return self.folder / "said"

    def clock(self) -> float:
        """What every worker's clock says now, in seconds as ``time.time`` gives them."""
        return time.time() + self.ahead

    def set_clock(self, seconds: float) -> None:
        """Every worker's clock, away from the machine's by so much."""
        self.ahead = seconds
        draft = self.folder / "clock.draft"
        draft.write_text(str(seconds))
        draft.rename(self.folder / "clock")

    def set_clock_to(self, moment: datetime) -> None:
        """What every worker's clock says now."""
        self.set_clock((moment - datetime.now(UTC)).total_seconds())

    async def do_what_is_due(self, moment: datetime, workers: int = 1, **other: Any) -> None:
        """At that moment, on all machines, so many workers do whatever the clock asks for, until nothing is left."""
        self.set_clock_to(moment)
        due = {"duties": WHAT_THE_CLOCK_ASKS_FOR, "everywhere": True, "until_idle": True, **other}
        for worker in [self.start(**due) for _ in range(workers)]:
            assert await self.ended(worker) == 0

    def kill(self, worker: int) -> None:
        os.kill(worker, signal.SIGKILL)

    async def end(self, worker: int) -> int:
        """Ask it to end; its exit code."""
        os.kill(worker, signal.SIGTERM)
        return await self.ended(worker)

    async def ended(self, worker: int) -> int:
        with anyio.fail_after(40):
            while (code := self.nursery.exit_code(worker)) is None:  # noqa: ASYNC110 - another process changes it
                await anyio.sleep(0.02)
        self.alive.remove(worker)
        return code

    def end_all(self) -> None:
        for worker in self.alive:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGCONT)
                os.kill(worker, signal.SIGKILL)
            while self.nursery.exit_code(worker) is None:
                time.sleep(0.02)
        self.alive.clear()


async def put_letters(head: Letterhead, now: datetime, number: int) -> list[str]:
    """As many announcements to as many members; the addresses in the order in which they leave."""
    members = [await a_stored_member(now, f"member{one:02}") for one in range(number)]
    week, link = now.date() + timedelta(days=7), "https://peerhub.example/home#rounds"
    await outbox.put(head, [letters.round_opens(head, to, "Circle", week, link, now) for to in members], now)
    return [to.address for to in members]


async def leases_run_out() -> None:
    """As if time had passed, for the letters of workers who are dead or frozen."""
    while True:
        try:
            await Letter.raw("UPDATE letter SET lease_until = now() - interval '1 second' WHERE state = 'sending'")
            return
        except AWAY:
            await anyio.sleep(0.1)


async def waits_are_over() -> None:
    """As if time had passed, for the letters that are tried again later."""
    await Letter.raw("UPDATE letter SET due_at = now() WHERE state = 'pending'")


async def until(what: Any, seconds: float = 40) -> None:
    """Wait until it is so, asked of the outbox's counts by state; the database may be away meanwhile."""
    with anyio.fail_after(seconds):
        while not await _is_so(what):  # noqa: ASYNC110 - another process changes it
            await anyio.sleep(0.03)


async def _is_so(what: Any) -> bool:
    try:
        return bool(what(await outbox.counts_by_state()))
    except AWAY:
        return False


async def until_all_are(*states: str, seconds: float = 40) -> None:
    await until(lambda counts: set(counts) <= set(states), seconds)


async def until_said(workers: Workers, words: str, seconds: float = 40) -> None:
    """Wait until a worker has said so."""
    with anyio.fail_after(seconds):
        while not workers.said.exists() or words not in workers.said.read_text():  # noqa: ASYNC110 - written elsewhere
            await anyio.sleep(0.03)
