"""Mails that come in, over real LMTP, SMTP and IMAP: yes is said when it is on disk, and nothing stops the listener."""

import asyncio
import imaplib
import os
import smtplib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from piccolo.querystring import QueryString
from structlog.testing import capture_logs

from peerhub.jobs import inbox
from peerhub.jobs.inbox import Inbox
from peerhub.mail.folder import OUR_MARK, FolderTrouble, trouble_with
from peerhub.mail.letterhead import Letterhead
from peerhub.store.engine import DB
from peerhub.store.tables import Seat
from tests.community import a_member
from tests.imap import Post, imap_server, server_of_others
from tests.replies import an_answer
from tests.web.conftest import a_seat

pytestmark = pytest.mark.usefixtures("db")
HERE = "hello@peerhub.example"


@pytest.fixture
async def uid(db: None, now: datetime) -> str:
    """The calendar UID of Ana's seat in a session with Ben."""
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    return str((await Seat.select(Seat.uid).where(Seat.id == seat))[0]["uid"])


@pytest.fixture
def desk(letterhead: Letterhead, now: datetime) -> Inbox:
    return Inbox(replace(letterhead, bounce_domain="bounces.peerhub.example"), lambda: now)


async def said(uid: str) -> str:
    return str((await Seat.select(Seat.rsvp).where(Seat.uid == uid))[0]["rsvp"])


def answer(uid: str, now: datetime, partstat: str = "ACCEPTED") -> bytes:
    return an_answer(uid, "mailto:ana@example.org", now, partstat)


@pytest.fixture(params=["lmtp", "smtp"])
async def server(request: pytest.FixtureRequest, desk: Inbox) -> AsyncIterator[Callable[[], smtplib.SMTP]]:
    """Opens a line to the listener."""
    kind = smtplib.LMTP if request.param == "lmtp" else smtplib.SMTP
    async with inbox.listening(desk, f"{request.param}://127.0.0.1:0") as port:
        yield lambda: kind("127.0.0.1", port, timeout=20)


def deliver(line: smtplib.SMTP, mail: bytes, *to: str) -> dict[str, tuple[int, bytes]]:
    with line:
        return line.sendmail("mx@example.org", list(to or [HERE]), mail)


async def test_an_answer_is_on_disk_when_the_mail_server_hears_yes(
    server: Callable[[], smtplib.SMTP], uid: str, now: datetime
) -> None:
    await asyncio.to_thread(lambda: deliver(server(), answer(uid, now)))

    assert await said(uid) == "yes"


async def test_mail_for_nobody_here_is_not_taken(server: Callable[[], smtplib.SMTP], uid: str, now: datetime) -> None:
    for to in ("ana@example.org", "root@peerhub.example", f"{HERE}.example.org"):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            await asyncio.to_thread(lambda to=to: deliver(server(), answer(uid, now), to))  # type: ignore[misc]
        assert refused.value.recipients[to][0] == 550

    assert await said(uid) == "waiting"


async def test_of_two_recipients_one_waits_for_its_own_turn(
    server: Callable[[], smtplib.SMTP], uid: str, now: datetime
) -> None:
    both = [HERE, "b-1@bounces.peerhub.example"]

    later = await asyncio.to_thread(lambda: deliver(server(), answer(uid, now), *both))

    assert {to: code for to, (code, _) in later.items()} == {both[1]: 452}
    assert await said(uid) == "yes"


async def test_noise_of_every_kind_is_read_and_the_next_answer_counts(
    server: Callable[[], smtplib.SMTP], uid: str, now: datetime
) -> None:
    noise = [
        b"\r\n", b"Subject: hello\r\n\r\nSorry, I cannot come. Ana", b"\xff\xfe\x00" * 100,
        b"Content-Type: text/calendar\r\n\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\n" * 50,
        b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n\x00",
    ]  # fmt: skip

    for one in noise:
        await asyncio.to_thread(lambda one=one: deliver(server(), one))  # type: ignore[misc]
    await asyncio.to_thread(lambda: deliver(server(), answer(uid, now, "DECLINED")))

    assert await said(uid) == "no"


async def test_ten_megabytes_are_refused_and_the_next_answer_counts(
    server: Callable[[], smtplib.SMTP], uid: str, now: datetime
) -> None:
    huge = answer(uid, now).replace(b"Ana has", (b"x" * 900 + b"\r\n") * 11_500)

    def by_force() -> int:
        """Without saying beforehand how large it is."""
        with server() as line:
            line.ehlo_or_helo_if_needed()
            line.esmtp_features.clear()
            line.mail("mx@example.org")
            line.rcpt(HERE)
            return line.data(huge)[0]

    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        await asyncio.to_thread(lambda: deliver(server(), huge))
    assert (refused.value.smtp_code, await asyncio.to_thread(by_force)) == (552, 552)
    assert await said(uid) == "waiting"

    await asyncio.to_thread(lambda: deliver(server(), answer(uid, now)))
    assert await said(uid) == "yes"


async def test_a_mail_server_that_talks_nonsense_or_hangs_up_stops_nobody(
    server: Callable[[], smtplib.SMTP], uid: str, now: datetime
) -> None:
    def nonsense(*words: bytes) -> None:
        with server() as line:
            assert line.sock is not None
            with socket.create_connection(("127.0.0.1", line.sock.getpeername()[1]), timeout=5) as raw:
                for word in words:
                    raw.sendall(word)

    for words in ([b"\0\xff\r\n"] * 20, [b"A" * 100_000], [b"LHLO x\r\nEHLO x\r\nMAIL FROM:<>\r\nDATA\r\nhalf"]):
        await asyncio.to_thread(nonsense, *words)
    await asyncio.to_thread(lambda: deliver(server(), answer(uid, now)))

    assert await said(uid) == "yes"


async def test_while_the_database_is_away_the_mail_server_keeps_the_mail(
    server: Callable[[], smtplib.SMTP], uid: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = DB.run_querystring

    async def away(*_: object, **__: object) -> object:
        raise OSError("nobody there")

    monkeypatch.setattr(DB, "run_querystring", away)
    with pytest.raises(smtplib.SMTPDataError) as later:
        await asyncio.to_thread(lambda: deliver(server(), answer(uid, now)))
    monkeypatch.setattr(DB, "run_querystring", asks)

    assert later.value.smtp_code == 451
    await asyncio.to_thread(lambda: deliver(server(), answer(uid, now)))
    assert await said(uid) == "yes"


async def test_the_log_names_nobody(
    server: Callable[[], smtplib.SMTP], uid: str, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as logs, caplog.at_level("DEBUG"):
        await asyncio.to_thread(lambda: deliver(server(), answer(uid, now)))
        await asyncio.to_thread(lambda: deliver(server(), an_answer(uid, "mailto:ben@example.org", now)))

    assert [one["outcome"] for one in logs] == ["kept", "no seat of ours, or somebody else's"]
    everything = repr(logs) + caplog.text
    assert [word for word in ("example.org", "Ana", uid, HERE) if word in everything] == []


# IMAP


@pytest.fixture
def folder() -> Iterator[Post]:
    with imap_server() as post:
        yield post


async def test_answers_are_fetched_and_only_they_are_marked_as_seen(
    folder: Post, desk: Inbox, uid: str, now: datetime
) -> None:
    human = folder.put(b"Subject: hello\r\n\r\nSorry, I am late. Ben")
    mail = folder.put(answer(uid, now))

    assert await inbox.fetch(desk, folder.url, set()) is True
    assert await inbox.fetch(desk, folder.url, set()) is False

    assert await said(uid) == "yes"
    assert (human.flags, mail.flags) == ({OUR_MARK}, {OUR_MARK, r"\Seen"})


async def test_a_server_without_marks_of_our_own_is_asked_for_each_mail_once(
    desk: Inbox, uid: str, now: datetime
) -> None:
    with imap_server(takes_keywords=False) as folder:
        humans = [folder.put(b"Subject: hello\r\n\r\nSorry, I am late. Ben") for _ in range(30)]
        mail, known = folder.put(answer(uid, now)), set[str]()

        looks = [await inbox.fetch(desk, folder.url, known) for _ in range(3)]

    assert (looks, await said(uid)) == ([True, True, False], "yes")
    assert ({flag for one in humans for flag in one.flags}, mail.flags) == (set(), {r"\Seen"})


async def test_what_is_too_large_is_not_even_fetched(folder: Post, desk: Inbox, uid: str, now: datetime) -> None:
    folder.put(b"x" * 2_000_000)
    folder.put(answer(uid, now))

    await inbox.fetch(desk, folder.url, set())

    assert [line for line in folder.said if "BODY" in line] == ["UID FETCH 2 (BODY.PEEK[])"]
    assert await said(uid) == "yes"


async def test_a_line_that_breaks_before_the_mark_changes_nothing_the_second_time(
    folder: Post, desk: Inbox, uid: str, now: datetime
) -> None:
    mail = folder.put(answer(uid, now))
    folder.breaks_at = "UID STORE"

    with pytest.raises(FolderTrouble):
        await inbox.fetch(desk, folder.url, set())
    folder.breaks_at = ""
    later = replace(desk, clock=lambda: now + timedelta(hours=1))
    await inbox.fetch(later, folder.url, set())

    row = (await Seat.select(Seat.rsvp, Seat.answered_at).where(Seat.uid == uid))[0]
    assert (row["rsvp"], row["answered_at"], mail.flags) == ("yes", now, {OUR_MARK, r"\Seen"})


@pytest.mark.parametrize("breaks_at", ["LOGIN", "SELECT", "UID SEARCH", "UID FETCH"])
async def test_trouble_with_the_folder_names_no_password(folder: Post, desk: Inbox, breaks_at: str) -> None:
    folder.put(b"\r\n")
    folder.breaks_at = breaks_at

    with pytest.raises(FolderTrouble) as trouble:
        await inbox.fetch(desk, folder.url, set())

    assert "hunter2" not in f"{trouble.value!r} {trouble.value}"


async def test_a_mail_that_cannot_be_acted_on_stops_no_other(
    folder: Post, desk: Inbox, uid: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks, poison = DB.run_querystring, folder.put(answer(uid, now, "DECLINED"))

    async def trips_once(query: QueryString, in_pool: bool = True) -> object:
        if "INSERT INTO read_mail" in query.template:
            monkeypatch.setattr(DB, "run_querystring", asks)
            raise asyncpg.DataError
        return await asks(query, in_pool)

    monkeypatch.setattr(DB, "run_querystring", trips_once)
    fine = folder.put(answer(uid, now + timedelta(seconds=1)))
    await inbox.fetch(desk, folder.url, set())

    assert (await said(uid), poison.flags, fine.flags) == ("yes", {OUR_MARK}, {OUR_MARK, r"\Seen"})


def test_a_folder_says_beforehand_what_is_wrong_with_it(folder: Post) -> None:
    wrong = folder.url.replace("hunter2", "wrong")

    assert [trouble_with(folder.url), trouble_with(wrong)] == [None, "the folder cannot be read (it was refused)"]


async def test_a_wrong_password_is_trouble_and_the_poll_goes_on(
    folder: Post, desk: Inbox, uid: str, now: datetime
) -> None:
    stop, url = asyncio.Event(), folder.url.replace("hunter2", "wrong")
    mail = folder.put(answer(uid, now))
    with capture_logs() as logs:
        polling = asyncio.create_task(inbox.poll(desk, url, stop, pause=0.01))
        while len(logs) < 2:  # noqa: ASYNC110 - the log offers no event to wait for
            await asyncio.sleep(0.01)
        stop.set()
        await polling

    assert {one["event"] for one in logs} == {"the folder cannot be read"}
    assert mail.flags == set()


@pytest.fixture
def theirs() -> Iterator[str]:
    """An empty folder on a server of others: the one that IMAP_URL names, or pymap's."""
    with nullcontext(url) if (url := os.environ.get("IMAP_URL")) else server_of_others() as url:
        with looking_into(url) as folder:
            folder.uid("STORE", "1:*", "+FLAGS", r"(\Deleted)")
            folder.expunge()
        yield url


@contextmanager
def looking_into(url: str) -> Iterator[imaplib.IMAP4]:
    where = urlsplit(url)
    with imaplib.IMAP4(where.hostname or "", where.port or 143) as folder:
        folder.login(where.username or "", where.password or "")
        folder.select("INBOX")
        yield folder


async def test_a_mail_server_of_others_is_read_in_the_same_way(
    theirs: str, desk: Inbox, uid: str, now: datetime
) -> None:
    with looking_into(theirs) as folder:
        for mail in (b"Subject: hello\r\n\r\nSorry, I am late. Ben\r\n", answer(uid, now), b"x\r\n" * 700_000):
            folder.append("INBOX", "", imaplib.Time2Internaldate(now), mail)
        marks = rb"\*" in b" ".join(folder.response("PERMANENTFLAGS")[1])

    known = set[str]()
    looks = [await inbox.fetch(desk, theirs, known) for _ in range(2)]

    assert (looks, await said(uid)) == ([True, False], "yes")
    with looking_into(theirs) as folder:
        assert len(folder.uid("SEARCH", "KEYWORD", OUR_MARK)[1][0].split()) == (3 if marks else 0)
        assert len(folder.uid("SEARCH", "SEEN")[1][0].split()) == 1


def test_an_inbox_takes_what_is_addressed_to_us(desk: Inbox) -> None:
    taken = [HERE, HERE.upper(), f"<{HERE}>", "anything@bounces.peerhub.example"]
    others = ["", "@", "hello@peerhub.example.org", "x@sub.bounces.peerhub.example", str(UUID(int=1))]

    assert [desk.takes(one) for one in taken + others] == [True] * 4 + [False] * 5
