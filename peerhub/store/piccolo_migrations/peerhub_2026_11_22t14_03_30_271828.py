from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T14:03:30:271828"
VERSION = "1.38.0"
DESCRIPTION = "Organizers look through the letters of one state"

# The newest letters of a state, and how many of each kind there are, without a look at their bodies.
LISTED = "CREATE INDEX letter_listed ON letter (state, lane, number) INCLUDE (kind)"


async def forwards() -> MigrationManager:
    from peerhub.store.engine import DB

    manager = MigrationManager(migration_id=ID, app_name="peerhub", description=DESCRIPTION)

    async def list_them() -> None:
        await DB.run_ddl(LISTED)

    async def back() -> None:
        await DB.run_ddl("DROP INDEX letter_listed")

    manager.add_raw(list_them)
    manager.add_raw_backwards(back)
    return manager
