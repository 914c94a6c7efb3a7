"""The solver is killed, or runs out of memory, or its worker dies: the round goes back, and nothing else is touched."""

import resource
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import anyio
import psutil
import pytest

from peerhub.actions import matching
from peerhub.actions.rounds import publish
from peerhub.domain.rounds import Stage
from peerhub.mail.letterhead import Letterhead
from peerhub.store import logins, proposals, rounds, sessions
from tests.community import a_member, a_round_of, an_organizer, propose, together
from tests.faults.invariants import Happened, assert_invariants
from tests.faults.webs import a_web, page_of
from tests.faults.workers import Workers
from tests.smtp import Mailbox

pytestmark = pytest.mark.usefixtures("db")

NAMES = ("Ana", "Ben", "Cat", "Dan")
MATCHING = ("match_a_round",)


async def the_solver_of(worker: int) -> psutil.Process:
    """The solver's process, held as soon as it is there."""
    with anyio.fail_after(40):
        while not (children := psutil.Process(worker).children()):  # noqa: ASYNC110 - another process starts it
            await anyio.sleep(0.01)
    children[0].suspend()
    return children[0]


def is_killed(solver: psutil.Process) -> None:
    solver.kill()


def runs_out_of_memory(solver: psutil.Process) -> None:
    """It may have a little more than it has now, and no more."""
    most = solver.memory_info().vms + 8 * 2**20
    resource.prlimit(solver.pid, resource.RLIMIT_AS, (most, most))
    solver.resume()


async def two_rounds(head: Letterhead, olu: UUID, now: datetime) -> tuple[UUID, UUID]:
    """One that is published, and one whose proposal is about to be made again."""
    people = [await a_member(name, now) for name in NAMES]
    published = await a_round_of(now, *people[:2])
    await publish(published, await propose(published, now, together(*people[:2])), head, olu, now)
    waiting = await a_round_of(now, *people[2:])
    await propose(waiting, now, together(*people[2:]))
    await matching.start(waiting, olu, now)
    return published, waiting


async def what_is_said(workers: Workers, organizer: UUID, round_id: UUID, now: datetime) -> str:
    """The organizer's page of a round."""
    login = await logins.begin_login(organizer, now)
    with a_web(workers) as web:
        return (await page_of(web, f"/organize/rounds/{round_id}", login)).text()


@pytest.mark.parametrize("fails", [is_killed, runs_out_of_memory])
async def test_a_solver_that_fails_puts_the_round_back_and_the_organizer_is_told_calmly(
    fails: Callable[[psutil.Process], None], workers: Workers, smtp: Mailbox, head: Letterhead, now: datetime
) -> None:
    olu = await an_organizer(now)
    published, waiting = await two_rounds(head, olu, now)
    smtp.clock = workers.clock
    await workers.do_what_is_due(now)
    before = await sessions.of_round(published), await proposals.newest(waiting)

    workers.set_clock_to(now)
    worker = workers.start(duties=MATCHING, everywhere=True)
    fails(await the_solver_of(worker))
    assert await stage_after_matching(waiting) is Stage.PROPOSED
    assert await workers.end(worker) == 0

    page = await what_is_said(workers, olu, waiting, now)
    assert matching.ENDED_EARLY in page
    assert (await sessions.of_round(published), await proposals.newest(waiting)) == before
    await matching.start(waiting, olu, now)
    await workers.do_what_is_due(now, duties=MATCHING)
    again = await proposals.newest(waiting)
    assert again and before[1]
    assert (again.number, again.made_by) == (before[1].number + 1, "matcher")
    assert matching.ENDED_EARLY not in await what_is_said(workers, olu, waiting, now)
    told = ["ana@example.org", "ben@example.org"]
    await assert_invariants(smtp, Happened(told=told, logs=[workers.said]))


async def test_a_solver_dies_with_its_worker_and_another_worker_matches_the_round(
    workers: Workers, smtp: Mailbox, head: Letterhead, now: datetime
) -> None:
    olu = await an_organizer(now)
    _, waiting = await two_rounds(head, olu, now)
    smtp.clock = workers.clock

    workers.set_clock_to(now)
    worker = workers.start(duties=MATCHING, everywhere=True)
    solver = await the_solver_of(worker)
    workers.kill(worker)
    assert await workers.ended(worker) == -signal.SIGKILL
    solver.resume()
    await anyio.to_thread.run_sync(solver.wait, 20)  # nobody is there whom it could answer
    assert (await rounds.by_id(waiting)).stage is Stage.MATCHING
    await workers.do_what_is_due(now + matching.LEASE + timedelta(minutes=1), duties=MATCHING)

    assert (await rounds.by_id(waiting)).stage is Stage.PROPOSED
    version = await proposals.newest(waiting)
    assert version
    assert (version.number, version.made_by) == (2, "matcher")
    await assert_invariants(smtp, Happened(logs=[workers.said], has_ended=False))


async def stage_after_matching(round_id: UUID) -> Stage:
    with anyio.fail_after(60):
        while (stage := (await rounds.by_id(round_id)).stage) is Stage.MATCHING:  # noqa: ASYNC110
            await anyio.sleep(0.05)
    return stage
