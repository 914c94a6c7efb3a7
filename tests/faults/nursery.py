"""Workers by the dozen: a process that has imported everything, and becomes a worker each time it is asked.

Each worker is a process of its own, with its own connections, and can be killed, stopped and frozen.
"""

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from peerhub.jobs import duties, worker
from peerhub.jobs.duties import Office
from peerhub.mail import letters, message, post  # noqa: F401 - loaded before the first worker is made
from peerhub.mail.letterhead import Letterhead
from peerhub.store import database, sealing

KEYRING = sealing.Keyring({1: b"s" * 32}, b"h" * 32)  # as in tests/conftest.py, which is slow to import
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
            os._exit(be_a_worker(asked))


def be_a_worker(asked: dict[str, Any]) -> int:
    said = os.open(asked["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(said, stream)
    for deadline, seconds in asked["deadlines"].items():
        setattr(post, deadline, seconds)
    asyncio.run(work(asked))
    return 0


async def work(asked: dict[str, Any]) -> None:
    database.lead_to(asked["database"])
    sealing.use(KEYRING)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with database.pool(size=4):
        office = Office(
            HEAD, asked["smtp"], uuid4(),
            clock=clock(Path(asked["clock"])), lease=timedelta(seconds=asked["lease"]), place=asked["place"],
        )  # fmt: skip
        todo = [getattr(duties, name) for name in asked["duties"]]
        await worker.work(office, stop, tick=asked["tick"], duties=todo)


def clock(set_by: Path) -> Any:
    """The machine's clock, set forwards or back by the seconds that the file says."""

    def now() -> datetime:
        seconds = float(set_by.read_text()) if set_by.exists() else 0.0
        return datetime.now(UTC) + timedelta(seconds=seconds)

    return now


if __name__ == "__main__":
    main()
