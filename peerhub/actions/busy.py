"""A member uploads their calendar, and we keep when they are taken in the weeks of the rounds that are open to them."""

import asyncio
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from peerhub.actions.rounds import domain_of
from peerhub.domain.members import Member
from peerhub.domain.refusals import Refusal
from peerhub.mail import busy_times
from peerhub.mail.busy_times import Reading
from peerhub.mail.letterhead import Letterhead
from peerhub.store import busy, joinings, members, quotas
from peerhub.store.database import transaction

MOST_BYTES: Final = 1024 * 1024
UPLOADS_A_DAY: Final = 20
READER: Final = (sys.executable, "-I", "-m", "peerhub.mail.busy_times")
_AT_ONCE = asyncio.Semaphore(2)  # readers of one process; who comes later waits their turn

NOT_A_CALENDAR: Final = (
    "This is not a calendar file. Its name ends in .ics, and it has to be taken out of a zip file first."
)
TOO_MUCH: Final = "This calendar holds more than can be looked through here. Please export the coming weeks only."
TOO_LARGE: Final = "This file is larger than 1 MB. Please export the coming weeks only."
NO_ROUND: Final = "No round is open to you at the moment, so there is no week to look at."


class CannotRead(Refusal):
    """The uploaded file tells no busy times; the message says why, and nothing of what is in it."""


@dataclass(frozen=True)
class Limits:
    """How the reader is run, and for how long."""

    seconds: float = 30
    command: tuple[str, ...] = READER


async def weeks_for(member: Member, now: datetime) -> list[date]:
    """The weeks for which busy times matter: of the rounds that are open to this member."""
    return sorted({one.week for one in await joinings.open_to(member.id) if one.week + timedelta(days=7) > now.date()})


async def take(
    member: Member, content: bytes, head: Letterhead, now: datetime, limits: Limits | None = None
) -> Reading:
    """Keep when the uploaded calendar says that the member is taken; nothing else of it outlives this call.

    Raises:
        CannotRead: it is no calendar, or more than can be read.
        TooOften: more uploads than anybody needs in a day.
    """
    if len(content) > MOST_BYTES:
        raise CannotRead(TOO_LARGE)
    await quotas.count("busy times", str(member.id), UPLOADS_A_DAY, timedelta(days=1), now)
    weeks = await weeks_for(member, now)
    if not weeks:
        raise CannotRead(NO_ROUND)
    reading = await _read(content, member.time_zone, domain_of(head), weeks, limits or Limits())
    async with transaction():
        await members.hold_to_change(member.id)
        await busy.put(member.id, reading.weeks)
    return reading


async def _read(content: bytes, zone: str, our_domain: str, weeks: Sequence[date], limits: Limits) -> Reading:
    """Ask a process that knows no keys and no database; whatever the file does to it, it ends."""
    async with _AT_ONCE:
        child = await create_subprocess_exec(
            *limits.command, zone, our_domain, *map(str, weeks), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}
        )
        try:
            async with asyncio.timeout(limits.seconds):
                said, _ = await child.communicate(content)
        except TimeoutError:
            raise CannotRead(TOO_MUCH) from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
    if child.returncode == busy_times.NOT_A_CALENDAR:
        raise CannotRead(NOT_A_CALENDAR)
    if child.returncode != 0:
        raise CannotRead(TOO_MUCH)
    return busy_times.from_json(said.decode())
