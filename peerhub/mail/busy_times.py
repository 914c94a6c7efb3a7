"""When somebody is taken, as a calendar file from outside says: a process of its own reads it, and tells times alone.

``python -m peerhub.mail.busy_times ZONE OUR-DOMAIN MONDAY...`` reads the file from standard input. It is bounded in
time and memory, and may hold anything: no title, place or person leaves this module.
"""

import json
import re
import resource
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from typing import Any, Final
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Component, Event, vPeriod

from peerhub.domain.availability import Span, cells_touched, spans_of, wall_of_week

NOT_A_CALENDAR: Final = 2  # the exit status
_MOST_SECONDS: Final = 10  # of one processor
_MOST_MEMORY: Final = 1 << 30
_A_DAY: Final = timedelta(days=1)
_TELLS_WHEN: Final = (
    "UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SEQUENCE",
)  # fmt: skip
_TELLS_WHETHER: Final = ("STATUS", "TRANSP", "X-MICROSOFT-CDO-BUSYSTATUS")
_READ: Final = frozenset(
    {*_TELLS_WHEN, *_TELLS_WHETHER, "BEGIN", "END", "FREEBUSY", "TZID", "TZOFFSETFROM", "TZOFFSETTO", "TZNAME"}
)
_COMES_AGAIN: Final = frozenset({"RRULE", "RDATE", "RECURRENCE-ID"})
_FREE: Final = frozenset({"CANCELLED", "TRANSPARENT", "FREE"})
_TOO_OFTEN: Final = frozenset({"SECONDLY", "MINUTELY"})


class NotACalendar(ValueError):
    """The file is not iCalendar; what is in it is not said."""


@dataclass(frozen=True)
class Reading:
    """The busy times of each week, to the quarter of an hour, and how many entries could not be understood."""

    weeks: Mapping[date, tuple[Span, ...]]
    left_out: int = 0


def read(content: bytes, zone: str, our_domain: str, mondays: Sequence[date]) -> Reading:
    """When the calendar's owner, who lives in the zone, is taken in the weeks that begin on these Mondays.

    What is cancelled, or leaves them free, does not count, and neither do our own invitations. Whole days, and times
    whose zone nobody knows, are on the owner's own wall.

    Raises:
        NotACalendar: it is something else.
    """
    wall = ZoneInfo(zone)
    cells = dict.fromkeys(mondays, 0)
    left_out = 0
    for series in _series_in(content, our_domain):
        try:
            taken = {monday: _cells_taken(series, wall, monday) for monday in mondays}
        except Exception:  # whatever an entry does, the others are read
            left_out += 1
        else:
            cells = {monday: cells[monday] | taken[monday] for monday in mondays}
    return Reading({monday: tuple(spans_of(cells[monday], monday)) for monday in mondays}, left_out)


def _series_in(content: bytes, our_domain: str) -> Iterator[list[Component]]:
    """Entries that belong together, since they carry one UID: a series, and what differs from it."""
    series: dict[str, list[Component]] = defaultdict(list)
    for number, event in enumerate(_events_in(content)):
        uid = str(event.get("UID", f"entry {number}"))
        if not uid.endswith(f"@{our_domain}"):
            series[uid].append(event)
    yield from series.values()


def _events_in(content: bytes) -> list[Component]:
    text = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text[:15].upper().startswith(b"BEGIN:VCALENDAR"):
        raise NotACalendar("it does not begin as a calendar does")
    try:
        calendars = Calendar.from_ical(_lines_about_time(text.decode("utf-8", "replace")), multiple=True)
        events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
        periods = [period for calendar in calendars for period in _periods_in(calendar)]
    except (ValueError, LookupError, AttributeError, RecursionError) as trouble:  # the parser trips over odd parts
        raise NotACalendar(type(trouble).__name__) from None
    return events + [_event_of(period) for period in periods]


def _periods_in(calendar: Component) -> Iterator[Any]:
    """What a calendar says of busy times that tells nothing else itself (VFREEBUSY)."""
    for busy in calendar.walk("VFREEBUSY"):
        for period in _listed(busy.get("FREEBUSY")):
            if isinstance(period, vPeriod) and str(period.params.get("FBTYPE", "BUSY")).upper() not in _FREE:
                yield period


def _event_of(period: Any) -> Event:
    event = Event()
    event.add("dtstart", period.start)
    event.add("dtend", period.end)
    return event


def _lines_about_time(text: str) -> str:
    """The lines that say when; titles, places and people are dropped before anything reads them."""
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    lines = re.split(r"\r\n|\r|\n", unfolded)
    return "\r\n".join(line for line in lines if re.split("[:;]", line, maxsplit=1)[0].upper() in _READ)


def _cells_taken(series: list[Component], wall: ZoneInfo, monday: date) -> int:
    spans = [span for one in _occurrences(series, monday) if _counts(one) and (span := _span(one, wall))]
    on_their_wall = sum(1 << cell for cell, minute in enumerate(wall_of_week(wall.key, monday)) if minute >= 0)
    return reduce(lambda taken, span: taken | cells_touched(span, monday), spans, 0) & on_their_wall


def _occurrences(series: list[Component], monday: date) -> list[Any]:
    """Each time that a series takes place around that week; most entries take place once."""
    bare = [_bare(event) for event in series]
    if len(bare) == 1 and _COMES_AGAIN.isdisjoint(bare[0]):
        return bare
    calendar = Calendar()
    for event in bare:
        calendar.add_component(event)
    begins = datetime.combine(monday, time(), UTC)
    return list(recurring_ical_events.of(calendar).between(begins - 2 * _A_DAY, begins + 9 * _A_DAY))


def _bare(event: Any) -> Event:
    """What an entry says of when, and no more.

    Raises:
        ValueError: it could not be read, or it comes again more often than a person can be busy.
    """
    bare = Event()
    for name in (*_TELLS_WHEN, *_TELLS_WHETHER):
        if name in event:
            bare[name] = event[name]
    if "DTSTART" not in bare:
        raise ValueError("it does not say when")
    for rule in _listed(bare.get("RRULE")):
        if _TOO_OFTEN & {str(one).upper() for one in rule.get("FREQ", [])} or 0 in rule.get("INTERVAL", []):
            raise ValueError("it comes again all the time")
    return bare


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _counts(one: Any) -> bool:
    return _FREE.isdisjoint(str(one.get(name, "")).upper() for name in _TELLS_WHETHER)


def _span(one: Any, wall: ZoneInfo) -> Span | None:
    begins = one["DTSTART"].dt
    starts_at = _moment(begins, wall)
    if "DTEND" in one:
        ends_at = _moment(one["DTEND"].dt, wall)
    elif "DURATION" in one:
        ends_at = starts_at + one["DURATION"].dt
    else:
        ends_at = starts_at if isinstance(begins, datetime) else _moment(begins + _A_DAY, wall)
    return Span(starts_at, ends_at) if starts_at < ends_at else None


def _moment(when: date, wall: ZoneInfo) -> datetime:
    """In UTC; a day begins at its midnight, on the owner's wall."""
    if not isinstance(when, datetime):
        when = datetime.combine(when, time())
    if when.utcoffset() is None:
        when = when.replace(tzinfo=wall, fold=0)
    return when.astimezone(UTC)


def _bound() -> None:
    """Nothing that a file says makes this process take more than so much, or write anything."""
    for what, most in (
        (resource.RLIMIT_CPU, _MOST_SECONDS),
        (resource.RLIMIT_AS, _MOST_MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def main(zone: str, our_domain: str, *mondays: str) -> int:
    _bound()
    try:
        reading = read(sys.stdin.buffer.read(), zone, our_domain, [date.fromisoformat(one) for one in mondays])
    except NotACalendar:
        return NOT_A_CALENDAR
    weeks = {
        monday.isoformat(): [(one.starts_at.isoformat(), one.ends_at.isoformat()) for one in spans]
        for monday, spans in reading.weeks.items()
    }
    sys.stdout.write(json.dumps({"weeks": weeks, "left_out": reading.left_out}))
    return 0


def from_json(text: str) -> Reading:
    """What ``main`` has written."""
    said = json.loads(text)
    weeks = {
        date.fromisoformat(monday): tuple(Span(*map(datetime.fromisoformat, one)) for one in spans)
        for monday, spans in said["weeks"].items()
    }
    return Reading(weeks, said["left_out"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
