"""Whether the clock can be believed: a clock that jumps must not let letters expire by the thousand.

The wall clock is held against the time that has passed since the machine was started, and against the database's
clock, so that workers whose clocks differ do not take each other's leases for run out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from peerhub.store import database

_MAY_DIFFER: Final = timedelta(minutes=1)
_TO_BELIEVE: Final = timedelta(minutes=15)  # a small jump is believed once the clock has been steady for so long
_SMALL: Final = timedelta(days=1)
_ASK_THE_DATABASE_EVERY: Final = timedelta(minutes=1)
_log = structlog.get_logger("peerhub.jobs")


def _since_start() -> timedelta:
    """The time since the machine was started, its sleep included; nobody can set it."""
    return timedelta(seconds=time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)))


@dataclass(frozen=True)
class _Moment:
    wall: datetime
    passed: timedelta

    def differs(self, other: "_Moment") -> timedelta:
        """How far the wall clock moved from here to there without time passing."""
        return abs((other.wall - self.wall) - (other.passed - self.passed))


class Watch:
    """Looks at the clock; while it is not to be believed, nothing that is due by it is done."""

    def __init__(self, clock: Callable[[], datetime], passed: Callable[[], timedelta] = _since_start) -> None:
        self._clock = clock
        self._passed = passed
        self._believed = self._now()
        self._doubted: _Moment | None = None
        self._database_agrees = False
        self._asked: timedelta | None = None

    async def is_steady(self) -> bool:
        """Whether the clock goes on as it went, and as the database's does.

        A jump of less than a day is believed after a quarter of an hour. A longer one is not: whoever runs this
        peerhub looks at the clock, and starts it anew.
        """
        if not self._has_not_jumped():
            return False
        if self._asked is None or not self._database_agrees or self._passed() - self._asked >= _ASK_THE_DATABASE_EVERY:
            await self._ask_the_database()
        return self._database_agrees

    def _has_not_jumped(self) -> bool:
        now = self._now()
        if self._believed.differs(now) <= _MAY_DIFFER:
            self._believed, self._doubted = now, None
            return True
        if self._doubted is None or self._doubted.differs(now) > _MAY_DIFFER:
            self._doubted = now
            _log.warning("the clock has jumped, so what is due waits", seconds=self._seconds(self._believed, now))
        if self._believed.differs(now) < _SMALL and now.passed - self._doubted.passed >= _TO_BELIEVE:
            _log.warning("the clock is believed again")
            self._believed, self._doubted, self._asked = now, None, None
            return True
        return False

    async def _ask_the_database(self) -> None:
        agreed, theirs = self._database_agrees or self._asked is None, await database.clock()
        self._asked = self._passed()
        self._database_agrees = abs(self._clock() - theirs) <= _MAY_DIFFER
        if agreed and not self._database_agrees:
            _log.warning("the clock differs from the database's, so what is due waits")

    def _now(self) -> _Moment:
        return _Moment(self._clock(), self._passed())

    @staticmethod
    def _seconds(before: _Moment, after: _Moment) -> int:
        return round(before.differs(after).total_seconds())
