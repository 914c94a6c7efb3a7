"""What a worker works with."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import random
from uuid import UUID

from peerhub.mail.letterhead import Letterhead
from peerhub.mail.post import Post
from peerhub.store import outbox


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Office:
    """What a worker works with; ``stop`` is set when it should finish what it has in hand and go.

    ``place`` says where the database is, so that a copy of it sends nothing by itself.
    """

    head: Letterhead
    smtp_url: str
    worker: UUID
    jitter: Callable[[], float] = random
    clock: Callable[[], datetime] = _now
    lease: timedelta = outbox.LEASE
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    place: str = ""

    def __repr__(self) -> str:
        return f"Office({self.worker})"

    @cached_property
    def post(self) -> Post:
        return Post(self.smtp_url, self.head.mail_from)

    @cached_property
    def express(self) -> Post:
        """The way of the letters that somebody waits for; it does not rest when the other one does."""
        return Post(self.smtp_url, self.head.mail_from)
