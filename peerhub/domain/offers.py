"""A seat that has come free: for how long it is offered, to how many at once, and what became of the offer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from peerhub.domain.availability import Span

LONGEST: Final = timedelta(hours=24)
LAST_CALL: Final = timedelta(hours=2)  # before a session; later, nobody should have to hurry
HURRY: Final = timedelta(hours=24)
AT_ONCE_IN_A_HURRY: Final = 3


class OfferState(StrEnum):
    """``waiting`` said yes when somebody else had the seat already, and is asked first when one comes free again."""

    OPEN = "open"
    TAKEN = "taken"
    WAITING = "waiting"
    DECLINED = "declined"


@dataclass(frozen=True)
class Offer:
    """A seat offered to a member, as they see it: when and how, and not with whom before they are in."""

    id: UUID
    session_id: UUID
    member_id: UUID
    member_name: str
    time_zone: str
    program_name: str
    span: Span
    medium: str
    state: OfferState
    expires_at: datetime
    is_off: bool = False

    def __repr__(self) -> str:
        return f"Offer({self.id})"

    def why_closed(self, now: datetime) -> str | None:
        """Why it can no longer be answered, in words for the member, or None while it can."""
        if self.is_off or now >= self.span.starts_at:
            return "This session has begun, or does not take place, so there is nothing to answer."
        if self.state in (OfferState.OPEN, OfferState.DECLINED) and now >= self.expires_at:
            return "This offer was open for a while and has ended. Nothing is lost: the next round is open to you."
        return None


def until(now: datetime, starts_at: datetime) -> datetime | None:
    """How long a seat that is offered now stays offered: a day, or half of what is left; None when it is too late."""
    left = starts_at - now
    return now + min(LONGEST, left / 2) if left >= LAST_CALL else None


def at_once(now: datetime, starts_at: datetime) -> int:
    """To how many one seat is offered at the same time; the first yes has it."""
    return 1 if starts_at - now > HURRY else AT_ONCE_IN_A_HURRY
