from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import SmallInt
from piccolo.columns.column_types import Timestamptz
from piccolo.columns.column_types import Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.indexes import IndexMethod
from piccolo.constraints import Check

ID = "2026-11-22T10:48:28:534688"
VERSION = "1.38.0"
DESCRIPTION = "The outbox tells lost attempts apart, and a database knows where it lives"


# Before anything else: what a worker of the earlier version has claimed goes back, unless its body is on its way.
STEPS = (
    "LOCK TABLE letter IN ACCESS EXCLUSIVE MODE",
    "UPDATE letter SET state = 'pending', lease = NULL, lease_until = NULL WHERE state = 'sending' AND fenced_at IS NULL",
    "CREATE INDEX letter_waiting ON letter (lane, number) WHERE state = 'pending'",
    "CREATE INDEX letter_sending ON letter (lease_until) WHERE state = 'sending'",
    "CREATE INDEX letter_unfinished ON letter (expires_at) WHERE state IN ('pending', 'held')",
    "CREATE INDEX letter_to_forget ON letter (ended_at) WHERE sealed_body IS NOT NULL AND ended_at IS NOT NULL",
)
BACK = ("letter_waiting", "letter_sending", "letter_unfinished", "letter_to_forget")


async def forwards():
    from peerhub.store.engine import DB

    manager = MigrationManager(migration_id=ID, app_name="peerhub", description=DESCRIPTION)

    async def make_ready() -> None:
        for step in STEPS:
            await DB.run_ddl(step)

    async def back() -> None:
        for index in BACK:
            await DB.run_ddl(f"DROP INDEX {index}")

    manager.add_raw(make_ready)
    manager.add_raw_backwards(back)

    manager.add_table(
        class_name="Installation",
        tablename="installation",
        schema=None,
        columns=None,
    )

    manager.add_column(
        table_class_name="Installation",
        tablename="installation",
        column_name="id",
        db_column_name="id",
        column_class_name="SmallInt",
        column_class=SmallInt,
        params={
            "default": 1,
            "null": False,
            "primary_key": True,
            "unique": False,
            "index": False,
            "index_method": IndexMethod.btree,
            "choices": None,
            "db_column_name": None,
            "secret": False,
        },
        schema=None,
    )

    manager.add_column(
        table_class_name="Installation",
        tablename="installation",
        column_name="home",
        db_column_name="home",
        column_class_name="Varchar",
        column_class=Varchar,
        params={
            "length": 64,
            "default": "",
            "null": False,
            "primary_key": False,
            "unique": False,
            "index": False,
            "index_method": IndexMethod.btree,
            "choices": None,
            "db_column_name": None,
            "secret": False,
        },
        schema=None,
    )

    manager.add_column(
        table_class_name="Installation",
        tablename="installation",
        column_name="settled_at",
        db_column_name="settled_at",
        column_class_name="Timestamptz",
        column_class=Timestamptz,
        params={
            "default": TimestamptzNow(),
            "null": False,
            "primary_key": False,
            "unique": False,
            "index": False,
            "index_method": IndexMethod.btree,
            "choices": None,
            "db_column_name": None,
            "secret": False,
        },
        schema=None,
    )

    manager.add_column(
        table_class_name="Installation",
        tablename="installation",
        column_name="copied_at",
        db_column_name="copied_at",
        column_class_name="Timestamptz",
        column_class=Timestamptz,
        params={
            "default": None,
            "null": True,
            "primary_key": False,
            "unique": False,
            "index": False,
            "index_method": IndexMethod.btree,
            "choices": None,
            "db_column_name": None,
            "secret": False,
        },
        schema=None,
    )

    manager.add_constraint(
        table_class_name="Installation",
        tablename="installation",
        constraint_name="there_is_one",
        constraint_class=Check,
        params={"condition": "id = 1"},
        schema=None,
    )

    manager.add_constraint(
        table_class_name="Installation",
        tablename="installation",
        constraint_name="has_home",
        constraint_class=Check,
        params={"condition": "home <> ''"},
        schema=None,
    )

    manager.add_column(
        table_class_name="Letter",
        tablename="letter",
        column_name="claimed_at",
        db_column_name="claimed_at",
        column_class_name="Timestamptz",
        column_class=Timestamptz,
        params={
            "default": None,
            "null": True,
            "primary_key": False,
            "unique": False,
            "index": False,
            "index_method": IndexMethod.btree,
            "choices": None,
            "db_column_name": None,
            "secret": False,
        },
        schema=None,
    )

    manager.add_column(
        table_class_name="Letter",
        tablename="letter",
        column_name="lost",
        db_column_name="lost",
        column_class_name="SmallInt",
        column_class=SmallInt,
        params={
            "default": 0,
            "null": False,
            "primary_key": False,
            "unique": False,
            "index": False,
            "index_method": IndexMethod.btree,
            "choices": None,
            "db_column_name": None,
            "secret": False,
        },
        schema=None,
    )

    manager.add_column(
        table_class_name="Letter",
        tablename="letter",
        column_name="tried_at",
        db_column_name="tried_at",
        column_class_name="Timestamptz",
        column_class=Timestamptz,
        params={
            "default": None,
            "null": True,
            "primary_key": False,
            "unique": False,
            "index": False,
            "index_method": IndexMethod.btree,
            "choices": None,
            "db_column_name": None,
            "secret": False,
        },
        schema=None,
    )

    manager.add_constraint(
        table_class_name="Letter",
        tablename="letter",
        constraint_name="is_claimed_by_one_who_reads_facts",
        constraint_class=Check,
        params={"condition": "state <> 'sending' OR claimed_at IS NOT NULL OR fenced_at IS NOT NULL"},
        schema=None,
    )

    manager.add_constraint(
        table_class_name="Letter",
        tablename="letter",
        constraint_name="losses_count_up",
        constraint_class=Check,
        params={"condition": "lost >= 0"},
        schema=None,
    )

    return manager
