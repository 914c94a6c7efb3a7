"""A time zone as a calendar carries it along (VTIMEZONE): two yearly rules, made from tzdata and checked against it.

The rules are those in the footer of the zone's TZif file (RFC 8536), which hold from now on. Some zones do not fit into
two rules of the kind "the last Sunday of March" (Cairo, Jerusalem, Casablanca): there is none for them, and whoever
writes a calendar says UTC instead.
"""

import re
from bisect import bisect_right
from calendar import Calendar as Months
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard, vRecur

from peerhub.domain.availability import is_zone

_BEGINS: Final = 1970
_DAYS: Final = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")  # as POSIX counts them
_LAST: Final = 5  # the fifth Sunday is the last, be there four or five
_SECOND: Final = timedelta(seconds=1)
_A_DAY: Final = timedelta(days=1)

_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_CLOCK = r"[+-]?\d{1,3}(?::\d\d){0,2}"
_CHANGE = rf"M\d{{1,2}}\.[1-5]\.[0-6](?:/{_CLOCK})?"
_FOOTER = re.compile(rf"{_NAME}({_CLOCK})(?:{_NAME}({_CLOCK})?,({_CHANGE}),({_CHANGE}))?")


@dataclass(frozen=True)
class Change:
    """The moment of each year from which on the wall is ``offset`` ahead of UTC, and no longer ``before``.

    ``day`` 0 is Sunday, ``nth`` 5 the last of the month; ``at`` is read on the wall just before.
    """

    month: int
    nth: int
    day: int
    at: timedelta
    before: timedelta
    offset: timedelta

    def wall_in(self, year: int) -> datetime:
        """What the wall shows when it is set."""
        weekday = (self.day - 1) % 7  # Python's Monday is 0
        days = [one for one in Months().itermonthdates(year, self.month) if one.month == self.month]
        these = [one for one in days if one.weekday() == weekday]
        return datetime.combine(these[min(self.nth, len(these)) - 1], time()) + self.at

    def moment_in(self, year: int) -> datetime:
        return (self.wall_in(year) - self.before).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Rule:
    """What a wall shows all year, but for the changes: none, or two a year."""

    offset: timedelta
    changes: tuple[Change, ...] = ()

    def changes_in(self, first: int, last: int) -> list[tuple[datetime, timedelta]]:
        """The moments of these years at which walls are set, and how far ahead of UTC they are from then on."""
        return sorted((one.moment_in(year), one.offset) for year in range(first, last + 1) for one in self.changes)


@lru_cache(maxsize=1024)
def vtimezone(zone: str, first: int, last: int) -> Timezone | None:
    """The zone as a calendar carries it, or None where it would be wrong at some moment of these years."""
    rule = rule_of(zone)
    return _written(zone, rule) if rule and _holds(rule, zone, first, last) else None


@cache
def rule_of(zone: str) -> Rule | None:
    """The zone's rule from now on, or None where a change is not a plain weekday of a month."""
    if not is_zone(zone):
        return None
    found = _FOOTER.fullmatch(_footer_of(zone))
    if not found:
        return None
    usual = -_clock(found[1])  # POSIX counts to the west
    if not found[3]:
        return Rule(usual)
    other = -_clock(found[2]) if found[2] else usual + timedelta(hours=1)
    there, back = _change(found[3], usual, other), _change(found[4], other, usual)
    return Rule(usual, (there, back)) if all(timedelta() <= one.at < _A_DAY for one in (there, back)) else None


def _footer_of(zone: str) -> str:
    tzif = files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()
    return tzif.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii")


def _change(text: str, before: timedelta, offset: timedelta) -> Change:
    day_of_year, _, at = text.partition("/")
    month, nth, day = map(int, day_of_year.removeprefix("M").split("."))
    return Change(month, nth, day, _clock(at or "2"), before, offset)


def _clock(text: str) -> timedelta:
    hours, minutes, seconds = ([int(one) for one in text.lstrip("+-").split(":")] + [0, 0])[:3]
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -length if text.startswith("-") else length


def _holds(rule: Rule, zone: str, first: int, last: int) -> bool:
    """Whether the wall shows what the rule says on both sides of each change, and at every noon of these years.

    Noons are near enough to each other: a change that the rule does not know of lasts for longer than a day.
    """
    wall = ZoneInfo(zone)
    changes = rule.changes_in(first - 1, last)
    moments = [when - ago for when, _ in changes if when.year >= first for ago in (timedelta(), _SECOND)]
    new_year = datetime(first, 1, 1, 12, tzinfo=UTC)
    moments += [new_year + timedelta(days=n) for n in range((date(last + 1, 1, 1) - date(first, 1, 1)).days)]
    return all(one.astimezone(wall).utcoffset() == _latest(changes, one, rule.offset) for one in moments)


def _latest(changes: list[tuple[datetime, timedelta]], moment: datetime, otherwise: timedelta) -> timedelta:
    passed = bisect_right(changes, moment, key=lambda change: change[0])
    return changes[passed - 1][1] if passed else otherwise


def _written(zone: str, rule: Rule) -> Timezone:
    written = Timezone()
    written.add("tzid", zone)
    if not rule.changes:
        always = TimezoneStandard()
        always.add("dtstart", datetime(_BEGINS, 1, 1))  # noqa: DTZ001 - a wall's time, as the standard wants it
        always.add("tzoffsetfrom", rule.offset)
        always.add("tzoffsetto", rule.offset)
        written.add_component(always)
    for change in sorted(rule.changes, key=lambda one: one.offset):
        is_later = change.offset > change.before  # in Dublin, POSIX calls the winter "daylight"
        part = TimezoneDaylight() if is_later else TimezoneStandard()
        part.add("dtstart", change.wall_in(_BEGINS))
        part.add("tzoffsetfrom", change.before)
        part.add("tzoffsetto", change.offset)
        nth = -1 if change.nth == _LAST else change.nth
        part.add("rrule", vRecur(freq="YEARLY", bymonth=change.month, byday=f"{nth}{_DAYS[change.day]}"))
        written.add_component(part)
    return written
