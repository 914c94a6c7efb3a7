"""What the matcher answers."""

from dataclasses import dataclass
from datetime import datetime

from peerhub.domain.availability import Span


@dataclass(frozen=True)
class Reason:
    """One short sentence on why people were brought together.

    ``detail`` names what an organizer's page must not show, for example the topic; the public file adds it.
    """

    preference: str
    text: str
    detail: str = ""


@dataclass(frozen=True)
class PlannedSession:
    """People, a time and a medium. ``people`` are peers; facilitators count on top."""

    people: tuple[str, ...]
    span: Span
    medium: str
    facilitators: tuple[str, ...] = ()
    points: int = 0
    why: tuple[Reason, ...] = ()
    pinned: bool = False

    def __hash__(self) -> int:
        return hash((self.people, self.span.starts_at))  # enough to tell sessions apart, and quick

    @property
    def starts_at(self) -> datetime:
        return self.span.starts_at

    @property
    def everyone(self) -> tuple[str, ...]:
        return self.people + self.facilitators


@dataclass(frozen=True)
class Unmatched:
    """Someone who has no session this time: the cause, and what would help.

    ``if_comfortable`` names a size or a medium that they said never to: it is for them alone, not for organizers.
    """

    id: str
    why: str
    would_help: str = ""
    if_comfortable: str = ""


@dataclass(frozen=True)
class Proposal:
    """Sessions, who is left over, and how good it provably is.

    ``bound`` is a proven upper bound on the points of any proposal that matches ``matched`` people; ``matched_bound``
    bounds that number. ``cut`` says that a limit or a stop ended the search, so another run may answer differently.
    """

    sessions: tuple[PlannedSession, ...]
    unmatched: tuple[Unmatched, ...] = ()
    points: int = 0
    bound: int = 0
    matched: int = 0
    matched_bound: int = 0
    cut: bool = False

    @property
    def gap(self) -> float:
        return (self.bound - self.points) / self.bound if self.bound > 0 else 0.0


@dataclass(frozen=True)
class Progress:
    """How far a running search has come. ``phase`` is a word for people: reading, matching, improving, explaining."""

    phase: str
    seconds: float
    points: int = 0
    bound: int = 0
    matched: int = 0
    matched_bound: int = 0
