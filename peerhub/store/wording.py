"""A program's own words for its letters, kept beside it by the kind of letter, and an example to try them on."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.domain.wording import Worded, Wording, Wordings
from peerhub.store import sealing
from peerhub.store.tables import Member, Program, Seat


@dataclass(frozen=True)
class Example:
    """A seat as a letter would tell of it: whose it is, with whom, when and how."""

    name: str = field(repr=False)
    others: tuple[str, ...] = field(repr=False)
    span: Span
    time_zone: str
    medium: str


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


async def example_of(program_id: UUID) -> Example | None:
    """The first seat of the program's newest session, if it has ever had one."""
    rows = await Seat.raw(_NEWEST, program_id)
    if not rows:
        return None
    names = [sealing.open_text(row["sealed_name"], Member.sealed_name, row["member"]) for row in rows]
    first = rows[0]
    span = Span(first["starts_at"], first["ends_at"])
    return Example(names[0], tuple(names[1:]), span, first["time_zone"], first["medium"])


_NEWEST = """
SELECT m.id AS member, m.sealed_name, m.time_zone, n.starts_at, n.ends_at, n.medium
FROM seat s JOIN member m ON m.id = s.member JOIN session n ON n.id = s.session
WHERE s.removed_at IS NULL AND m.stage IN ('active', 'paused') AND n.id = (
    SELECT n.id FROM session n JOIN "round" r ON r.id = n.round
    WHERE r.program = {} AND n.stage = 'planned' ORDER BY n.starts_at DESC, n.id LIMIT 1
)
ORDER BY s.part DESC, s.id
"""
