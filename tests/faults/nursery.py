"""Workers by the dozen: a process that has imported everything, and becomes a worker, or a web, each time it is asked.

Each is a process of its own, with its own connections, and can be killed, stopped and frozen.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from asyncpg.transaction import Transaction

from peerhub import settings as the_settings
from peerhub.app import create_app
from peerhub.jobs import duties, worker
from peerhub.jobs.duties import Duty, Office
from peerhub.mail import letters, message, post  # noqa: F401 - loaded before the first worker is made
from peerhub.mail.letterhead import Letterhead
from peerhub.store import database, sealing
from peerhub.web.server import server

KEYRING = sealing.Keyring({1: b"s" * 32}, b"h" * 32)  # as in tests/conftest.py, which is slow to import
KEYS = json.dumps({"sealing": {"1": 64 * "5"}, "hashing": 64 * "6", "signing": 64 * "7"})  # not those that are used
TIMES_IDLE = 2
HEAD = Letterhead("Harbour Lights", "hello@peerhub.example", "https://peerhub.example", b"k" * 32)


def main() -> None:
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            ended, status = os.waitpid(asked["wait"], os.WNOHANG)
            print(os.waitstatus_to_exitcode(status) if ended else "", flush=True)  # noqa: T201
        elif child := os.fork():
            print(child, flush=True)  # noqa: T201
        else:
            os._exit(be_what_is(asked))


def be_what_is(asked: dict[str, Any]) -> int:
    said = os.open(asked["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(said, stream)
    for deadline, seconds in asked["deadlines"].items():
        setattr(post, deadline, seconds)
    asyncio.run(serve(asked) if "port" in asked else work(asked))
    return 0


async def work(asked: dict[str, Any]) -> None:
    stop, now = asyncio.Event(), use(asked)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with database.pool(size=4):
        office = Office(
            HEAD, asked["smtp"], uuid4(),
            clock=now, lease=timedelta(seconds=asked["lease"]), place=asked["place"],
        )  # fmt: skip
        todo: Sequence[Duty] = [getattr(duties, name) for name in asked["duties"]]
        if asked["until_idle"]:
            todo = until_idle(todo, stop)
        await worker.work(office, stop, tick=asked["tick"], duties=todo)


async def serve(asked: dict[str, Any]) -> None:
    """Be the web, by the same clock; told so by a signal, it dies at its next commit as the file ``dies`` says."""
    now, dies = use(asked), Path(asked["dies"])
    if asked["patience"]:
        database._TO_ANSWER = asked["patience"]  # type: ignore[misc]
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: die_at_the_next_commit(dies.read_text()))
    settings = replace(the_settings.read({"PEERHUB_KEYS": KEYS}), base_url=f"http://localhost:{asked['port']}")
    async with database.pool(size=4):
        await server(create_app(settings, HEAD, clock=now), "127.0.0.1", asked["port"]).serve()


def die_at_the_next_commit(when: str) -> None:
    """``before`` it or ``after`` it, as by kill -9, and before anything is answered."""
    commit = Transaction.commit

    async def dying(self: Any) -> None:
        if when == "after":
            await commit(self)
        os.kill(os.getpid(), signal.SIGKILL)

    Transaction.commit = dying


def use(asked: dict[str, Any]) -> Any:
    """The database that was named, the keys of all tests, and the clock; what time it is."""
    database.lead_to(asked["database"])
    sealing.use(KEYRING)
    now = clock(Path(asked["clock"]))
    if asked["everywhere"]:  # the database's machine has the same clock

        async def as_the_database_says() -> datetime:
            said: datetime = now()
            return said

        database.clock = as_the_database_says
    return now


def until_idle(todo: Sequence[Duty], stop: asyncio.Event) -> list[Duty]:
    """The same duties, looked at as often as all others; once none has had anything to do, their worker ends."""
    idle: Counter[Duty] = Counter()

    def watched(duty: Duty) -> Duty:
        async def look(office: Office, now: datetime) -> bool:
            if did_something := await duty(office, now):
                idle.clear()
            idle[duty] += 1
            if all(idle[one] > TIMES_IDLE for one in todo):
                stop.set()
            return did_something

        look.__name__ = duty.__name__
        return look

    return [watched(duty) for duty in todo]


def clock(set_by: Path) -> Any:
    """The machine's clock, set forwards or back by the seconds that the file says."""

    def now() -> datetime:
        seconds = float(set_by.read_text()) if set_by.exists() else 0.0
        return datetime.now(UTC) + timedelta(seconds=seconds)

    return now


if __name__ == "__main__":
    main()
