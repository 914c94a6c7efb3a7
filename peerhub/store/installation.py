"""Whether this database is the one that writes letters, or a copy of it: a restored backup, a staging clone.

The database remembers its home: which cluster and timeline it is part of, its own number in it, and the place that the
worker tells: the name people know this peerhub by, where the database answers, which folder it is kept in. A worker
that finds it elsewhere holds the letters until a person says that this is the one from now on.
"""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import structlog
from piccolo.columns.base import Column

from peerhub.store.engine import DB
from peerhub.store.tables import Installation

_log = structlog.get_logger("peerhub.store")


async def copied_at(place: str, now: datetime) -> datetime | None:
    """Since when this database is known to be a copy; None where it is at home, or has only just come to be."""
    home = await _home(place)
    row = await Installation.select().first()
    if row is None:
        await Installation.insert(Installation(home=home, settled_at=now)).on_conflict(action="DO NOTHING")
        return None
    if row["home"] == home:
        return None
    noticed: datetime | None = row["copied_at"]
    if noticed is None:
        await Installation.update({Installation.copied_at: now}).where(Installation.copied_at.is_null())
        noticed = now
        _log.warning("this database is a copy, so its letters wait until `peerhub adopt` says that it is the one")
    return noticed


async def settle(place: str, now: datetime) -> None:
    """This is the one from now on, and its letters leave from here."""
    columns: dict[Column | str, Any] = {
        Installation.home: await _home(place),
        Installation.settled_at: now,
        Installation.copied_at: None,
    }
    if not await Installation.update(columns, force=True).returning(Installation.id):
        await copied_at(place, now)


async def place_of(base_url: str) -> str:
    """Where this peerhub is, as far as this machine can tell: its name, its database, and the folder that holds it."""
    return await asyncio.to_thread(_place_of, base_url, DB.config["dsn"])


def _place_of(base_url: str, dsn: str) -> str:
    url = urlsplit(dsn)
    folder = Path(parse_qs(url.query).get("host", [""])[0])
    written_once = folder / "PG_VERSION"  # a copy of the folder has another inode
    inode = written_once.stat().st_ino if folder.is_absolute() and written_once.exists() else ""
    return f"{urlsplit(base_url).hostname} {url.hostname}:{url.port}{url.path} {folder}:{inode}"


async def _home(place: str) -> str:
    rows = await Installation.raw(
        "SELECT md5(concat_ws(' ', {}::text, (SELECT system_identifier FROM pg_control_system()),"
        " (SELECT timeline_id FROM pg_control_checkpoint()),"
        " (SELECT oid FROM pg_database WHERE datname = current_database()))) AS home",
        place,
    )
    home: str = rows[0]["home"]
    return home
