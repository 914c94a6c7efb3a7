from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import Bytea
from piccolo.columns.indexes import IndexMethod

ID = "2026-11-22T09:40:26:971580"
VERSION = "1.38.0"
DESCRIPTION = "How to join the sessions of a program"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="peerhub", description=DESCRIPTION)

    manager.add_column(
        table_class_name="Program",
        tablename="program",
        column_name="sealed_place",
        db_column_name="sealed_place",
        column_class_name="Bytea",
        column_class=Bytea,
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

    return manager
