"""When a member is free: weekly hours on the clock of their own wall, and what they mean in one concrete week.

A week is cut into cells of 15 minutes of real time. Which cells are free is a set, kept as the bits of a whole number:
the hours that two people share are one ``&``. A cell is free when the member's wall clock, read at that very moment,
lies inside their hours. So a skipped hour is never offered, since no clock ever reads it, and an hour that the clock
shows twice is left out because nobody could say which one was meant.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from itertools import accumulate
from operator import or_
from zoneinfo import ZoneInfo, available_timezones

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
CELL_MINUTES = 15
CELL = timedelta(minutes=CELL_MINUTES)
MOST_RANGES = 200
_LEAD = timedelta(
    days=1
)  # clocks run up to 14 hours ahead of UTC and 12 behind, so a week of walls spans nine UTC days
_CELLS = 9 * DAY_MINUTES // CELL_MINUTES
_NOWHERE = -1


class Liking(StrEnum):
    """How much a member likes an hour they offer."""

    GOOD = "good"
    IF_NEEDED = "if_needed"


class BadHours(ValueError):
    """Hours that cannot be; the message says what was expected."""


@dataclass(frozen=True, order=True)
class WeeklyHours:
    """Hours a member offers each week, on the clock of their own wall.

    ``day`` 0 is Monday; ``opens`` and ``closes`` are minutes since midnight, ``closes`` up to 1440.
    """

    day: int
    opens: int
    closes: int
    liking: Liking = Liking.GOOD

    def __post_init__(self) -> None:
        if not 0 <= self.day <= 6:
            raise BadHours(f"the day must be one of {', '.join(DAYS)}")
        if not 0 <= self.opens < DAY_MINUTES or not 0 < self.closes <= DAY_MINUTES:
            raise BadHours("the time must lie between 00:00 and 24:00")
        if self.opens % CELL_MINUTES or self.closes % CELL_MINUTES:
            raise BadHours(f"the time must be a multiple of {CELL_MINUTES} minutes, for example 18:00 or 18:15")
        if self.closes <= self.opens:
            raise BadHours(
                f"{clock(self.opens)}-{clock(self.closes)} ends before it starts;"
                " for a night, give two ranges, one for each day"
            )

    def __str__(self) -> str:
        return f"{DAYS[self.day]} {clock(self.opens)}-{clock(self.closes)}"


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of time, in UTC."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if self.starts_at.utcoffset() != timedelta(0) or self.ends_at.utcoffset() != timedelta(0):
            raise ValueError("a span is in UTC")
        if self.ends_at <= self.starts_at:
            raise ValueError("a span ends after it starts")

    def __hash__(self) -> int:
        return hash(self.starts_at)  # nearly all that begin together end together

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.starts_at

    def overlaps(self, other: "Span") -> bool:
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


def clock(minutes: int) -> str:
    """``1110`` is ``18:30``."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


_RANGE = re.compile(
    r"(?P<day>[a-z]+)\s+(?P<opens>\d{1,2}(?::\d\d)?\s*(?:[ap]m)?)\s*[-\u2013]\s*(?P<closes>\d{1,2}(?::\d\d)?\s*(?:[ap]m)?)"
)
_TIME = re.compile(r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?P<half>[ap]m)?")


@lru_cache(maxsize=8192)
def hours_from_text(text: str, liking: Liking = Liking.GOOD) -> WeeklyHours:
    """Read ``mon 18:00-20:30`` or ``Monday 6 pm-8:30 pm``.

    Raises:
        BadHours: what was written and what was expected.
    """
    found = _RANGE.fullmatch(text[:60].strip().lower())
    if not found or len(text) > 60:
        raise BadHours(f"{text[:60]!r} is not a range of hours; expected for example 'mon 18:00-20:30'")
    name = found["day"]
    day = next((n for n, short in enumerate(DAYS) if name == short or name == _LONG_DAYS[n]), None)
    if day is None:
        raise BadHours(f"{name!r} is not a day; expected one of {', '.join(DAYS)}")
    closes = minutes_from_text(found["closes"])
    return WeeklyHours(day, minutes_from_text(found["opens"]), closes or DAY_MINUTES, liking)


def minutes_from_text(text: str) -> int:
    """Read ``18:30``, ``6:30 pm`` or ``24:00`` as minutes since midnight.

    Raises:
        BadHours: what was written and what was expected.
    """
    found = _TIME.fullmatch(text[:20].strip().lower())
    if not found:
        raise BadHours(f"{text[:20]!r} is not a time; expected for example 18:30 or 6:30 pm")
    hour, minute, half = int(found["hour"]), int(found["minute"] or 0), found["half"]
    if half:
        if not 1 <= hour <= 12:
            raise BadHours(f"{text.strip()!r} is not a time; with am or pm the hour is 1 to 12")
        hour = hour % 12 + (12 if half == "pm" else 0)
    if minute > 59 or hour * 60 + minute > DAY_MINUTES:
        raise BadHours(f"{text.strip()!r} is not a time; expected 00:00 to 24:00")
    return hour * 60 + minute


_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def tidy(hours: Iterable[WeeklyHours]) -> tuple[WeeklyHours, ...]:
    """The same hours without overlap, joined where they touch; a good hour wins over the same hour if needed.

    Raises:
        BadHours: more than 200 ranges.
    """
    hours = list(hours)
    if len(hours) > MOST_RANGES:
        raise BadHours(f"{len(hours)} ranges are more than {MOST_RANGES}; join some of them")
    good, any_hours = 0, 0
    for one in hours:
        quarters = ((1 << (one.closes - one.opens) // CELL_MINUTES) - 1) << _quarter(one.day, one.opens)
        any_hours |= quarters
        good |= quarters if one.liking is Liking.GOOD else 0
    return tuple(sorted([*_runs(good, Liking.GOOD), *_runs(any_hours & ~good, Liking.IF_NEEDED)]))


def _quarter(day: int, minute: int) -> int:
    """Which quarter of an hour of a wall's week it is."""
    return (day * DAY_MINUTES + minute) // CELL_MINUTES


def _runs(quarters: int, liking: Liking) -> Iterator[WeeklyHours]:
    """Each stretch of quarters, as bits, that follow each other within a day."""
    while quarters:
        first = (quarters & -quarters).bit_length() - 1
        after = quarters >> first
        day, opens = divmod(first * CELL_MINUTES, DAY_MINUTES)
        closes = min(DAY_MINUTES, opens + ((~after & (after + 1)).bit_length() - 1) * CELL_MINUTES)
        yield WeeklyHours(day, opens, closes, liking)
        quarters &= -1 << _quarter(day, closes)


def week_begins(monday: date) -> datetime:
    """The moment of cell 0 of the week: a day before its Monday in UTC, so that every wall's Monday fits."""
    return datetime.combine(monday, time(), UTC) - _LEAD


def cell_of(moment: datetime, monday: date) -> int:
    """Which cell of the week a moment begins; may lie outside of the week's cells.

    Raises:
        ValueError: the moment is not on a quarter of an hour.
    """
    cells, rest = divmod(moment - week_begins(monday), CELL)
    if rest:
        raise ValueError("a moment on a quarter of an hour was expected")
    return cells


def cells_touched(span: Span, monday: date) -> int:
    """The cells of the week that a stretch of time touches, as bits; none where it lies outside of the week."""
    first = max(0, (span.starts_at - week_begins(monday)) // CELL)
    after = min(_CELLS, -((week_begins(monday) - span.ends_at) // CELL))
    return ((1 << after) - 1) & ~((1 << first) - 1) if first < after else 0


def moment_of(cell: int, monday: date) -> datetime:
    """When a cell of the week begins, in UTC."""
    return week_begins(monday) + cell * CELL


def is_zone(name: str) -> bool:
    """Whether the name is an IANA zone that a person can live in."""
    return name in zones()


@cache
def zones() -> frozenset[str]:
    """Every IANA zone of the PyPI package tzdata that is a place, or UTC."""
    return frozenset(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")) | {"UTC"}


@lru_cache(maxsize=2048)
def wall_of_week(zone: str, monday: date) -> tuple[int, ...]:
    """For every cell of the week, what a wall clock in the zone reads: minutes since that wall's Monday 00:00.

    -1 where the wall is not in that week, or shows an hour that it shows twice.
    """
    return tuple(_wall(moment_of(cell, monday), ZoneInfo(zone), monday) for cell in range(_CELLS))


def _wall(moment: datetime, zone: ZoneInfo, monday: date) -> int:
    wall = moment.astimezone(zone)
    if wall.replace(fold=0).utcoffset() != wall.replace(fold=1).utcoffset():
        return _NOWHERE  # the clock shows this hour twice
    minute = (wall.date() - monday).days * DAY_MINUTES + wall.hour * 60 + wall.minute
    return minute if 0 <= minute < 7 * DAY_MINUTES else _NOWHERE


def free_cells(
    hours: Iterable[WeeklyHours], zone: str, monday: date, away: Iterable[date] = (), liking: Liking | None = None
) -> int:
    """The cells of the week in which someone is free, as bits: bit ``n`` is cell ``n``.

    ``liking`` keeps only the hours of that kind; ``away`` are days on the member's own wall.
    """
    before = _cells_before(zone, monday)
    free = 0
    for one in hours:
        if liking in (None, one.liking):
            begins = one.day * DAY_MINUTES
            free |= before[(begins + one.closes) // CELL_MINUTES] & ~before[(begins + one.opens) // CELL_MINUTES]
    for day in {(day - monday).days for day in away} & set(range(7)):
        free &= ~(before[(day + 1) * DAY_MINUTES // CELL_MINUTES] & ~before[day * DAY_MINUTES // CELL_MINUTES])
    return free


@lru_cache(maxsize=2048)
def _cells_before(zone: str, monday: date) -> tuple[int, ...]:
    """For every quarter of an hour on a wall clock of that week, the cells with earlier ones, as bits."""
    quarters = 7 * DAY_MINUTES // CELL_MINUTES
    at = [0] * quarters
    for cell, wall in enumerate(wall_of_week(zone, monday)):
        if wall >= 0 and wall % CELL_MINUTES == 0:
            at[wall // CELL_MINUTES] |= 1 << cell
    return tuple(accumulate(at, or_, initial=0))


def starts_of(free: int, minutes: int) -> int:
    """The cells at which something of that length can begin when only the ``free`` cells may be used, as bits."""
    starts = free
    for later in range(1, -(-minutes // CELL_MINUTES)):
        starts &= free >> later
    return starts


def cells_in(bits: int) -> Iterator[int]:
    """The numbers of the cells in a set, in order."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def spans_of(cells: int, monday: date) -> list[Span]:
    """The cells of a set as stretches of real time, in order, joined where they touch."""
    spans: list[Span] = []
    for cell in cells_in(cells):
        begins = moment_of(cell, monday)
        if spans and spans[-1].ends_at == begins:
            spans[-1] = Span(spans[-1].starts_at, begins + CELL)
        else:
            spans.append(Span(begins, begins + CELL))
    return spans


def moment_on_wall(day: date, minutes: int, zone: str) -> datetime:
    """The moment, in UTC, at which a wall clock in the zone reads so.

    A time that the clock skips takes the offset before the gap; one that it shows twice is the first of both.
    """
    midnight = datetime.combine(day, time())
    return (midnight + timedelta(minutes=minutes)).replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
