"""What stands in the outbox, opened, as a test wants to read it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from peerhub.mail import message
from peerhub.mail.letterhead import Letterhead
from peerhub.store import outbox
from peerhub.store.tables import Letter

HEAD = Letterhead("Harbour Lights", "hello@peerhub.example", "https://peerhub.example", b"k" * 32)


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
        Letter.select().where(Letter.sealed_body.is_not_null()).order_by(Letter.number, ascending=False).limit(most)
    )
    return [Shown(row["id"], row["kind"], row["state"], row["created_at"], message.read(mail_of(row))) for row in rows]


def mail_of(row: dict[str, Any]) -> bytes:
    """The mail that a row of the outbox makes."""
    claimed = outbox.Claimed(
        row["id"], row["expires_at"], row["lost"], row["message_id"], row["created_at"], row["sealed_body"]
    )  # fmt: skip
    return outbox.opened(claimed, HEAD).mail
