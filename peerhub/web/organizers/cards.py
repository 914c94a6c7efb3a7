"""Sessions as cards for an organizer: names, times on their wall, points and reasons, and never a private detail."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.domain.refusals import NotFound
from peerhub.domain.wall import on_the_wall
from peerhub.store.proposals import Version
from peerhub.store.sessions import StoredSession

GONE: Final = "Someone who has left"
ANSWERS: Final = {"yes": "Yes", "no": "No", "maybe": "Maybe", "waiting": "No answer yet"}


@dataclass(frozen=True)
class Chip:
    """Someone on a card; ``value`` says in a form who they are and where they are now."""

    name: str
    value: str
    leads: bool = False


@dataclass(frozen=True)
class Card:
    """One proposed session."""

    place: int
    when: str
    medium: str
    people: tuple[Chip, ...]
    points: int
    reasons: tuple[str, ...]
    pinned: bool

    @property
    def title(self) -> str:
        return ", ".join(chip.name for chip in self.people)


@dataclass(frozen=True)
class Left:
    """Someone without a session, why, and what would help."""

    chip: Chip
    why: str
    would_help: str


@dataclass(frozen=True)
class Taken:
    """A seat of a published session, its answer, and whether letters to its member come back."""

    id: UUID
    name: str
    leads: bool
    rsvp: str
    answer: str
    out_of_reach: bool = False


@dataclass(frozen=True)
class Meeting:
    """One published session."""

    id: UUID
    when: str
    medium: str
    place: str
    cancelled: bool
    seats: tuple[Taken, ...]

    @property
    def title(self) -> str:
        return ", ".join(seat.name for seat in self.seats)


def cards_of(version: Version, names: Mapping[UUID, str], zone: str) -> list[Card]:
    """The sessions of a proposal."""
    return [
        Card(
            place=place,
            when=when(session.span, zone),
            medium=session.medium,
            people=tuple(
                Chip(names.get(UUID(person), GONE), f"{place}:{person}", person in session.facilitators)
                for person in session.everyone
            ),
            points=session.points,
            reasons=tuple(reason.text for reason in session.why),
            pinned=session.pinned,
        )
        for place, session in enumerate(version.proposal.sessions)
    ]


def unmatched_of(version: Version, names: Mapping[UUID, str]) -> list[Left]:
    """Who has no session in a proposal."""
    left = [
        Left(Chip(names.get(UUID(one.id), GONE), f"-:{one.id}"), one.why, one.would_help)
        for one in version.proposal.unmatched
    ]
    return sorted(left, key=lambda one: one.chip.name)


def meeting_of(
    session: StoredSession, names: Mapping[UUID, str], zone: str, out_of_reach: Set[UUID] = frozenset()
) -> Meeting:
    """A published session and the answers to it."""
    return Meeting(
        id=session.id,
        when=when(session.span, zone),
        medium=session.medium,
        place=session.place,
        cancelled=session.stage == "cancelled",
        seats=tuple(
            Taken(
                seat.id,
                names.get(seat.member_id, GONE),
                seat.part == "facilitator",
                seat.rsvp,
                ANSWERS[seat.rsvp],
                seat.member_id in out_of_reach,
            )
            for seat in session.seats
        ),
    )


def when(span: Span, zone: str) -> str:
    return on_the_wall(span, zone)


def uuid_from(text: str) -> UUID:
    """An id that a form carries.

    Raises:
        NotFound: it is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("there is no such thing") from None


def place_from(text: str) -> int | None:
    """Where someone is or goes: the place of a session, or ``-`` for nowhere.

    Raises:
        NotFound: it is neither.
    """
    if text == "-":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise NotFound("there is no such session")
    return int(text)
