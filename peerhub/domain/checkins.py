"""The few words after a session."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

MOST_LETTERS: Final = 2000  # of a note


class Went(StrEnum):
    """How a session went, as one member says."""

    WELL = "well"
    OKAY = "okay"
    BADLY = "badly"
    NOT_MET = "not_met"


@dataclass(frozen=True)
class CheckIn:
    """What one member says after a session; the note is for themselves alone."""

    went: Went
    again: bool | None
    note: str
    checked_in_at: datetime

    def __repr__(self) -> str:
        return "CheckIn(...)"
