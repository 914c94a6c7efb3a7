"""The one engine that every table talks through; ``database`` says where it leads."""

from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

_TO_GET_A_CONNECTION: Final = 10.0  # seconds, where all are taken


class _Transaction(PostgresTransaction):
    """A transaction that gives its connection back even where the database went away in the middle of it.

    Piccolo's own would keep it, and leave its task inside a transaction that is no more.
    """

    async def __aenter__(self) -> PostgresTransaction:
        if self._parent is not None:
            return self._parent
        self.connection = await self.get_connection()
        self.transaction = self.connection.transaction()
        try:
            await self.transaction.start()
        except BaseException:
            await self._give_back()
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def get_connection(self) -> Any:
        if self.engine.pool:
            return await self.engine.pool.acquire(timeout=_TO_GET_A_CONNECTION)
        return await self.engine.get_new_connection()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._parent:
            return error is None
        try:
            if error is None:
                if not self._committed and not self._rolled_back:
                    await self.transaction.commit()
            elif not self._rolled_back:
                with suppress(Exception):  # what went wrong before says more
                    await self.transaction.rollback()
        finally:
            self.engine.current_transaction.reset(self.context)
            await self._give_back()
        return error is None

    async def _give_back(self) -> None:
        if self.engine.pool:
            await self.engine.pool.release(self.connection)
        else:
            await self.connection.close()


class _LateEngine(PostgresEngine):
    """An engine that connects when it is asked to, not already when this module is imported."""

    async def check_version(self) -> None:
        """Nothing yet: ``database.pool`` looks at the version once it is known which PostgreSQL it is."""

    def transaction(self, allow_nested: bool = True) -> PostgresTransaction:
        return _Transaction(engine=self, allow_nested=allow_nested)

    async def _run_in_pool(self, query: str, args: Sequence[Any] | None = None) -> Any:
        if self.pool is None:
            raise ValueError("there is no pool yet")
        async with self.pool.acquire(timeout=_TO_GET_A_CONNECTION) as connection:
            return await connection.fetch(query, *(args or ()))


DB = _LateEngine(config={}, extensions=())
