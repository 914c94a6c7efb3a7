"""Who a letter goes to, and the seat that an invitation speaks of."""

from dataclasses import dataclass, field
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.domain.wording import Wordings


@dataclass(frozen=True)
class Recipient:
    """A member as a letter addresses them; ``discreet`` keeps names and topics out of what a bystander may read."""

    member_id: UUID
    address: str
    name: str
    discreet: bool

    def __repr__(self) -> str:
        return f"Recipient({self.member_id})"


@dataclass(frozen=True)
class SeatInvitation:
    """One seat as its member is told of it.

    ``uid`` is the calendar's name of the seat for life; ``sequence`` must rise with every change that is mailed.
    ``others`` are display names, ``part`` is ``peer`` or ``facilitator``, ``place`` says how to join, if it is known.
    ``rsvp`` is their answer, as far as it still counts. ``wordings`` are the program's own words for its letters.
    """

    seat_id: UUID
    uid: str
    sequence: int
    span: Span
    time_zone: str
    program_name: str
    medium: str
    others: tuple[str, ...]
    part: str = "peer"
    place: str = ""
    rsvp: str = "waiting"
    wordings: Wordings = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"SeatInvitation({self.seat_id})"
