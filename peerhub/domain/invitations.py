"""The offer of a seat, and what can be answered to it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.domain.refusals import Refusal


class Rsvp(StrEnum):
    """An answer to an invitation; who has not answered is waiting."""

    WAITING = "waiting"
    YES = "yes"
    NO = "no"
    MAYBE = "maybe"


class AsksFor(StrEnum):
    """What a calendar can ask for by mail, and only a person can grant."""

    OTHER_TIME = "other_time"
    NEWS = "news"
    STAND_IN = "stand_in"


ANSWERS = (Rsvp.YES, Rsvp.MAYBE, Rsvp.NO)


class CannotAnswer(Refusal):
    """The invitation is no longer open; the message says why."""


class TimeHasChanged(Refusal):
    """The answer was to a time that the session no longer has."""

    def __init__(self) -> None:
        super().__init__("The time has changed since you opened this page. This is how it is now: can you come then?")


@dataclass(frozen=True)
class Person:
    """Somebody in a session, by the name that they chose."""

    id: UUID
    name: str
    part: str


@dataclass(frozen=True)
class Invitation:
    """One member's seat as they see it: when, how, with whom, and what they answered."""

    seat_id: UUID
    session_id: UUID
    member_id: UUID
    member_name: str
    time_zone: str
    program_name: str
    kind: str
    span: Span
    medium: str
    place: str
    part: str
    rsvp: Rsvp
    is_cancelled: bool
    is_removed: bool
    others: tuple[Person, ...] = ()

    def __repr__(self) -> str:
        return f"Invitation({self.seat_id})"

    def why_closed(self, now: datetime) -> str | None:
        """Why it can no longer be answered, in words for the member, or None while it can."""
        if self.is_removed:
            return "You are no longer part of this session, so there is nothing to answer."
        if self.is_cancelled:
            return "This session will not take place, so there is nothing to answer."
        if now >= self.span.ends_at:
            return "This session is over, so it can no longer be answered."
        return None

    def has_begun(self, now: datetime) -> bool:
        return self.span.starts_at <= now and not self.is_cancelled and not self.is_removed
