"""The invitation as iCalendar (RFC 5545, 5546): one member, one seat, one UID for life.

Calendars are shared, so an entry leads to the sign-in page and nowhere else, and says no more than its member allows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal
from zoneinfo import ZoneInfo

from icalendar import Alarm, Calendar, Event, Timezone, vCalAddress, vDuration

from peerhub.domain.availability import Span
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.links import crisis_page, sign_in_page
from peerhub.mail.plain import one_line
from peerhub.mail.recipient import Recipient, SeatInvitation
from peerhub.mail.time_zones import vtimezone

MEDIUMS = {"video": "Video call", "voice": "Voice call", "text": "Text chat", "in_person": "In person"}
DISCREET = "Appointment"
_REMINDER = timedelta(minutes=-15)
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
    everyone = _request(seat.span, seat.sequence, _summary(seat, to), head, now, medium=seat.medium)
    return _of_one(everyone, seat, to)


def cancel(
    seat: SeatInvitation, head: Letterhead, to: Recipient, now: datetime, *, session_goes_on: bool = False
) -> bytes:
    """The end of the entry; where the session goes on without this member, its status is not said."""
    everyone = _cancel(seat.span, seat.sequence, _summary(seat, to), head, now, goes_on=session_goes_on)
    return _of_one(everyone, seat, to)


def person_calendar(sessions: Iterable[tuple[str, Span, str]], now: datetime) -> bytes:
    """The sessions (UID, span, medium) of one person as a file to open, without a method: nobody is invited by it.

    Calendars are shared, so an entry tells no more than a discreet invitation does, and how they meet.
    """
    events = []
    for uid, span, medium in sessions:
        event = _timed(span, now)
        event.add("uid", one_line(uid))
        event.add("summary", DISCREET)
        event.add("description", medium_in_words(medium))
        events.append(event)
    return _calendar(None, *events)


def feed(entries: Iterable[Entry], name: str, zone: str, head: Letterhead, now: datetime) -> bytes:
    """A calendar to subscribe to: nobody is invited by it, and nobody is named.

    Times are on the wall of ``zone``, so that a calendar shows where they belong, or else in UTC.
    """
    entries = list(entries)
    years = {moment.year for one in entries for moment in (one.span.starts_at, one.span.ends_at)}
    carried = vtimezone(zone, min(years), max(years)) if years and zone != "UTC" else None
    events = [_feed_event(one, zone if carried else None, head, now) for one in entries]
    speaks_of_it = any("TZID" in event["dtstart"].params for event in events)
    calendar = _new_calendar(None, carried if speaks_of_it else None, *events)
    calendar.add("x-wr-calname", one_line(name))
    calendar.add("refresh-interval", vDuration(_LOOK_AGAIN), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(_LOOK_AGAIN))
    return _as_written(calendar)


def mark_of(written: bytes) -> str:
    """The same for two calendars that say the same, whenever each was written."""
    lines = [line for line in written.split(b"\r\n") if not line.startswith(b"DTSTAMP")]
    return sha256(b"\n".join(lines)).hexdigest()[:32]


def _feed_event(one: Entry, zone: str | None, head: Letterhead, now: datetime) -> Event:
    event = _timed(one.span, now, zone)
    event.add("uid", one_line(one.uid))
    event.add("sequence", one.sequence)
    event.add("status", "CONFIRMED" if one.is_firm else "TENTATIVE")
    event.add("summary", one_line(one.summary))
    if one.description:
        event.add("description", one_line(one.description, 400))
    event.add("url", sign_in_page(head))
    event.add("class", "PRIVATE")
    return event


# What an entry says to everyone is written once, since a round invites thousands to a few hundred hours.


@lru_cache(maxsize=1000)
def _request(span: Span, sequence: int, summary: str, head: Letterhead, now: datetime, *, medium: str) -> bytes:
    event = _event(span, sequence, head, now)
    event.add("status", "CONFIRMED")
    event.add("summary", summary)
    event.add("description", description(medium, head))
    event.add("location", sign_in_page(head))
    event.add("url", sign_in_page(head))
    event.add_component(_reminder(summary))
    return _calendar("REQUEST", event)


@lru_cache(maxsize=1000)
def _cancel(span: Span, sequence: int, summary: str, head: Letterhead, now: datetime, *, goes_on: bool) -> bytes:
    event = _event(span, sequence, head, now)
    if not goes_on:
        event.add("status", "CANCELLED")
    event.add("summary", summary)
    return _calendar("CANCEL", event)


def _event(span: Span, sequence: int, head: Letterhead, now: datetime) -> Event:
    event = _timed(span, now)
    event.add("sequence", sequence)
    event.add("organizer", vCalAddress(f"mailto:{head.mail_from}"))
    event.add("class", "PRIVATE")
    return event


def _of_one(everyone: bytes, seat: SeatInvitation, to: Recipient) -> bytes:
    """The entry of one member: what is said to everyone, and what is theirs alone."""
    theirs = Event()
    theirs.add("uid", one_line(seat.uid))
    theirs.add("attendee", _attendee(seat, to))
    return everyone.replace(b"BEGIN:VEVENT\r\n", theirs.to_ical().removesuffix(b"END:VEVENT\r\n"), 1)


def _timed(span: Span, now: datetime, zone: str | None = None) -> Event:
    event = Event()
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


def _attendee(seat: SeatInvitation, to: Recipient) -> vCalAddress:
    """The member, and their answer as far as it still counts."""
    attendee = vCalAddress(f"mailto:{one_line(to.address, 254)}")
    answer = _ANSWERED.get(seat.rsvp, "NEEDS-ACTION")
    attendee.params.update({"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": answer, "RSVP": "TRUE"})
    return attendee


def _reminder(summary: str) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", _REMINDER)
    alarm.add("description", summary)
    return alarm


def _summary(seat: SeatInvitation, to: Recipient) -> str:
    return DISCREET if to.discreet else one_line(seat.program_name)


def description(medium: str, head: Letterhead) -> str:
    """What an entry says of a session to whoever looks at the calendar."""
    how = medium_in_words(medium)
    return f"{how}. Details after signing in. Not an emergency service; crisis help: {crisis_page(head)}"


def medium_in_words(medium: str) -> str:
    return MEDIUMS.get(medium) or one_line(medium.replace("_", " ")).capitalize()


def _calendar(method: Literal["REQUEST", "CANCEL"] | None, *events: Event) -> bytes:
    return _as_written(_new_calendar(method, None, *events))


def _new_calendar(method: str | None, zone: Timezone | None, *events: Event) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", "-//peerhub//peerhub//EN")
    calendar.add("version", "2.0")
    if method:
        calendar.add("method", method)
    for part in (zone, *events):
        if part is not None:
            calendar.add_component(part)
    return calendar


def _as_written(calendar: Calendar) -> bytes:
    written: bytes = calendar.to_ical()
    return written
