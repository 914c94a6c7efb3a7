"""What a test of faults may ask for: workers by the dozen, and a PostgreSQL of its own to be hard on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from peerhub.mail.letterhead import Letterhead
from peerhub.store import database
from peerhub.store.engine import DB
from peerhub.store.tables import TABLES
from tests.certificate import write_a_certificate
from tests.faults.cluster import Cluster, copy_of
from tests.faults.workers import Nursery, Workers
from tests.smtp import Mailbox


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def workers(nursery: Nursery, tmp_path: Path, database_url: str, smtp: Mailbox) -> Iterator[Workers]:
    """Workers of the database that all tests share; what still runs at the end of the test is killed."""
    workers = Workers(nursery, tmp_path, database_url, smtp.url)
    yield workers
    workers.end_all()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Cluster]:
    """A second PostgreSQL with the same schema, which may be stopped, frozen and filled up."""
    folder = tmp_path_factory.mktemp("hard")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)  # as root, PostgreSQL runs as another user, who must be able to walk here
    with copy_of(database_url, folder) as cluster:
        yield cluster


@pytest.fixture
async def hard(cluster: Cluster, db: None) -> AsyncIterator[Cluster]:
    """The second PostgreSQL, emptied, with this process connected to it."""
    async with connected_to(cluster.url):
        names = ", ".join(f'"{table._meta.tablename}"' for table in TABLES)
        async with DB.transaction():
            await DB.run_ddl("SET LOCAL session_replication_role = replica")
            await DB.run_ddl(f"TRUNCATE {names}")
        yield cluster


@asynccontextmanager
async def connected_to(url: str) -> AsyncIterator[None]:
    """This process asks another database while inside."""
    config, pool, DB.pool = DB.config, DB.pool, None
    database.lead_to(url)
    try:
        async with database.pool(size=4):
            yield
    finally:
        DB.config, DB.pool = config, pool


@pytest.fixture
def hard_workers(nursery: Nursery, tmp_path: Path, hard: Cluster, smtp: Mailbox) -> Iterator[Workers]:
    """Workers of the second PostgreSQL."""
    workers = Workers(nursery, tmp_path, hard.url, smtp.url)
    yield workers
    workers.end_all()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody vouches for."""
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    write_a_certificate(path)
    return path


@pytest.fixture
def real_now() -> datetime:
    """What the machine's clock says: workers in processes of their own go by it."""
    return datetime.now(UTC)


@pytest.fixture
def head(letterhead: Letterhead) -> Letterhead:
    return letterhead
