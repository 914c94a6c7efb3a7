"""A worker in a process of its own, for the tests that kill it."""

import asyncio
import os
import signal
from datetime import timedelta
from uuid import uuid4

from peerhub.jobs import worker
from peerhub.jobs.duties import Office, expire_letters, post_letters
from peerhub.mail.letterhead import Letterhead
from peerhub.store import database, sealing

KEYRING = sealing.Keyring({1: b"s" * 32}, b"h" * 32)  # as in tests/conftest.py, which is slow to import


async def main() -> None:
    database.lead_to(os.environ["DATABASE_URL"])
    sealing.use(KEYRING)
    head = Letterhead("Harbour Lights", "hello@peerhub.example", "https://peerhub.example", b"k" * 32)
    lease = timedelta(seconds=float(os.environ["LEASE"]))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with database.pool(size=4):
        print("working", flush=True)  # noqa: T201 - the test waits for it
        office = Office(head, os.environ["SMTP_URL"], uuid4(), lease=lease)
        await worker.work(office, stop, tick=0.05, duties=(post_letters, expire_letters))


if __name__ == "__main__":
    asyncio.run(main())
