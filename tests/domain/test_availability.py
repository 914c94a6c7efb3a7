"""Weekly hours on a wall clock, and what they mean in one concrete week."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerhub.domain.availability import (
    BadHours,
    Liking,
    Span,
    WeeklyHours,
    cell_of,
    cells_in,
    cells_touched,
    free_cells,
    hours_from_text,
    moment_of,
    moment_on_wall,
    spans_of,
    starts_of,
    tidy,
)

MONDAY = date(2026, 11, 30)


def spans_in_week(hours: list[WeeklyHours], zone: str, monday: date, away: list[date] | None = None) -> list[Span]:
    return spans_of(free_cells(hours, zone, monday, away or ()), monday)


def free(text: str, zone: str, monday: date) -> list[tuple[str, str]]:
    """The stretches of real time as text, to read them at a glance."""
    spans = spans_in_week([hours_from_text(text)], zone, monday)
    return [(f"{span.starts_at:%d %H:%M}", f"{span.ends_at:%d %H:%M}") for span in spans]


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Asia/Kathmandu", date(2026, 1, 12), (12, 15)),
        ("Asia/Kathmandu", date(2026, 7, 13), (12, 15)),
        ("Pacific/Chatham", date(2026, 1, 12), (4, 15)),
        ("Pacific/Chatham", date(2026, 7, 13), (5, 15)),
        ("Australia/Lord_Howe", date(2026, 1, 12), (7, 0)),
        ("Australia/Lord_Howe", date(2026, 7, 13), (7, 30)),
    ],
)
def test_six_in_the_evening_far_away_is_this_in_utc(zone: str, day: date, expected: tuple[int, int]) -> None:
    [span] = spans_in_week([WeeklyHours(0, 18 * 60, 19 * 60)], zone, day)

    assert (span.starts_at.hour, span.starts_at.minute) == expected
    assert span.starts_at == moment_on_wall(day, 18 * 60, zone)
    assert span.length == timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "monday", "text", "expected"),
    [
        # Berlin skips 02:00-03:00 on 29 March 2026: what is left is one hour on either side, without a break in UTC
        ("Europe/Berlin", date(2026, 3, 23), "sun 1:00-4:00", [("29 00:00", "29 02:00")]),
        ("Europe/Berlin", date(2026, 3, 23), "sun 2:00-3:00", []),
        # and shows 02:00-03:00 twice on 25 October 2026: nobody can say which, so neither is offered
        ("Europe/Berlin", date(2026, 10, 19), "sun 1:00-4:00", [("24 23:00", "25 00:00"), ("25 02:00", "25 03:00")]),
        ("Europe/Berlin", date(2026, 10, 19), "sun 2:00-3:00", []),
        # Lord Howe moves by half an hour
        ("Australia/Lord_Howe", date(2026, 9, 28), "sun 1:00-3:00", [("03 14:30", "03 16:00")]),
        (
            "Australia/Lord_Howe",
            date(2026, 3, 30),
            "sun 1:00-2:30",
            [("04 14:00", "04 14:30"), ("04 15:30", "04 16:00")],
        ),
    ],
)
def test_hours_that_a_clock_skips_or_shows_twice_are_never_offered(
    zone: str, monday: date, text: str, expected: list[tuple[str, str]]
) -> None:
    assert free(text, zone, monday) == expected


def test_a_time_in_the_gap_takes_the_offset_before_it_and_an_ambiguous_one_is_the_first() -> None:
    gap = moment_on_wall(date(2026, 3, 29), 2 * 60 + 30, "Europe/Berlin")
    twice = moment_on_wall(date(2026, 10, 25), 2 * 60 + 30, "Europe/Berlin")

    assert gap == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert twice == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
def test_a_whole_week_fits_on_every_wall(zone: str) -> None:
    every_day = [WeeklyHours(day, 0, 1440) for day in range(7)]

    [span] = spans_in_week(every_day, zone, MONDAY)

    assert span.length == timedelta(days=7)
    assert span.starts_at == moment_on_wall(MONDAY, 0, zone)


def test_days_away_are_days_on_the_members_own_wall() -> None:
    hours = [WeeklyHours(1, 0, 120), WeeklyHours(2, 0, 120)]

    spans = spans_in_week(hours, "Asia/Kathmandu", MONDAY, away=[date(2026, 12, 2)])

    assert spans == [Span(datetime(2026, 11, 30, 18, 15, tzinfo=UTC), datetime(2026, 11, 30, 20, 15, tzinfo=UTC))]


hours = st.builds(
    lambda day, opens, length, liking: WeeklyHours(day, opens * 15, min(96, opens + length) * 15, liking),
    st.integers(0, 6), st.integers(0, 95), st.integers(1, 30), st.sampled_from(Liking),
)  # fmt: skip
zones = st.sampled_from(["UTC", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe", "Europe/Berlin"])
mondays = st.integers(0, 60).map(lambda week: date(2026, 1, 5) + timedelta(weeks=week))


@given(st.lists(hours, max_size=6), zones, mondays)
def test_bits_and_spans_say_the_same(offered: list[WeeklyHours], zone: str, monday: date) -> None:
    bits = set(cells_in(free_cells(offered, zone, monday)))

    spans = spans_in_week(offered, zone, monday)

    assert bits == {
        cell_of(span.starts_at, monday) + step for span in spans for step in range(span.length // timedelta(minutes=15))
    }
    assert all(earlier.ends_at < later.starts_at for earlier, later in pairwise(spans))


@given(st.lists(hours, max_size=6), zones, mondays)
def test_tidy_hours_are_the_same_hours(offered: list[WeeklyHours], zone: str, monday: date) -> None:
    tidied = tidy(offered)

    assert free_cells(tidied, zone, monday) == free_cells(offered, zone, monday)
    assert free_cells(tidied, zone, monday, liking=Liking.GOOD) == free_cells(offered, zone, monday, liking=Liking.GOOD)
    assert tidy(tidied) == tidied


@given(st.integers(0, 2**60), st.integers(1, 120))
def test_something_can_start_where_enough_free_cells_follow(bits: int, minutes: int) -> None:
    needed = -(-minutes // 15)

    starts = set(cells_in(starts_of(bits, minutes)))

    assert starts == {cell for cell in range(61) if all(bits >> (cell + step) & 1 for step in range(needed))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mon 18:00-20:30", "mon 18:00-20:30"), ("Monday 6 pm-8:30 PM", "mon 18:00-20:30"),
        ("sun 22:00-24:00", "sun 22:00-24:00"), ("sun 22:00-0:00", "sun 22:00-24:00"),
        ("tue 12 am-12 pm", "tue 00:00-12:00"), ("fri 9–10", "fri 09:00-10:00"),
    ],
)  # fmt: skip
def test_hours_are_read_in_the_ways_that_people_write_them(text: str, expected: str) -> None:
    assert str(hours_from_text(text)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mon 20:00-18:00", "20:00-18:00 ends before it starts; for a night, give two ranges, one for each day"),
        ("mon 18:00-18:00", "18:00-18:00 ends before it starts; for a night, give two ranges, one for each day"),
        ("mon 13 pm-14 pm", "'14 pm' is not a time; with am or pm the hour is 1 to 12"),
        ("mon 18:05-19:00", "the time must be a multiple of 15 minutes, for example 18:00 or 18:15"),
        ("moon 18:00-19:00", "'moon' is not a day; expected one of mon, tue, wed, thu, fri, sat, sun"),
        ("mon", "'mon' is not a range of hours; expected for example 'mon 18:00-20:30'"),
    ],
)
def test_hours_that_cannot_be_say_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(BadHours) as refusal:
        hours_from_text(text)

    assert str(refusal.value) == said


def test_more_than_200_ranges_are_refused() -> None:
    with pytest.raises(BadHours, match="201 ranges are more than 200; join some of them"):
        tidy([WeeklyHours(0, 0, 15)] * 201)


def test_a_good_hour_wins_over_the_same_hour_if_needed() -> None:
    assert tidy([WeeklyHours(0, 0, 60, Liking.IF_NEEDED), WeeklyHours(0, 15, 30), WeeklyHours(0, 30, 45)]) == (
        WeeklyHours(0, 0, 15, Liking.IF_NEEDED), WeeklyHours(0, 15, 45), WeeklyHours(0, 45, 60, Liking.IF_NEEDED),
    )  # fmt: skip


def test_cells_count_from_the_day_before_the_monday_in_utc() -> None:
    assert moment_of(0, MONDAY) == datetime(2026, 11, 29, tzinfo=UTC)
    assert cell_of(datetime(2026, 11, 30, 0, 15, tzinfo=UTC), MONDAY) == 97
    with pytest.raises(ValueError, match="quarter of an hour"):
        cell_of(datetime(2026, 11, 30, 0, 10, tzinfo=UTC), MONDAY)


def test_what_takes_a_part_of_a_cell_takes_all_of_it() -> None:
    monday = date(2026, 11, 30)
    begins = datetime(2026, 11, 30, 18, 10, tzinfo=UTC)

    taken = cells_touched(Span(begins, begins + timedelta(minutes=25)), monday)

    first = cell_of(datetime(2026, 11, 30, 18, 0, tzinfo=UTC), monday)
    assert list(cells_in(taken)) == [first, first + 1, first + 2]


def test_what_lies_outside_of_the_week_takes_nothing_of_it() -> None:
    monday = date(2026, 11, 30)
    before, after = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)

    assert cells_touched(Span(before, before + timedelta(hours=1)), monday) == 0
    assert cells_touched(Span(after, after + timedelta(hours=1)), monday) == 0
    assert cells_touched(Span(before, after), monday).bit_count() == 9 * 24 * 4
