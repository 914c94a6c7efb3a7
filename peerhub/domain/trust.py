"""How far two people have come together: each step needs both, and nobody sees the other's wish before."""

from enum import StrEnum


class Step(StrEnum):
    """From a hello to more; each includes the ones before."""

    HELLO = "hello"
    TEXT = "text"
    CALL = "call"
    GROUP = "group"


STEPS = tuple(Step)


def reached(one: Step, other: Step) -> Step:
    """How far both want to go; either may step back at any time."""
    return min(one, other, key=STEPS.index)
