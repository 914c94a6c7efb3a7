"""The walk to the post: a batch of letters is claimed, and offered to the mail server one after the other.

Each letter costs one commit: the fence of a letter marks the one before it as sent, and counts the attempt of the one
behind it. So at most one letter of a walk is ever between its fence and its mark, whatever happens to the worker. Where
the mail server takes its time with the next one, the mark does not wait for it.

While the server keeps a letter, the next one is addressed and written; the fence has counted its attempt already.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog

from peerhub.actions import bounces
from peerhub.jobs.office import Office
from peerhub.mail.bounces import Bounce, return_address
from peerhub.mail.post import TO_OFFER, Ending, Envelope, Line, Post, TransportTrouble
from peerhub.store import outbox
from peerhub.store.database import AWAY

T = TypeVar("T")
LETTERS_AT_ONCE = 100
_MARK_AFTER = 0.25  # seconds
_ASK_AGAIN_AFTER = 0.1  # seconds, then longer and longer
_ASK_AGAIN_AT_MOST = 2.0
_log = structlog.get_logger("peerhub.jobs")


async def post_some(office: Office, post: Post, now: datetime, lanes: Sequence[int]) -> bool:
    """Claim letters of these lanes and offer each to the mail server; whether any was offered."""
    if post.rests(now):
        return False
    claimed = await outbox.claim(office.worker, now, LETTERS_AT_ONCE, office.lease, lanes, office.place)
    if not claimed:
        return False
    walk, to_offer = _Walk(office, list(claimed)), min(TO_OFFER, office.lease / 2)
    try:
        async with post.line() as line:
            for letter in claimed:
                if office.stop.is_set() or office.clock() + to_offer >= letter.lease_until:
                    break  # what is begun is ended within its lease; the rest goes back before it runs out
                await walk.offer(line, letter)
    except TransportTrouble as trouble:
        _log.warning("the mail server cannot be used", trouble=str(trouble))  # a kind and a code, no more
        post.rest(now)
        return False
    finally:
        await walk.end()
    return walk.offered > 0


@dataclass
class _Walk:
    office: Office
    waiting: list[outbox.Claimed]  # not offered yet
    offered: int = 0
    accepted: UUID | None = None  # by the mail server, and not marked yet
    begun: UUID | None = None
    next: tuple[outbox.Claimed, outbox.Opened] | None = None  # opened before its turn came
    marking: asyncio.TimerHandle | None = None
    late: asyncio.Task[None] | None = None

    async def offer(self, line: Line, letter: outbox.Claimed) -> None:
        """Offer one letter, and note what became of it."""
        office = self.office
        await line.connect()
        if letter.lost:  # should it end this worker as well, the one before it is safe
            await self._mark()
        if self.begun != letter.id:
            await self._mark()
            await outbox.begin(office.worker, letter.id, office.clock())
        try:
            opened = self._opened(letter)
            mail = opened.mail
        except outbox.CannotBeWritten as why:
            self._is_offered(letter)
            await self._mark()
            await outbox.set_aside(office.worker, letter.id, str(why))
            _log.error("a letter cannot be written", letter=str(letter.id), trouble=str(why))
            return
        envelope = self._envelope(letter, opened)
        answer = await line.offer(envelope, mail, lambda: self._fence(letter), self._behind, self._write_ahead)
        self._is_offered(letter)
        now = office.clock()
        if answer.ending is Ending.ACCEPTED:
            self.accepted = letter.id
            self.marking = asyncio.get_running_loop().call_later(_MARK_AFTER, self._mark_late)
            return
        await self._mark()
        match answer.ending:
            case Ending.LATER:
                await outbox.delay(office.worker, letter.id, now, office.jitter(), answer.trouble)
            case Ending.REFUSED:
                await outbox.fail(office.worker, letter.id, now, answer.trouble)
                await bounces.take_back(Bounce(letter.id, None, answer.status), now)
            case Ending.NOT_WANTED:
                await outbox.release(office.worker, [letter.id])
            case Ending.UNKNOWN:
                pass  # once its lease has run out, it is sent again and counted as ambiguous

    async def end(self) -> None:
        """Mark the last one, and give back what was not offered."""
        await self._mark()
        if self.late is not None:
            await self.late
        if self.waiting:
            await outbox.release(self.office.worker, [letter.id for letter in self.waiting])

    async def _fence(self, letter: outbox.Claimed) -> bool:
        office, now = self.office, self.office.clock()
        after, before = self.accepted, self.waiting[1].id if len(self.waiting) > 1 else None
        may_send = await self._surely(
            lambda: outbox.fence(office.worker, letter.id, now, office.lease, after=after, before=before)
        )
        self._is_marked()
        self.begun = before
        return may_send

    async def _mark(self) -> None:
        if (letter := self.accepted) is not None:
            now = self.office.clock()
            await self._surely(lambda: outbox.sent(letter, now))
            self._is_marked()

    def _mark_late(self) -> None:
        """The next fence has not come to it yet."""
        self.late = asyncio.create_task(self._mark_alone())

    async def _mark_alone(self) -> None:
        if letter := self.accepted:
            with suppress(*AWAY):  # the next fence, or the end of the walk, marks it
                await outbox.sent(letter, self.office.clock())

    def _is_marked(self) -> None:
        self.accepted = None
        if self.marking is not None:
            self.marking.cancel()
            self.marking = None

    def _opened(self, letter: outbox.Claimed) -> outbox.Opened:
        ahead, self.next = self.next, None
        return ahead[1] if ahead and ahead[0] is letter else outbox.opened(letter, self.office.head)

    def _behind(self) -> Envelope | None:
        """Open the next letter, unless it may end this worker while the one before it is not marked."""
        behind = self.waiting[1] if len(self.waiting) > 1 else None
        if behind is None or behind.id != self.begun or behind.lost:
            return None
        with suppress(outbox.CannotBeWritten):  # said when its turn has come
            self.next = behind, outbox.opened(behind, self.office.head)
            return self._envelope(*self.next)
        return None

    def _write_ahead(self) -> None:
        if self.next is not None:
            with suppress(outbox.CannotBeWritten):
                _ = self.next[1].mail

    def _envelope(self, letter: outbox.Claimed, opened: outbox.Opened) -> Envelope:
        return Envelope(opened.to, return_address(self.office.head, letter.id))

    def _is_offered(self, letter: outbox.Claimed) -> None:
        self.waiting.remove(letter)
        self.offered += 1

    async def _surely(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the database, and again where it went away meanwhile: whether a commit came through is read again."""
        until = self.office.clock() + self.office.lease / 4
        pause = _ASK_AGAIN_AFTER
        while True:
            try:
                return await ask()
            except AWAY:
                if self.office.clock() >= until:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, _ASK_AGAIN_AT_MOST)
