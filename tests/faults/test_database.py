"""The database is stopped, cut off, frozen, locked or full: what was answered is kept, and nothing is half there."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from peerhub.mail.letterhead import Letterhead
from peerhub.store import database
from peerhub.store.database import transaction
from peerhub.store.engine import DB
from peerhub.store.tables import Letter, Member
from tests.faults.cluster import Cluster
from tests.faults.invariants import Happened, assert_invariants
from tests.faults.workers import Workers, leases_run_out, put_letters, until, until_all_are
from tests.mail.cast import a_stored_member, the_outbox
from tests.smtp import Mailbox, Move

CUT_OFF = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " AND datname IS NOT NULL AND backend_type = 'client backend'"
)


async def test_a_database_that_is_stopped_at_once_comes_back_and_nothing_is_lost(
    hard: Cluster, hard_workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 24)
    smtp.script = {
        (to[5], 1): Move("RCPT", do=hard.stop_and_start),
        (to[15], 1): Move("dot", do=hard.stop_and_start),
    }

    for _ in range(2):
        hard_workers.start()
    await until(lambda _: smtp.attempts[to[5]] > 0 and smtp.attempts[to[15]] > 0)
    await until(lambda counts: set(counts) <= {"sent", "sending"})
    await leases_run_out()  # of those whose end nobody could write down
    await until_all_are("sent")

    await assert_invariants(smtp, Happened(told=to, kills=2, logs=[hard_workers.said]))


@pytest.mark.parametrize("point", ["RCPT", "354", "dot", "250"])
async def test_a_connection_that_is_cut_off_costs_neither_a_copy_nor_a_doubt(
    point: str, hard: Cluster, hard_workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    to = await put_letters(head, real_now, 4)
    smtp.script = {(to[1], 1): Move(point, do=lambda: hard.psql(CUT_OFF))}  # type: ignore[arg-type]

    hard_workers.start()
    await until_all_are("sent")

    assert {(row["attempts"], row["ambiguous"]) for row in await the_outbox()} == {(1, 0)}
    await assert_invariants(smtp, Happened(told=to, logs=[hard_workers.said]))


async def test_a_transaction_that_is_cut_off_gives_its_connection_back(hard: Cluster, smtp: Mailbox) -> None:
    for _ in range(8):  # more often than there are connections
        with pytest.raises(database.AWAY):
            async with transaction():
                await Member.count()
                hard.psql(CUT_OFF)
                await Member.count()
        await asyncio.sleep(0.05)  # until this process has heard of it

    assert DB.current_transaction.get() is None
    assert await Member.count() == 0
    await assert_invariants(smtp, Happened())


async def test_a_commit_that_is_cut_off_leaves_no_transaction_behind(
    hard: Cluster, smtp: Mailbox, head: Letterhead, real_now: datetime
) -> None:
    with pytest.raises(database.AWAY):
        async with transaction():
            await put_letters(head, real_now, 1)
            hard.psql(CUT_OFF)
    await asyncio.sleep(0.05)

    assert (await Member.count(), await Letter.count()) == (0, 0)
    await assert_invariants(smtp, Happened())


@contextmanager
def a_small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of so many megabytes; where none may be mounted, the test is left out."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(folder)],
        check=False, capture_output=True,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


# ruff: noqa: ASYNC221 - nothing else goes on meanwhile


async def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    hard: Cluster, hard_workers: Workers, smtp: Mailbox, head: Letterhead, real_now: datetime, tmp_path: Path
) -> None:
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    with a_small_disk(tmp_path / "small", 2) as small:
        owner = hard.folder.stat()
        place = small / "tables"
        place.mkdir()
        os.chown(place, owner.st_uid, owner.st_gid)
        hard.psql(f"CREATE TABLESPACE small LOCATION '{place}'")
        hard.psql("ALTER TABLE letter SET TABLESPACE small")
        try:
            told = await put_letters(head, real_now, 3)
            members, rows = await Member.count(), await Letter.count()
            with pytest.raises(asyncpg.DiskFullError):
                async with transaction():
                    for number in range(40):
                        await a_stored_member(real_now, f"more{number}")
                    await fill_up(real_now)

            assert (await Member.count(), await Letter.count()) == (members, rows)
            assert issubclass(asyncpg.DiskFullError, database.AWAY)  # so a page says so with a 503
            subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)  # somebody has made room
            hard_workers.start()
            await until_all_are("sent")
            await assert_invariants(smtp, Happened(told=told, logs=[hard_workers.said]))
        finally:
            hard_workers.end_all()
            hard.psql("ALTER TABLE letter SET TABLESPACE pg_default")
            hard.psql("DROP TABLESPACE small")


async def fill_up(now: datetime) -> None:
    """Letters with long bodies, until there is no room."""
    for number in range(20):
        await Letter.raw(
            "INSERT INTO letter (id, kind, cause, sealed_body, message_id, due_at, expires_at, created_at)"
            " SELECT gen_random_uuid(), 'x', {} || g, convert_to(repeat(md5(g::text), 2000), 'utf8'), {} || g,"
            " {}, {}, {} FROM generate_series(1, 500) AS g",
            f"c{number}-", f"m{number}-", now, now, now,
        )  # fmt: skip
