"""Seats that were declined, and to whom they are offered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from peerhub.domain.availability import Span
from peerhub.domain.offers import AT_ONCE_IN_A_HURRY, HURRY, LAST_CALL, Offer, OfferState
from peerhub.domain.refusals import NotFound
from peerhub.store import sealing
from peerhub.store.tables import Member, Session
from peerhub.store.tables import Offer as Row

LOOK_AGAIN: Final = timedelta(minutes=5)  # for somebody, where nobody could come the last time
_OFFERS = (
    "SELECT o.id, o.session, o.member, o.state, o.expires_at, n.starts_at, n.ends_at, n.medium, n.stage,"
    " r.stage AS round_stage, p.name AS program, m.time_zone, m.sealed_name, m.stage AS member_stage"
    ' FROM offer o JOIN session n ON n.id = o.session JOIN "round" r ON r.id = n.round'
    " JOIN program p ON p.id = r.program JOIN member m ON m.id = o.member"
)


@dataclass(frozen=True)
class FreeSeats:
    """A session with seats that were declined: how many, and how many people are being asked right now."""

    session_id: UUID
    free: int
    asked: int


async def by_id(offer_id: UUID) -> Offer:
    """One offer, as its member sees it.

    Raises:
        NotFound: there is none.
    """
    rows = await Row.raw(f"{_OFFERS} WHERE o.id = {{}}", offer_id)
    if not rows:
        raise NotFound("there is no such offer")
    return _offer(rows[0])


async def hold(offer_id: UUID) -> Offer:
    """One offer, and nobody else changes its session until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    await Session.raw(
        "SELECT n.id FROM session n JOIN offer o ON o.session = n.id WHERE o.id = {} FOR UPDATE OF n", offer_id
    )
    return await by_id(offer_id)


async def live_of(member_id: UUID, now: datetime) -> list[Offer]:
    """What a member is being offered, the nearest first."""
    rows = await Row.raw(
        f"{_OFFERS} WHERE o.member = {{}} AND o.state = 'open' AND o.expires_at > {{}} AND n.stage = 'planned'"
        " ORDER BY n.starts_at, o.id",
        member_id, now,
    )  # fmt: skip
    return [_offer(row) for row in rows]


async def of_member(member_id: UUID) -> list[Offer]:
    """Whatever a member was ever offered."""
    return [_offer(row) for row in await Row.raw(f"{_OFFERS} WHERE o.member = {{}} ORDER BY n.starts_at", member_id)]


async def claim_free_seats(now: datetime) -> FreeSeats | None:
    """A session with a free seat for which somebody is to be looked for now; it is held until the transaction ends.

    It is looked for again some minutes later, as long as fewer people are being asked than could be.
    """
    rows = await Session.raw(_FREE, now, now + LAST_CALL, now - LOOK_AGAIN, now + HURRY, AT_ONCE_IN_A_HURRY)
    if not rows:
        return None
    row = rows[0]
    await Session.update({Session.searched_at: now}).where(Session.id == row["id"])
    return FreeSeats(row["id"], row["free"], row["asked"])


async def free_seats_of(session_ids: Iterable[UUID], now: datetime) -> dict[UUID, FreeSeats]:
    """How many seats of these sessions were declined, and how many people are being asked."""
    rows = await Session.raw(
        "SELECT n.id, (SELECT count(*) FROM seat s WHERE s.session = n.id AND s.part = 'peer' AND s.rsvp = 'no'"
        " AND s.removed_at IS NULL) AS free, (SELECT count(*) FROM offer o WHERE o.session = n.id"
        " AND o.state = 'open' AND o.expires_at > {}) AS asked FROM session n WHERE n.id = ANY({}::uuid[])",
        now, list(session_ids),
    )  # fmt: skip
    return {row["id"]: FreeSeats(row["id"], row["free"], row["asked"]) for row in rows}


async def who_may_be_asked(session_id: UUID, ids: Iterable[UUID], now: datetime) -> dict[UUID, bool]:
    """Those of these members who have had no seat in the session's round, and are not being asked for another one.

    Who was asked for this session is not asked again, but for those who said yes too late and wait (true).
    """
    rows = await Row.raw(_MAY_BE_ASKED, session_id, list(ids), session_id, now)
    return {row["id"]: row["waits"] for row in rows}


async def put(session_id: UUID, member_ids: Iterable[UUID], now: datetime, expires_at: datetime) -> list[Offer]:
    """Offer a seat to these members, once more to those who wait."""
    people = list(member_ids)
    rows = await Row.raw(
        "INSERT INTO offer (id, session, member, state, offered_at, expires_at)"
        " SELECT id, {}, member, 'open', {}, {} FROM unnest({}::uuid[], {}::uuid[]) AS t (id, member)"
        " ON CONFLICT (session, member) DO UPDATE SET state = 'open', answered_at = NULL,"
        " offered_at = EXCLUDED.offered_at, expires_at = EXCLUDED.expires_at WHERE offer.state = 'waiting'"
        " RETURNING id",
        session_id, now, expires_at, [uuid4() for _ in people], people,
    )  # fmt: skip
    made = await Row.raw(f"{_OFFERS} WHERE o.id = ANY({{}}::uuid[])", [row["id"] for row in rows])
    return [_offer(row) for row in made]


async def made_for(*session_ids: UUID) -> list[str]:
    """The offers of seats in these sessions, as the letters that tell of them name them (``Letter.about``)."""
    rows = await Row.select(Row.id).where(Row.session.is_in(list(session_ids) or [uuid4()]))
    return [row["id"].hex for row in rows]


async def answer(offer_id: UUID, state: OfferState, now: datetime) -> None:
    await Row.update({Row.state: state.value, Row.answered_at: now}).where(Row.id == offer_id)


def _offer(row: Mapping[str, Any]) -> Offer:
    return Offer(
        id=row["id"],
        session_id=row["session"],
        member_id=row["member"],
        member_name=sealing.open_text(row["sealed_name"], Member.sealed_name, row["member"]),
        time_zone=row["time_zone"],
        program_name=row["program"],
        span=Span(row["starts_at"], row["ends_at"]),
        medium=row["medium"],
        state=OfferState(row["state"]),
        expires_at=row["expires_at"],
        is_off=row["stage"] != "planned" or row["round_stage"] != "published" or row["member_stage"] == "suspended",
    )


_FREE = """
SELECT n.id, seats.free, offers.asked FROM session n
JOIN "round" r ON r.id = n.round
JOIN program p ON p.id = r.program
CROSS JOIN LATERAL (
    SELECT count(*) AS free FROM seat s
    WHERE s.session = n.id AND s.part = 'peer' AND s.rsvp = 'no' AND s.removed_at IS NULL
) AS seats
CROSS JOIN LATERAL (
    SELECT count(*) AS asked FROM offer o WHERE o.session = n.id AND o.state = 'open' AND o.expires_at > {}
) AS offers
WHERE n.stage = 'planned' AND r.stage = 'published' AND p.fills_seats
AND n.starts_at >= {} AND (n.searched_at IS NULL OR n.searched_at <= {})
AND seats.free * CASE WHEN n.starts_at > {} THEN 1 ELSE {} END > offers.asked
ORDER BY n.starts_at, n.id
LIMIT 1
FOR UPDATE OF n SKIP LOCKED
"""

_MAY_BE_ASKED = """
SELECT m.id, COALESCE(o.state = 'waiting', false) AS waits
FROM session n
CROSS JOIN member m
LEFT JOIN offer o ON o.session = n.id AND o.member = m.id
WHERE n.id = {} AND m.id = ANY({}::uuid[]) AND (o.id IS NULL OR o.state = 'waiting')
AND NOT EXISTS (
    SELECT 1 FROM seat s JOIN session other ON other.id = s.session
    WHERE s.member = m.id AND other.round = n.round AND (other.stage = 'planned' OR s.rsvp = 'no')
)
AND NOT EXISTS (
    SELECT 1 FROM offer live JOIN session other ON other.id = live.session
    WHERE live.member = m.id AND other.round = n.round AND other.id <> {}
    AND live.state = 'open' AND live.expires_at > {}
)
"""
