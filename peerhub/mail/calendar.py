"""The invitation as iCalendar (RFC 5545, 5546): one member, one seat, one UID for life.

Calendars are shared, so an entry leads to the sign-in page and nowhere else, and says no more than its member allows.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from icalendar import Alarm, Calendar, Event, vCalAddress

from peerhub.domain.availability import Span
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.links import crisis_page, sign_in_page
from peerhub.mail.plain import one_line
from peerhub.mail.recipient import Recipient, SeatInvitation

MEDIUMS = {"video": "Video call", "voice": "Voice call", "text": "Text chat", "in_person": "In person"}
DISCREET = "Appointment"
_REMINDER = timedelta(minutes=-15)


def request(seat: SeatInvitation, head: Letterhead, to: Recipient, now: datetime) -> bytes:
    """The offer of a seat, or what has become of it: the same UID with a higher sequence moves the entry."""
    event = _event(seat, head, to, now)
    event.add("status", "CONFIRMED")
    event.add("summary", _summary(seat, to))
    event.add("description", f"Details after signing in. Not an emergency service; crisis help: {crisis_page(head)}")
    event.add("location", sign_in_page(head))
    event.add("url", sign_in_page(head))
    event.add_component(_reminder(_summary(seat, to)))
    return _calendar("REQUEST", event)


def cancel(
    seat: SeatInvitation, head: Letterhead, to: Recipient, now: datetime, *, session_goes_on: bool = False
) -> bytes:
    """The end of the entry; where the session goes on without this member, its status is not said."""
    event = _event(seat, head, to, now)
    if not session_goes_on:
        event.add("status", "CANCELLED")
    event.add("summary", _summary(seat, to))
    return _calendar("CANCEL", event)


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
    return _calendar(None, *events)


def _event(seat: SeatInvitation, head: Letterhead, to: Recipient, now: datetime) -> Event:
    event = _timed(seat.uid, seat.span, now)
    event.add("sequence", seat.sequence)
    event.add("organizer", vCalAddress(f"mailto:{head.mail_from}"))
    event.add("attendee", _attendee(to))
    event.add("class", "PRIVATE")
    return event


def _timed(uid: str, span: Span, now: datetime) -> Event:
    event = Event()
    event.add("uid", one_line(uid))
    event.add("dtstamp", now)
    event.add("dtstart", span.starts_at)
    event.add("dtend", span.ends_at)
    return event


def _attendee(to: Recipient) -> vCalAddress:
    attendee = vCalAddress(f"mailto:{one_line(to.address, 254)}")
    attendee.params.update(
        {"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"}
    )
    return attendee


def _reminder(summary: str) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", _REMINDER)
    alarm.add("description", summary)
    return alarm


def _summary(seat: SeatInvitation, to: Recipient) -> str:
    return DISCREET if to.discreet else one_line(seat.program_name)


def medium_in_words(medium: str) -> str:
    return MEDIUMS.get(medium) or one_line(medium.replace("_", " ")).capitalize()


def _calendar(method: Literal["REQUEST", "CANCEL"] | None, *events: Event) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//peerhub//peerhub//EN")
    calendar.add("version", "2.0")
    if method:
        calendar.add("method", method)
    for event in events:
        calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written
