from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import JSONB
from piccolo.columns.indexes import IndexMethod
from piccolo.constraints import Check

ID = "2026-11-22T11:56:12:442578"
VERSION = "1.38.0"
DESCRIPTION = "A program can word its letters"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="peerhub", description=DESCRIPTION)

    manager.add_column(
        table_class_name="Program",
        tablename="program",
        column_name="wordings",
        db_column_name="wordings",
        column_class_name="JSONB",
        column_class=JSONB,
        params={
            "default": "{}",
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

    manager.add_constraint(
        table_class_name="Program",
        tablename="program",
        constraint_name="wordings_are_short",
        constraint_class=Check,
        params={"condition": "jsonb_typeof(wordings) = 'object' AND octet_length(wordings::text) <= 100000"},
        schema=None,
    )

    return manager
