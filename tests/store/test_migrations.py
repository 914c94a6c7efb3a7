"""The migrations lead to exactly the schema of tables.py, once, however many start at the same time."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
from piccolo.apps.migrations.commands.new import AutoMigrationManager
from piccolo.conf.apps import Finder

ROOT = Path(__file__).parents[2]
MIGRATIONS = ROOT / "peerhub" / "store" / "piccolo_migrations"


async def test_no_table_has_changed_without_a_migration(db: None) -> None:
    manager = AutoMigrationManager()

    missing = await manager.get_alter_statements(app_config=Finder().get_app_config("peerhub"))

    assert [step.statements for step in missing if step.statements] == []


async def test_four_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE DATABASE fresh")
    fresh = database_url.replace("/postgres?", "/fresh?")
    migrate = (
        "import asyncio, os; from peerhub.store import database;"
        "database.lead_to(os.environ['DATABASE_URL']); asyncio.run(database.migrate())"
    )
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", migrate, env={**os.environ, "DATABASE_URL": fresh})
        for _ in range(4)
    ]

    ended = [await process.wait() for process in started]

    there = await asyncpg.connect(fresh)
    names = [row["name"] for row in await there.fetch("SELECT name FROM migration WHERE app_name = 'peerhub'")]
    await there.close()
    await connection.execute("DROP DATABASE fresh")
    await connection.close()
    assert ended == [0, 0, 0, 0]
    assert len(names) == len(set(names)) == len(list(MIGRATIONS.glob("peerhub_*.py")))


def test_piccolos_own_command_knows_the_migrations(database_url: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "piccolo.main", "migrations", "check"],
        cwd=ROOT, env={**os.environ, "DATABASE_URL": database_url}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    ran = [line.split("|")[-1].strip() for line in answer.stdout.splitlines() if line.startswith("peerhub")]
    assert ran == ["True"] * len(list(MIGRATIONS.glob("peerhub_*.py"))), answer.stderr
