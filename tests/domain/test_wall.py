"""Times as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from peerhub.domain.availability import Span
from peerhub.domain.wall import city_of, moment_on_the_wall, offset_at, on_the_wall


def an_hour(*starts_at: int) -> Span:
    begins = datetime(*starts_at, tzinfo=UTC)  # type: ignore[misc, arg-type]
    return Span(begins, begins + timedelta(hours=1))


@pytest.mark.parametrize(
    ("starts_at", "zone", "words"),
    [
        ((2026, 12, 1, 18), "Europe/Lisbon", "Tuesday 1 December, 18:00 to 19:00 (Lisbon, UTC+0)"),
        ((2026, 12, 1, 12, 15), "Asia/Kathmandu", "Tuesday 1 December, 18:00 to 19:00 (Kathmandu, UTC+5:45)"),
        ((2027, 1, 5, 4, 15), "Pacific/Chatham", "Tuesday 5 January, 18:00 to 19:00 (Chatham, UTC+13:45)"),
        ((2027, 7, 6, 5, 15), "Pacific/Chatham", "Tuesday 6 July, 18:00 to 19:00 (Chatham, UTC+12:45)"),
        ((2026, 7, 7, 20), "America/St_Johns", "Tuesday 7 July, 17:30 to 18:30 (St Johns, UTC-2:30)"),
        ((2026, 12, 1, 18), "UTC", "Tuesday 1 December, 18:00 to 19:00 (UTC)"),
        (
            (2026, 12, 1, 23, 30),
            "Europe/Lisbon",
            "Tuesday 1 December, 23:30 to Wednesday 2 December, 00:30 (Lisbon, UTC+0)",
        ),
    ],
)
def test_a_span_reads_as_on_the_wall(starts_at: tuple[int, ...], zone: str, words: str) -> None:
    assert on_the_wall(an_hour(*starts_at), zone) == words


def test_both_offsets_are_told_when_the_clocks_change_in_between() -> None:
    over_the_change = an_hour(2026, 10, 25, 0, 30)

    words = on_the_wall(over_the_change, "Europe/Lisbon")

    assert words == "Sunday 25 October, 01:30 (Lisbon, UTC+1) to 01:30 (Lisbon, UTC+0)"


def test_a_moment_names_the_city_and_not_the_zone() -> None:
    moment = datetime(2026, 12, 1, 18, tzinfo=UTC)

    assert moment_on_the_wall(moment, "America/Argentina/Buenos_Aires") == (
        "Tuesday 1 December, 15:00 (Buenos Aires, UTC-3)"
    )
    assert city_of("America/North_Dakota/New_Salem") == "New Salem"
    assert offset_at(moment, "Asia/Kolkata") == "UTC+5:30"
