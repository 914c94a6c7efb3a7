"""Sessions and their seats: who meets whom, when, by which medium, and what each answered."""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from peerhub.domain.availability import Span
from peerhub.domain.refusals import NotFound, WrongStage
from peerhub.matching.proposal import PlannedSession
from peerhub.store import sealing
from peerhub.store.tables import Seat, Session


@dataclass(frozen=True)
class StoredSeat:
    """One member in one session, and their answer."""

    id: UUID
    session_id: UUID
    member_id: UUID
    part: str
    rsvp: str
    uid: str
    sequence: int
    time_zone: str


@dataclass(frozen=True)
class StoredSession:
    """A meeting; ``seats`` are those that still stand, facilitators last."""

    id: UUID
    round_id: UUID
    span: Span
    medium: str
    place: str
    stage: str
    seats: tuple[StoredSeat, ...]

    @property
    def peers(self) -> tuple[StoredSeat, ...]:
        return tuple(seat for seat in self.seats if seat.part == "peer")

    @property
    def facilitators(self) -> tuple[StoredSeat, ...]:
        return tuple(seat for seat in self.seats if seat.part == "facilitator")

    def is_ahead(self, now: datetime) -> bool:
        return self.stage == "planned" and now < self.span.ends_at

    @property
    def as_planned(self) -> PlannedSession:
        """As the rules see it."""
        return PlannedSession(
            tuple(str(seat.member_id) for seat in self.peers),
            self.span,
            self.medium,
            tuple(str(seat.member_id) for seat in self.facilitators),
        )


async def put(
    round_id: UUID, planned: Iterable[PlannedSession], domain: str, *, place: str = ""
) -> list[StoredSession]:
    """Keep the sessions of a proposal, all in one place, with a seat and a calendar UID for everyone in them.

    Gives them as ``of_round`` does. However many there are, it is one statement.
    """
    new = [(uuid4(), session) for session in planned]
    seats = [(uuid4(), id_, *seat) for id_, one in new for seat in _new_seats(one, domain)]
    seated = await Seat.raw(
        _PUT,
        round_id, [id_ for id_, _ in new],
        [one.span.starts_at for _, one in new], [one.span.ends_at for _, one in new],
        [one.medium for _, one in new], [_sealed_place(place, id_) for id_, _ in new],
        *([seat[at] for seat in seats] for at in range(5)),
    )  # fmt: skip
    seats_of = _by_session(seated)
    stored = [
        StoredSession(id_, round_id, one.span, one.medium, place, "planned", tuple(seats_of[id_])) for id_, one in new
    ]
    return sorted(stored, key=lambda session: (session.span.starts_at, session.id))


_PUT = """
WITH one AS (
    INSERT INTO session (id, round, starts_at, ends_at, medium, sealed_place)
    SELECT id, {}, starts_at, ends_at, medium, sealed_place
    FROM unnest({}::uuid[], {}::timestamptz[], {}::timestamptz[], {}::text[], {}::bytea[])
    AS new (id, starts_at, ends_at, medium, sealed_place)
), seated AS (
    INSERT INTO seat (id, session, member, part, uid)
    SELECT * FROM unnest({}::uuid[], {}::uuid[], {}::uuid[], {}::text[], {}::text[])
    RETURNING *
)
SELECT seated.*, member.time_zone AS "member.time_zone" FROM seated JOIN member ON member.id = seated.member
ORDER BY seated.part DESC, seated.member
"""


async def of_round(round_id: UUID) -> list[StoredSession]:
    """The sessions of a round in the order of time, cancelled ones too."""
    return await _sessions(
        await Session.select().where(Session.round == round_id).order_by(Session.starts_at, Session.id)
    )


async def by_id(session_id: UUID) -> StoredSession:
    """The session with that id.

    Raises:
        NotFound: there is none.
    """
    sessions = await _sessions(await Session.select().where(Session.id == session_id))
    if not sessions:
        raise NotFound("there is no such session")
    return sessions[0]


async def of_seat(seat_id: UUID) -> UUID:
    """The session of a seat, whether the seat still stands or not.

    Raises:
        NotFound: there is no such seat.
    """
    row = await Seat.select(Seat.session).where(Seat.id == seat_id).first()
    if row is None:
        raise NotFound("there is no such seat")
    session_id: UUID = row["session"]
    return session_id


async def hold(session_id: UUID) -> StoredSession:
    """A session that is still planned; nobody else changes it until the transaction ends.

    Raises:
        NotFound: there is none.
        WrongStage: it was cancelled.
    """
    rows = await Session.raw("SELECT stage FROM session WHERE id = {} FOR UPDATE", session_id)
    if not rows:
        raise NotFound("there is no such session")
    if rows[0]["stage"] != "planned":
        raise WrongStage("this session was cancelled already")
    return await by_id(session_id)


async def hold_ahead(round_id: UUID, now: datetime) -> list[StoredSession]:
    """The planned sessions of a round that have not begun; nobody else changes them until the transaction ends."""
    held = await Session.raw(
        "SELECT id FROM session WHERE round = {} AND stage = 'planned' AND starts_at > {} ORDER BY id FOR UPDATE",
        round_id, now,
    )  # fmt: skip
    ids = {row["id"] for row in held}
    return [one for one in await of_round(round_id) if one.id in ids]


async def change(session_id: UUID, span: Span, medium: str, place: str) -> None:
    """Move a session to another time, medium or place."""
    await Session.update(
        {
            Session.starts_at: span.starts_at,
            Session.ends_at: span.ends_at,
            Session.medium: medium,
            Session.sealed_place: _sealed_place(place, session_id),
        }
    ).where(Session.id == session_id)


async def cancel(*session_ids: UUID) -> None:
    """These sessions do not take place."""
    await Session.update({Session.stage: "cancelled"}).where(Session.id.is_in(list(session_ids) or [uuid4()]))


async def ask_again(session_id: UUID) -> None:
    """The time has changed, so earlier answers no longer count."""
    await Seat.update({Seat.rsvp: "waiting", Seat.answered_at: None}).where(
        Seat.session == session_id, Seat.removed_at.is_null()
    )


async def raise_sequence(*session_ids: UUID) -> None:
    """A calendar takes a change of a seat only under a higher number."""
    await Seat.raw(
        "UPDATE seat SET sequence = sequence + 1 WHERE session = ANY({}::uuid[]) AND removed_at IS NULL",
        list(session_ids),
    )


async def add_seat(session_id: UUID, member_id: UUID, part: str, domain: str) -> UUID:
    """Seat someone in a session; who has sat there before gets that same seat again, under a higher number.

    So a member has one UID in one session for life, and a calendar shows the session once.

    Raises:
        WrongStage: they are in it already.
    """
    seat_id = uuid4()
    seated = await Seat.raw(
        "INSERT INTO seat (id, session, member, part, uid, rsvp, sequence) VALUES ({}, {}, {}, {}, {}, 'waiting', 0)"
        " ON CONFLICT (session, member) DO UPDATE SET part = EXCLUDED.part, removed_at = NULL, rsvp = 'waiting',"
        " answered_at = NULL, sequence = seat.sequence + 1 WHERE seat.removed_at IS NOT NULL RETURNING id",
        seat_id, session_id, member_id, part, _new_uid(domain),
    )  # fmt: skip
    if not seated:
        raise WrongStage("this person is in the session already")
    kept: UUID = seated[0]["id"]
    return kept


async def remove_seat(seat_id: UUID, now: datetime) -> None:
    """The member no longer has this seat.

    Raises:
        WrongStage: it was removed already.
    """
    removed = await Seat.raw(
        "UPDATE seat SET removed_at = {}, sequence = sequence + 1 WHERE id = {} AND removed_at IS NULL RETURNING id",
        now, seat_id,
    )  # fmt: skip
    if not removed:
        raise WrongStage("this person was taken out of the session already")


def _sealed_place(place: str, session_id: UUID) -> bytes | None:
    return sealing.seal(place, Session.sealed_place, session_id) if place else None


def _new_seats(planned: PlannedSession, domain: str) -> Iterator[tuple[UUID, str, str]]:
    """Who sits there, in which part, under which UID."""
    for part, people in (("peer", planned.people), ("facilitator", planned.facilitators)):
        for person in people:
            yield UUID(person), part, _new_uid(domain)


def _new_uid(domain: str) -> str:
    return f"{secrets.token_hex(16)}@{domain}"


async def _sessions(rows: list[dict[str, Any]]) -> list[StoredSession]:
    if not rows:
        return []
    found = await (
        Seat.select(*Seat.all_columns(), Seat.member.time_zone)
        .where(Seat.session.is_in([row["id"] for row in rows]), Seat.removed_at.is_null())
        .order_by(Seat.part, ascending=False)
        .order_by(Seat.member)
    )
    seats = _by_session(found)
    return [_session(row, tuple(seats[row["id"]])) for row in rows]


def _by_session(rows: Iterable[Mapping[str, Any]]) -> Mapping[UUID, list[StoredSeat]]:
    seats: dict[UUID, list[StoredSeat]] = defaultdict(list)
    for row in rows:
        seats[row["session"]].append(_seat(row))
    return seats


def _session(row: Mapping[str, Any], seats: tuple[StoredSeat, ...]) -> StoredSession:
    sealed = row["sealed_place"]
    return StoredSession(
        id=row["id"],
        round_id=row["round"],
        span=Span(row["starts_at"], row["ends_at"]),
        medium=row["medium"],
        place=sealing.open_text(sealed, Session.sealed_place, row["id"]) if sealed else "",
        stage=row["stage"],
        seats=seats,
    )


def _seat(row: Mapping[str, Any]) -> StoredSeat:
    return StoredSeat(
        id=row["id"],
        session_id=row["session"],
        member_id=row["member"],
        part=row["part"],
        rsvp=row["rsvp"],
        uid=row["uid"],
        sequence=row["sequence"],
        time_zone=row["member.time_zone"],
    )
