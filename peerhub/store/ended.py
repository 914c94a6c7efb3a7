"""Seats in sessions that are over, whose members agreed to be asked how it was and were not asked yet."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.mail.recipient import Recipient, SeatInvitation
from peerhub.store import members
from peerhub.store.tables import Seat

ASKED_WITHIN = timedelta(days=2)  # later, nobody remembers how it was
_LONGEST_SESSION = timedelta(hours=8)

_NOT_ASKED = """
SELECT s.id, s.session, s.member, s.part, s.uid, s.sequence, n.starts_at, n.ends_at, n.medium, m.time_zone,
    p.name AS program
FROM session n
JOIN seat s ON s.session = n.id
JOIN member m ON m.id = s.member
JOIN "round" r ON r.id = n.round
JOIN program p ON p.id = r.program
WHERE n.starts_at > {} AND n.ends_at > {} AND n.ends_at <= {} AND n.stage = 'planned'
AND s.removed_at IS NULL AND s.rsvp <> 'no' AND m.stage IN ('active', 'paused')
AND EXISTS (SELECT 1 FROM consent c WHERE c.member = m.id AND c.purpose = 'check_ins' AND c.withdrawn_at IS NULL)
AND NOT EXISTS (SELECT 1 FROM check_in c WHERE c.seat = s.id)
AND NOT EXISTS (SELECT 1 FROM letter l WHERE l.about = s.uid AND l.kind = 'check_in_request')
ORDER BY n.ends_at, s.id
LIMIT {}
"""


async def seats_to_ask(now: datetime, most: int) -> list[tuple[Recipient, SeatInvitation]]:
    """Who said no, was taken out, has checked in or did not agree to be asked is not among them."""
    rows = await Seat.raw(_NOT_ASKED, now - ASKED_WITHIN - _LONGEST_SESSION, now - ASKED_WITHIN, now, most)
    if not rows:
        return []
    came = await Seat.select(Seat.session, Seat.member).where(
        Seat.session.is_in([row["session"] for row in rows]), Seat.removed_at.is_null(), Seat.rsvp != "no"
    )
    to = await members.recipients_of({seat["member"] for seat in came})
    there: dict[UUID, list[Recipient]] = defaultdict(list)
    for seat in came:
        if seat["member"] in to:
            there[seat["session"]].append(to[seat["member"]])
    return [(to[row["member"]], _seat(row, there[row["session"]])) for row in rows if row["member"] in to]


def _seat(row: dict[str, Any], there: list[Recipient]) -> SeatInvitation:
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
    )
