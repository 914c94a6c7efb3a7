"""What a letter that came back says about its address (the enhanced status codes of RFC 3463)."""

from datetime import timedelta
from enum import Enum, auto
from typing import Final

MOST_LETTERS: Final = 5  # that may come back for a passing reason before the address counts as out of reach
WITHIN: Final = timedelta(days=30)
_ABOUT_THE_SENDER = frozenset({"5.1.7", "5.1.8", "5.1.9"})
_MAILBOX_IS_FULL = "5.2.2"


class Failure(Enum):
    """Why a letter came back, as far as it concerns the address that it went to."""

    NO_SUCH_ADDRESS = auto()
    MAY_PASS = auto()
    NOT_THE_ADDRESS = auto()  # the sender, the content, a policy: the next letter may arrive


def failure_of(status: str) -> Failure:
    """What a status such as ``5.1.1`` means for the address."""
    if status.startswith("5.1.") and status not in _ABOUT_THE_SENDER:
        return Failure.NO_SUCH_ADDRESS
    if status.startswith("4.") or status == _MAILBOX_IS_FULL:
        return Failure.MAY_PASS
    return Failure.NOT_THE_ADDRESS
