from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T08:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "The audit only grows"

REFUSE = """
CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit only grows';
END $$
"""
ONLY_GROWS = """
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()
"""


async def forwards() -> MigrationManager:
    from peerhub.store.engine import DB

    manager = MigrationManager(migration_id=ID, app_name="peerhub", description=DESCRIPTION)

    async def only_grows() -> None:
        await DB.run_ddl(REFUSE)
        await DB.run_ddl(ONLY_GROWS)

    async def may_shrink() -> None:
        await DB.run_ddl("DROP TRIGGER only_grows ON audit")
        await DB.run_ddl("DROP FUNCTION audit_only_grows()")

    manager.add_raw(only_grows)
    manager.add_raw_backwards(may_shrink)
    return manager
