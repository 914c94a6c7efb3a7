"""Where the demo's mail goes: a real mail server on this machine that keeps every letter as a file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import make_msgid, parsedate_to_datetime
from pathlib import Path
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session
from icalendar import Calendar, Event, vCalAddress

from peerhub.mail import message


@dataclass(frozen=True)
class Received:
    """One letter as it arrived."""

    number: int
    to: str
    subject: str
    sent_at: datetime
    text: str
    html: str
    calendar: str


@asynccontextmanager
async def receiving(folder: Path) -> AsyncIterator[str]:
    """Receive mail for everybody while inside, and give the server's SMTP URL."""
    loop, keeper = asyncio.get_running_loop(), _Keeper(folder)
    server = await loop.create_server(lambda: SMTP(keeper, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"smtp://127.0.0.1:{port}"
    finally:
        server.close()


class _Keeper:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._number = max(_numbers(folder), default=0)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self._number += 1
        (self._folder / f"{self._number}.eml").write_bytes(cast(bytes, envelope.original_content))
        return "250 kept"


def latest(folder: Path, most: int = 200) -> list[Received]:
    """The letters, newest first."""
    return [letter for number in sorted(_numbers(folder), reverse=True)[:most] if (letter := read(folder, number))]


def read(folder: Path, number: int) -> Received | None:
    """One letter, or None where there is no such number."""
    path = folder / f"{number}.eml"
    if not path.is_file():
        return None
    mail = path.read_bytes()
    reading = message.read(mail)
    return Received(
        number=number,
        to=reading.to,
        subject=reading.subject,
        sent_at=parsedate_to_datetime(str(message_from_bytes(mail)["Date"])),
        text=reading.text,
        html=reading.html,
        calendar=reading.calendar,
    )


def calendar_lines(letter: Received) -> list[tuple[str, str]]:
    """What a calendar would show of the letter, as (property, value)."""
    if not letter.calendar:
        return []
    calendar = Calendar.from_ical(letter.calendar)
    event = calendar.walk("VEVENT")[0]
    shown = ("SUMMARY", "DTSTART", "DTEND", "LOCATION", "STATUS", "SEQUENCE", "ORGANIZER", "ATTENDEE", "UID")
    lines = [("METHOD", str(calendar.get("METHOD", "")))]
    return lines + [(name, _shown(event[name])) for name in shown if name in event]


def asks_for_an_answer(letter: Received) -> bool:
    """Whether a calendar would offer to accept and decline."""
    return "METHOD:REQUEST" in letter.calendar


def answer_to(letter: Received, said: str, now: datetime) -> bytes:
    """The mail with which a calendar answers: ``said`` is ACCEPTED, TENTATIVE or DECLINED (RFC 5546)."""
    asked = Calendar.from_ical(letter.calendar).walk("VEVENT")[0]
    event = Event()
    for name in ("UID", "SEQUENCE", "DTSTART", "DTEND", "ORGANIZER"):
        event[name] = asked[name]
    attendee = vCalAddress(str(asked["ATTENDEE"]))
    attendee.params["PARTSTAT"] = said
    event.add("attendee", attendee)
    event.add("dtstamp", now)
    calendar = Calendar(METHOD="REPLY", VERSION="2.0", PRODID="-//peerhub//demo//EN")
    calendar.add_component(event)
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"], mail["Message-ID"] = letter.to, make_msgid(domain="demo.example")
    mail.set_content("An answer from a calendar.")
    mail.add_alternative(calendar.to_ical(), maintype="text", subtype="calendar", params={"method": "REPLY"})
    return mail.as_bytes()


def _shown(value: object) -> str:
    moment = getattr(value, "dt", None)
    return f"{moment:%Y-%m-%d %H:%M %Z}" if isinstance(moment, datetime) else str(value)


def _numbers(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.eml") if path.stem.isdigit()]
