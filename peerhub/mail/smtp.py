"""A connection to a mail server, and what is said on it.

aiosmtplib opens it: the library knows TLS, the greeting and the ways to log in. It waits for each answer before it says
the next thing, though. So from then on commands and answers are lines of their own, and where the server offers
PIPELINING (RFC 2920) several commands go out at once.
"""

import asyncio
import re
from contextlib import suppress
from typing import Final, NamedTuple, Self, cast

from aiosmtplib import SMTP

_LONGEST_LINE: Final = 8192  # bytes of an answer
_MOST_LINES: Final = 100
_TO_SAY_GOODBYE: Final = 2.0  # seconds
_ANSWER: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\r?\n", re.DOTALL)
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class NoAnswer(ConnectionError):
    """The server has ended the connection, or says what no mail server says; the message names which."""


class Reply(NamedTuple):
    """A code (RFC 5321, 4.2), and the words of its last line, which may quote an address."""

    code: int
    words: str

    @property
    def is_final(self) -> bool:
        return self.code >= 500


class Connection:
    """A greeted mail server that has let us in; ``unanswered`` counts what it was told and has not answered yet."""

    def __init__(self, client: SMTP, transport: asyncio.Transport) -> None:
        self.pipelines = client.supports_extension("PIPELINING")
        self.unanswered = 0
        self._reader = asyncio.StreamReader(limit=_LONGEST_LINE)
        protocol = asyncio.StreamReaderProtocol(self._reader)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        self._transport = transport

    @classmethod
    async def opened(cls, client: SMTP) -> Self:
        """Connect, greet and log in.

        Raises:
            SMTPException, OSError, TimeoutError, ValueError: it cannot be done.
        """
        await client.connect()
        await client.ehlo()
        return cls(client, cast(asyncio.Transport, client.transport))

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing() and not self._reader.at_eof()

    def say(self, *commands: str, body: bytes | None = None) -> None:
        """Write these commands at once, behind a ``body`` that the server waits for.

        Raises:
            ValueError: a command is not one plain line.
        """
        if not all(command.isascii() and command.isprintable() for command in commands):
            raise ValueError("a command is one line of plain characters")
        lines = "".join(f"{command}\r\n" for command in commands).encode("ascii")
        self._transport.write(lines if body is None else _quoted(body) + lines)
        self.unanswered += len(commands) + (body is not None)

    async def reply(self) -> Reply:
        """The answer to what was said first of all that is unanswered.

        Raises:
            NoAnswer: none comes any more, or no clear one.
        """
        for _ in range(_MOST_LINES):
            line = _ANSWER.fullmatch(await self._line())
            if line is None:
                break
            if line[2] != b"-":
                self.unanswered -= 1
                return Reply(int(line[1]), (line[3] or b"").decode("ascii", "replace").strip())
        raise NoAnswer("no clear answer")

    async def replies(self) -> list[Reply]:
        """The answers to all that is unanswered.

        Raises:
            NoAnswer: one of them does not come.
        """
        return [await self.reply() for _ in range(self.unanswered)]

    async def quit(self) -> None:
        """Say goodbye, and close; a server that does not answer is not waited for."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_TO_SAY_GOODBYE):
                self.say("QUIT")
                await self.replies()
        self.close()

    def close(self) -> None:
        self._transport.close()

    async def _line(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise NoAnswer("no clear answer") from None
        except (asyncio.IncompleteReadError, OSError):
            raise NoAnswer("connection lost") from None


def _quoted(mail: bytes) -> bytes:
    """The mail as it goes over the line: every line ends in CRLF, and none is the dot that ends it all."""
    lines = mail if _has_plain_lines(mail) else _LINE_END.sub(b"\r\n", mail)
    body = b"\r\n" + lines.removesuffix(b"\r\n") + b"\r\n"
    return body.replace(b"\r\n.", b"\r\n..").removeprefix(b"\r\n") + b".\r\n"


def _has_plain_lines(mail: bytes) -> bool:
    """Whether it is written with CRLF already, as all that we compose is; a look costs little, writing it anew much."""
    return mail.count(b"\r") == mail.count(b"\n") == mail.count(b"\r\n")
