"""The mail server's answers, sorted; TLS never left out; against a real server."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from peerhub.mail import post
from peerhub.mail.post import Answer, Ending, Envelope, Post, TransportTrouble
from tests.certificate import write_a_certificate
from tests.smtp import Mailbox, Move, mail_server

SENDER = "hello@peerhub.example"
ANA, BEN, CAT = "ana@example.org", "ben@example.org", "cat@example.org"
MAIL = b"Subject: x\r\n\r\n.one dot\r\n..two\r\n"


@pytest.fixture(params=[True, False], ids=["pipelining", "one by one"])
def smtp(request: pytest.FixtureRequest, smtp: Mailbox) -> Mailbox:
    smtp.pipelines = request.param
    return smtp


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def to(address: str) -> Envelope:
    return Envelope(address, SENDER)


async def offer(url: str, *addresses: str, may_send: Callable[[], Awaitable[bool]] = yes) -> list[Answer]:
    async with Post(url, SENDER).line() as line:
        return [await line.offer(to(address), MAIL, may_send) for address in addresses]


async def test_a_mail_arrives_as_it_was(smtp: Mailbox) -> None:
    assert await offer(smtp.url, ANA) == [Answer(Ending.ACCEPTED)]

    (copy,) = smtp.copies()
    assert (copy.sender, copy.to, copy.mail) == (SENDER, (ANA,), MAIL)


async def test_one_line_carries_many_mails(smtp: Mailbox) -> None:
    await offer(smtp.url, ANA, BEN, ANA)

    assert [copy.to for copy in smtp.copies()] == [(ANA,), (BEN,), (ANA,)]
    assert smtp.connections == 1


@pytest.mark.parametrize(
    ("move", "answer"),
    [
        (Move("RCPT", say="450 4.2.0 later"), Answer(Ending.LATER, "450 at RCPT")),
        (Move("RCPT", say="550 5.1.1 no such user"), Answer(Ending.REFUSED, "550 at RCPT", "5.1.1")),
        (Move("RCPT", say="421 4.3.2 closing"), Answer(Ending.LATER, "421 at RCPT")),
        (Move("RCPT", hang_up=True), Answer(Ending.LATER, "connection lost at RCPT")),
        (Move("dot", say="451 4.3.0 later"), Answer(Ending.LATER, "451 at DATA")),
        (Move("dot", say="552 5.2.2 full"), Answer(Ending.REFUSED, "552 at DATA")),
        (Move("354", hang_up=True), Answer(Ending.UNKNOWN, "connection lost at DATA")),
        (Move("dot", hang_up=True), Answer(Ending.UNKNOWN, "connection lost at DATA")),
        (Move("dot", say="whatever"), Answer(Ending.UNKNOWN, "no clear answer at DATA")),
    ],
    ids=str,
)
async def test_each_answer_means_one_thing_and_touches_nobody_else(move: Move, answer: Answer, smtp: Mailbox) -> None:
    smtp.script[ANA, 1] = move

    answers = await offer(smtp.url, ANA, BEN)

    assert answers == [answer, Answer(Ending.ACCEPTED)]
    assert len(smtp.copies(BEN)) == 1


async def test_the_fence_has_the_last_word(smtp: Mailbox) -> None:
    assert await offer(smtp.url, ANA, BEN, may_send=no) == [Answer(Ending.NOT_WANTED)] * 2

    assert (smtp.copies(), smtp.verbs) == ([], ["MAIL", "RCPT"] * 2)


async def test_trouble_at_the_fence_leaves_the_line(smtp: Mailbox) -> None:
    async def trouble() -> bool:
        raise ConnectionResetError

    async with Post(smtp.url, SENDER).line() as line:
        with pytest.raises(ConnectionResetError):
            await line.offer(to(ANA), MAIL, trouble)
        answer = await line.offer(to(BEN), MAIL, yes)

    assert answer == Answer(Ending.ACCEPTED)
    assert [copy.to for copy in smtp.copies()] == [(BEN,)]


@pytest.mark.parametrize("address", ["a\r\nRCPT TO:<eve@example.org>", "a, b@example.org", "ü@x.org", "a\x00@x.org"])
async def test_an_address_cannot_carry_a_command(address: str, smtp: Mailbox) -> None:
    (answer,) = await offer(smtp.url, address)

    assert (answer.ending, smtp.verbs, smtp.copies()) == (Ending.REFUSED, [], [])


async def test_a_server_that_refuses_us_is_trouble_with_the_transport(smtp: Mailbox) -> None:
    smtp.script["MAIL", None] = Move("MAIL", say="553 5.7.1 not you")

    with pytest.raises(TransportTrouble, match=r"^553 at MAIL$"):
        await offer(smtp.url, ANA)


async def test_a_server_that_is_not_there_is_trouble_with_the_transport() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens

        with pytest.raises(TransportTrouble, match=r"^SMTPConnectError$"):
            await offer(f"smtp://127.0.0.1:{taken.getsockname()[1]}", ANA)


async def test_a_server_that_says_nothing_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "_HELLO", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TransportTrouble):
        await offer(f"smtp://127.0.0.1:{silent.getsockname()[1]}", ANA)


@pytest.mark.parametrize(
    ("deadline", "at", "ending"), [("_ENVELOPE", "RCPT", Ending.LATER), ("_BODY", "dot", Ending.UNKNOWN)]
)
async def test_a_server_that_freezes_meets_a_deadline(
    deadline: str, at: str, ending: Ending, smtp: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, deadline, 0.3)
    smtp.script[ANA, 1] = Move(at, freeze=0.8)  # type: ignore[arg-type]

    answer, other = await offer(smtp.url, ANA, BEN)

    assert (answer.ending, other.ending) == (ending, Ending.ACCEPTED)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_who_we_are_is_proved_where_the_server_asks(tmp_path: Path) -> None:
    with mail_server(tmp_path / "journal", password=("peerhub", "right%20one")) as guarded:
        url = guarded.url.replace("right%20one", "right%2520one")
        assert await offer(url, ANA) == [Answer(Ending.ACCEPTED)]

        with pytest.raises(TransportTrouble, match=r"^SMTPAuthenticationError 535$"):
            await offer(url.replace("right", "wrong"), ANA)
        assert len(guarded.copies()) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    write_a_certificate(path)
    return path


@pytest.fixture(params=["smtps", "smtp+starttls"])
def tls_server(request: pytest.FixtureRequest, certificate: Path, tmp_path: Path) -> Iterator[Mailbox]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    kind = "tls" if request.param == "smtps" else "start_tls"
    with mail_server(tmp_path / "journal", **{kind: context}) as mailbox:  # type: ignore[arg-type]
        yield mailbox


async def test_a_server_with_a_certificate_we_trust_gets_our_mail(
    tls_server: Mailbox, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    assert await offer(tls_server.url, ANA) == [Answer(Ending.ACCEPTED)]


async def test_a_certificate_that_nobody_vouches_for_ends_it(tls_server: Mailbox) -> None:
    with pytest.raises(TransportTrouble):
        await offer(tls_server.url, ANA)

    assert tls_server.verbs == []


async def test_tls_is_never_left_out_where_it_was_asked_for(smtp: Mailbox) -> None:
    for scheme in ("smtps", "smtp+starttls"):
        with pytest.raises(TransportTrouble):
            await offer(smtp.url.replace("smtp", scheme), ANA)

    assert smtp.verbs == []


def test_the_transport_rests_longer_after_each_trouble() -> None:
    way, moment = Post("smtp://localhost", SENDER), datetime(2026, 11, 22, tzinfo=UTC)
    rests = []
    for _ in range(9):
        way.rest(moment)
        way.rest(moment)  # a second line that fails at the same moment changes nothing
        rests.append(next(second for second in range(1, 1000) if not way.rests(moment + timedelta(seconds=second))))
        moment += timedelta(seconds=rests[-1])

    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]


async def test_many_lines_at_once_do_not_mix(smtp: Mailbox) -> None:
    await asyncio.gather(*[offer(smtp.url, f"{number}@example.org") for number in range(8)])

    assert sorted(copy.to[0] for copy in smtp.copies()) == [f"{number}@example.org" for number in range(8)]


async def test_trouble_with_the_mail_server_is_said_in_words(smtp: Mailbox) -> None:
    assert await post.trouble_with(smtp.url) is None
    assert await post.trouble_with(smtp.url.replace("smtp", "smtp+starttls")) == (
        "the mail server cannot be used (SMTPException)"
    )
    assert smtp.verbs == []


@pytest.mark.parametrize(
    ("mail", "arrives"),
    [
        (b"A: b\n\n.dot\nlast", b"A: b\r\n\r\n.dot\r\nlast\r\n"),
        (b"A: b\r\n\r\n.\r\n..\r\n", b"A: b\r\n\r\n.\r\n..\r\n"),
        (b"A: b\r\rold\r\n", b"A: b\r\n\r\nold\r\n"),
    ],
)
async def test_every_line_arrives_whatever_it_begins_and_ends_with(mail: bytes, arrives: bytes, smtp: Mailbox) -> None:
    async with Post(smtp.url, SENDER).line() as line:
        await line.offer(to(ANA), mail, yes)

    assert [copy.mail for copy in smtp.copies()] == [arrives]


async def test_something_else_is_done_between_the_body_and_its_answer(smtp: Mailbox) -> None:
    smtp.script[ANA, None] = Move("dot", do=lambda: done.append("kept"), freeze=0.2)
    done: list[str] = []

    async def wanted() -> bool:
        done.append("wanted")
        return True

    async with Post(smtp.url, SENDER).line() as line:
        await line.offer(to(ANA), MAIL, wanted, meanwhile=lambda: done.append("meanwhile"))
        done.append("answered")
        await line.offer(to(BEN), MAIL, no, meanwhile=lambda: done.append("never"))

    assert done == ["wanted", "meanwhile", "kept", "answered"]


async def test_a_server_that_says_yes_before_it_has_the_body_is_not_believed() -> None:
    async def agree(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while await reader.readline():
            writer.write(b"250 yes\r\n")
        writer.close()

    async with await asyncio.start_server(agree, "127.0.0.1", 0) as server:
        (answer,) = await offer(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", ANA)

    assert answer.ending is Ending.UNKNOWN


async def test_an_envelope_that_was_said_ahead_is_not_said_again(smtp: Mailbox) -> None:
    async with Post(smtp.url, SENDER).line() as line:
        answers = [await line.offer(to(ANA), MAIL, yes, lambda: to(BEN)), await line.offer(to(BEN), MAIL, yes)]

    assert answers == [Answer(Ending.ACCEPTED)] * 2
    assert (smtp.verbs, smtp.connections) == (["MAIL", "RCPT"] * 2, 1)
    assert [copy.to for copy in smtp.copies()] == [(ANA,), (BEN,)]


async def test_what_was_said_ahead_is_taken_back_for_somebody_else(smtp: Mailbox) -> None:
    async with Post(smtp.url, SENDER).line() as line:
        await line.offer(to(ANA), MAIL, yes, lambda: to(BEN))
        answer = await line.offer(to(CAT), MAIL, yes)

    assert answer == Answer(Ending.ACCEPTED)
    assert ([copy.to for copy in smtp.copies()], smtp.connections) == ([(ANA,), (CAT,)], 1)


async def test_what_was_said_ahead_is_nothing_where_the_line_ends(smtp: Mailbox) -> None:
    async with Post(smtp.url, SENDER).line() as line:
        await line.offer(to(ANA), MAIL, yes, lambda: to(BEN))

    assert [copy.to for copy in smtp.copies()] == [(ANA,)]


@pytest.mark.parametrize(
    ("move", "answer"),
    [
        (Move("RCPT", say="550 5.1.1 no such user"), Answer(Ending.REFUSED, "550 at RCPT", "5.1.1")),
        (Move("RCPT", say="450 4.2.0 later"), Answer(Ending.LATER, "450 at RCPT")),
        (Move("RCPT", hang_up=True), Answer(Ending.LATER, "connection lost at RCPT")),
    ],
    ids=str,
)
async def test_an_answer_to_what_was_said_ahead_is_about_the_next_letter(
    move: Move, answer: Answer, smtp: Mailbox
) -> None:
    smtp.script[BEN, None] = move
    smtp.script[ANA, None] = Move("dot", freeze=0.1)

    async with Post(smtp.url, SENDER).line() as line:
        answers = [
            await line.offer(to(ANA), MAIL, yes, lambda: to(BEN)),
            await line.offer(to(BEN), MAIL, yes, lambda: to(CAT)),
            await line.offer(to(CAT), MAIL, yes),
        ]

    assert answers == [Answer(Ending.ACCEPTED), answer, Answer(Ending.ACCEPTED)]
    assert [copy.to for copy in smtp.copies()] == [(ANA,), (CAT,)]


@pytest.mark.parametrize("at", ["354", "dot", "250"])
async def test_a_server_that_ends_the_connection_at_a_mail_is_told_of_the_next_one_again(
    at: str, smtp: Mailbox
) -> None:
    smtp.script[ANA, None] = Move(at, hang_up=True)  # type: ignore[arg-type]

    async with Post(smtp.url, SENDER).line() as line:
        first = await line.offer(to(ANA), MAIL, yes, lambda: to(BEN))
        if at == "250":
            await asyncio.sleep(0.1)  # a server that does not pipeline has to be seen to have gone
        second = await line.offer(to(BEN), MAIL, yes)

    assert first.ending is (Ending.ACCEPTED if at == "250" else Ending.UNKNOWN)
    assert (second, len(smtp.copies(BEN)), smtp.connections) == (Answer(Ending.ACCEPTED), 1, 2)


async def test_a_refusal_of_the_body_leaves_the_next_envelope_as_it_was_said(smtp: Mailbox) -> None:
    smtp.script[ANA, None] = Move("dot", say="552 5.2.2 full")

    async with Post(smtp.url, SENDER).line() as line:
        answers = [await line.offer(to(ANA), MAIL, yes, lambda: to(BEN)), await line.offer(to(BEN), MAIL, yes)]

    assert answers == [Answer(Ending.REFUSED, "552 at DATA"), Answer(Ending.ACCEPTED)]
    assert [copy.to for copy in smtp.copies()] == [(BEN,)]
