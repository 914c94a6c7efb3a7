"""Which rounds are open to a member, and whether they said yes."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from peerhub.store.tables import Round


@dataclass(frozen=True)
class OpenRound:
    """A round that a member can still join or leave."""

    id: UUID
    program_name: str
    week: date
    has_joined: bool


async def open_to(member_id: UUID) -> list[OpenRound]:
    """The open rounds of the programs that a member takes part in, the nearest week first."""
    rows = await Round.raw(
        'SELECT r.id, p.name, r.week, j.id IS NOT NULL AS has_joined FROM "round" r'
        " JOIN program p ON p.id = r.program"
        " JOIN enrolment e ON e.program = p.id AND e.member = {} AND e.left_at IS NULL"
        " LEFT JOIN joining j ON j.round = r.id AND j.member = {}"
        " WHERE r.stage = 'open' ORDER BY r.week, p.name",
        member_id,
        member_id,
    )
    return [OpenRound(row["id"], row["name"], row["week"], row["has_joined"]) for row in rows]
