"""One matching of one program for one week, and the stages through which it moves."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from peerhub.domain.refusals import WrongStage


class Stage(StrEnum):
    """Where a round is: members join while it is open, and are told once it is published."""

    OPEN = "open"
    MATCHING = "matching"
    PROPOSED = "proposed"
    PUBLISHED = "published"
    CLOSED = "closed"


MOVES: Final[Mapping[Stage, frozenset[Stage]]] = MappingProxyType(
    {
        Stage.OPEN: frozenset({Stage.MATCHING}),
        Stage.MATCHING: frozenset({Stage.OPEN, Stage.PROPOSED}),  # back to open when there is no proposal yet
        Stage.PROPOSED: frozenset({Stage.MATCHING, Stage.PUBLISHED}),
        Stage.PUBLISHED: frozenset({Stage.CLOSED}),
        Stage.CLOSED: frozenset(),
    }
)


def check_move(here: Stage, there: Stage) -> None:
    """Whether a round can go from one stage to another.

    Raises:
        WrongStage: it cannot, whoever asks.
    """
    if there not in MOVES[here]:
        raise WrongStage(f"a round that is {here} cannot become {there}")


class Standing(StrEnum):
    """Whether someone enrolled in the program takes part in a round, or what is missing."""

    READY = "ready"
    NOT_JOINED = "not_joined"
    UNCONFIRMED = "unconfirmed"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    NO_CONSENT = "no_consent"
