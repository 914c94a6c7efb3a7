"""How close someone is comfortable getting: levels from 0 to 4, where 0 means never."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

LEVELS: Final = (0, 1, 2, 3, 4)
NEVER: Final = 0
UNSAID: Final = 2  # the level of what a member said nothing about

SIZES: Final = ("pair", "trio", "small", "large")
MEDIUMS: Final = ("video", "voice", "text", "in_person")


class Role(StrEnum):
    """What someone comes for."""

    SHARE = "share"
    LISTEN = "listen"
    BOTH = "both"


def size_name(people: int) -> str:
    """The comfort size of a session with that many people, facilitators not counted."""
    if people <= 2:
        return "pair"
    if people == 3:
        return "trio"
    return "small" if people <= 5 else "large"


@dataclass(frozen=True)
class Comfort:
    """One person's comfort levels; what they said nothing about is 2."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    mediums: Mapping[str, int] = field(default_factory=dict)
    topics: Mapping[str, int] = field(default_factory=dict)

    def with_size(self, people: int) -> int:
        return self.sizes.get(size_name(people), UNSAID)

    def with_medium(self, medium: str) -> int:
        return self.mediums.get(medium, UNSAID)

    def allows_size(self, people: int) -> bool:
        return self.with_size(people) > NEVER

    def allows_medium(self, medium: str) -> bool:
        return self.with_medium(medium) > NEVER
