"""After publishing: an organizer changes a session, calls it off, or takes someone out; everyone concerned is told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from peerhub.actions.proposals import refusals_counted, refuse_new_breaks
from peerhub.actions.rounds import invitation_of
from peerhub.domain.availability import Span
from peerhub.domain.refusals import Refusal
from peerhub.domain.rounds import Stage
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter
from peerhub.store import audit, members, outbox, rounds, sessions
from peerhub.store.database import transaction
from peerhub.store.rounds import StoredRound
from peerhub.store.sessions import StoredSeat, StoredSession

Write = Callable[..., Letter]


class TooFewLeft(Refusal):
    """One person cannot meet alone."""


class SessionIsOver(Refusal):
    """What has begun cannot be changed any more."""


@dataclass(frozen=True)
class Change:
    """When, by which medium and where a session takes place from now on."""

    starts_at: datetime
    medium: str
    place: str


async def change(session_id: UUID, change: Change, head: Letterhead, organizer: UUID, now: datetime) -> None:
    """Move a session to another time, medium or place, and mail everyone in it the update.

    A new time asks everyone for their answer again.

    Raises:
        NotFound: there is no such session.
        WrongStage: it was cancelled, or its round is closed.
        SessionIsOver: it has begun, or would begin in the past.
        RulesWouldBreak: someone is not free then, or another rule stands against it.
        TooOften: so many changes were refused that it looks like searching for what members keep to themselves.
    """
    async with refusals_counted(session_id, organizer, now), transaction():
        round_, session = await _hold(session_id, now)
        moved = replace(
            session,
            span=Span(change.starts_at, change.starts_at + session.span.length),
            medium=change.medium,
            place=change.place,
        )
        if moved == session:
            return
        if moved.span.starts_at <= now:
            raise SessionIsOver("Please choose a time that is still ahead.")
        await _check(round_, session, moved)
        await sessions.change(session_id, moved.span, moved.medium, moved.place)
        if moved.span != session.span:
            await sessions.ask_again(session_id)
        await sessions.raise_sequence(session_id)
        await _tell(round_, await sessions.by_id(session_id), letters.changed_invitation, head, now)
        await audit.note("session changed", organizer, session_id, now, new_time=moved.span != session.span)


async def cancel(session_id: UUID, head: Letterhead, organizer: UUID, now: datetime) -> None:
    """Call a session off, and take it out of everyone's calendar.

    Raises:
        NotFound: there is no such session.
        WrongStage: it was cancelled already, or its round is closed.
        SessionIsOver: it has begun.
    """
    async with transaction():
        round_, _ = await _hold(session_id, now)
        await sessions.cancel(session_id)
        await sessions.raise_sequence(session_id)
        await _tell(round_, await sessions.by_id(session_id), letters.cancelled_invitation, head, now)
        await audit.note("session cancelled", organizer, session_id, now)


async def remove_seat(seat_id: UUID, head: Letterhead, organizer: UUID, now: datetime) -> None:
    """Take someone out of a session that goes on; they are told, and the others are sent who is in it now.

    Raises:
        NotFound: there is no such seat.
        WrongStage: the seat was removed or the session cancelled already, or its round is closed.
        SessionIsOver: it has begun.
        TooFewLeft: a peer would be left alone; the session can be cancelled instead.
    """
    session_id = await sessions.of_seat(seat_id)
    async with transaction():
        round_, session = await _hold(session_id, now)
        if sum(seat.id != seat_id for seat in session.peers) < 2:
            raise TooFewLeft("One person would be left alone. Please cancel the session instead.")
        await sessions.remove_seat(seat_id, now)
        await sessions.raise_sequence(session_id)
        gone = [replace(seat, sequence=seat.sequence + 1) for seat in session.seats if seat.id == seat_id]
        await _tell(round_, session, letters.removed_from_session, head, now, seats=gone)
        await _tell(round_, await sessions.by_id(session_id), letters.changed_invitation, head, now)
        await audit.note("seat removed", organizer, session_id, now)


async def _hold(session_id: UUID, now: datetime) -> tuple[StoredRound, StoredSession]:
    session = await sessions.hold(session_id)
    await rounds.hold(session.round_id, Stage.PUBLISHED)
    await members.hold(*(seat.member_id for seat in session.seats))
    session = await sessions.by_id(session_id)  # without those who were erased until just now
    if session.span.starts_at <= now:
        raise SessionIsOver("This session has begun already, so it can no longer be changed.")
    return await rounds.by_id(session.round_id), session


async def _check(round_: StoredRound, before: StoredSession, after: StoredSession) -> None:
    planned = [one for one in await sessions.of_round(round_.id) if one.stage == "planned"]
    others = [one.as_planned for one in planned if one.id != before.id]
    problem = replace(await rounds.problem_of(round_), pinned=())
    names = await members.names_of({seat.member_id for one in planned for seat in one.seats})
    now_and_then = [*others, before.as_planned], [*others, after.as_planned]
    refuse_new_breaks(problem, *now_and_then, before.as_planned.everyone, names)


async def _tell(
    round_: StoredRound,
    session: StoredSession,
    write: Write,
    head: Letterhead,
    now: datetime,
    *,
    seats: Iterable[StoredSeat] | None = None,
) -> None:
    to = await members.recipients_of([seat.member_id for seat in session.seats])
    told = session.seats if seats is None else tuple(seats)
    written = [
        write(head, to[seat.member_id], invitation_of(round_, session, seat, to), now)
        for seat in told
        if seat.member_id in to
    ]
    await outbox.put(head, written, now)
