"""The web dies at a commit, or its database is frozen or locked: neither or both, and a 503 that says when to ask."""

import os
import signal
from datetime import datetime
from uuid import UUID

import anyio
import httpx
import pytest

from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store.database import transaction
from peerhub.store.engine import DB
from peerhub.store.tables import Letter, Seat, SignInLink
from tests.community import a_member
from tests.faults.cluster import Cluster
from tests.faults.invariants import Happened, assert_invariants
from tests.faults.webs import page_of
from tests.faults.workers import Workers
from tests.mail.cast import a_stored_member
from tests.served import a_free_port
from tests.smtp import Mailbox
from tests.web.conftest import Browser, a_seat


class Web:
    """The web in a process of its own, and a browser that looks at it."""

    def __init__(self, workers: Workers) -> None:
        self._port = a_free_port()
        self._workers = workers
        self.said = workers.said
        self.process = self._start()

    def _start(self) -> int:
        return self._workers.start(port=self._port, patience=1.0)  # seconds, with a database that is away

    async def browser(self) -> Browser:
        """A new browser, once the web is up."""
        return await page_of(f"http://localhost:{self._port}", "/health/live")

    def will_die(self, when: str) -> None:
        """At the next commit."""
        self._workers.dies.write_text(when)
        os.kill(self.process, signal.SIGUSR1)

    async def start_again(self) -> None:
        assert await self._workers.ended(self.process) == -signal.SIGKILL
        self.process = self._start()


@pytest.fixture
def web(workers: Workers, db: None) -> Web:
    return Web(workers)


@pytest.fixture
def hard_web(hard_workers: Workers) -> Web:
    return Web(hard_workers)


async def ask_for_a_link(browser: Browser, address: str) -> httpx.Response:
    await browser.get("/sign-in")
    return await browser.submit(email=address)


async def test_a_web_that_is_killed_at_a_commit_has_stored_the_fact_and_its_letter_or_neither(
    web: Web, smtp: Mailbox, real_now: datetime
) -> None:
    ana = await a_stored_member(real_now)
    stored = {}

    for when in ("before", "after"):
        browser = await web.browser()
        await browser.get("/sign-in")
        web.will_die(when)
        await anyio.sleep(0.2)
        with pytest.raises(httpx.TransportError):
            await browser.submit(email=ana.address)
        stored[when] = (await SignInLink.count(), await Letter.count())
        await web.start_again()
    browser = await web.browser()
    answer = await ask_for_a_link(browser, ana.address)  # and she tries once more

    assert answer.status_code == 303
    assert stored == {"before": (0, 0), "after": (1, 1)}
    assert (await SignInLink.count(), await Letter.count()) == (2, 2)
    await assert_invariants(smtp, Happened(logs=[web.said], has_ended=False))


async def test_an_answer_that_was_acknowledged_outlives_the_web_and_a_second_one_changes_nothing(
    web: Web, smtp: Mailbox, real_now: datetime, head: Letterhead
) -> None:
    seat = await a_seat(real_now, await a_member("Ana", real_now), await a_member("Ben", real_now))
    path = links.rsvp_link(head, seat).removeprefix(head.base_url)
    browser = await web.browser()
    await browser.get(path)
    assert (await browser.submit(rsvp="yes")).status_code == 303

    os.kill(web.process, signal.SIGKILL)
    await web.start_again()
    first = await answer_to(seat)
    browser = await web.browser()
    await browser.get(path)
    again = await browser.submit(rsvp="yes")

    assert (first, await answer_to(seat), again.status_code) == ("yes", "yes", 303)
    assert await Letter.count() == 0
    await assert_invariants(smtp, Happened(logs=[web.said]))


async def answer_to(seat: UUID) -> str:
    (row,) = await Seat.select(Seat.rsvp).where(Seat.id == seat)
    return str(row["rsvp"])


async def test_a_frozen_database_is_a_503_that_says_when_to_ask_again(
    hard: Cluster, hard_web: Web, smtp: Mailbox, real_now: datetime
) -> None:
    ana = await a_stored_member(real_now)
    browser = await hard_web.browser()
    await browser.get("/sign-in")

    with hard.frozen():
        away = await browser.submit(email=ana.address)
        alive = await browser.http.get("/health/live")
    back = await ask_for_a_link(browser, ana.address)

    assert (away.status_code, away.headers["retry-after"], alive.status_code) == (503, "30", 200)
    assert (back.status_code, await Letter.count()) == (303, 1)
    await assert_invariants(smtp, Happened(told=[ana.address], logs=[hard_web.said], has_ended=False))


async def test_a_locked_table_is_a_503_and_nothing_is_stored_later_on(
    hard: Cluster, hard_web: Web, smtp: Mailbox, real_now: datetime
) -> None:
    ana = await a_stored_member(real_now)
    browser = await hard_web.browser()
    await browser.get("/sign-in")

    async with transaction():
        await DB.run_ddl("LOCK TABLE letter IN ACCESS EXCLUSIVE MODE")
        away = await browser.submit(email=ana.address)

    assert (away.status_code, away.headers["retry-after"]) == (503, "30")
    assert await Letter.count() == 0
    await assert_invariants(smtp, Happened(logs=[hard_web.said]))
