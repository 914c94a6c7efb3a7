"""What an uploaded calendar says of when its owner is taken, and what it may hold without harm."""

import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerhub.mail import busy_times
from peerhub.mail.busy_times import NotACalendar, Reading, read

MONDAY = date(2026, 11, 30)
LISBON = "Europe/Lisbon"


def a_calendar(*entries: str) -> bytes:
    """A calendar of these entries, each given as its lines."""
    text = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n" + "".join(map(an_entry, entries)) + "END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def an_entry(lines: str) -> str:
    text = "\n".join(line.strip() for line in lines.strip().split("\n"))
    return f"BEGIN:VEVENT\n{text}\nEND:VEVENT\n"


def taken(*entries: str, zone: str = LISBON) -> list[str]:
    """When somebody in the zone is taken in the week, in UTC."""
    return shown(read(a_calendar(*entries), zone, "peerhub.example", [MONDAY]))


def shown(reading: Reading) -> list[str]:
    return [f"{one.starts_at:%d %H:%M}-{one.ends_at:%d %H:%M}" for spans in reading.weeks.values() for one in spans]


PLAIN = "UID:1\nDTSTART:20261201T090000Z\nDTEND:20261201T103000Z"


def test_an_entry_makes_its_owner_busy() -> None:
    assert taken(PLAIN) == ["01 09:00-01 10:30"]


@pytest.mark.parametrize(
    "free",
    ["TRANSP:TRANSPARENT", "STATUS:CANCELLED", "status:Cancelled", "X-MICROSOFT-CDO-BUSYSTATUS:FREE"],
)
def test_what_leaves_its_owner_free_does_not_count(free: str) -> None:
    assert taken(f"{PLAIN}\n{free}") == []


@pytest.mark.parametrize("busy", ["TRANSP:OPAQUE", "STATUS:TENTATIVE", "X-MICROSOFT-CDO-BUSYSTATUS:OOF"])
def test_what_may_take_place_counts(busy: str) -> None:
    assert taken(f"{PLAIN}\n{busy}") == ["01 09:00-01 10:30"]


def test_entries_that_touch_or_overlap_are_one_to_the_quarter_of_an_hour() -> None:
    assert taken(
        "UID:1\nDTSTART:20261201T090700Z\nDTEND:20261201T100000Z",
        "UID:2\nDTSTART:20261201T093000Z\nDURATION:PT45M",
        "UID:3\nDTSTART:20261201T101500Z\nDTEND:20261201T102000Z",
    ) == ["01 09:00-01 10:30"]


def test_an_entry_without_length_makes_nobody_busy() -> None:
    assert taken("UID:1\nDTSTART:20261201T090000Z", "UID:2\nDTSTART:20261201T090000Z\nDTEND:20261201T080000Z") == []


@pytest.mark.parametrize(
    ("zone", "span"),
    [
        ("Europe/Lisbon", "01 00:00-02 00:00"),
        ("Asia/Kathmandu", "30 18:15-01 18:15"),
        ("America/New_York", "01 05:00-02 05:00"),
    ],
)
def test_a_whole_day_is_a_day_on_the_owners_wall(zone: str, span: str) -> None:
    assert taken("UID:1\nDTSTART;VALUE=DATE:20261201\nDTEND;VALUE=DATE:20261202", zone=zone) == [span]
    assert taken("UID:1\nDTSTART;VALUE=DATE:20261201", zone=zone) == [span]


@pytest.mark.parametrize(
    "start", ["DTSTART:20261201T090000", "DTSTART;TZID=Nowhere/Land:20261201T090000", "DTSTART;TZID=:20261201T090000"]
)
def test_a_time_whose_zone_nobody_knows_is_on_the_owners_wall(start: str) -> None:
    assert taken(f"UID:1\n{start}\nDURATION:PT1H", zone="Asia/Kathmandu") == ["01 03:15-01 04:15"]


@pytest.mark.parametrize(
    ("zone", "span"),
    [
        ("America/New_York", "01 14:00-01 15:00"),
        ("W. Europe Standard Time", "01 08:00-01 09:00"),
        ("Asia/Kathmandu", "01 03:15-01 04:15"),
    ],
)
def test_a_zone_that_is_known_counts_whatever_wall_its_owner_has(zone: str, span: str) -> None:
    assert taken(f"UID:1\nDTSTART;TZID={zone}:20261201T090000\nDURATION:PT1H") == [span]


def test_a_zone_of_the_files_own_is_read_as_the_file_says() -> None:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Ours\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0300\r\n"
        "TZOFFSETTO:+0300\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    content = a_calendar("UID:1\nDTSTART;TZID=Ours:20261201T090000\nDURATION:PT1H")
    content = content.replace(b"BEGIN:VEVENT", zone.encode() + b"BEGIN:VEVENT", 1)

    assert shown(read(content, LISBON, "peerhub.example", [MONDAY])) == ["01 06:00-01 07:00"]


def test_a_list_of_busy_times_is_read_as_well() -> None:
    lines = (
        "BEGIN:VCALENDAR", "BEGIN:VFREEBUSY", "UID:1",
        "FREEBUSY:20261201T090000Z/PT1H,20261202T090000Z/20261202T103000Z",
        "FREEBUSY;FBTYPE=FREE:20261203T090000Z/PT1H", "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20261204T090000Z/PT1H",
        "END:VFREEBUSY", "END:VCALENDAR",
    )  # fmt: skip

    reading = read("\r\n".join(lines).encode(), LISBON, "x", [MONDAY])

    assert shown(reading) == ["01 09:00-01 10:00", "02 09:00-02 10:30", "04 09:00-04 10:00"]


def test_a_series_is_busy_each_time_except_where_it_is_not() -> None:
    series = "UID:1\nDTSTART;TZID=Europe/Lisbon:20260105T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY"

    assert taken(
        f"{series}\nEXDATE;TZID=Europe/Lisbon:20261202T090000\nRDATE;TZID=Europe/Lisbon:20261205T150000",
        "UID:1\nRECURRENCE-ID;TZID=Europe/Lisbon:20261203T090000\nDTSTART:20261203T200000Z\nDURATION:PT1H",
        "UID:1\nRECURRENCE-ID;TZID=Europe/Lisbon:20261204T090000\nDTSTART:20261204T090000Z\nSTATUS:CANCELLED",
    ) == [
        "30 09:00-30 10:00", "01 09:00-01 10:00", "03 20:00-03 21:00",
        "05 09:00-05 10:00", "05 15:00-05 16:00", "06 09:00-06 10:00",
    ]  # fmt: skip


def test_a_series_keeps_its_own_clock_when_clocks_change() -> None:
    weekly = "UID:1\nDTSTART;TZID=America/New_York:20261006T120000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY"
    mondays = [date(2026, 10, 19), date(2026, 11, 2)]

    assert shown(read(a_calendar(weekly), LISBON, "x", mondays)) == ["20 16:00-20 17:00", "03 17:00-03 18:00"]


def test_only_the_weeks_asked_for_are_kept() -> None:
    days = [f"UID:{day}\nDTSTART:202611{day}T090000Z\nDURATION:PT1H" for day in (29, 30)]
    days += [f"UID:{day}\nDTSTART:202612{day:02}T090000Z\nDURATION:PT1H" for day in (6, 7)]

    assert taken(*days) == ["30 09:00-30 10:00", "06 09:00-06 10:00"]
    assert taken("UID:1\nDTSTART:20261101T000000Z\nDTEND:20270101T000000Z") == ["30 00:00-07 00:00"]


def test_our_own_invitations_make_nobody_busy() -> None:
    assert taken("UID:abc@peerhub.example\nDTSTART:20261201T090000Z\nDURATION:PT1H") == []
    assert taken("UID:abc@other.example\nDTSTART:20261201T090000Z\nDURATION:PT1H") == ["01 09:00-01 10:00"]


@pytest.mark.parametrize(
    "odd",
    [
        "UID:2", "UID:2\nSUMMARY:no time", "UID:2\nDTSTART:2026120", "UID:2\nDTSTART:20261201T090000Z\nDURATION:soon",
        "UID:2\nDTSTART:20261201T090000Z\nDURATION:PT1H\nRRULE:FREQ=NONSENSE",
        "UID:2\nDTSTART:20261201T090000Z\nDURATION:PT1H\nRRULE:FREQ=SECONDLY",
        "UID:2\nDTSTART:20261201T090000Z\nDURATION:PT1H\nRRULE:FREQ=minutely;INTERVAL=5",
        "UID:2\nDTSTART:20260101T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;INTERVAL=0",
        "UID:2\nDTSTART:99991231T235959Z\nDURATION:P9999D\nRRULE:FREQ=DAILY",
    ],
)  # fmt: skip
def test_an_entry_that_nobody_understands_is_counted_and_the_others_are_read(odd: str) -> None:
    reading = read(a_calendar(odd, PLAIN), LISBON, "x", [MONDAY])

    assert (shown(reading), reading.left_out) == (["01 09:00-01 10:30"], 1)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"PK\x03\x04" + b"\0" * 100, b"\x1f\x8b\x08" + b"\0" * 100, b"<html>BEGIN:VCALENDAR</html>",
     b"BEGIN:VCARD\r\nEND:VCARD\r\n"],
)  # fmt: skip
def test_what_is_no_calendar_is_not_read(content: bytes) -> None:
    with pytest.raises(NotACalendar):
        read(content, LISBON, "x", [MONDAY])


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n \r\n"])
def test_what_some_programs_write_before_a_calendar_is_skipped(before: bytes) -> None:
    assert shown(read(before + a_calendar(PLAIN), LISBON, "x", [MONDAY])) == ["01 09:00-01 10:30"]


def test_two_calendars_in_one_file_are_both_read() -> None:
    two = a_calendar(PLAIN) + a_calendar("UID:2\nDTSTART:20261202T090000Z\nDURATION:PT1H")

    assert shown(read(two, LISBON, "x", [MONDAY])) == ["01 09:00-01 10:30", "02 09:00-02 10:00"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(
    st.sampled_from([b"BEGIN:VEVENT", b"END:VEVENT", b"BEGIN:VTIMEZONE", b"END:VTIMEZONE", b"END:VCALENDAR", b"UID:1",
                     b"DTSTART:20261201T090000Z", b"DTSTART;VALUE=DATE:20261201", b"DTEND:20261201", b"DURATION:PT1H",
                     b"BEGIN:VFREEBUSY", b"END:VFREEBUSY", b"FREEBUSY:20261201T090000Z/PT1H,x", b"FREEBUSY:x/y",
                     b"RRULE:FREQ=DAILY;COUNT=-1", b"RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3",
                     b"RDATE:20261201T090000Z,x", b"RECURRENCE-ID:20261201T090000Z", b"EXDATE;TZID=x:20261201T090000",
                     b"TZID:\x00", b"TZOFFSETTO:+9900", b"DTSTART;TZID=../../etc/passwd:20261201T090000"]),
    st.binary(max_size=20),
), max_size=25))  # fmt: skip
def test_no_file_does_more_than_be_read_or_refused(lines: list[bytes]) -> None:
    try:
        reading = read(b"\r\n".join([b"BEGIN:VCALENDAR", *lines, b"END:VCALENDAR"]), LISBON, "x", [MONDAY])
    except NotACalendar:
        return

    assert list(reading.weeks) == [MONDAY]


def ask_the_process(content: bytes, *mondays: date) -> subprocess.CompletedProcess[bytes]:
    """The reader as it is run: with nothing in its environment."""
    command = [sys.executable, "-I", "-m", "peerhub.mail.busy_times", LISBON, "x", *map(str, mondays)]
    return subprocess.run(command, input=content, capture_output=True, env={}, check=False)


def test_the_process_tells_times_and_nothing_else() -> None:
    secret = f"{PLAIN}\nSUMMARY:chemotherapy\nLOCATION:ward 7\nATTENDEE;CN=Zoe:mailto:zoe@example.org"

    answer = ask_the_process(a_calendar(secret, "UID:2\nDTSTART:chemotherapy"), MONDAY)

    assert busy_times.from_json(answer.stdout.decode()) == read(a_calendar(PLAIN, "UID:2"), LISBON, "x", [MONDAY])
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert [word for word in (b"chemo", b"ward", b"zoe", b"Zoe") if word in answer.stdout] == []


def test_the_process_says_what_is_no_calendar_without_quoting_it() -> None:
    answer = ask_the_process(b"chemotherapy on Monday", MONDAY)

    assert (answer.returncode, answer.stdout, answer.stderr) == (busy_times.NOT_A_CALENDAR, b"", b"")


ENDLESS = a_calendar("UID:1\nDTSTART:00010101T000000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY")
IN_A_SECOND = """
import sys
from peerhub.mail import busy_times

busy_times._MOST_SECONDS = 1
sys.exit(busy_times.main(*sys.argv[1:]))
"""


def test_a_series_without_end_costs_its_share_of_a_processor_and_no_more() -> None:
    command = [sys.executable, "-I", "-c", IN_A_SECOND, LISBON, "x", str(MONDAY)]

    answer = subprocess.run(command, input=ENDLESS, capture_output=True, env={}, check=False, timeout=120)

    assert (answer.returncode, answer.stdout) == (-signal.SIGXCPU, b"")


def test_the_process_is_bound_in_time_memory_and_what_it_may_write() -> None:
    says = "from peerhub.mail import busy_times; busy_times._bound(); print(open('/proc/self/limits').read().strip())"

    answer = subprocess.run([sys.executable, "-I", "-c", says], capture_output=True, text=True, env={}, check=True)

    most = {line[:25].strip(): line[25:].split()[0] for line in answer.stdout.splitlines()}
    names = ("Max cpu time", "Max address space", "Max file size", "Max core file size")
    assert [most[name] for name in names] == ["10", str(1 << 30), "0", "0"]


def many(lines: str, count: int) -> Iterable[str]:
    return (f"UID:{n}\n{lines}" for n in range(count))


BIG = {
    "a megabyte of entries": a_calendar(
        *many(f"DTSTART:20261201T090000Z\nDURATION:PT1H\nDESCRIPTION:{'bla ' * 70}", 2_700)
    ),
    "twenty thousand empty entries": b"BEGIN:VCALENDAR\r\n"
    + b"BEGIN:VEVENT\r\nEND:VEVENT\r\n" * 20_000
    + b"END:VCALENDAR",
    "entries within entries": b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 60_000,
    "one endless line": b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:" + b"x" * 1_000_000,
    "fifty thousand dates": a_calendar(
        f"UID:1\nDTSTART:20261201T090000Z\nRDATE:{','.join(['20261201T090000Z'] * 50_000)}"
    ),
}


@pytest.mark.parametrize("content", BIG.values(), ids=BIG)
def test_a_megabyte_of_anything_is_read(content: bytes) -> None:
    assert len(content) <= 1024 * 1024

    assert ask_the_process(content, MONDAY).returncode in (0, busy_times.NOT_A_CALENDAR)


def test_whole_days_of_the_owner_are_not_those_of_the_server() -> None:
    (span,) = read(a_calendar("UID:1\nDTSTART;VALUE=DATE:20261201"), "Pacific/Kiritimati", "x", [MONDAY]).weeks[MONDAY]

    assert span.starts_at == datetime.fromisoformat("2026-11-30T10:00:00+00:00")
