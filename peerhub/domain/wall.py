"""Moments as a person reads them on their own wall: day, time, city and offset, never the name of a zone."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from peerhub.domain.availability import Span

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def on_the_wall(span: Span, zone: str) -> str:
    """``Tuesday 1 December, 18:00 to 19:00 (Lisbon, UTC+0)``."""
    starts, ends = (moment.astimezone(ZoneInfo(zone)) for moment in (span.starts_at, span.ends_at))
    until = f"{ends:%H:%M}" if ends.date() == starts.date() else f"{day_in_words(ends)}, {ends:%H:%M}"
    if ends.utcoffset() != starts.utcoffset():  # the clocks change in between
        return f"{day_in_words(starts)}, {starts:%H:%M} ({_where(starts, zone)}) to {until} ({_where(ends, zone)})"
    return f"{day_in_words(starts)}, {starts:%H:%M} to {until} ({_where(starts, zone)})"


def moment_on_the_wall(moment: datetime, zone: str) -> str:
    """``Tuesday 1 December, 18:00 (Lisbon, UTC+0)``."""
    wall = moment.astimezone(ZoneInfo(zone))
    return f"{day_in_words(wall)}, {wall:%H:%M} ({_where(wall, zone)})"


def city_of(zone: str) -> str:
    """``America/Argentina/Buenos_Aires`` is ``Buenos Aires``."""
    return zone.rpartition("/")[2].replace("_", " ")


def offset_at(moment: datetime, zone: str) -> str:
    """How far a wall in the zone is from UTC at that moment: ``UTC+5:45``."""
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    sign = "-" if offset < timedelta() else "+"
    return f"UTC{sign}{hours}:{minutes:02}" if minutes else f"UTC{sign}{hours}"


def day_in_words(day: date) -> str:
    """``Tuesday 1 December``."""
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"


def _where(wall: datetime, zone: str) -> str:
    return "UTC" if zone == "UTC" else f"{city_of(zone)}, {offset_at(wall, zone)}"
