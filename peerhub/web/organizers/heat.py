"""The hours that people share over the week, as a picture and in words; fewer than five are never counted out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from peerhub.domain.availability import DAY_MINUTES, clock, wall_of_week

SHOWN_FROM: Final = 5
_STEP: Final = 30  # minutes
_STEPS: Final = DAY_MINUTES // _STEP
_PART: Final = 180  # minutes of a part of the day, in the words beside the picture
_WIDE, _HIGH, _LEFT, _TOP = 76, 11, 44, 20
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_IN_FULL: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Heat:
    """How many people are free in each half hour, on one wall: seven days of 48."""

    counts: tuple[tuple[int, ...], ...]

    @property
    def most(self) -> int:
        return max(max(day) for day in self.counts)

    @property
    def first(self) -> int:
        """The first step of the day that is worth drawing, back to a full part of the day."""
        return min(self._busy, default=0) * _STEP // _PART * _PART // _STEP

    @property
    def last(self) -> int:
        """The step behind the last one that is worth drawing, on to a full part of the day."""
        return -(-(max(self._busy, default=_STEPS - 1) + 1) * _STEP // _PART) * _PART // _STEP

    @property
    def _busy(self) -> list[int]:
        return [step for day in self.counts for step, people in enumerate(day) if people >= SHOWN_FROM]


@dataclass(frozen=True)
class Box:
    """One half hour of the picture; ``strength`` is the opacity of its colour."""

    x: int
    y: int
    strength: float
    words: str


@dataclass(frozen=True)
class Label:
    """Words in the picture."""

    x: int
    y: int
    words: str


@dataclass(frozen=True)
class Picture:
    """All that the template needs to draw the week."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    box_width: int = _WIDE - 2
    box_height: int = _HIGH - 1


def heat_of(free: Mapping[str, int], week: date, zone: str) -> Heat:
    """Count who is free, in cells of the week, on a wall in the zone."""
    cells = {wall: cell for cell, wall in enumerate(wall_of_week(zone, week)) if wall >= 0}

    def people(minute: int) -> int:
        both = [cells.get(minute), cells.get(minute + _STEP // 2)]
        return sum(all(cell is not None and one >> cell & 1 for cell in both) for one in free.values())

    return Heat(tuple(tuple(people(day * DAY_MINUTES + step * _STEP) for step in range(_STEPS)) for day in range(7)))


def picture_of(heat: Heat) -> Picture:
    """Draw the days side by side and the hours from top to bottom."""
    boxes = tuple(
        Box(
            _LEFT + day * _WIDE,
            _TOP + (step - heat.first) * _HIGH,
            _strength(people, heat.most),
            _words(day, step, people),
        )
        for day, steps in enumerate(heat.counts)
        for step, people in enumerate(steps)
        if heat.first <= step < heat.last
    )
    days = [Label(_LEFT + day * _WIDE + 8, _TOP - 6, name) for day, name in enumerate(DAYS)]
    hours = [
        Label(0, _TOP + (step - heat.first) * _HIGH + 9, clock(step * _STEP))
        for step in range(heat.first, heat.last, 4)
    ]
    return Picture(_LEFT + 7 * _WIDE, _TOP + (heat.last - heat.first) * _HIGH, boxes, (*days, *hours))


def table_of(heat: Heat) -> list[tuple[str, list[str]]]:
    """For each part of the day its name and, for each day, the most people free at once."""
    return [(f"{clock(part * _STEP)}-{clock(end * _STEP)}", list(_parts(heat, part, end))) for part, end in parts(heat)]


def parts(heat: Heat) -> list[tuple[int, int]]:
    steps = _PART // _STEP
    return [(part, part + steps) for part in range(heat.first, heat.last, steps)]


def _parts(heat: Heat, part: int, end: int) -> Iterator[str]:
    for day in heat.counts:
        yield many(max(day[part:end]))


def best_of(heat: Heat) -> str | None:
    """How many people are free in the half hour that suits most, and when it is."""
    if heat.most < SHOWN_FROM:
        return None
    most = [(day, step) for day, steps in enumerate(heat.counts) for step, n in enumerate(steps) if n == heat.most]
    day, step = most[0]
    return f"{heat.most} people are free on {_IN_FULL[day]} at {clock(step * _STEP)}, more than at any other time"


def many(people: int) -> str:
    """How many, in words that point at nobody."""
    return str(people) if people >= SHOWN_FROM else f"under {SHOWN_FROM}"


def _strength(people: int, most: int) -> float:
    if people < SHOWN_FROM:
        return 0.06
    return round(0.2 + 0.8 * people / most, 2)


def _words(day: int, step: int, people: int) -> str:
    return f"{_IN_FULL[day]} {clock(step * _STEP)}: {many(people)}"
