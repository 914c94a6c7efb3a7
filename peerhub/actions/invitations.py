"""A member answers the invitation to a seat: on its page, or by a mail from their calendar."""

from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID

from peerhub.actions.rounds import invitation_of
from peerhub.domain.invitations import AsksFor, CannotAnswer, Invitation, Rsvp, TimeHasChanged
from peerhub.domain.refusals import NotFound, TooOften
from peerhub.mail import letters, links
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.replies import Reply
from peerhub.store import members, outbox, quotas, read_mail, remarks, reminders, rounds, seats, sessions
from peerhub.store.database import transaction
from peerhub.store.seats import CalendarSeat

ANSWERS_AN_HOUR: Final = 30  # by mail, for one seat: calendars that disagree could go on for ever


class Answered(Enum):
    """What became of a mailed answer."""

    KEPT = "kept"
    NOT_THEIRS = "no seat of ours, or somebody else's"
    SEEN_BEFORE = "acted on before"
    OLD = "older than the answer that counts"
    EARLIER_TIME = "about an earlier time; they were written to"
    FOR_A_PERSON = "a person must decide"
    TOO_LATE = "it can no longer be answered"
    TOO_OFTEN = "too many answers"


async def invitation_behind(head: Letterhead, signed: str) -> Invitation:
    """The invitation that a letter's link leads to; looking at it changes nothing.

    Raises:
        NotFound: not a link of ours, or its seat is gone.
    """
    return await seats.invitation_of(links.seat_of_link(head, signed))


async def answer(seat_id: UUID, rsvp: Rsvp, now: datetime, seen: datetime | None = None) -> None:
    """Keep an answer; the last one counts. ``seen`` is when the session began on the page that was answered.

    Raises:
        NotFound: there is no such seat.
        CannotAnswer: the session is over or cancelled, or the member is no longer part of it.
        TimeHasChanged: the session has moved since the page was opened.
    """
    async with transaction():
        invitation = await seats.hold(seat_id)
        if why := invitation.why_closed(now):
            raise CannotAnswer(why)
        if seen not in (None, invitation.span.starts_at):
            raise TimeHasChanged
        await seats.put_answer(seat_id, rsvp, now)
        await reminders.call_off(now, [seat_id])


async def answer_by_mail(reply: Reply, name: str, head: Letterhead, now: datetime) -> Answered:
    """Keep an answer that a calendar mailed, where it is that member's own and newer than what is kept.

    ``name`` is the mail's Message-ID. Who sent the mail is not asked: only a calendar that got the invitation knows its
    UID, and From can say anything. An answer to an earlier time is not kept; its member is sent the time as it is now,
    once for each change. What only a person can decide becomes a remark on the organizer's page.
    """
    found = await seats.of_uid(reply.uid)
    if found is None or not found.is_for(reply.attendee):
        return Answered.NOT_THEIRS
    try:
        await quotas.count("answer by mail", str(found.id), ANSWERS_AN_HOUR, timedelta(hours=1), now)
    except TooOften:
        return Answered.TOO_OFTEN
    async with transaction():
        invitation, seat = await _held(found.id), await seats.of_uid(reply.uid)
        if invitation is None or seat is None or reply.sequence > seat.sequence:
            return Answered.NOT_THEIRS
        if not await read_mail.is_new(now, name, reply.uid, reply.said_at.isoformat(), str(reply.rsvp)):
            return Answered.SEEN_BEFORE
        if invitation.why_closed(now):
            return Answered.TOO_LATE
        return await _act_on(reply, seat, invitation, head, now)


async def _held(seat_id: UUID) -> Invitation | None:
    """The seat, unless its member was erased just now."""
    try:
        return await seats.hold(seat_id)
    except NotFound:
        return None


async def _act_on(
    reply: Reply, seat: CalendarSeat, invitation: Invitation, head: Letterhead, now: datetime
) -> Answered:
    if reply.rsvp is None:
        await remarks.put(seat.id, reply.asks_for or AsksFor.NEWS, reply.starts_at, now)
        return Answered.FOR_A_PERSON
    if seat.said_at is not None and reply.said_at <= seat.said_at:
        return Answered.OLD
    if reply.sequence < seat.sequence and reply.starts_at != invitation.span.starts_at:
        await _send_again(invitation, head, now)
        return Answered.EARLIER_TIME
    await seats.put_answer(seat.id, reply.rsvp, now, said_at=min(reply.said_at, now))
    await reminders.call_off(now, [seat.id])
    return Answered.KEPT


async def _send_again(invitation: Invitation, head: Letterhead, now: datetime) -> None:
    session = await sessions.by_id(invitation.session_id)
    round_ = await rounds.by_id(session.round_id)
    to = await members.recipients_of([seat.member_id for seat in session.seats])
    again = [
        letters.invitation_again(head, to[seat.member_id], invitation_of(round_, session, seat, to), now)
        for seat in session.seats
        if seat.id == invitation.seat_id and seat.member_id in to
    ]
    await outbox.put(head, again, now)
