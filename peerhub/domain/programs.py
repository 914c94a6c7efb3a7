"""What an organizer runs: check-in buddies or group sessions, with sizes, cadence, rules and preferences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """Buddies are pairs and trios; sessions are groups with facilitators."""

    BUDDIES = "buddies"
    SESSIONS = "sessions"


class MatchOn(StrEnum):
    """How a facet counts when people are brought together."""

    REQUIREMENT = "requirement"
    SIMILAR = "similar"
    DIFFERENT = "different"
    COMPLEMENTARY = "complementary"
    IGNORE = "ignore"


MATCH_ON: Final = MappingProxyType(
    {
        "topics": MatchOn.SIMILAR,
        "languages": MatchOn.REQUIREMENT,
        "mediums": MatchOn.REQUIREMENT,
        "roles": MatchOn.COMPLEMENTARY,
    }
)
WEIGHTS: Final = MappingProxyType(
    {"overlap": 3, "comfort": 5, "topics": 4, "new_people": 5, "trust": 3, "roles": 2, "preferred_hours": 2}
)


@dataclass(frozen=True)
class Program:
    """The sizes, rules and preferences of a program, as the matcher and the forms know it.

    ``sessions_at_once`` is how many sessions may run at the same moment (None: as many as needed). A facilitator counts
    on top of ``largest``.
    """

    kind: Kind
    session_minutes: int = 60
    smallest: int = 2
    ideal: int = 2
    largest: int = 3
    facilitators_per_session: int = 0
    sessions_at_once: int | None = None
    mediums: tuple[str, ...] = ("video", "voice", "text")
    match_on: Mapping[str, MatchOn] = field(default_factory=lambda: dict(MATCH_ON))
    weights: Mapping[str, int] = field(default_factory=lambda: dict(WEIGHTS))

    def __post_init__(self) -> None:
        if not 2 <= self.smallest <= self.ideal <= self.largest:
            raise ValueError("expected 2 <= smallest <= ideal <= largest")


PRESETS: Final = MappingProxyType(
    {
        Kind.BUDDIES: Program(Kind.BUDDIES),
        Kind.SESSIONS: Program(
            Kind.SESSIONS, session_minutes=60, smallest=3, ideal=4, largest=5, facilitators_per_session=1
        ),
    }
)
