"""The organizers' page of the outbox costs as much with thousands of letters as with a few."""

from datetime import datetime, timedelta

import pytest

from peerhub.domain.letters import State
from peerhub.store import letters
from peerhub.store.database import transaction
from peerhub.store.engine import DB
from peerhub.store.tables import Letter

pytestmark = pytest.mark.usefixtures("db")

MANY = 20_000


async def many_letters(now: datetime) -> None:
    """Nearly all of them have left; one in a thousand was not taken."""
    await Letter.raw(
        "INSERT INTO letter (id, kind, cause, sealed_body, message_id, due_at, expires_at, created_at, state, ended_at)"
        " SELECT gen_random_uuid(), 'invitation', g, convert_to(repeat('x', 1000), 'utf8'), g, {}, {}, {},"
        " CASE WHEN g % 1000 = 0 THEN 'failed' ELSE 'sent' END, {} FROM generate_series(1, {}) AS g",
        now, now, now, now - timedelta(hours=1), MANY,
    )  # fmt: skip
    await DB._run_in_pool("VACUUM ANALYZE letter")


async def times_read_through() -> int:
    """How often the whole outbox was read, in this transaction so far."""
    (seen,) = await Letter.raw("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'letter'")
    return int(seen["seq_scan"])


async def test_a_page_of_letters_is_found_without_reading_all_of_them(now: datetime) -> None:
    await many_letters(now)

    async with transaction():
        found = {state: len((await letters.newest(state, None, None))[0]) for state in (None, *State)}
        failed = (await letters.counts()).of(State.FAILED)
        stalled = await letters.stalled_since(now)
        read_through = await times_read_through()

    assert (found[None], found[State.SENT], found[State.FAILED], failed, stalled) == (50, 50, 20, 20, None)
    assert read_through == 0
