"""The kinds of letters that a member can do without; all others belong to something they asked for."""

from enum import StrEnum


class Subscription(StrEnum):
    """One kind of letter that can be left out."""

    NEWS = "news"
    REMINDERS = "reminders"
    CHECK_INS = "check_ins"
