"""The web in a process of its own, which can be told to die at its next commit."""

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

from asyncpg.transaction import Transaction

from peerhub import settings as the_settings
from peerhub.app import create_app
from peerhub.store import database, sealing
from peerhub.web.server import server
from tests.faults.nursery import HEAD, KEYRING, KEYS

commit = Transaction.commit


def die_at_the_next_commit(when: str) -> None:
    """``before`` it or ``after`` it, as by kill -9, and before anything is answered."""

    async def dying(self: Any) -> None:
        if when == "after":
            await commit(self)
        os.kill(os.getpid(), signal.SIGKILL)

    Transaction.commit = dying


async def main() -> None:
    database.lead_to(os.environ["DATABASE_URL"])
    database._TO_ANSWER = 1.0  # type: ignore[misc]
    sealing.use(KEYRING)
    settings = replace(the_settings.read({"PEERHUB_KEYS": KEYS}), base_url=f"http://localhost:{os.environ['PORT']}")
    web = server(create_app(settings, HEAD), "127.0.0.1", int(os.environ["PORT"]))
    when = Path(os.environ["DIES"])
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: die_at_the_next_commit(when.read_text()))
    async with database.pool(size=4):
        await web.serve()


if __name__ == "__main__":
    asyncio.run(main())
