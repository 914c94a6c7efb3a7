"""The loop over the duties: each in a loop of its own, so that a long one keeps no letter waiting."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from peerhub.jobs.duties import DUTIES, SELDOM, Duty, Office
from peerhub.jobs.watch import Watch

TICK = 1.0
_SELDOM = 60  # ticks between looks at what may as well be forgotten a minute later
_LONGEST_PAUSE = 30.0
_log = structlog.get_logger("peerhub.jobs")


async def work(office: Office, stop: asyncio.Event, tick: float = TICK, duties: Sequence[Duty] | None = None) -> None:
    """Do what is due until ``stop`` is set; what is in hand then is finished, and the rest is given back.

    ``tick`` is the pause, in seconds, of a duty that had nothing to do, unless it is one that is seldom needed.
    """
    office, watch = replace(office, stop=stop), Watch(office.clock)
    async with asyncio.TaskGroup() as group:
        for duty in DUTIES if duties is None else duties:
            group.create_task(_keep_doing(duty, office, watch, tick), name=_name(duty))


async def _keep_doing(duty: Duty, office: Office, watch: Watch, tick: float) -> None:
    """Do one duty again and again; in trouble, such as a database that is gone, it waits longer each time.

    Nothing is done by a clock that cannot be believed.
    """
    pause = tick
    while not office.stop.is_set():
        try:
            did_something = await watch.is_steady() and await duty(office, office.clock())
        except Exception as error:
            _log.warning("a duty failed", duty=_name(duty), error=type(error).__name__)  # its words may name a person
            pause = min(2 * pause, _LONGEST_PAUSE)
            await _pause(office, pause)
            continue
        pause = tick
        if not did_something:
            await _pause(office, tick * _SELDOM if duty in SELDOM else tick)


async def _pause(office: Office, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(office.stop.wait(), seconds)


def _name(duty: Duty) -> str:
    return getattr(duty, "__name__", "duty")
