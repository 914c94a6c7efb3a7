"""Many who want the same thing at once wait for their turn in this process, so that one connection serves them all.

The database decides who is first among processes; without this, each of hundreds would hold a connection while it waits
for a lock, and nobody else would get one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

_turns: Final[WeakValueDictionary[UUID, asyncio.Lock]] = WeakValueDictionary()  # a lock lives while somebody waits


@asynccontextmanager
async def turn_at(what: UUID) -> AsyncIterator[None]:
    """Be the only one of this process at that thing; come here before the transaction begins, not within it."""
    lock = _turns.setdefault(what, asyncio.Lock())
    async with lock:
        yield
