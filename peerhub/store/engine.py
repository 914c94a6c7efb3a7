"""The one engine that every table talks through; ``database`` says where it leads."""

from piccolo.engine.postgres import PostgresEngine


class _LateEngine(PostgresEngine):
    """An engine that connects when it is asked to, not already when this module is imported."""

    async def check_version(self) -> None:
        """Nothing yet: ``database.pool`` looks at the version once it is known which PostgreSQL it is."""


DB = _LateEngine(config={}, extensions=())
