"""A member says how a session went, and how close they would like to get to someone they met there."""

from datetime import datetime
from uuid import UUID

from peerhub.domain.checkins import CheckIn, Went
from peerhub.domain.programs import Kind
from peerhub.domain.refusals import NotFound, Refusal
from peerhub.domain.trust import Step
from peerhub.store import checkins, seats
from peerhub.store.database import transaction


class TooEarly(Refusal):
    """The session has not begun, or does not take place."""


async def check_in(  # noqa: PLR0917
    seat_id: UUID, member_id: UUID, went: Went, again: bool | None, note: str, now: datetime
) -> None:
    """Keep how it went; saying it again replaces what was said.

    Raises:
        NotFound: not a seat of theirs.
        TooEarly: the session has not begun, or does not take place.
    """
    async with transaction():
        invitation = await seats.hold(seat_id)
        if invitation.member_id != member_id:
            raise NotFound("there is no such seat")
        if not invitation.has_begun(now):
            raise TooEarly("You can say how it went once the session has begun.")
        await checkins.put(seat_id, CheckIn(went, again, note, now))


async def wish_step(seat_id: UUID, member_id: UUID, other: UUID, wish: Step, now: datetime) -> None:
    """Keep how far a member would like to go with a buddy; it is reached, and shown, once both want it.

    Raises:
        NotFound: not a seat of theirs, or the other was not in that session.
        TooEarly: they have not met yet.
    """
    async with transaction():
        invitation = await seats.own_invitation(seat_id, member_id)
        if invitation.kind != Kind.BUDDIES or other not in {one.id for one in invitation.others}:
            raise NotFound("there is no such buddy")
        if not invitation.has_begun(now):
            raise TooEarly("You can choose a step once you have met.")
        await checkins.put_wish(member_id, other, wish, now)
