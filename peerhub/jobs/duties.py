"""The duties: each does one due thing that the clock asks for, and says whether there was one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import random
from uuid import UUID

import structlog

from peerhub.actions import matching
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.post import Ending, Line, Post, TransportTrouble
from peerhub.store import checkins, ended, logins, members, outbox, quotas, rounds
from peerhub.store.database import transaction

_log = structlog.get_logger("peerhub.jobs")
_LETTERS_AT_ONCE = 10
_ASKED_AT_ONCE = 100


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Office:
    """What a worker works with; ``stop`` is set when it should finish what it has in hand and go."""

    head: Letterhead
    smtp_url: str
    worker: UUID
    jitter: Callable[[], float] = random
    clock: Callable[[], datetime] = _now
    lease: timedelta = outbox.LEASE
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __repr__(self) -> str:
        return f"Office({self.worker})"

    @cached_property
    def post(self) -> Post:
        return Post(self.smtp_url, self.head.mail_from)


Duty = Callable[[Office, datetime], Awaitable[bool]]


async def post_letters(office: Office, now: datetime) -> bool:
    """Offer the letters that are due to the mail server."""
    return await _post_some(office, now, (letters.AT_ONCE, letters.IN_TURN))


async def post_sign_ins(office: Office, now: datetime) -> bool:
    """Offer the letters that somebody waits for, on a line of their own, however slowly the others leave."""
    return await _post_some(office, now, (letters.AT_ONCE,))


async def _post_some(office: Office, now: datetime, lanes: Sequence[int]) -> bool:
    if office.post.rests(now):
        return False
    claimed = await outbox.claim(office.worker, now, _LETTERS_AT_ONCE, office.lease, lanes)
    tried = set()
    try:
        async with office.post.line() as line:
            for letter in claimed:
                if office.stop.is_set() or office.clock() >= letter.lease_until:
                    break
                await _post(office, line, letter)
                tried.add(letter.id)
    except TransportTrouble as trouble:
        _log.warning("the mail server cannot be used", trouble=str(trouble))  # a kind and a code, no more
        office.post.rest(now)
        return False
    finally:
        if left := [letter.id for letter in claimed if letter.id not in tried]:
            await outbox.release(office.worker, left)
    return bool(tried)


async def _post(office: Office, line: Line, letter: outbox.Claimed) -> None:
    async def may_send() -> bool:
        return await outbox.fence(office.worker, letter.id, office.clock(), office.lease)

    answer = await line.offer(letter.to, letter.mail, may_send)
    now = office.clock()
    match answer.ending:
        case Ending.ACCEPTED:
            await outbox.sent(letter.id, now)
        case Ending.LATER:
            await outbox.delay(office.worker, letter.id, now, office.jitter(), answer.trouble)
        case Ending.REFUSED:
            await outbox.fail(office.worker, letter.id, now, answer.trouble)
        case Ending.NOT_WANTED:
            await outbox.release(office.worker, [letter.id])
        case Ending.UNKNOWN:
            pass  # once its lease has run out, it is sent again and counted as ambiguous


async def expire_letters(_office: Office, now: datetime) -> bool:
    """End the letters that come too late."""
    return await outbox.expire_due(now) > 0


async def purge_letters(_office: Office, now: datetime) -> bool:
    """Forget what old letters said."""
    return await outbox.purge_bodies(now) > 0


async def forget_quotas(_office: Office, now: datetime) -> bool:
    """Forget how often was asked for what, once it no longer counts."""
    return await quotas.forget(now) > 0


async def forget_sign_ups(_office: Office, now: datetime) -> bool:
    """Forget who signed up and never confirmed their address; it may have been somebody else's."""
    return await members.forget_who_never_confirmed(now) > 0


async def forget_logins(_office: Office, now: datetime) -> bool:
    """Forget links and logins that are over."""
    return await logins.forget(now) > 0


async def forget_notes(_office: Office, now: datetime) -> bool:
    """Forget what members noted for themselves half a year ago."""
    return await checkins.forget_notes(now) > 0


async def match_a_round(office: Office, now: datetime) -> bool:
    """Match a round that waits for it, or whose worker has died."""
    claim = await rounds.claim(now, now + matching.LEASE)
    if claim is None:
        return False
    await matching.run(claim, office.clock, office.stop)
    return True


async def ask_for_check_ins(office: Office, now: datetime) -> bool:
    """Ask those whose session is over how it was, once."""
    async with transaction():
        seats = await ended.seats_to_ask(now, _ASKED_AT_ONCE)
        asked = [letters.check_in_request(office.head, to, seat, now) for to, seat in seats]
        await outbox.put(office.head, asked, now)
    return bool(asked)


DUTIES: tuple[Duty, ...] = (
    post_sign_ins,
    post_letters,
    match_a_round,
    expire_letters,
    purge_letters,
    forget_quotas,
    forget_sign_ups,
    forget_logins,
    forget_notes,
    ask_for_check_ins,
)
SELDOM: frozenset[Duty] = frozenset({purge_letters, forget_quotas, forget_sign_ups, forget_logins, forget_notes})
