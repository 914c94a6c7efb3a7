"""A real mail server for tests: it keeps a journal on disk before it says yes, and can be told to misbehave."""

import asyncio
import email
import json
import os
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult


@dataclass(frozen=True)
class Move:
    """What the server does at one point of one attempt: something of its own, an answer, or the end of the line.

    The points: at the greeting, at EHLO, MAIL or RCPT, at the 354 (the body is about to come), at the dot (the mail is
    in the journal, the answer is not out yet) and after the 250 has left.
    """

    at: Literal["hello", "EHLO", "MAIL", "RCPT", "354", "dot", "250"]
    say: str | None = None
    do: Callable[[], None] | None = None
    hang_up: bool = False
    freeze: float = 0.0  # seconds
    deaf: bool = False  # reads nothing more from this connection
    drip: float = 0.0  # seconds for each byte of an answer that never ends


@dataclass(frozen=True)
class Copy:
    """One mail that the server has said yes to, or was about to."""

    sender: str
    to: tuple[str, ...]
    mail: bytes
    at: float = 0.0  # when it came, as the server's clock says it

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.mail, policy=SMTP_POLICY)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])


@dataclass
class Mailbox:
    """The server as a test sees it: ``script`` holds moves by recipient and attempt, from 1; None is every attempt.

    ``once`` holds moves that do not depend on a recipient, each made at the first chance. Whether it offers to be told
    several things at once, as most servers do, is ``pipelines``.
    """

    journal: Path
    url: str = ""
    script: dict[tuple[str, int | None], Move] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    verbs: list[str] = field(default_factory=list)
    once: list[Move] = field(default_factory=list)
    connections: int = 0
    pipelines: bool = True
    clock: Callable[[], float] = time.time

    def copies(self, to: str | None = None) -> list[Copy]:
        """Every mail in the journal, in the order in which they came."""
        if not self.journal.exists():
            return []
        lines = [json.loads(line) for line in self.journal.read_text().splitlines()]
        copies = [Copy(one["sender"], tuple(one["to"]), one["mail"].encode("latin-1"), one["at"]) for one in lines]
        return [copy for copy in copies if to is None or copy.to == (to,)]

    def write(self, copy: Copy) -> None:
        """On disk before the server says yes."""
        line = {"sender": copy.sender, "to": copy.to, "mail": copy.mail.decode("latin-1"), "at": self.clock()}
        with self.journal.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def next_once(self, at: str) -> Move | None:
        """The next move that is made at this point whoever is written to, if any; it is made once."""
        for move in self.once:
            if move.at == at:
                self.once.remove(move)
                return move
        return None

    def move(self, to: str, at: str) -> Move | None:
        for attempt in (self.attempts[to], None):
            move = self.script.get((to, attempt))
            if move and move.at == at:
                return move
        return None


class _Handler:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_EHLO(  # noqa: N802
        self, server: "_Server", session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        answer = await server.play(self._mailbox.next_once("EHLO"), "")
        offered = ["250-PIPELINING"] if self._mailbox.pipelines else []
        return [answer] if answer else [responses[0], *offered, *responses[1:]]

    async def handle_MAIL(self, server: "_Server", _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        self._mailbox.verbs.append("MAIL")
        envelope.mail_from = address
        move = self._mailbox.script.get(("MAIL", None)) or self._mailbox.next_once("MAIL")
        return await server.play(move, "250 OK")

    async def handle_RCPT(self, server: "_Server", _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        self._mailbox.verbs.append("RCPT")
        self._mailbox.attempts[address] += 1
        answer = await server.play(self._mailbox.move(address, "RCPT"), "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: "_Server", _session: Any, envelope: Any) -> str:  # noqa: N802
        to = envelope.rcpt_tos[0]
        move = self._mailbox.move(to, "dot")
        if move is None or move.say is None or move.say.startswith("2"):
            self._mailbox.write(Copy(envelope.mail_from, tuple(envelope.rcpt_tos), envelope.original_content))
        server.accepted = to
        return await server.play(move, "250 OK")


class _Server(SMTP):  # type: ignore[misc]
    accepted: str | None = None

    def connection_made(self, transport: Any) -> None:
        self.event_handler._mailbox.connections += (
            transport.get_extra_info("ssl_object") is None or self.session is None
        )
        super().connection_made(transport)

    async def play(self, move: Move | None, otherwise: str) -> str:
        if move is None:
            return otherwise
        if move.freeze:
            await asyncio.sleep(move.freeze)
        if move.do:
            move.do()
        if move.deaf:
            self.transport.pause_reading()
        if move.hang_up:
            self.transport.abort()
        if move.drip:
            for byte in (
                b"250-" + 100 * b"."
            ):  # an answer without end, a byte at a time, until the caller has had enough
                if self.transport is None or self.transport.is_closing():
                    break
                self.transport.write(bytes([byte]))
                await asyncio.sleep(move.drip)
        return move.say or otherwise

    async def push(self, status: Any) -> None:
        mailbox: Mailbox = self.event_handler._mailbox
        if self.session.host_name is None and (move := mailbox.next_once("hello")):
            status = await self.play(move, status if isinstance(status, str) else bytes(status).decode())
        move = mailbox.move(self.envelope.rcpt_tos[0], "354") if str(status).startswith("354") else None
        if move and (move.deaf or move.hang_up):
            self.transport.pause_reading()  # before the body can come
        await super().push(status)
        text = status if isinstance(status, str) else bytes(status).decode()
        if text.startswith("354"):  # the body is on its way
            await self.play(mailbox.move(self.envelope.rcpt_tos[0], "354"), "")
        if self.accepted and text.startswith("2"):
            to, self.accepted = self.accepted, None
            await self.play(mailbox.move(to, "250"), "")


@contextmanager
def mail_server(
    journal: Path,
    *,
    password: tuple[str, str] | None = None,
    start_tls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Mailbox]:
    """Run a mail server on a free port, in a thread of its own, while inside."""
    mailbox = Mailbox(journal)

    def knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        return AuthResult(success=(login.login.decode(), login.password.decode()) == password, handled=False)

    options: dict[str, Any] = {"tls_context": start_tls}
    if password:
        options |= {"auth_required": True, "auth_require_tls": False, "authenticator": knows}
    with _loop_in_a_thread() as loop:

        async def listen() -> asyncio.Server:
            return await loop.create_server(lambda: _Server(_Handler(mailbox), **options), "127.0.0.1", 0, ssl=tls)

        server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
        port = server.sockets[0].getsockname()[1]
        who = f"{password[0]}:{password[1]}@" if password else ""
        scheme = "smtps" if tls else "smtp+starttls" if start_tls else "smtp"
        mailbox.url = f"{scheme}://{who}127.0.0.1:{port}"
        yield mailbox
        loop.call_soon_threadsafe(server.close)


@contextmanager
def _loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(_end_all(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
