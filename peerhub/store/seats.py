"""A member's own seats: what they are invited to, what they answered, whom they met."""

import hmac
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.domain.invitations import Invitation, Person, Rsvp
from peerhub.domain.refusals import NotFound
from peerhub.store import members, sealing
from peerhub.store.tables import Member, Seat, Session

MOST_SHOWN: Final = 100
_SEATS = (
    "SELECT s.id, s.session, s.member, s.part, s.rsvp, s.removed_at, n.starts_at, n.ends_at, n.medium,"
    " n.sealed_place, n.stage, p.name AS program, p.kind, m.time_zone, m.sealed_name,"
    " m.stage AS member_stage"
    ' FROM seat s JOIN session n ON n.id = s.session JOIN "round" r ON r.id = n.round'
    " JOIN program p ON p.id = r.program JOIN member m ON m.id = s.member"
)


@dataclass(frozen=True)
class CalendarSeat:
    """A seat as calendars know it: its version, and when its member gave their newest answer."""

    id: UUID
    session_id: UUID
    sequence: int
    said_at: datetime | None
    address_hash: bytes

    def is_for(self, address: str) -> bool:
        """Whether this is its member's own address, in whatever case."""
        return hmac.compare_digest(self.address_hash, sealing.address_hash(address))

    def __repr__(self) -> str:
        return f"CalendarSeat({self.id})"


async def invitation_of(seat_id: UUID) -> Invitation:
    """One seat, as its member sees it.

    Raises:
        NotFound: there is no such seat.
    """
    rows = await Seat.raw(f"{_SEATS} WHERE s.id = {{}}", seat_id)
    if not rows:
        raise NotFound("there is no such seat")
    return (await _with_others(rows))[0]


async def own_invitation(seat_id: UUID, member_id: UUID) -> Invitation:
    """The same, for its own member only.

    Raises:
        NotFound: there is no such seat, or it is somebody else's.
    """
    invitation = await invitation_of(seat_id)
    if invitation.member_id != member_id:
        raise NotFound("there is no such seat")
    return invitation


async def check_is_of(seat_id: UUID, member_id: UUID) -> None:
    """Whether it is that member's own seat.

    Raises:
        NotFound: there is no such seat, or it is somebody else's.
    """
    if not await Seat.exists().where(Seat.id == seat_id, Seat.member == member_id):
        raise NotFound("there is no such seat")


async def invitations_of(member_id: UUID, since: datetime, most: int | None = MOST_SHOWN) -> list[Invitation]:
    """A member's seats in sessions that end after ``since``, in the order of time."""
    return await _with_others(
        await Seat.raw(
            f"{_SEATS} WHERE s.member = {{}} AND n.ends_at > {{}} AND s.removed_at IS NULL"
            " ORDER BY n.starts_at, s.id LIMIT {}",
            member_id,
            since,
            most,
        )
    )


async def met_by(member_id: UUID, now: datetime) -> dict[UUID, str]:
    """The people that a member has sat with in sessions that have begun, by the names they chose."""
    rows = await Seat.raw(
        "SELECT DISTINCT o.member FROM seat s JOIN seat o ON o.session = s.session AND o.member <> s.member"
        " JOIN session n ON n.id = s.session WHERE s.member = {} AND n.starts_at <= {} AND n.stage = 'planned'"
        " AND s.removed_at IS NULL AND o.removed_at IS NULL",
        member_id,
        now,
    )
    names = await members.names_of(row["member"] for row in rows)
    return dict(sorted(names.items(), key=lambda pair: pair[1].casefold()))


async def hold(seat_id: UUID) -> Invitation:
    """One seat without the others, and nobody else changes it or its session until the transaction ends.

    Raises:
        NotFound: there is no such seat.
    """
    await Session.raw(
        "SELECT n.id FROM session n JOIN seat s ON s.session = n.id WHERE s.id = {} FOR SHARE OF n FOR UPDATE OF s",
        seat_id,
    )
    rows = await Seat.raw(f"{_SEATS} WHERE s.id = {{}}", seat_id)
    if not rows:
        raise NotFound("there is no such seat")
    return _invitation(rows[0])


async def put_answer(seat_id: UUID, rsvp: Rsvp, now: datetime, said_at: datetime | None = None) -> None:
    """Keep an answer; ``said_at`` is when it was given, where that is not now."""
    await Seat.raw(
        "UPDATE seat SET rsvp = {}, answered_at = {}, said_at = {} WHERE id = {}",
        rsvp.value, now, said_at or now, seat_id,
    )  # fmt: skip


async def of_uid(uid: str) -> CalendarSeat | None:
    """The seat of that calendar UID, or None where there is none."""
    row = await (
        Seat.select(Seat.id, Seat.session, Seat.sequence, Seat.said_at, Seat.member.address_hash)
        .where(Seat.uid == uid)
        .first()
    )
    if row is None:
        return None
    return CalendarSeat(row["id"], row["session"], row["sequence"], row["said_at"], row["member.address_hash"])


def lately(now: datetime) -> datetime:
    """From when on past sessions are still shown to who was there."""
    return now - timedelta(days=30)


async def _with_others(rows: list[dict[str, Any]]) -> list[Invitation]:
    """The same number of statements for one seat and for many."""
    if not rows:
        return []
    seated = await Seat.select(Seat.session, Seat.member, Seat.part).where(
        Seat.session.is_in([row["session"] for row in rows]),
        Seat.removed_at.is_null(),
        Seat.member.stage != "suspended",
    )
    names = await members.names_of({seat["member"] for seat in seated})
    people = defaultdict(list)
    for seat in seated:
        if seat["member"] not in names:
            continue  # erased just now
        people[seat["session"]].append(Person(seat["member"], names[seat["member"]], seat["part"]))
    return [_with(_invitation(row), people[row["session"]]) for row in rows]


def _with(invitation: Invitation, people: list[Person]) -> Invitation:
    """Facilitators last, by name, so that the order tells nothing."""
    others = [one for one in people if one.id != invitation.member_id]
    return replace(
        invitation,
        others=tuple(sorted(others, key=lambda one: (one.part == "facilitator", one.name.casefold(), one.id))),
    )


def _invitation(row: Mapping[str, Any]) -> Invitation:
    place = row["sealed_place"]
    return Invitation(
        seat_id=row["id"],
        session_id=row["session"],
        member_id=row["member"],
        member_name=sealing.open_text(row["sealed_name"], Member.sealed_name, row["member"]),
        time_zone=row["time_zone"],
        program_name=row["program"],
        kind=row["kind"],
        span=Span(row["starts_at"], row["ends_at"]),
        medium=row["medium"],
        place=sealing.open_text(place, Session.sealed_place, row["session"]) if place else "",
        part=row["part"],
        rsvp=Rsvp(row["rsvp"]),
        is_cancelled=row["stage"] == "cancelled",
        is_removed=row["removed_at"] is not None or row["member_stage"] == "suspended",
    )
