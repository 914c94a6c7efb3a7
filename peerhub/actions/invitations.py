"""A member answers the invitation to a seat."""

from datetime import datetime
from uuid import UUID

from peerhub.domain.invitations import CannotAnswer, Invitation, Rsvp
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import seats
from peerhub.store.database import transaction


async def invitation_behind(head: Letterhead, signed: str) -> Invitation:
    """The invitation that a letter's link leads to; looking at it changes nothing.

    Raises:
        NotFound: not a link of ours, or its seat is gone.
    """
    return await seats.invitation_of(links.seat_of_link(head, signed))


async def answer(seat_id: UUID, rsvp: Rsvp, now: datetime) -> None:
    """Keep an answer; the last one counts.

    Raises:
        NotFound: there is no such seat.
        CannotAnswer: the session is over or cancelled, or the member is no longer part of it.
    """
    async with transaction():
        invitation = await seats.hold(seat_id)
        if why := invitation.why_closed(now):
            raise CannotAnswer(why)
        await seats.put_answer(seat_id, rsvp, now)
