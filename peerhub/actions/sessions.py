"""After publishing: an organizer changes a session or who is in it, or calls it off; everyone concerned is told."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from peerhub.actions.proposals import refusals_counted, refuse_new_breaks
from peerhub.actions.rounds import domain_of, invitation_of
from peerhub.domain.availability import Span
from peerhub.domain.refusals import NotFound, Refusal, WrongStage
from peerhub.domain.rounds import Stage
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter
from peerhub.matching.proposal import PlannedSession
from peerhub.store import audit, members, offers, outbox, reminders, rounds, sessions
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
        await _check(round_, session.as_planned, moved.as_planned, session.as_planned.everyone)
        await sessions.change(session_id, moved.span, moved.medium, moved.place)
        if moved.span != session.span:
            await sessions.ask_again(session_id)
        await sessions.raise_sequence(session_id)
        await _tell(round_, [await sessions.by_id(session_id)], letters.changed_invitation, head, now)
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
        await outbox.cancel_about(await offers.made_for(session_id), now)
        await sessions.raise_sequence(session_id)
        await _tell(round_, [await sessions.by_id(session_id)], letters.cancelled_invitation, head, now)
        await audit.note("session cancelled", organizer, session_id, now)


async def cancel_round(round_id: UUID, head: Letterhead, organizer: UUID, now: datetime) -> None:
    """Call off every session of a round that has not begun; what has taken place stays as it was.

    Raises:
        NotFound: there is no such round.
        WrongStage: it was not published, or is closed already.
        SessionIsOver: none of its sessions is still ahead.
    """
    async with transaction():
        held = await sessions.hold_ahead(round_id, now)
        await rounds.hold(round_id, Stage.PUBLISHED)
        if not held:
            raise SessionIsOver("No session of this round is still ahead.")
        ids = [session.id for session in held]
        await members.hold(*(seat.member_id for session in held for seat in session.seats))
        await sessions.cancel(*ids)
        await outbox.cancel_about(await offers.made_for(*ids), now)
        await sessions.raise_sequence(*ids)
        called_off = [session for session in await sessions.of_round(round_id) if session.id in set(ids)]
        await _tell(await rounds.by_id(round_id), called_off, letters.cancelled_invitation, head, now)
        await audit.note("round cancelled", organizer, round_id, now, sessions=len(ids))


async def add_seat(
    session_id: UUID, member_id: UUID, head: Letterhead, organizer: UUID, now: datetime, *, leads: bool = False
) -> UUID:
    """Seat someone who takes part in the round in a session; they are invited, and the others told who is in it now.

    Raises:
        NotFound: there is no such session, or they do not take part in its round.
        WrongStage: they are in it already, it was cancelled, or its round is closed.
        SessionIsOver: it has begun.
        RulesWouldBreak: they are not free then, or another rule stands against it.
        TooOften: so many changes were refused that it looks like searching for what members keep to themselves.
    """
    async with refusals_counted(session_id, organizer, now), transaction():
        round_, session = await _hold(session_id, now)
        await members.hold(member_id)
        if member_id in {seat.member_id for seat in session.seats}:
            raise WrongStage("this person is in the session already")
        await _check(round_, session.as_planned, _joined_by(session, member_id, leads), {str(member_id)})
        await sessions.raise_sequence(session_id)
        seat_id = await sessions.add_seat(session_id, member_id, "facilitator" if leads else "peer", domain_of(head))
        joined = await sessions.by_id(session_id)
        new = [seat for seat in joined.seats if seat.id == seat_id]
        await _tell(round_, [joined], letters.invitation, head, now, seats=new)
        await _tell(round_, [joined], letters.changed_invitation, head, now, seats=set(joined.seats) - set(new))
        await audit.note("seat added", organizer, session_id, now)
    return seat_id


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
        await _tell(round_, [session], letters.removed_from_session, head, now, seats=gone)
        await _tell(round_, [await sessions.by_id(session_id)], letters.changed_invitation, head, now)
        await audit.note("seat removed", organizer, session_id, now)


async def _hold(session_id: UUID, now: datetime) -> tuple[StoredRound, StoredSession]:
    session = await sessions.hold(session_id)
    await rounds.hold(session.round_id, Stage.PUBLISHED)
    await members.hold(*(seat.member_id for seat in session.seats))
    session = await sessions.by_id(session_id)  # without those who were erased until just now
    if session.span.starts_at <= now:
        raise SessionIsOver("This session has begun already, so it can no longer be changed.")
    return await rounds.by_id(session.round_id), session


def _joined_by(session: StoredSession, member_id: UUID, leads: bool) -> PlannedSession:
    planned = session.as_planned
    if leads:
        return replace(planned, facilitators=(*planned.facilitators, str(member_id)))
    return replace(planned, people=(*planned.people, str(member_id)))


async def _check(round_: StoredRound, before: PlannedSession, after: PlannedSession, moved: Iterable[str]) -> None:
    planned = [one for one in await sessions.of_round(round_.id) if one.stage == "planned"]
    others = [one.as_planned for one in planned if one.as_planned != before]
    problem = replace(await rounds.problem_of(round_), pinned=())
    if new := set(after.everyone) - set(before.everyone) - problem.by_id.keys():
        raise NotFound(f"{len(new)} of them do not take part in this round")
    names = await members.names_of({UUID(person) for one in [*others, after] for person in one.everyone})
    refuse_new_breaks(problem, [*others, before], [*others, after], moved, names)


async def _tell(
    round_: StoredRound,
    changed: Sequence[StoredSession],
    write: Write,
    head: Letterhead,
    now: datetime,
    *,
    seats: Iterable[StoredSeat] | None = None,
) -> None:
    """Write to everyone in these sessions, or to those seats alone."""
    to = await members.recipients_of([seat.member_id for session in changed for seat in session.seats])
    written = [
        write(head, to[seat.member_id], invitation_of(round_, session, seat, to), now)
        for session in changed
        for seat in (session.seats if seats is None else seats)
        if seat.member_id in to
    ]
    await outbox.put(head, written, now)
    await reminders.call_off(now, [seat.id for session in changed for seat in session.seats])
