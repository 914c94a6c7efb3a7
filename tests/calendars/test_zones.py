"""Our time zones, as two independent parsers read them, against zoneinfo: every zone, around 2027's clock changes."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from peerhub.domain.availability import Span, zones
from peerhub.mail import calendar
from peerhub.mail.calendar import Entry
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.time_zones import rule_of, vtimezone
from tests.calendars.readers import READERS
from tests.conftest import NOW

A_HALF_HOUR = timedelta(minutes=30)
AN_HOUR = timedelta(hours=1)
HEAD = Letterhead("Harbour Lights", "hello@peerhub.example", "https://peerhub.example", b"k" * 32)

NOT_SO = {  # zones whose clocks do not follow two plain rules in 2027
    "Africa/Cairo", "America/Godthab", "America/Havana", "America/Nuuk", "America/Santiago", "America/Scoresbysund",
    "Asia/Gaza", "Asia/Hebron", "Asia/Jerusalem", "Asia/Tel_Aviv", "Chile/Continental",
}  # fmt: skip
ALWAYS_UTC = {zone for zone in zones() if (rule := rule_of(zone)) and not rule.offset and not rule.changes}


def changes_in(zone: str, year: int) -> list[datetime]:
    """The hours of that year in which the zone's clock is set, found by looking at every one of them."""
    wall, new_year = ZoneInfo(zone), datetime(year, 1, 1, tzinfo=UTC)
    days = [new_year + timedelta(days=n) for n in range(366)]
    changed = [day for day, next_ in pairwise(days) if offset(day, wall) != offset(next_, wall)]
    hours = [day + timedelta(hours=n) for day in changed for n in range(25)]
    return [one for one in hours if offset(one, wall) != offset(one + AN_HOUR, wall)]


def offset(moment: datetime, wall: ZoneInfo) -> timedelta | None:
    return moment.astimezone(wall).utcoffset()


def moments_of(zone: str) -> list[datetime]:
    """Every half hour of the nights in which clocks change in 2027, and an evening in each second week."""
    nights = [one + n * A_HALF_HOUR for one in changes_in(zone, 2027) for n in range(-5, 9)]
    evenings = [datetime(2027, 1, 5, 18, tzinfo=UTC) + timedelta(days=14 * n) for n in range(26)]
    return sorted({*nights, *evenings})


def a_feed(zone: str, moments: Iterable[datetime]) -> bytes:
    """An hour from each of the moments, on the clock of the zone."""
    entries = [Entry(f"{n}@peerhub.example", Span(one, one + AN_HOUR)) for n, one in enumerate(moments)]
    return calendar.feed(entries, "Appointments", zone, HEAD, NOW)


@pytest.fixture(scope="module")
def meant() -> dict[str, list[datetime]]:
    """Every clock of the world once; a name that is only another name for it says nothing new."""
    one_name_each = {files("tzdata").joinpath("zoneinfo", zone).read_bytes(): zone for zone in sorted(zones())}
    return {zone: moments_of(zone) for zone in one_name_each.values()}


@pytest.fixture(scope="module")
def written(meant: dict[str, list[datetime]]) -> list[bytes]:
    return [a_feed(zone, moments) for zone, moments in meant.items()]


@pytest.mark.parametrize("reader", READERS)
def test_every_zone_is_read_as_zoneinfo_has_it(
    reader: str, meant: dict[str, list[datetime]], written: list[bytes]
) -> None:
    read = READERS[reader](written)

    wrong = [
        (zone, one)
        for (zone, moments), events in zip(meant.items(), read, strict=True)
        for one, event in zip(moments, events, strict=True)
        if (event.starts, event.ends) != (one.timestamp(), one.timestamp() + 3600)
    ]
    assert wrong == []
    assert sum(map(len, read)) > 10_000
    said = {event.zone for events in read for event in events} - {""}
    assert said - ALWAYS_UTC == meant.keys() - NOT_SO - ALWAYS_UTC


@pytest.mark.parametrize("zone", sorted(NOT_SO))
def test_a_zone_that_two_rules_cannot_say_is_written_in_utc(zone: str) -> None:
    lines = a_feed(zone, [NOW.replace(year=2027)]).decode().split("\r\n")

    assert [line for line in lines if line.startswith(("DTSTART", "DTEND", "BEGIN:VTIMEZONE"))] == [
        "DTSTART:20271122T090000Z", "DTEND:20271122T100000Z",
    ]  # fmt: skip


def test_a_zone_is_checked_for_the_years_it_is_used_in() -> None:
    """Vancouver stayed on its summer clock in 2026: the rule from then on is right for 2027, wrong for early 2026."""
    years = ((2027, 2028), (2026, 2027), (2025, 2027))

    assert [vtimezone("America/Vancouver", *span) is not None for span in years] == [True, False, False]


def test_a_zone_is_one_standard_and_at_most_one_daylight_from_1970_on() -> None:
    for zone in sorted(zones() - NOT_SO):
        carried = vtimezone(zone, 2027, 2028)

        assert carried is not None
        lines = [line for line in carried.to_ical().decode().split("\r\n") if line.startswith(("BEGIN", "DTST", "RR"))]
        one = ["BEGIN:VTIMEZONE", "BEGIN:STANDARD", "DTSTART:1970"]
        two = [*one, "RRULE:FREQ=YEARLY;BYDAY=", "BEGIN:DAYLIGHT", "DTSTART:1970", "RRULE:FREQ=YEARLY;BYDAY="]
        expected = one if len(lines) == len(one) else two
        assert [line[: len(begin)] for line, begin in zip(lines, expected, strict=True)] == expected, zone


def test_clocks_in_dublin_are_ahead_in_summer() -> None:
    """POSIX calls Dublin's winter the daylight time; some calendars would show an hour too much."""
    dublin = vtimezone("Europe/Dublin", 2027, 2027)

    assert dublin is not None
    lines = dublin.to_ical().decode().split("\r\n")
    assert [line for line in lines if line.startswith(("BEGIN", "TZOFFSETTO"))] == [
        "BEGIN:VTIMEZONE", "BEGIN:STANDARD", "TZOFFSETTO:+0000", "BEGIN:DAYLIGHT", "TZOFFSETTO:+0100",
    ]  # fmt: skip


def test_an_hour_that_the_clock_shows_twice_is_written_in_utc() -> None:
    lisbon = [datetime(2027, 10, 31, hour, 30, tzinfo=UTC) for hour in (0, 1, 2)]

    lines = a_feed("Europe/Lisbon", lisbon).decode().split("\r\n")

    assert [line for line in lines if line.startswith("DTSTART") and "1970" not in line] == [
        "DTSTART:20271031T003000Z",
        "DTSTART:20271031T013000Z",
        "DTSTART;TZID=Europe/Lisbon:20271031T023000",
    ]


@pytest.mark.parametrize(
    ("zone", "month", "hour", "minute"),
    [("Asia/Kathmandu", 1, 12, 15), ("Pacific/Chatham", 1, 4, 15), ("Pacific/Chatham", 7, 5, 15),
     ("Australia/Lord_Howe", 1, 7, 0), ("Australia/Lord_Howe", 7, 7, 30)],
)  # fmt: skip
def test_six_in_the_evening_is_six_in_the_evening(zone: str, month: int, hour: int, minute: int) -> None:
    moment = datetime(2027, month, 12, hour, minute, tzinfo=UTC)

    lines = a_feed(zone, [moment]).decode().split("\r\n")

    assert f"DTSTART;TZID={zone}:2027{month:02}12T180000" in lines
    assert [read([a_feed(zone, [moment])])[0][0].starts for read in READERS.values()] == [moment.timestamp()] * 2
