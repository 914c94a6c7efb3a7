"""Workers are killed, frozen and asked to end at every point of a letter's way: none is lost, few come twice."""

import os
import signal
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from peerhub.mail.letterhead import Letterhead
from peerhub.store import outbox
from tests.faults.invariants import Happened, assert_invariants
from tests.faults.workers import Workers, leases_run_out, put_letters, until, until_all_are
from tests.mail.cast import the_outbox
from tests.smtp import Mailbox, Move

pytestmark = pytest.mark.usefixtures("db")

POINTS = ("hello", "EHLO", "MAIL", "RCPT", "354", "dot", "250")
BEHIND_THE_FENCE = ("354", "dot", "250")


async def test_a_kill_at_every_single_send_loses_nothing(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to, kills = await put_letters(head, real_now, 14), 0
    worker = 0

    def kill() -> None:
        workers.kill(worker)

    for number, address in enumerate(to):
        point: Any = POINTS[number % len(POINTS)]
        move = Move(point, do=kill, hang_up=point == "354")
        if point in ("hello", "EHLO", "MAIL"):
            smtp.once.append(move)
        else:
            smtp.script = {(address, None): move}  # it may have been said ahead before, to no end
        kills += 1
        worker = workers.start()
        assert await workers.ended(worker) == -signal.SIGKILL
        await leases_run_out()
    smtp.script.clear()
    workers.start()
    await until_all_are("sent")

    await assert_invariants(smtp, Happened(told=to, kills=kills, logs=[workers.said]))
    assert Counter(copy.to[0] for copy in smtp.copies()).keys() == set(to)
    assert await outbox.counts_by_state() == {"sent": len(to)}


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_before_the_fence_costs_no_second_copy_and_one_behind_it_at_most_one(
    point: Any, workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    (to,) = await put_letters(head, real_now, 1)
    worker = 0
    move = Move(point, do=lambda: workers.kill(worker), hang_up=point == "354")
    if point in ("hello", "EHLO", "MAIL"):
        smtp.once.append(move)
    else:
        smtp.script = {(to, 1): move}

    worker = workers.start()
    assert await workers.ended(worker) == -signal.SIGKILL
    await leases_run_out()
    workers.start()
    await until_all_are("sent")

    (row,) = await the_outbox()
    assert row["ambiguous"] == (point in BEHIND_THE_FENCE)
    assert len(smtp.copies()) == 1 + (point in ("dot", "250"))
    await assert_invariants(smtp, Happened(told=[to], kills=int(point in BEHIND_THE_FENCE), logs=[workers.said]))


async def test_a_worker_that_is_asked_to_end_leaves_no_trace(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 20)
    worker = 0
    smtp.script = {(to[12], 1): Move("dot", do=lambda: os.kill(worker, signal.SIGTERM))}

    worker = workers.start()
    assert await workers.ended(worker) == 0
    counts = await outbox.counts_by_state()
    assert counts in ({"sent": 13, "pending": 7}, {"sent": 14, "pending": 6})  # the next may have been in hand already
    workers.start()
    await until_all_are("sent")

    await assert_invariants(smtp, Happened(told=to, logs=[workers.said]))
    assert {(row["attempts"], row["lost"], row["ambiguous"]) for row in await the_outbox()} == {(1, 0, 0)}


async def test_a_frozen_worker_that_wakes_up_too_late_is_refused_at_the_fence(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    (to,) = await put_letters(head, real_now, 1)
    frozen = 0
    smtp.script = {(to, 1): Move("RCPT", do=lambda: os.kill(frozen, signal.SIGSTOP))}

    frozen = workers.start()
    await until(lambda _: smtp.attempts[to] == 1)
    await leases_run_out()
    other = workers.start()
    await until_all_are("sent")
    os.kill(frozen, signal.SIGCONT)
    assert await workers.end(frozen) == 0

    assert await workers.end(other) == 0
    await assert_invariants(smtp, Happened(told=[to], logs=[workers.said]))
    assert [(row["attempts"], row["lost"], row["ambiguous"]) for row in await the_outbox()] == [(2, 1, 0)]


async def test_six_workers_side_by_side_make_one_attempt_each(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 150)

    for _ in range(6):
        workers.start()
    await until_all_are("sent")

    await assert_invariants(smtp, Happened(told=to, logs=[workers.said]))
    assert {row["attempts"] for row in await the_outbox()} == {1}
    assert smtp.connections >= 2  # more than one of them had a share


async def test_a_letter_that_ends_its_workers_is_set_aside_and_the_others_flow(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 4)
    worker = 0
    smtp.script = {(to[1], None): Move("RCPT", do=lambda: workers.kill(worker))}

    for _ in range(outbox.MOST_LOST):
        worker = workers.start()
        assert await workers.ended(worker) == -signal.SIGKILL
        await leases_run_out()
    workers.start()
    await until_all_are("sent", "held")

    rows = await the_outbox()
    assert [row["state"] for row in rows] == ["sent", "held", "sent", "sent"]
    assert [(row["attempts"], row["lost"]) for row in rows] == [(2, 1), (5, 5), (1, 0), (1, 0)]
    await assert_invariants(smtp, Happened(kills=1, logs=[workers.said]))
