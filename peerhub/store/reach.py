"""Which members cannot be reached at their address, and the letters that wait until they can."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from peerhub.domain.letters import OUT_OF_REACH
from peerhub.mail.letters import IN_TURN
from peerhub.store.tables import Letter, Unreached


@dataclass(frozen=True)
class Sent:
    """A letter that came back, and whom it was for."""

    id: UUID
    member_id: UUID


async def letter_of(letter_id: UUID | None, message_id: str | None) -> Sent | None:
    """The letter that came back: by its return address, or by the Message-ID that only it carries."""
    if letter_id is None and message_id is None:
        return None
    found = Letter.id == letter_id if letter_id else Letter.message_id == message_id
    row = await Letter.select(Letter.id, Letter.member).where(found, Letter.member.is_not_null()).first()
    return Sent(row["id"], row["member"]) if row else None


async def count(member_id: UUID, within: timedelta, now: datetime) -> int:
    """Count one more letter that came back for a passing reason; how many there were lately."""
    rows = await Unreached.raw(
        "INSERT INTO unreached AS u (id, member, letters, first_at) VALUES ({}, {}, 1, {}) ON CONFLICT (member) DO"
        " UPDATE SET letters = CASE WHEN u.first_at > {} THEN LEAST(u.letters + 1, 1000) ELSE 1 END,"
        " first_at = CASE WHEN u.first_at > {} THEN u.first_at ELSE excluded.first_at END RETURNING letters",
        uuid4(), member_id, now, now - within, now - within,
    )  # fmt: skip
    counted: int = rows[0]["letters"]
    return counted


async def lose(member_id: UUID, now: datetime) -> None:
    """From now on, letters to this member wait; those that they ask for themselves are still tried."""
    await Unreached.raw(
        "INSERT INTO unreached AS u (id, member, first_at, out_of_reach_at) VALUES ({}, {}, {}, {})"
        " ON CONFLICT (member) DO UPDATE SET out_of_reach_at = COALESCE(u.out_of_reach_at, excluded.out_of_reach_at)",
        uuid4(), member_id, now, now,
    )  # fmt: skip


async def find_again(member_id: UUID, now: datetime) -> None:
    """A letter has arrived at their address, so those that waited go out."""
    found = await Unreached.delete().where(Unreached.member == member_id).returning(Unreached.id)
    if found:
        await Letter.raw(
            "UPDATE letter SET state = 'pending', trouble = '', due_at = GREATEST(due_at, {})"
            " WHERE member = {} AND state = 'held' AND trouble = {}",
            now, member_id, OUT_OF_REACH,
        )  # fmt: skip


async def hold_letters() -> int:
    """Set aside the letters to members who are out of reach; how many there were."""
    held = await Letter.raw(
        "UPDATE letter SET state = 'held', trouble = {} WHERE id IN (SELECT l.id FROM letter l"
        " JOIN unreached u ON u.member = l.member AND u.out_of_reach_at IS NOT NULL"
        " WHERE l.state = 'pending' AND l.lane = {} FOR UPDATE OF l SKIP LOCKED) RETURNING id",
        OUT_OF_REACH, IN_TURN,
    )  # fmt: skip
    return len(held)


async def who_is_out_of_reach(ids: Iterable[UUID]) -> frozenset[UUID]:
    """Those of these members whose letters come back."""
    rows = await Unreached.raw(
        "SELECT member FROM unreached WHERE member = ANY({}::uuid[]) AND out_of_reach_at IS NOT NULL", list(ids)
    )
    return frozenset(row["member"] for row in rows)
