"""A stop: asked for at any time, heard by who asks whether it was, and enforced where nobody asks soon enough.

The solvers ask often, and end in good order. But reading, numpy and native code listen to nobody for a while. So the
program that hears the signal gives them a moment, and then raises ``BrokenOff`` wherever they are; ``match`` catches it
and answers with the best that was kept so far. Nothing that is broken off is used again.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from peerhub.domain.refusals import Refusal

MOMENT: Final = 0.1  # seconds that the work has to hear of a stop by itself


class BrokenOff(BaseException):
    """The work was ended in the middle; not an ``Exception``, so that nobody bears it and goes on."""


class NotInTime(Refusal):
    """The search was ended before it knew a proposal that keeps all pins."""

    def __init__(self) -> None:
        super().__init__("the time was too short to find a proposal that keeps every pin; allow some more seconds")


class Stop:
    """Whether somebody asked to stop; call it to know.

    ``may_break`` says whether the work at hand may be broken off.
    """

    def __init__(self) -> None:
        self.asked = False
        self.may_break = True

    def __call__(self) -> bool:
        return self.asked

    def ask(self, number: int, _: FrameType | None) -> None:
        """A signal came: Ctrl-C or SIGTERM. A second Ctrl-C ends the program."""
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
        signal.setitimer(signal.ITIMER_REAL, MOMENT)

    def break_off(self, _: int, __: FrameType | None) -> None:
        """The moment is over."""
        if self.may_break:
            self.may_break = False
            raise BrokenOff


@contextmanager
def on_signals() -> Iterator[Stop]:
    """Ctrl-C and SIGTERM ask for a stop instead of ending the program."""
    stop = Stop()
    handlers: dict[int, Callable[[int, FrameType | None], None]] = {
        signal.SIGINT: stop.ask,
        signal.SIGTERM: stop.ask,
        signal.SIGALRM: stop.break_off,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stop
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
