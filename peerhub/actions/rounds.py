"""A round opens, members join it, an organizer publishes what was proposed, and closes it in the end."""

from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from peerhub.actions.proposals import RulesWouldBreak, current, sentences
from peerhub.domain.refusals import NotFound, Refusal
from peerhub.domain.rounds import Stage
from peerhub.domain.subscriptions import Subscription
from peerhub.mail import letters, links
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Recipient, SeatInvitation
from peerhub.matching import rules
from peerhub.store import audit, members, outbox, programs, rounds, sessions, subscriptions
from peerhub.store.database import transaction
from peerhub.store.rounds import StoredRound
from peerhub.store.sessions import StoredSeat, StoredSession

TOO_LATE: Final = "A session would begin in the past. The week has begun, so please open a round for another one."


class SessionsAhead(Refusal):
    """A round is closed when its sessions are over."""


class BadWeek(Refusal):
    """A round cannot be for that week."""


async def open_round(program_id: UUID, week: date, head: Letterhead, organizer: UUID, now: datetime) -> UUID:
    """Open a round and invite everyone enrolled who could join it; nobody is in before they say so.

    Raises:
        BadWeek: the week does not begin on a Monday, is over, or is more than a year away.
        AlreadyOpened: the program has a round for that week.
    """
    check_week(week, now.date())
    async with transaction():
        program = await programs.by_id(program_id)
        round_id = await rounds.open_round(program_id, week, now)
        enrolled = await programs.enrolled_in(program_id)
        could_join = await members.who_may_be_matched(one.member_id for one in enrolled)
        to = await members.recipients_of(await subscriptions.who_wants(Subscription.NEWS, could_join))
        link = links.rounds_page(head)
        opens = [letters.round_opens(head, one, program.name, week, link, now) for one in to.values()]
        await outbox.put(head, opens, now)
        await audit.note("round opened", organizer, round_id, now, letters=len(opens))
    return round_id


def check_week(week: date, today: date) -> None:
    """Whether a round can be for the week that begins on that day.

    Raises:
        BadWeek: it does not begin on a Monday, has begun, or is more than a year away.
    """
    if week.weekday() != 0:
        raise BadWeek("Please choose a Monday; a round is for the week that begins on it.")
    if not today < week <= today + timedelta(days=366):
        raise BadWeek("Please choose a Monday that is still ahead, within a year.")


async def join(round_id: UUID, member_id: UUID, now: datetime) -> None:
    """A member's own yes to a round that is open.

    Raises:
        NotFound: no such round, or it is not for this member.
        WrongStage: it is no longer open.
    """
    async with transaction():
        await rounds.hold(round_id, Stage.OPEN)
        if not await rounds.is_for(round_id, member_id):
            raise NotFound("there is no such round")
        await rounds.join(round_id, member_id, now)


async def leave(round_id: UUID, member_id: UUID) -> None:
    """A member takes their yes back, as long as nothing was published.

    Raises:
        NotFound: there is no such round.
        WrongStage: it was published; the invitation can be declined instead.
    """
    async with transaction():
        await rounds.hold(round_id, Stage.OPEN, Stage.MATCHING, Stage.PROPOSED)
        await rounds.leave(round_id, member_id)


async def publish(round_id: UUID, version_id: UUID, head: Letterhead, organizer: UUID, now: datetime) -> None:
    """Turn exactly this version of the proposal into sessions, seats and letters: all of it or nothing, and once.

    Raises:
        NotFound: there is no such round.
        WrongStage: it was published already, or the proposal has changed since the page was shown.
        RulesWouldBreak: someone's hours or wishes have changed, or the week has begun; the proposal no longer fits.
    """
    async with transaction():
        round_ = await rounds.by_id(round_id)
        await rounds.move_round(round_id, Stage.PROPOSED, Stage.PUBLISHED, published_at=now)  # and hold it
        version = await current(round_id, version_id)
        if any(session.starts_at <= now for session in version.proposal.sessions):
            raise RulesWouldBreak([TOO_LATE])
        to = await members.hold(*version.people)
        problem = await rounds.problem_of(round_, version)
        if broken := rules.broken_rules(problem, version.proposal):
            raise RulesWouldBreak(sentences(broken, await members.names_of(version.people)))
        planned = await sessions.put(round_id, version.proposal.sessions, domain_of(head), place=round_.program.place)
        left_over = [UUID(one.id) for one in version.proposal.unmatched]
        invitations = [
            letters.invitation(head, to[seat.member_id], invitation_of(round_, session, seat, to), now)
            for session in planned
            for seat in session.seats
            if seat.member_id in to
        ]
        apart = [
            letters.not_matched(head, to[one], round_.program.name, round_.week, round_id, now)
            for one in left_over
            if one in to
        ]
        await outbox.put(head, invitations + apart, now)
        await audit.note(
            "round published", organizer, round_id, now,
            sessions=len(planned), invitations=len(invitations), not_matched=len(apart),
        )  # fmt: skip


async def close(round_id: UUID, organizer: UUID, now: datetime) -> None:
    """The round is over.

    Raises:
        NotFound: there is no such round.
        WrongStage: it was not published, or is closed already.
        SessionsAhead: until the last of its sessions is over, they may have to be changed or cancelled.
    """
    async with transaction():
        await rounds.hold(round_id, Stage.PUBLISHED)
        if any(one.is_ahead(now) for one in await sessions.of_round(round_id)):
            raise SessionsAhead("Sessions of this round are still ahead. Please close it when the last one is over.")
        await rounds.move_round(round_id, Stage.PUBLISHED, Stage.CLOSED)
        await audit.note("round closed", organizer, round_id, now)


def invitation_of(
    round_: StoredRound, session: StoredSession, seat: StoredSeat, to: dict[UUID, Recipient]
) -> SeatInvitation:
    """What the letter to one seat tells of its session."""
    return SeatInvitation(
        seat_id=seat.id,
        uid=seat.uid,
        sequence=seat.sequence,
        span=session.span,
        time_zone=seat.time_zone,
        program_name=round_.program.name,
        medium=session.medium,
        others=tuple(to[one.member_id].name for one in session.seats if one.id != seat.id and one.member_id in to),
        part=seat.part,
        place=session.place,
        rsvp=seat.rsvp,
        wordings=round_.program.wordings,
    )


def domain_of(head: Letterhead) -> str:
    """What stands behind the @ in a calendar's UID."""
    return urlsplit(head.base_url).hostname or "peerhub"
