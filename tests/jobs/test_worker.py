"""The worker, in processes of its own, against a real database and a real mail server that misbehaves."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from peerhub.jobs.duties import Office, post_letters, post_sign_ins
from peerhub.jobs.worker import work
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.store import outbox
from peerhub.store.engine import DB
from tests.mail.cast import a_seat, a_stored_member, the_outbox
from tests.smtp import Mailbox, Move

pytestmark = pytest.mark.usefixtures("db")

LETTERS = 30
Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(database_url: str, smtp: Mailbox) -> AsyncIterator[Start]:
    """Start a worker process; whatever still runs at the end of the test is ended."""
    workers: list[Process] = []

    async def started(lease: float = 1.0) -> Process:
        environment = os.environ | {"DATABASE_URL": database_url, "SMTP_URL": smtp.url, "LEASE": str(lease)}
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.jobs.run_worker", env=environment, stdout=PIPE, stderr=PIPE
        )
        workers.append(worker)
        assert worker.stdout is not None
        assert await asyncio.wait_for(worker.stdout.readline(), 60) == b"working\n"
        return worker

    yield started
    for worker in workers:
        with suppress(ProcessLookupError):
            worker.kill()
        await worker.communicate()


async def put_letters(head: Letterhead, number: int = LETTERS) -> list[str]:
    """As many letters to as many members; the addresses in the order in which they leave."""
    now = datetime.now(UTC)
    members = [await a_stored_member(now, f"member{one:02}") for one in range(number)]
    await outbox.put(
        head,
        [letters.confirm_address(head, to, f"https://peerhub.example/confirm/{uuid4()}", now) for to in members],
        now,
    )
    return [to.address for to in members]


async def until(what: Callable[[dict[str, int]], bool]) -> None:
    """Wait until the outbox is so; a worker that hangs ends the test."""
    async with asyncio.timeout(40):
        while not what(await outbox.counts_by_state()):  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.05)


async def until_all_sent() -> None:
    await until(lambda counts: set(counts) == {"sent"})


async def test_a_worker_outlives_the_loss_of_its_connections(
    start: Start, smtp: Mailbox, letterhead: Letterhead
) -> None:
    worker = await start()
    await DB._run_in_pool(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
        " AND backend_type = 'client backend'"
    )

    to = await put_letters(letterhead, 3)
    await until_all_sent()

    assert worker.returncode is None
    assert Counter(copy.to[0] for copy in smtp.copies()) == Counter(to)


async def test_nothing_that_a_worker_says_names_a_person(start: Start, smtp: Mailbox, letterhead: Letterhead) -> None:
    to = await put_letters(letterhead, 4)
    smtp.script = {
        (to[0], 1): Move("RCPT", say=f"550 5.1.1 <{to[0]}> unknown"),
        (to[1], 1): Move("dot", say=f"550 5.7.1 <{to[1]}> refused"),
        (to[2], 1): Move("354", hang_up=True),
    }
    worker = await start()
    await until(lambda counts: set(counts) <= {"sent", "failed"})
    worker.send_signal(signal.SIGTERM)

    said, complained = await asyncio.wait_for(worker.communicate(), 20)

    written = said.decode() + complained.decode() + " ".join(row["trouble"] for row in await the_outbox())
    assert [word for word in ("member0", "@example.org", "confirm/") if word in written] == []


async def test_a_slow_letter_keeps_no_sign_in_waiting(smtp: Mailbox, letterhead: Letterhead) -> None:
    now = datetime.now(UTC)
    ana, ben = await a_stored_member(now, "Ana"), await a_stored_member(now, "Ben")
    smtp.script[ben.address, 1] = Move("RCPT", freeze=2.0)
    await outbox.put(letterhead, [letters.invitation(letterhead, ben, a_seat(), now)], now)
    office, stop = Office(letterhead, smtp.url, uuid4()), asyncio.Event()
    working = asyncio.create_task(work(office, stop, tick=0.05, duties=(post_sign_ins, post_letters)))
    async with asyncio.timeout(20):
        while not smtp.attempts[ben.address]:  # noqa: ASYNC110 - another thread counts
            await asyncio.sleep(0.01)

    link = "https://peerhub.example/sign-in/token"
    await outbox.put(letterhead, [letters.sign_in(letterhead, ana, link, now)], now)
    await until_all_sent()
    stop.set()
    await working

    assert [copy.to[0] for copy in smtp.copies()] == [ana.address, ben.address]


async def test_trouble_that_lasts_for_days_ends_no_worker(
    letterhead: Letterhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peerhub.jobs.worker._LONGEST_PAUSE", 0.0)  # so that they pass within seconds
    office, stop, troubles = Office(letterhead, "", uuid4()), asyncio.Event(), 0

    async def bad(office: Office, _now: datetime) -> bool:
        nonlocal troubles
        troubles += 1
        if troubles == 1500:
            office.stop.set()
        raise OSError

    async with asyncio.timeout(60):
        await work(office, stop, duties=(bad,))

    assert troubles == 1500


async def test_one_duty_that_fails_stops_no_other(smtp: Mailbox, letterhead: Letterhead) -> None:
    office, stop, done = Office(letterhead, smtp.url, uuid4()), asyncio.Event(), Counter[str]()

    async def bad(_office: Office, _now: datetime) -> bool:
        done["bad"] += 1
        raise ZeroDivisionError

    async def good(office: Office, _now: datetime) -> bool:
        done["good"] += 1
        await asyncio.sleep(0)
        if done["good"] >= 20 and done["bad"] >= 2:
            office.stop.set()
        return done["good"] < 20

    async with asyncio.timeout(20):
        await work(office, stop, tick=0.01, duties=(bad, good))

    assert done["good"] >= 20
    assert done["bad"] < done["good"]  # it waits longer each time
