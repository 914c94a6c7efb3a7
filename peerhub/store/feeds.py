"""Calendars that members subscribe to: who reads which at a secret address, and what stands in it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from peerhub.domain.availability import Span
from peerhub.store import sealing
from peerhub.store.logins import draw_token
from peerhub.store.tables import Feed, Seat, Session

MOST_ENTRIES: Final = 500


class Kind(StrEnum):
    """What a feed tells: a member's own sessions, or how many there are in all."""

    OWN = "own"
    COUNTS = "counts"


@dataclass(frozen=True)
class StoredFeed:
    """One of a member's own feeds, with the token of its address."""

    kind: Kind
    token: str
    made_at: datetime

    def __repr__(self) -> str:
        return f"StoredFeed({self.kind})"


@dataclass(frozen=True)
class Subscriber:
    """Whose feed it is that was asked for."""

    feed_id: UUID
    kind: Kind
    member_id: UUID
    time_zone: str


@dataclass(frozen=True)
class OwnSession:
    """A seat that its member has not declined."""

    uid: str
    sequence: int
    span: Span
    medium: str
    said_yes: bool


@dataclass(frozen=True)
class Counted:
    """How much takes place at one time: sessions, seats, and how many of these have said yes."""

    span: Span
    sessions: int
    seats: int
    yes: int


async def put(member_id: UUID, kind: Kind, now: datetime) -> None:
    """Give the member a feed at a new address; the one before, if any, is over."""
    await end(member_id, kind)
    feed_id, token = uuid4(), draw_token()
    await Feed.insert(
        Feed(
            id=feed_id,
            member=member_id,
            kind=kind.value,
            sealed_token=sealing.seal(token, Feed.sealed_token, feed_id),
            token_hash=_hash(token),
            made_at=now,
        )
    )


async def end(member_id: UUID, kind: Kind) -> None:
    """The address of this feed leads nowhere any more."""
    await Feed.delete().where(Feed.member == member_id, Feed.kind == kind.value)


async def of(member_id: UUID) -> dict[Kind, StoredFeed]:
    """The member's own feeds."""
    rows = await Feed.select().where(Feed.member == member_id)
    return {
        Kind(row["kind"]): StoredFeed(
            Kind(row["kind"]), sealing.open_text(row["sealed_token"], Feed.sealed_token, row["id"]), row["made_at"]
        )
        for row in rows
    }


async def behind(token: str) -> Subscriber | None:
    """Whose feed the token opens; nobody's once they are suspended, or no longer organize what it counts."""
    row = await (
        Feed.select(Feed.id, Feed.kind, Feed.member.id, Feed.member.time_zone, Feed.member.is_organizer)
        .where(Feed.token_hash == _hash(token), Feed.member.stage.is_in(["active", "paused"]))
        .first()
    )
    if row is None or (row["kind"] == Kind.COUNTS and not row["member.is_organizer"]):
        return None
    return Subscriber(row["id"], Kind(row["kind"]), row["member.id"], row["member.time_zone"])


async def sessions_of(member_id: UUID, since: datetime, until: datetime) -> list[OwnSession]:
    """The member's sessions in that time, without those that were cancelled or that they declined."""
    rows = await Seat.raw(
        "SELECT s.uid, s.sequence, s.rsvp, n.starts_at, n.ends_at, n.medium FROM seat s"
        " JOIN session n ON n.id = s.session WHERE s.member = {} AND s.removed_at IS NULL AND s.rsvp <> 'no'"
        " AND n.stage = 'planned' AND n.ends_at > {} AND n.starts_at < {} ORDER BY n.starts_at, s.id LIMIT {}",
        member_id, since, until, MOST_ENTRIES,
    )  # fmt: skip
    return [
        OwnSession(
            row["uid"], row["sequence"], Span(row["starts_at"], row["ends_at"]), row["medium"], row["rsvp"] == "yes"
        )
        for row in rows
    ]


async def counts(since: datetime, until: datetime) -> list[Counted]:
    """How many sessions there are at each time, and how many people they are for."""
    rows = await Session.raw(
        "SELECT n.starts_at, n.ends_at, count(DISTINCT n.id) AS sessions, count(s.id) AS seats,"
        " count(s.id) FILTER (WHERE s.rsvp = 'yes') AS yes"
        " FROM session n LEFT JOIN seat s ON s.session = n.id AND s.removed_at IS NULL"
        " WHERE n.stage = 'planned' AND n.ends_at > {} AND n.starts_at < {}"
        " GROUP BY n.starts_at, n.ends_at ORDER BY n.starts_at, n.ends_at LIMIT {}",
        since, until, MOST_ENTRIES,
    )  # fmt: skip
    return [Counted(Span(row["starts_at"], row["ends_at"]), row["sessions"], row["seats"], row["yes"]) for row in rows]


def uid_of(feed_id: UUID, span: Span) -> str:
    """What a feed calls a time at which something is counted: the same each time, and nobody else's name for it."""
    return sealing.keyed_hash("feed entry", feed_id.bytes, repr(span))[:16].hex()


def _hash(token: str) -> bytes:
    return sealing.keyed_hash("feed", token)
