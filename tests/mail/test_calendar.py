"""The calendar entry, read back by a library that did not write it."""

import zoneinfo
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import vobject

from peerhub.domain.availability import Span
from peerhub.mail import calendar
from peerhub.mail.letterhead import Letterhead
from tests.mail.cast import ANA, BEN, TUESDAY, a_seat

NASTY = [
    "Ana\r\nATTENDEE:mailto:eve@example.org",
    "Ana\nBEGIN:VALARM",
    "Ana\x00\x0b\x1f\x7f\x85",
    "Ana\u2028SUMMARY:x\u2029",
    "\u202eanA\u202c \u2066x\u2069 \u200f",
    "Ana\ud800",
    "A" * 10_000,
    "Ana; Ben, Cat: \\ \"'^n",
    "🌱 Ünïcödé " * 30,
]


def parsed(entry: bytes) -> Any:
    return vobject.readOne(entry.decode())


def names_of(entry: bytes) -> list[str]:
    """The names of all properties, in order."""
    unfolded = entry.decode().replace("\r\n ", "")
    return [line.partition(":")[0].partition(";")[0] for line in unfolded.split("\r\n") if line]


def test_a_request_invites_one_member_to_one_session(letterhead: Letterhead, now: datetime) -> None:
    entry = parsed(calendar.request(a_seat(), letterhead, ANA, now))

    event = entry.vevent
    assert (entry.method.value, entry.version.value) == ("REQUEST", "2.0")
    assert event.uid.value == a_seat().uid
    assert (event.sequence.value, event.status.value) == ("0", "CONFIRMED")
    assert (event.dtstart.value, event.dtend.value) == (TUESDAY, TUESDAY + timedelta(hours=1))
    assert event.dtstamp.value == now
    assert event.organizer.value == "mailto:hello@peerhub.example"
    assert [attendee.value for attendee in event.attendee_list] == ["mailto:ana@example.org"]
    assert event.attendee.params == {
        "CUTYPE": ["INDIVIDUAL"], "ROLE": ["REQ-PARTICIPANT"], "PARTSTAT": ["NEEDS-ACTION"], "RSVP": ["TRUE"],
    }  # fmt: skip


@pytest.mark.parametrize("write", [calendar.request, calendar.cancel])
def test_two_members_of_a_session_are_told_the_same_of_it_and_each_their_own(
    write: Callable[..., bytes], letterhead: Letterhead, now: datetime
) -> None:
    bens = replace(a_seat(), uid="bens", rsvp="yes")
    ours, theirs = (
        entry.decode().replace("\r\n ", "").split("\r\n")
        for entry in (
            write(a_seat(), letterhead, ANA, now),
            write(bens, letterhead, replace(BEN, discreet=ANA.discreet), now),
        )
    )

    differing = [(one, other) for one, other in zip(ours, theirs, strict=True) if one != other]
    assert [one.partition(";")[0].partition(":")[0] for one, _ in differing] == ["UID", "ATTENDEE"]
    assert [other.rpartition(":")[2] for _, other in differing] == ["bens", "ben@example.org"]


@pytest.mark.parametrize(
    "change",
    [
        {"span": Span(TUESDAY, TUESDAY + timedelta(hours=2))},
        {"sequence": 1},
        {"medium": "voice"},
        {"uid": "another"},
        {"rsvp": "yes"},
        {"program_name": "Walks"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_change_of_a_seat_shows_in_its_entry(
    change: dict[str, Any], letterhead: Letterhead, now: datetime
) -> None:
    open_ = replace(ANA, discreet=False)

    assert calendar.request(a_seat(**change), letterhead, open_, now) != calendar.request(
        a_seat(), letterhead, open_, now
    )


def test_times_are_in_utc(letterhead: Letterhead, now: datetime) -> None:
    lines = calendar.request(a_seat(), letterhead, ANA, now).decode().split("\r\n")

    times = [line for line in lines if line.startswith("DT")]
    assert sorted(times) == ["DTEND:20261201T190000Z", "DTSTAMP:20261122T090000Z", "DTSTART:20261201T180000Z"]


def test_a_shared_calendar_tells_no_topic_and_leads_to_the_sign_in_page(letterhead: Letterhead, now: datetime) -> None:
    seat = a_seat(place="https://video.example/join/secret")

    discreet = calendar.request(seat, letterhead, ANA, now)
    open_one = calendar.request(seat, letterhead, BEN, now)

    assert (parsed(discreet).vevent.summary.value, parsed(open_one).vevent.summary.value) == (
        "Appointment", "Evening circle",
    )  # fmt: skip
    for entry in (discreet, open_one):
        event = parsed(entry).vevent
        assert event.location.value == event.url.value == "https://peerhub.example/sign-in"
        assert [word for word in (b"secret", b"Cat") if word in entry] == []


def test_the_alarm_comes_last(letterhead: Letterhead, now: datetime) -> None:
    names = names_of(calendar.request(a_seat(), letterhead, ANA, now))

    assert names[-7:] == ["BEGIN", "ACTION", "DESCRIPTION", "TRIGGER", "END", "END", "END"]
    assert names.count("BEGIN") == 3


@pytest.mark.parametrize(("goes_on", "status"), [(False, ["CANCELLED"]), (True, [])])
def test_a_cancel_ends_the_same_entry_without_an_alarm(
    goes_on: bool, status: list[str], letterhead: Letterhead, now: datetime
) -> None:
    entry = parsed(calendar.cancel(a_seat(sequence=3), letterhead, ANA, now, session_goes_on=goes_on))

    event = entry.vevent
    assert (entry.method.value, event.uid.value, event.sequence.value) == ("CANCEL", a_seat().uid, "3")
    assert [one.value for one in event.contents.get("status", [])] == status
    assert event.dtstart.value == TUESDAY
    assert [attendee.value for attendee in event.attendee_list] == ["mailto:ana@example.org"]
    assert list(event.components()) == []


@pytest.mark.parametrize("nasty", NASTY, ids=lambda text: ascii(text)[:24])
def test_no_name_breaks_out_of_its_line(nasty: str, letterhead: Letterhead, now: datetime) -> None:
    plain = calendar.request(a_seat(), letterhead, BEN, now)

    entry = calendar.request(a_seat(program_name=nasty, uid="uid"), letterhead, replace(BEN, name=nasty), now)

    assert names_of(entry) == names_of(plain)
    lines = entry.split(b"\r\n")
    assert max(len(line) for line in lines) <= 75
    assert [line for line in lines if b"\n" in line or b"\r" in line] == []
    summary = parsed(entry).vevent.summary.value
    assert len(summary) <= 120
    assert [sign for sign in summary if not sign.isprintable()] == []


def test_a_person_takes_home_a_calendar_that_invites_nobody(now: datetime) -> None:
    span = a_seat().span
    later = replace(span, starts_at=span.starts_at + timedelta(days=7), ends_at=span.ends_at + timedelta(days=7))

    entry = calendar.person_calendar([("one", span, "video"), ("two", later, "in_person")], now)

    events = parsed(entry).vevent_list
    assert [event.uid.value for event in events] == ["one", "two"]
    assert [event.summary.value for event in events] == ["Appointment", "Appointment"]
    assert [event.description.value for event in events] == ["Video call", "In person"]
    assert {"METHOD", "ATTENDEE", "ORGANIZER", "BEGIN:VALARM"} & set(names_of(entry)) == set()
    assert events[0].dtstart.value.astimezone(UTC) == TUESDAY


def test_no_private_words_of_any_vendor_stand_in_an_invitation(letterhead: Letterhead, now: datetime) -> None:
    entries = [calendar.request(a_seat(), letterhead, ANA, now), calendar.cancel(a_seat(), letterhead, ANA, now)]

    assert [name for entry in entries for name in names_of(entry) if name.startswith("X-")] == []


def test_how_they_meet_is_told_and_a_change_of_it_shows(letterhead: Letterhead, now: datetime) -> None:
    told = [
        parsed(calendar.request(a_seat(medium=medium), letterhead, ANA, now)).vevent.description.value
        for medium in ("video", "in_person")
    ]

    rest = "Details after signing in. Not an emergency service; crisis help: https://peerhub.example/crisis"
    assert told == [f"Video call. {rest}", f"In person. {rest}"]


def test_zones_are_those_of_the_locked_package_and_not_of_the_machine() -> None:
    assert zoneinfo.TZPATH == ()
    assert zoneinfo.ZoneInfo("Europe/Lisbon").utcoffset(TUESDAY.replace(tzinfo=None)) == timedelta()
