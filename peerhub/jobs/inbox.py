"""The inbox: mails to us come in by LMTP or SMTP, or are fetched from an IMAP folder, and each is acted on once.

A mail server hears yes only when what its mail has changed is on disk; when the database is away, it tries again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from peerhub.actions import inbox
from peerhub.mail import folder, incoming
from peerhub.mail.incoming import MOST_BYTES, Ignored
from peerhub.mail.letterhead import Letterhead
from peerhub.store.database import AWAY

_log = structlog.get_logger("peerhub.inbox")
_SILENCE: Final = 60.0  # seconds until a mail server that says nothing is left
_MOST_AT_ONCE: Final = 20
_TRY_AGAIN: Final = "451 4.3.0 Please try again later"
PAUSE: Final = 60.0  # seconds between looks into the folder


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Inbox:
    """Whose mails are read, and what time it is."""

    head: Letterhead
    clock: Callable[[], datetime] = _now

    def takes(self, address: str) -> bool:
        """Whether mail to this address is for us: the address of our letters, or one that they return to."""
        address = address.strip("<>").lower()
        returns = self.head.bounce_domain.lower()
        return address == self.head.mail_from.lower() or (bool(returns) and address.endswith(f"@{returns}"))

    async def take(self, mail: bytes, to: Sequence[str]) -> bool:
        """Read a mail and act on it; whether it was one for us. When this returns, all of it is on disk."""
        read = await asyncio.to_thread(incoming.read, mail, to, self.head)
        outcome = await inbox.take(read, self.head, self.clock())
        _log.info("a mail was read", outcome=outcome)
        return not isinstance(read.content, Ignored)


# Mail servers come to us


@asynccontextmanager
async def listening(inbox_: Inbox, url: str) -> AsyncIterator[int]:
    """Take mails at ``lmtp://host:port`` or ``smtp://host:port`` while inside, and give the port."""
    logging.getLogger("mail.log").disabled = True  # aiosmtpd's own, which names addresses
    parts, handler = urlsplit(url), _Handler(inbox_)
    speak = LMTP if parts.scheme == "lmtp" else SMTP
    loop = asyncio.get_running_loop()

    def line() -> SMTP:
        return speak(
            handler, data_size_limit=MOST_BYTES, hostname="peerhub", ident="peerhub", timeout=_SILENCE, loop=loop
        )

    server = await loop.create_server(line, parts.hostname, parts.port or 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class _Handler:
    def __init__(self, inbox_: Inbox) -> None:
        self._inbox = inbox_
        self._taking = 0

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"  # LMTP owes an answer for each
        if not self._inbox.takes(address):
            return "550 5.1.1 There is no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self._taking >= _MOST_AT_ONCE:
            return _TRY_AGAIN
        self._taking += 1
        try:
            await self._inbox.take(bytes(envelope.original_content or b""), envelope.rcpt_tos)
        except AWAY:
            _log.warning("the database is away")
            return _TRY_AGAIN
        except Exception as error:
            _log.error("a mail could not be acted on", error=type(error).__name__)  # its words may name a person
            return _TRY_AGAIN
        finally:
            self._taking -= 1
        return "250 2.0.0 Read"

    async def handle_exception(self, error: Exception) -> str:
        _log.warning("a mail server was not understood", error=type(error).__name__)
        return "500 5.5.2 That was not understood"


# We go to a mail server


async def poll(inbox_: Inbox, url: str, stop: asyncio.Event, pause: float = PAUSE) -> None:
    """Look into an IMAP folder again and again until ``stop`` is set."""
    known: set[str] = set()
    while not stop.is_set():
        try:
            more = await fetch(inbox_, url, known)
        except folder.FolderTrouble as trouble:
            _log.warning("the folder cannot be read", trouble=str(trouble))
            more = False
        except AWAY:
            _log.warning("the database is away")
            more = False
        if not more:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)


async def fetch(inbox_: Inbox, url: str, known: set[str]) -> bool:
    """Read the next mails of the folder, and say whether there were any; ``known`` grows by those that were read.

    A mail is marked after what it changed is on disk, so one that is read twice changes nothing the second time.

    Raises:
        FolderTrouble: the folder cannot be read.
    """
    box = folder.Folder(url)
    read: list[folder.Fetched] = []
    acted_on: list[folder.Fetched] = []
    try:
        mails = await asyncio.to_thread(box.unread, frozenset(known))
        try:
            for one in mails:
                if await _was_for_us(inbox_, one):
                    acted_on.append(one)
                read.append(one)
        finally:
            known.update(one.name for one in read)
            await asyncio.to_thread(box.mark, read, acted_on)
    finally:
        await asyncio.to_thread(box.close)
    return bool(read)


async def _was_for_us(inbox_: Inbox, fetched: folder.Fetched) -> bool:
    """Act on one mail; one that cannot be acted on is left to the people who read the folder, and stops no other."""
    try:
        return await inbox_.take(fetched.mail, [])
    except AWAY:
        raise
    except Exception as error:
        _log.error("a mail could not be acted on", error=type(error).__name__)  # its words may name a person
        return False
