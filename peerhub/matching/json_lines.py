"""On which line each value of a JSON text stands, so that a mistake can be pointed at."""

import json
import re
from bisect import bisect_right
from itertools import count

Path = tuple[str | int, ...]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_OPENS, _CLOSES, _ENDS = ("{", "["), ("}", "]"), ("}", "]", ",")


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of each value in a well-formed JSON text, by the keys and places that lead to it."""
    ends = [found.end() for found in re.finditer("\n", text)]
    lines: dict[Path, int] = {}
    path: list[str | int] = []  # where we are
    places: list[count[int] | None] = []  # for each open list its next place, for each open object None
    before = "start"
    for found in _TOKEN.finditer(text):
        mark = found.group()
        if mark in _CLOSES:
            places.pop()
        if mark in _ENDS and not (mark in _CLOSES and before in _OPENS):
            path.pop()  # what stood before it is over; an empty list or object had nothing
        if mark not in _ENDS and mark != ":":
            place = places[-1] if places else None
            if place is not None:
                path.append(next(place))
            elif places and before in ("{", ","):
                path.append(json.loads(mark))
            lines.setdefault(tuple(path), bisect_right(ends, found.start()) + 1)
        if mark in _OPENS:
            places.append(count() if mark == "[" else None)
        before = mark if mark in _OPENS or mark in _ENDS else "value"
    return lines
