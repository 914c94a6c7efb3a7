"""How often something was asked for, counted in the database, so that all processes count together."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from peerhub.domain.refusals import TooOften
from peerhub.store import sealing
from peerhub.store.tables import Quota

_KEPT = timedelta(days=2)


async def count(what: str, key: str, most: int, window: timedelta, now: datetime) -> None:
    """Count one more; ``key`` is whose quota it is, and only its hash is kept.

    Raises:
        TooOften: it was asked for more than ``most`` times in this window.
    """
    seconds = int(window.total_seconds())
    window_at = datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)
    counted = await Quota.raw(
        "INSERT INTO quota (id, what, key_hash, window_at, used) VALUES ({}, {}, {}, {}, 1)"
        " ON CONFLICT (what, key_hash, window_at) DO UPDATE SET used = quota.used + 1 RETURNING used",
        uuid4(),
        what,
        sealing.keyed_hash("quota", what, key),
        window_at,
    )
    if counted[0]["used"] > most:
        raise TooOften("This was asked for often in a short time.")


async def forget(now: datetime) -> int:
    """Delete what was counted days ago; how many counts there were."""
    forgotten = await Quota.delete().where(Quota.window_at < now - _KEPT).returning(Quota.id)
    return len(forgotten)
