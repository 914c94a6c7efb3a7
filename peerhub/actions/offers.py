"""A seat that was declined goes to somebody else: it is offered in fair order, for a while, and the first yes has it.

The hard rules are asked when a seat is offered and once more when it is taken. Whoever cannot have it hears one
constant sentence, whatever the reason was. Where nobody can be asked and the session is short of people, its page leads
an organizer to the smallest change (``repairs``), which never happens by itself.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from peerhub.actions.rounds import domain_of, invitation_of
from peerhub.actions.standing import coming
from peerhub.domain import offers as how
from peerhub.domain.invitations import CannotAnswer, Rsvp, TimeHasChanged
from peerhub.domain.offers import Offer, OfferState
from peerhub.mail import letters, links
from peerhub.mail.letterhead import Letterhead
from peerhub.matching import preferences, rules
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.store import audit, members, offers, outbox, rounds, seats, sessions
from peerhub.store.database import transaction
from peerhub.store.rounds import StoredRound
from peerhub.store.sessions import StoredSeat, StoredSession
from peerhub.store.turns import turn_at

# They are about the session as it stands, whoever comes: an organizer may have bent them.
_NOT_ABOUT_WHO_COMES: Final = frozenset(
    {
        "the_medium_is_offered",
        "every_session_has_its_size",
        "every_session_has_its_facilitators",
        "every_session_has_its_length",
        "every_session_starts_on_the_grid",
        "not_too_many_at_once",
    }
)


async def offer_behind(head: Letterhead, signed: str) -> Offer:
    """The offer that a letter's link leads to; looking at it changes nothing.

    Raises:
        NotFound: not a link of ours, or the offer is gone.
    """
    return await offers.by_id(links.offer_of_link(head, signed))


async def offer_free_seats(head: Letterhead, now: datetime) -> bool:
    """Offer the free seats of one session to those who could have them; false when there is none to look after."""
    async with transaction():
        found = await offers.claim_free_seats(now)
        if found is None:
            return False
        session = await sessions.by_id(found.session_id)
        until = how.until(now, session.span.starts_at)
        most = found.free * how.at_once(now, session.span.starts_at) - found.asked
        round_ = await rounds.by_id(session.round_id)
        fit = await _who_could_come(round_, session, now)
        if until is None or not fit:
            return True
        made = await offers.put(session.id, fit[:most], now, until)
        to = await members.recipients_of(one.member_id for one in made)
        written = [
            letters.seat_offered(head, to[one.member_id], one, round_.program.wordings)
            for one in made
            if one.member_id in to
        ]
        await outbox.put(head, written, now)
        await audit.note("free seat offered", None, session.id, now, people=len(made))
    return True


async def answer(
    offer_id: UUID, *, yes: bool, head: Letterhead, now: datetime, seen: datetime | None = None
) -> OfferState:
    """Take the seat, or leave it to others; of many who say yes at once, as many have one as are free.

    ``seen`` is when the session began on the page that was answered.

    Raises:
        NotFound: there is no such offer.
        CannotAnswer: the offer has ended, or the session has begun or does not take place.
        TimeHasChanged: the session has moved since the page was opened.
    """
    session_id = (await offers.by_id(offer_id)).session_id
    async with turn_at(session_id), transaction():
        offer = await offers.hold(offer_id)
        if offer.state is OfferState.TAKEN:
            return OfferState.TAKEN  # from now on they answer on the invitation's page
        if why := offer.why_closed(now):
            raise CannotAnswer(why)
        if seen not in (None, offer.span.starts_at):
            raise TimeHasChanged
        becomes = await _take(offer, head, now) if yes else OfferState.DECLINED
        await offers.answer(offer_id, becomes, now)
        return becomes


async def _take(offer: Offer, head: Letterhead, now: datetime) -> OfferState:
    if not (await offers.free_seats_of([offer.session_id], now))[offer.session_id].free:
        return OfferState.WAITING
    session = await sessions.by_id(offer.session_id)
    goes = _declined(session)[0]
    await members.hold(offer.member_id, *(seat.member_id for seat in session.seats))
    round_ = await rounds.by_id(session.round_id)
    problem = await rounds.problem_among(round_, [offer.member_id, *(seat.member_id for seat in session.seats)])
    if not _fits(problem, session, str(offer.member_id)):
        return OfferState.WAITING
    await sessions.remove_seat(goes.id, now)
    await outbox.cancel_about([goes.uid], now)
    await sessions.raise_sequence(session.id)
    seat_id = await sessions.add_seat(session.id, offer.member_id, "peer", domain_of(head))
    await seats.put_answer(seat_id, Rsvp.YES, now)
    await _tell(round_, await sessions.by_id(session.id), seat_id, head, now)
    await audit.note("free seat taken", None, session.id, now)
    return OfferState.TAKEN


async def _tell(round_: StoredRound, session: StoredSession, new: UUID, head: Letterhead, now: datetime) -> None:
    """The one who is in, and those who come, since the people they meet have changed."""
    to = await members.recipients_of(seat.member_id for seat in session.seats)
    written = [
        (letters.seat_taken if seat.id == new else letters.changed_invitation)(
            head, to[seat.member_id], invitation_of(round_, session, seat, to), now
        )
        for seat in session.seats
        if seat.member_id in to and seat.rsvp != Rsvp.NO
    ]
    await outbox.put(head, written, now)


async def _who_could_come(round_: StoredRound, session: StoredSession, now: datetime) -> list[UUID]:
    """In fair order: who said yes too late before, then who was left out longest, then whom it suits best."""
    everyone = await rounds.problem_of(round_)
    peers = [UUID(person.id) for person in everyone.participants if person.most_sessions]
    waits = await offers.who_may_be_asked(session.id, peers, now)
    problem = _among(everyone, session, waits)
    fit = [one for one in waits if _fits(problem, session, str(one))]

    def turn(one: UUID) -> tuple[bool, int, int, UUID]:
        joined = _joined_by(session, str(one))
        points = preferences.points_of(problem, joined) if problem.by_id.keys() >= set(joined.everyone) else 0
        return not waits[one], -problem.by_id[str(one)].owed, -points, one

    return sorted(fit, key=turn)


def _among(problem: Problem, session: StoredSession, others: Iterable[UUID]) -> Problem:
    """The problem of these people alone, so that nobody else's week is worked out."""
    people = {str(one) for one in others} | set(session.as_planned.everyone)
    return replace(problem, participants=tuple(one for one in problem.participants if one.id in people), pinned=())


def _fits(problem: Problem, session: StoredSession, person: str) -> bool:
    """Whether they could sit with those who have not declined, and no rule breaks that has not been broken before."""
    before, after = coming(session), _joined_by(session, person)
    if len(after.people) > problem.program.largest:
        return False
    known = rules.broken_rules_of_sessions(problem, [before])
    broken = rules.broken_rules_of_sessions(problem, [after])
    return all(one in known or one.rule in _NOT_ABOUT_WHO_COMES for one in broken)


def _joined_by(session: StoredSession, person: str) -> PlannedSession:
    comes = coming(session)
    return replace(comes, people=(*comes.people, person))


def _declined(session: StoredSession) -> list[StoredSeat]:
    return [seat for seat in session.peers if seat.rsvp == Rsvp.NO]
