"""What a calendar answers by mail (RFC 5546): who, to which appointment, in which version, and when they said so.

Nothing that is read here is believed: it is checked against the seat. Only a few lines of the calendar are looked at
at all, so that no recurrence and no time zone in it is ever worked out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from itertools import islice
from typing import Final
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from icalendar.parser import Contentline, Contentlines

from peerhub.domain.availability import is_zone
from peerhub.domain.invitations import AsksFor, Rsvp

MOST_BYTES: Final = 64 * 1024  # of one calendar; a real answer has two thousand
_MOST_LINES = 2000
_MOST_COMPONENTS = 40
_CALENDAR_TYPES = ("text/calendar", "application/ics")
_READ = frozenset({"BEGIN", "END", "METHOD", "UID", "ATTENDEE", "SEQUENCE", "DTSTAMP", "DTSTART", "RECURRENCE-ID"})
_ANSWERS = {"ACCEPTED": Rsvp.YES, "DECLINED": Rsvp.NO, "TENTATIVE": Rsvp.MAYBE}
_NUMBER = re.compile(r"[0-9]{1,9}")
_UID = re.compile(r"[!-~]{1,255}")  # as ours are; what a database cannot hold is no name of a seat
_MOMENT = re.compile(r"[0-9]{8}T[0-9]{6}Z?")


class Unreadable(ValueError):
    """An answer that says too little, or too much; the message names nobody."""


@dataclass(frozen=True)
class Reply:
    """One answer: ``rsvp`` where a calendar can give it, ``asks_for`` where a person must decide.

    ``starts_at`` is when the answered appointment begins, or would begin if they had their way; None if not said.
    """

    uid: str
    attendee: str
    sequence: int
    said_at: datetime
    rsvp: Rsvp | None = None
    asks_for: AsksFor | None = None
    starts_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Reply({self.rsvp or self.asks_for})"


@dataclass(frozen=True)
class _Line:
    name: str
    params: dict[str, str]
    value: str


def reply_in(parts: list[Message]) -> Reply | None:
    """The answer that these parts of a mail carry, or None where none of them is one.

    Raises:
        Unreadable: there is one, and it does not name one attendee of one appointment.
    """
    for part in parts:
        if part.get_content_type() in _CALENDAR_TYPES and (lines := _lines_of(part)):
            method = "".join(line.value.strip().upper() for line in lines if line.name == "METHOD")
            if method in ("REPLY", "COUNTER", "REFRESH"):
                return _reply(method, _event_in(lines))
    return None


def _reply(method: str, event: list[_Line]) -> Reply:
    attendee, sequence = _one(event, "ATTENDEE"), _value(event, "SEQUENCE", "0")
    uid = _one(event, "UID").value.strip()
    if not _UID.fullmatch(uid):
        raise Unreadable("a UID that is none of ours")
    if not _NUMBER.fullmatch(sequence):
        raise Unreadable("a sequence that is no number")
    said_at = _moment(_one(event, "DTSTAMP"))
    if said_at is None:
        raise Unreadable("a stamp that is no moment")
    said = attendee.params.get("PARTSTAT", "").upper()
    delegates = said == "DELEGATED" or "DELEGATED-TO" in attendee.params or "DELEGATED-FROM" in attendee.params
    rsvp, asks_for = None, None
    if method == "COUNTER":
        asks_for = AsksFor.OTHER_TIME
    elif method == "REFRESH":
        asks_for = AsksFor.NEWS
    elif delegates:
        asks_for = AsksFor.STAND_IN
    elif said in _ANSWERS:
        rsvp = _ANSWERS[said]
    else:
        raise Unreadable("neither yes, no nor maybe")
    starts = [line for line in event if line.name == "DTSTART"]
    return Reply(
        uid=uid,
        attendee=_address(attendee.value),
        sequence=int(sequence),
        said_at=said_at,
        rsvp=rsvp,
        asks_for=asks_for,
        starts_at=_moment(starts[0]) if len(starts) == 1 else None,
    )


def _lines_of(part: Message) -> list[_Line]:
    """The lines that matter, unfolded; none where the calendar is larger than an answer can be."""
    written = part.get_payload(decode=True)
    if not isinstance(written, bytes) or len(written) > MOST_BYTES or written.count(b"\n") > _MOST_LINES:
        return []
    return list(_parsed(Contentlines.from_ical(written.decode("utf-8", "replace"))))  # type: ignore[no-untyped-call]


def _parsed(lines: list[str]) -> Iterator[_Line]:
    for line in lines:
        name = re.split("[:;]", line, maxsplit=1)[0].strip().upper()
        if name in _READ:
            try:
                _, params, value = Contentline(line).parts()  # type: ignore[no-untyped-call]
            except ValueError:
                raise Unreadable("a line that is none") from None
            yield _Line(name, {key.upper(): str(said) for key, said in params.items()}, value)


def _event_in(lines: list[_Line]) -> list[_Line]:
    """What the one VEVENT says itself, without its alarms.

    Raises:
        Unreadable: there is none, more than one, or one instance of a series, which we never send.
    """
    inside: list[str] = []
    event, events = [], 0
    for line in islice(lines, _MOST_LINES):
        if line.name == "BEGIN":
            inside.append(line.value.strip().upper())
            events += inside[-1] == "VEVENT"
            if len(inside) > _MOST_COMPONENTS:
                raise Unreadable("a calendar within a calendar")
        elif line.name == "END":
            inside = inside[:-1]
        elif inside[-1:] == ["VEVENT"]:
            event.append(line)
    if events != 1 or any(line.name == "RECURRENCE-ID" for line in event):
        raise Unreadable("not one single appointment")
    return event


def _one(event: list[_Line], name: str) -> _Line:
    found = [line for line in event if line.name == name]
    if len(found) != 1:
        raise Unreadable(f"{len(found)} of {name}")
    return found[0]


def _value(event: list[_Line], name: str, otherwise: str) -> str:
    return _one(event, name).value.strip() if any(line.name == name for line in event) else otherwise


def _address(value: str) -> str:
    """The address of a calendar user: ``mailto:`` in whatever case, and percent signs taken back."""
    scheme, colon, rest = value.strip().partition(":")
    address = unquote(rest) if colon and scheme.lower() == "mailto" else value
    return address.partition("?")[0].strip()


def _moment(line: _Line) -> datetime | None:
    """The moment in UTC; None for a whole day, a time on nobody's wall, or a zone that only the calendar knows."""
    text, zone = line.value.strip().upper(), line.params.get("TZID", "")
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.strptime(text.removesuffix("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - its zone comes next
        if text.endswith("Z"):
            return moment.replace(tzinfo=UTC)
        return moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) if is_zone(zone) else None
    except (ValueError, OverflowError):
        return None
