"""Commands and answers on a connection, with a server that says exactly what a test wants."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiosmtplib import SMTP

from peerhub.mail.smtp import Connection, NoAnswer

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
HELLO = b"250-mail.example\r\n250-PIPELINING\r\n250 HELP\r\n"


@asynccontextmanager
async def connected(talk: Conversation, hello: bytes = HELLO) -> AsyncIterator[Connection]:
    """A connection to a server that, once it is greeted, leads this conversation."""
    ended: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.write(hello)
        await talk(reader, writer)
        writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(asyncio.create_task(serve(reader, writer)))

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = await Connection.opened(SMTP(hostname="127.0.0.1", port=port, start_tls=False))
        yield connection
        connection.close()
        await asyncio.gather(*ended)


def says(*packets: bytes) -> Conversation:
    """Whatever the first command is, the server answers with these packets."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        for packet in packets:
            writer.write(packet)
            await writer.drain()
            await asyncio.sleep(0.01)

    return talk


async def test_several_commands_leave_behind_a_body_before_it_is_answered() -> None:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend([await reader.readline() for _ in range(4)])
        writer.write(b"250 kept\r\n250 sender\r\n550 5.1.1 nobody\r\n")

    async with connected(talk) as connection:
        connection.say("MAIL", "RCPT", body=b"hello\r\n")
        waiting = connection.unanswered
        replies = await connection.replies()

    assert heard == [b"hello\r\n", b".\r\n", b"MAIL\r\n", b"RCPT\r\n"]
    assert replies == [(250, "kept"), (250, "sender"), (550, "5.1.1 nobody")]
    assert (waiting, connection.unanswered) == (3, 0)


@pytest.mark.parametrize(
    "packets",
    [
        (b"250-one\r\n250-two\r\n250 three\r\n",),
        (b"25", b"0 th", b"ree\r", b"\n"),
        (b"250 three\n",),
    ],
)
async def test_an_answer_is_whole_however_it_comes(packets: tuple[bytes, ...]) -> None:
    async with connected(says(*packets)) as connection:
        connection.say("NOOP")

        assert await connection.reply() == (250, "three")


async def test_an_answer_needs_no_words() -> None:
    async with connected(says(b"250\r\n")) as connection:
        connection.say("NOOP")

        assert await connection.reply() == (250, "")


@pytest.mark.parametrize(
    ("packet", "trouble"),
    [
        (b"whatever\r\n", "no clear answer"),
        (b"999 yes\r\n", "no clear answer"),
        (b"250" + 100_000 * b"x" + b"\r\n", "no clear answer"),
        (1000 * b"250-more\r\n", "no clear answer"),
        (b"250 ye", "connection lost"),
        (b"", "connection lost"),
    ],
    ids=["words", "no such code", "a line without end", "lines without end", "half a line", "nothing"],
)
async def test_what_no_mail_server_says_is_no_answer(packet: bytes, trouble: str) -> None:
    async with connected(says(packet)) as connection:
        connection.say("NOOP")

        with pytest.raises(NoAnswer, match=f"^{trouble}$"):
            await connection.reply()


@pytest.mark.parametrize("command", ["NOOP\r\nRCPT TO:<eve@example.org>", "NOOP\n", "NOOP \x00", "NOOP ü"])
async def test_a_command_is_one_plain_line(command: str) -> None:
    async with connected(says(b"250 yes\r\n")) as connection:
        with pytest.raises(ValueError, match=r"^a command is one line of plain characters$"):
            connection.say(command)

        assert connection.unanswered == 0


@pytest.mark.parametrize(
    ("hello", "pipelines"), [(HELLO, True), (b"250 mail.example\r\n", False), (b"250-a\r\n250 pipelining\r\n", True)]
)
async def test_several_things_are_said_at_once_only_where_that_is_offered(hello: bytes, pipelines: bool) -> None:
    async with connected(says(), hello) as connection:
        assert connection.pipelines is pipelines


async def test_goodbye_waits_for_what_was_said_before() -> None:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend([await reader.readline() for _ in range(2)])
        writer.write(b"250 yes\r\n221 goodbye\r\n")

    async with connected(talk) as connection:
        connection.say("NOOP")
        await connection.quit()

        assert (heard, connection.unanswered, connection.is_open) == ([b"NOOP\r\n", b"QUIT\r\n"], 0, False)
