"""The few words after a session, and how far two people have come since."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from peerhub.domain.checkins import CheckIn, Went
from peerhub.domain.trust import Step, reached
from peerhub.store import sealing
from peerhub.store.tables import CheckIn as CheckInTable
from peerhub.store.tables import Trust

NOTES_ARE_KEPT: Final = timedelta(days=180)


@dataclass(frozen=True)
class Bond:
    """How far a member and somebody else have come; the other's wish is not part of it."""

    other: UUID
    step: Step
    mine: Step


async def of_seats(seat_ids: Iterable[UUID]) -> dict[UUID, CheckIn]:
    """What was said about these seats, notes included: for their own member only."""
    rows = await CheckInTable.select().where(CheckInTable.seat.is_in(list(seat_ids) or [uuid4()]))
    return {
        row["seat"]: CheckIn(
            Went(row["went"]),
            row["again"],
            sealing.open_text(row["sealed_note"], CheckInTable.sealed_note, row["id"]) if row["sealed_note"] else "",
            row["checked_in_at"],
        )
        for row in rows
    }


async def put(seat_id: UUID, said: CheckIn) -> None:
    """Keep what was said, in place of what was said before."""
    row_id = uuid4()
    await CheckInTable.delete().where(CheckInTable.seat == seat_id)
    await CheckInTable.insert(
        CheckInTable(
            id=row_id,
            seat=seat_id,
            went=said.went.value,
            again=said.again,
            sealed_note=sealing.seal(said.note, CheckInTable.sealed_note, row_id) if said.note else None,
            checked_in_at=said.checked_in_at,
        )
    )


async def forget_notes(now: datetime) -> int:
    """Forget the notes that were kept for long enough; how many there were."""
    forgotten = await (
        CheckInTable.update({CheckInTable.sealed_note: None})
        .where(CheckInTable.sealed_note.is_not_null(), CheckInTable.checked_in_at <= now - NOTES_ARE_KEPT)
        .returning(CheckInTable.id)
    )
    return len(forgotten)


async def bonds_of(member_id: UUID) -> dict[UUID, Bond]:
    """How far a member has come with each person, by the other's id."""
    rows = await Trust.select().where((Trust.first == member_id) | (Trust.second == member_id))
    bonds = [
        Bond(row["second"], Step(row["step"]), Step(row["first_wants"]))
        if row["first"] == member_id
        else Bond(row["first"], Step(row["step"]), Step(row["second_wants"]))
        for row in rows
    ]
    return {bond.other: bond for bond in bonds}


async def put_wish(member_id: UUID, other: UUID, wish: Step, now: datetime) -> Step:
    """Keep how far a member would like to go with somebody, and say how far both have come."""
    first, second = sorted((member_id, other))
    mine = "first_wants" if member_id == first else "second_wants"
    rows = await Trust.raw(
        f"INSERT INTO trust (id, first, second, {mine}, moved_at) VALUES ({{}}, {{}}, {{}}, {{}}, {{}})"  # noqa: S608
        f" ON CONFLICT (first, second) DO UPDATE SET {mine} = EXCLUDED.{mine}"
        " RETURNING id, first_wants, second_wants, step",
        uuid4(),
        first,
        second,
        wish.value,
        now,
    )
    row = rows[0]
    step = reached(Step(row["first_wants"]), Step(row["second_wants"]))
    if step.value != row["step"]:
        await Trust.update({Trust.step: step.value, Trust.moved_at: now}).where(Trust.id == row["id"])
    return step
