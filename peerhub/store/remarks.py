"""What members' calendars asked for by mail, until a person has seen to it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from peerhub.domain.invitations import AsksFor
from peerhub.store.tables import Remark


@dataclass(frozen=True)
class StoredRemark:
    """One thing that somebody asked for; ``proposed_at`` is the beginning that they would like."""

    id: UUID
    member_id: UUID
    asks_for: AsksFor
    proposed_at: datetime | None


async def put(seat_id: UUID, asks_for: AsksFor, proposed_at: datetime | None, now: datetime) -> None:
    """Keep what was asked for, in place of what the same calendar asked before and nobody has seen to yet."""
    await Remark.delete().where(Remark.seat == seat_id, Remark.asks_for == asks_for.value, Remark.done_at.is_null())
    await Remark.insert(Remark(id=uuid4(), seat=seat_id, asks_for=asks_for.value, proposed_at=proposed_at, made_at=now))


async def of_sessions(session_ids: Iterable[UUID]) -> dict[UUID, list[StoredRemark]]:
    """What waits for a person, by session, the oldest first."""
    rows = await Remark.raw(
        "SELECT r.id, s.session, s.member, r.asks_for, r.proposed_at FROM remark r JOIN seat s ON s.id = r.seat"
        " WHERE s.session = ANY({}::uuid[]) AND r.done_at IS NULL AND s.removed_at IS NULL ORDER BY r.made_at, r.id",
        list(session_ids),
    )
    found = defaultdict(list)
    for row in rows:
        found[row["session"]].append(
            StoredRemark(row["id"], row["member"], AsksFor(row["asks_for"]), row["proposed_at"])
        )
    return dict(found)


async def session_of(remark_id: UUID) -> UUID | None:
    rows = await Remark.raw("SELECT s.session FROM remark r JOIN seat s ON s.id = r.seat WHERE r.id = {}", remark_id)
    return rows[0]["session"] if rows else None


async def done(remark_id: UUID, now: datetime) -> None:
    """A person has seen to it."""
    await Remark.update({Remark.done_at: now}).where(Remark.id == remark_id, Remark.done_at.is_null())
