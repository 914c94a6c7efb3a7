"""Letters that the clock asks for: when each is due before or after a session, and until when it is of use."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Reminding(StrEnum):
    """When a member would like to be reminded of a session that they said yes or maybe to."""

    DAY_BEFORE = "day"
    HOUR_BEFORE = "hour"
    BOTH = "both"


class Reminder(StrEnum):
    """What the clock asks for, once for each time of a seat."""

    DAY_BEFORE = "day_before"
    HOUR_BEFORE = "hour_before"
    NUDGE = "nudge"  # for who has not answered
    CHECK_IN = "check_in"


@dataclass(frozen=True)
class Window:
    """Real time before a session begins: from ``opens`` on it may be due, from ``closes`` on it comes too late.

    What is due behind the beginning has a ``closes`` below zero.
    """

    opens: timedelta
    closes: timedelta


WINDOWS: Final = MappingProxyType(
    {
        Reminder.DAY_BEFORE: Window(timedelta(hours=24), timedelta(hours=2)),
        Reminder.HOUR_BEFORE: Window(timedelta(hours=1), timedelta(minutes=10)),
        Reminder.NUDGE: Window(timedelta(hours=48), timedelta(hours=2)),  # and once half of the time to answer is over
        Reminder.CHECK_IN: Window(timedelta(0), timedelta(hours=-48)),  # once it is over
    }
)
NOTED_AFTER: Final = timedelta(hours=3)  # for so long a clock that jumped may take to come back, before a skip is kept
NOTED_WITHIN: Final = timedelta(days=1)
