"""What stands in the outbox, opened, as a test wants to read it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from peerhub.mail import message
from peerhub.store import sealing
from peerhub.store.tables import Letter


@dataclass(frozen=True)
class Shown:
    """A letter of the outbox, as its reader will see it."""

    id: UUID
    kind: str
    state: str
    created_at: datetime
    reading: message.Reading


async def letters_to_show(most: int = 200) -> list[Shown]:
    """The newest letters whose bodies are still there."""
    rows = await (
        Letter.select(Letter.id, Letter.kind, Letter.state, Letter.created_at, Letter.sealed_body)
        .where(Letter.sealed_body.is_not_null())
        .order_by(Letter.number, ascending=False)
        .limit(most)
    )
    bodies = [sealing.open_bytes(row["sealed_body"], Letter.sealed_body, row["id"]) for row in rows]
    return [
        Shown(row["id"], row["kind"], row["state"], row["created_at"], message.read(body.partition(b"\n")[2]))
        for row, body in zip(rows, bodies, strict=True)
    ]
