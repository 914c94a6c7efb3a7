"""Mails to us that were acted on, so that a second copy changes nothing."""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from peerhub.store import sealing
from peerhub.store.tables import ReadMail

KEPT: Final = timedelta(days=30)  # longer than any mail server tries


async def is_new(now: datetime, *name: str) -> bool:
    """Write down that the mail of this name is acted on; False where that has happened before.

    Of two who ask at once, the second waits for the first one's transaction.
    """
    written = await ReadMail.raw(
        "INSERT INTO read_mail (id, name_hash, read_at) VALUES ({}, {}, {}) ON CONFLICT (name_hash) DO NOTHING"
        " RETURNING id",
        uuid4(), sealing.keyed_hash("read mail", *name), now,
    )  # fmt: skip
    return bool(written)


async def forget(now: datetime) -> int:
    """Forget the mails of a month ago; how many there were."""
    forgotten = await ReadMail.delete().where(ReadMail.read_at <= now - KEPT).returning(ReadMail.id)
    return len(forgotten)
