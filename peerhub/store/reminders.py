"""Letters that the clock asks for: whom one is due, that it was made once, and which were missed.

A row per seat, kind and time of the session is what keeps a reminder from being made twice, whatever clocks do and
however many workers look. A session that moves has a new time, and so reminders of its own.
"""

# ruff: noqa: S608 - statements are put together from this module's own pieces, values always travel apart from them

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from peerhub.domain.availability import Span
from peerhub.domain.reminders import NOTED_AFTER, NOTED_WITHIN, WINDOWS, Reminder, Reminding
from peerhub.mail.recipient import Recipient, SeatInvitation
from peerhub.store import members, sealing
from peerhub.store.tables import Member, Seat, Session
from peerhub.store.tables import Reminder as ReminderTable
from peerhub.store.wording import wordings_from


@dataclass(frozen=True)
class Due:
    """A reminder that is to be written now; ``id`` will be its row's."""

    id: UUID
    kind: Reminder
    to: Recipient = field(repr=False)
    seat: SeatInvitation


# What is due


async def due(kind: Reminder, now: datetime, most: int) -> list[Due]:
    """Seats whose members are to get a letter of this kind now and have not had it for this time of the session.

    Their rows are held until the transaction ends, so an answer or a move comes either before or behind the letter.
    """
    window = WINDOWS[kind]
    rows = await Seat.raw(
        f"SELECT {_COLUMNS} {_SEATS} AND {_WHO[kind]}"
        " ORDER BY n.starts_at, s.id LIMIT {} FOR UPDATE OF s SKIP LOCKED FOR SHARE OF n, m SKIP LOCKED",
        now + window.closes, now + window.opens, kind.value, *_values(kind, now), most,
    )  # fmt: skip
    return await _with_others(kind, rows)


async def keep(made: Sequence[tuple[Due, str]], now: datetime) -> list[UUID]:
    """Write down which reminders are made, with the cause of each letter; the ids of those that nobody made before."""
    kept = await ReminderTable.raw(
        "INSERT INTO reminder (made_at, id, seat, kind, occurrence, cause)"
        " SELECT {}, * FROM unnest({}::uuid[], {}::uuid[], {}::text[], {}::timestamptz[], {}::text[])"
        " ON CONFLICT (seat, kind, occurrence) DO NOTHING RETURNING id",
        now,
        [one.id for one, _ in made],
        [one.seat.seat_id for one, _ in made],
        [one.kind.value for one, _ in made],
        [one.seat.span.starts_at for one, _ in made],
        [cause for _, cause in made],
    )
    return [row["id"] for row in kept]


# What is no longer wanted, and what was missed


async def call_off(now: datetime, seats: Iterable[UUID] | None = None) -> int:
    """Call off the reminders that have not left and no longer hold: of these seats, or of all; how many there were.

    A session has moved, an answer has changed, letters are not wanted any more. Should it come to hold again, it is
    made anew.
    """
    some = None if seats is None else list(seats)
    called_off = await ReminderTable.raw(
        "WITH over AS (SELECT l.id FROM reminder r JOIN letter l ON l.cause = r.cause"
        " JOIN seat s ON s.id = r.seat JOIN session n ON n.id = s.session JOIN member m ON m.id = s.member"
        f" WHERE {_NOT_LEFT} AND r.occurrence > {{}} AND ({{}}::uuid[] IS NULL OR s.id = ANY({{}}::uuid[]))"
        f" AND NOT {_STILL_HOLDS}),"
        " ended AS (UPDATE letter l SET state = 'cancelled', ended_at = {}, lease = NULL, lease_until = NULL"
        f" WHERE l.id IN (SELECT id FROM over) AND {_NOT_LEFT} RETURNING cause)"
        " DELETE FROM reminder WHERE cause IN (SELECT cause FROM ended) RETURNING id",
        now - _CAN_STILL_LEAVE, some, some, now,
    )  # fmt: skip
    return len(called_off)


async def note_missed(now: datetime) -> int:
    """Write down the reminders that nobody made in time, such as while no worker ran; how many there were.

    Only hours later, so that a clock that jumps ahead and back again skips nothing.
    """
    missed = 0
    for kind, window in WINDOWS.items():
        late = now + window.closes - NOTED_AFTER
        rows = await ReminderTable.raw(
            "INSERT INTO reminder (made_at, id, seat, kind, occurrence)"
            f" SELECT {{}}, gen_random_uuid(), s.id, {{}}, n.starts_at {_SEATS} AND {_WHO[kind]}"
            " ON CONFLICT (seat, kind, occurrence) DO NOTHING RETURNING id",
            now, kind.value, late - NOTED_WITHIN, late, kind.value, *_values(kind, now),
        )  # fmt: skip
        missed += len(rows)
    return missed


# When a member would like to be reminded


async def reminding_of(member_id: UUID) -> Reminding:
    """When a member wants reminders, should they want any."""
    row = await Member.select(Member.reminding).where(Member.id == member_id).first()
    return Reminding(row["reminding"]) if row else Reminding.DAY_BEFORE


async def choice_of(member_id: UUID) -> Reminding | None:
    """When a member wants reminders; None where they want none."""
    rows = await Member.raw(f"SELECT m.reminding FROM member m WHERE m.id = {{}} AND {_REMINDERS}", member_id)
    return Reminding(rows[0]["reminding"]) if rows else None


async def set_reminding(member_id: UUID, reminding: Reminding) -> None:
    await Member.update({Member.reminding: reminding.value}).where(Member.id == member_id)


async def seats_of(member_id: UUID) -> list[UUID]:
    rows = await Seat.select(Seat.id).where(Seat.member == member_id, Seat.removed_at.is_null())
    return [row["id"] for row in rows]


# Pieces


def _values(kind: Reminder, now: datetime) -> tuple[Any, ...]:
    """What ``_WHO`` asks for."""
    match kind:
        case Reminder.NUDGE:
            return (now, WINDOWS[kind].closes.total_seconds()) * 2
        case Reminder.CHECK_IN:
            return (now,)
    return (WINDOWS[kind].opens.total_seconds(),)


async def _with_others(kind: Reminder, rows: list[dict[str, Any]]) -> list[Due]:
    if not rows:
        return []
    seated = Seat.select(Seat.session, Seat.member).where(
        Seat.session.is_in([row["session"] for row in rows]), Seat.removed_at.is_null()
    )
    came = await (seated.where(Seat.rsvp != "no") if kind is Reminder.CHECK_IN else seated)
    to = await members.recipients_of({seat["member"] for seat in came})
    there: dict[UUID, list[Recipient]] = defaultdict(list)
    for seat in came:
        if seat["member"] in to:
            there[seat["session"]].append(to[seat["member"]])
    return [
        Due(uuid4(), kind, to[row["member"]], _seat(row, there[row["session"]])) for row in rows if row["member"] in to
    ]


def _seat(row: dict[str, Any], there: list[Recipient]) -> SeatInvitation:
    place = row["sealed_place"]
    return SeatInvitation(
        seat_id=row["id"],
        uid=row["uid"],
        sequence=row["sequence"],
        span=Span(row["starts_at"], row["ends_at"]),
        time_zone=row["time_zone"],
        program_name=row["program"],
        medium=row["medium"],
        others=tuple(sorted(one.name for one in there if one.member_id != row["member"])),
        part=row["part"],
        place=sealing.open_text(place, Session.sealed_place, row["session"]) if place else "",
        rsvp=row["rsvp"],
        wordings=wordings_from(row["wordings"]),
    )


# Pieces of SQL; {} takes the next value.
_CAN_STILL_LEAVE: Final = timedelta(days=7)  # after the session; no reminder waits for longer
_NOT_LEFT = "l.state IN ('pending', 'held', 'sending') AND l.fenced_at IS NULL"
_COLUMNS = (
    "s.id, s.session, s.member, s.part, s.uid, s.sequence, s.rsvp, n.starts_at, n.ends_at, n.medium, n.sealed_place,"
    " m.time_zone, p.name AS program, p.wordings"
)
_SEATS = (
    'FROM session n JOIN seat s ON s.session = n.id JOIN member m ON m.id = s.member JOIN "round" r ON r.id = n.round'
    " JOIN program p ON p.id = r.program"
    " WHERE n.starts_at > {} AND n.starts_at <= {} AND n.stage = 'planned' AND s.removed_at IS NULL"
    " AND m.stage IN ('active', 'paused')"
    " AND NOT EXISTS (SELECT 1 FROM reminder d WHERE d.seat = s.id AND d.kind = {} AND d.occurrence = n.starts_at)"
)
_REMINDERS = "NOT EXISTS (SELECT 1 FROM unwanted u WHERE u.member = m.id AND u.kind = 'reminders')"
_CHECK_INS = (
    "EXISTS (SELECT 1 FROM consent c WHERE c.member = m.id AND c.purpose = 'check_ins' AND c.withdrawn_at IS NULL)"
)
_HAS_HEARD = "NOT EXISTS (SELECT 1 FROM letter l WHERE l.about = s.uid AND l.state IN ('pending', 'sending', 'held'))"
_TOLD = "COALESCE((SELECT max(l.created_at) FROM letter l WHERE l.about = s.uid), r.published_at)"
_SAID_YES = "s.rsvp IN ('yes', 'maybe')"
_WANTS = {
    Reminder.DAY_BEFORE: f"{_REMINDERS} AND {_SAID_YES} AND m.reminding IN ('day', 'both')",
    Reminder.HOUR_BEFORE: f"{_REMINDERS} AND {_SAID_YES} AND m.reminding IN ('hour', 'both')",
    Reminder.NUDGE: f"{_REMINDERS} AND s.rsvp = 'waiting'",
    Reminder.CHECK_IN: f"{_CHECK_INS} AND s.rsvp <> 'no'",
}
_STILL_HOLDS = (
    "(r.occurrence = n.starts_at AND n.stage = 'planned' AND s.removed_at IS NULL AND CASE r.kind"
    f"{''.join(f' WHEN {kind.value!r} THEN {wants}' for kind, wants in _WANTS.items())} END)"
)
_NEEDED = (  # not by who was told, or said it, when the reminder would already have been due
    f"GREATEST({_TOLD}, s.answered_at) <= n.starts_at - make_interval(secs => {{}})"
)
_SO_FAR = "LEAST({}::timestamptz, n.starts_at - make_interval(secs => {}))"
_WHO = {
    Reminder.DAY_BEFORE: f"{_WANTS[Reminder.DAY_BEFORE]} AND {_HAS_HEARD} AND {_NEEDED}",
    Reminder.HOUR_BEFORE: f"{_WANTS[Reminder.HOUR_BEFORE]} AND {_HAS_HEARD} AND {_NEEDED}",
    Reminder.NUDGE: f"{_WANTS[Reminder.NUDGE]} AND {_HAS_HEARD} AND n.starts_at - {_SO_FAR} <= {_SO_FAR} - {_TOLD}",
    Reminder.CHECK_IN: (
        f"{_WANTS[Reminder.CHECK_IN]} AND n.ends_at <= {{}}"
        " AND NOT EXISTS (SELECT 1 FROM check_in c WHERE c.seat = s.id)"
        " AND NOT EXISTS (SELECT 1 FROM letter l WHERE l.about = s.uid AND l.kind = 'check_in_request')"
    ),
}
