"""Who did what, and when: rows that are only ever added, without a word about anybody's private life."""

import json
from datetime import datetime
from uuid import UUID, uuid4

from peerhub.store.tables import Audit


async def note(action: str, actor: UUID | None, about: UUID | None, now: datetime, **detail: str | int | bool) -> None:
    """Write down a deed; ``detail`` holds counts, stages and opaque ids only."""
    await Audit.insert(Audit(id=uuid4(), at=now, actor=actor, action=action, about=about, detail=json.dumps(detail)))
