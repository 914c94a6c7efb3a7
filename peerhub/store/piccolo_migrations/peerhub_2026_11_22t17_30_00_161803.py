from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T17:30:00:161803"
VERSION = "1.38.0"
DESCRIPTION = "A fence moves the end of a lease without touching any index"

# The few letters that are on their way, found by what does not change while they are.
BY_LEASE = "CREATE INDEX letter_sending ON letter (lease) WHERE state = 'sending'"
BY_ITS_END = "CREATE INDEX letter_sending ON letter (lease_until) WHERE state = 'sending'"


async def forwards() -> MigrationManager:
    from peerhub.store.engine import DB

    manager = MigrationManager(migration_id=ID, app_name="peerhub", description=DESCRIPTION)

    async def by_lease() -> None:
        await DB.run_ddl("DROP INDEX letter_sending")
        await DB.run_ddl(BY_LEASE)

    async def back() -> None:
        await DB.run_ddl("DROP INDEX letter_sending")
        await DB.run_ddl(BY_ITS_END)

    manager.add_raw(by_lease)
    manager.add_raw_backwards(back)
    return manager
