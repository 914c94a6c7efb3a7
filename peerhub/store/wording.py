"""A program's own words for its letters, kept beside the program by the kind of letter."""

import json
from typing import Any
from uuid import UUID

from peerhub.domain.wording import Worded, Wording, Wordings
from peerhub.store.tables import Program


async def put(program_id: UUID, kind: Worded, wording: Wording) -> None:
    """Keep these words for letters of this kind, and leave the other kinds as they are."""
    kept = {"greeting": wording.greeting, "opening": wording.opening, "closing": wording.closing}
    await Program.raw(
        "UPDATE program SET wordings = wordings || {}::jsonb WHERE id = {}", json.dumps({kind: kept}), program_id
    )


async def forget(program_id: UUID, kind: Worded) -> None:
    """Letters of this kind read as they did before anybody worded them."""
    await Program.raw("UPDATE program SET wordings = wordings - {}::text WHERE id = {}", kind.value, program_id)


def wordings_from(kept: str) -> Wordings:
    """What the column ``wordings`` of a program holds; a kind that this version does not know is left out."""
    held: dict[str, Any] = json.loads(kept)
    return {
        Worded(kind): Wording(one["greeting"], tuple(one["opening"]), tuple(one["closing"]))
        for kind, one in held.items()
        if kind in tuple(Worded)
    }
