"""The invitation as iCalendar (RFC 5545, 5546): one member, one seat, one UID for life.

Calendars are shared, so an entry leads to the sign-in page and nowhere else, and says no more than its member allows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, vDuration

from peerhub.domain.availability import Span
from peerhub.mail.content_lines import as_moment, as_text, written
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.links import crisis_page, sign_in_page
from peerhub.mail.plain import one_line
from peerhub.mail.recipient import Recipient, SeatInvitation
from peerhub.mail.time_zones import vtimezone

MEDIUMS = {"video": "Video call", "voice": "Voice call", "text": "Text chat", "in_person": "In person"}
DISCREET = "Appointment"
_PRODUCT: Final = "-//peerhub//peerhub//EN"
_CLOSING: Final = ("END:VEVENT", "END:VCALENDAR")
_REMINDER: Final = "-PT15M"
_LOOK_AGAIN = timedelta(hours=6)
_ANSWERED: Final = {"yes": "ACCEPTED", "maybe": "TENTATIVE", "no": "DECLINED"}


@dataclass(frozen=True)
class Entry:
    """One line of a subscribed calendar; ``is_firm`` where its member said yes."""

    uid: str
    span: Span
    sequence: int = 0
    is_firm: bool = True
    summary: str = DISCREET
    description: str = ""

    def __repr__(self) -> str:
        return f"Entry({self.span})"


def request(seat: SeatInvitation, head: Letterhead, to: Recipient, now: datetime) -> bytes:
    """The offer of a seat, or what has become of it: the same UID with a higher sequence moves the entry."""
    summary, page = as_text(_summary(seat, to)), sign_in_page(head)
    return written((
        *_opening("REQUEST", seat, to, now),
        f"DESCRIPTION:{as_text(description(seat.medium, head))}",
        f"LOCATION:{as_text(page)}",
        f"ORGANIZER:mailto:{head.mail_from}",
        "STATUS:CONFIRMED",
        f"URL:{page}",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{summary}",
        f"TRIGGER:{_REMINDER}",
        "END:VALARM",
        *_CLOSING,
    ))  # fmt: skip


def cancel(
    seat: SeatInvitation, head: Letterhead, to: Recipient, now: datetime, *, session_goes_on: bool = False
) -> bytes:
    """The end of the entry; where the session goes on without this member, its status is not said."""
    return written((
        *_opening("CANCEL", seat, to, now),
        f"ORGANIZER:mailto:{head.mail_from}",
        *(() if session_goes_on else ("STATUS:CANCELLED",)),
        *_CLOSING,
    ))  # fmt: skip


def person_calendar(sessions: Iterable[tuple[str, Span, str]], now: datetime) -> bytes:
    """The sessions (UID, span, medium) of one person as a file to open, without a method: nobody is invited by it.

    Calendars are shared, so an entry tells no more than a discreet invitation does, and how they meet.
    """
    events = []
    for uid, span, medium in sessions:
        event = _timed(uid, span, now)
        event.add("summary", DISCREET)
        event.add("description", medium_in_words(medium))
        events.append(event)
    return _as_written(_new_calendar(None, *events))


def feed(entries: Iterable[Entry], name: str, zone: str, head: Letterhead, now: datetime) -> bytes:
    """A calendar to subscribe to: nobody is invited by it, and nobody is named.

    Times are on the wall of ``zone``, so that a calendar shows where they belong, or else in UTC.
    """
    entries = list(entries)
    years = {moment.year for one in entries for moment in (one.span.starts_at, one.span.ends_at)}
    carried = vtimezone(zone, min(years), max(years)) if years and zone != "UTC" else None
    events = [_feed_event(one, zone if carried else None, head, now) for one in entries]
    speaks_of_it = any("TZID" in event["dtstart"].params for event in events)
    calendar = _new_calendar(carried if speaks_of_it else None, *events)
    calendar.add("x-wr-calname", one_line(name))
    calendar.add("refresh-interval", vDuration(_LOOK_AGAIN), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(_LOOK_AGAIN))
    return _as_written(calendar)


def mark_of(calendar: bytes) -> str:
    """The same for two calendars that say the same, whenever each was written."""
    lines = [line for line in calendar.split(b"\r\n") if not line.startswith(b"DTSTAMP")]
    return sha256(b"\n".join(lines)).hexdigest()[:32]


def _feed_event(one: Entry, zone: str | None, head: Letterhead, now: datetime) -> Event:
    event = _timed(one.uid, one.span, now, zone)
    event.add("sequence", one.sequence)
    event.add("status", "CONFIRMED" if one.is_firm else "TENTATIVE")
    event.add("summary", one_line(one.summary))
    if one.description:
        event.add("description", one_line(one.description, 400))
    event.add("url", sign_in_page(head))
    event.add("class", "PRIVATE")
    return event


def _opening(method: str, seat: SeatInvitation, to: Recipient, now: datetime) -> tuple[str, ...]:
    """An entry as far as an offer and its end are alike: which seat, when, and the member's answer, if it still counts.

    Properties stand in the order in which ``icalendar`` writes them.
    """
    answer = _ANSWERED.get(seat.rsvp, "NEEDS-ACTION")
    return (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{_PRODUCT}",
        f"METHOD:{method}",
        "BEGIN:VEVENT",
        f"SUMMARY:{as_text(_summary(seat, to))}",
        f"DTSTART:{as_moment(seat.span.starts_at)}",
        f"DTEND:{as_moment(seat.span.ends_at)}",
        f"DTSTAMP:{as_moment(now)}",
        f"UID:{as_text(one_line(seat.uid))}",
        f"SEQUENCE:{seat.sequence}",
        f"ATTENDEE;CUTYPE=INDIVIDUAL;PARTSTAT={answer};ROLE=REQ-PARTICIPANT;RSVP=TRUE:"
        f"mailto:{one_line(to.address, 254)}",
        "CLASS:PRIVATE",
    )


def _timed(uid: str, span: Span, now: datetime, zone: str | None = None) -> Event:
    event = Event()
    event.add("uid", one_line(uid))
    event.add("dtstamp", now)
    event.add("dtstart", _on_the_clock(span.starts_at, zone))
    event.add("dtend", _on_the_clock(span.ends_at, zone))
    return event


def _on_the_clock(moment: datetime, zone: str | None) -> datetime:
    """The moment on the zone's clock, or in UTC where that clock shows the hour twice."""
    if zone is None:
        return moment
    wall = moment.astimezone(ZoneInfo(zone))
    is_plain = wall.replace(fold=0).utcoffset() == wall.replace(fold=1).utcoffset()
    return wall if is_plain else moment


def _summary(seat: SeatInvitation, to: Recipient) -> str:
    return DISCREET if to.discreet else one_line(seat.program_name)


def description(medium: str, head: Letterhead) -> str:
    """What an entry says of a session to whoever looks at the calendar."""
    how = medium_in_words(medium)
    return f"{how}. Details after signing in. Not an emergency service; crisis help: {crisis_page(head)}"


def medium_in_words(medium: str) -> str:
    return MEDIUMS.get(medium) or one_line(medium.replace("_", " ")).capitalize()


def _new_calendar(zone: Timezone | None, *events: Event) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    for part in (zone, *events):
        if part is not None:
            calendar.add_component(part)
    return calendar


def _as_written(calendar: Calendar) -> bytes:
    lines: bytes = calendar.to_ical()
    return lines
