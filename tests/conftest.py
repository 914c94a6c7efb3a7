"""What every test may ask for: a real PostgreSQL of this run, keys, a letterhead, a fixed now."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from piccolo.querystring import QueryString

from peerhub.mail.letterhead import Letterhead
from peerhub.store import database, sealing
from peerhub.store.engine import DB
from peerhub.store.tables import TABLES
from tests.smtp import Mailbox, mail_server

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)  # a Sunday; the next Monday is 2026-11-23
KEYRING = sealing.Keyring({1: b"s" * 32}, b"h" * 32)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def letterhead() -> Letterhead:
    return Letterhead("Harbour Lights", "hello@peerhub.example", "https://peerhub.example", b"k" * 32)


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty PostgreSQL of its own for this run, migrated."""
    folder = tmp_path_factory.mktemp("peerhub")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)  # as root, PostgreSQL runs as another user, who must be able to walk here
    with database.embedded(folder) as url:
        database.lead_to(url)
        asyncio.run(database.migrate())
        yield url


@pytest.fixture(scope="session")
async def _pool(database_url: str) -> AsyncIterator[None]:
    database.lead_to(database_url)
    sealing.use(KEYRING)
    async with database.pool():
        yield


@pytest.fixture
async def db(_pool: None) -> AsyncIterator[None]:
    """The database, emptied before the test; everything is committed for real, so that other processes see it."""
    names = ", ".join(f'"{table._meta.tablename}"' for table in TABLES)
    async with DB.transaction():
        await DB.run_ddl("SET LOCAL session_replication_role = replica")  # lets even the audit be emptied
        await DB.run_ddl(f"TRUNCATE {names}")
    yield


@pytest.fixture
def smtp(tmp_path: Path) -> Iterator[Mailbox]:
    """A real mail server with an empty journal."""
    with mail_server(tmp_path / "journal") as mailbox:
        yield mailbox


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that the database is asked, as it is asked."""
    asked: list[str] = []
    run = DB.run_querystring

    async def listen(querystring: QueryString, in_pool: bool = True) -> object:
        asked.append(querystring.template)
        return await run(querystring, in_pool)

    monkeypatch.setattr(DB, "run_querystring", listen)
    return asked
