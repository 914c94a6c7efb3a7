"""The lines of a calendar (RFC 5545, 3.1), written one by one: a round writes thousands of entries.

``icalendar`` writes the very same, with a check of every property, in twenty times as long.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

_LONGEST = 74  # octets; one more is the space that a folded line goes on with


def as_text(words: str) -> str:
    """Words of one line, as a property of the type TEXT holds them."""
    return words.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def as_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def written(lines: Iterable[str]) -> bytes:
    """The lines as they are kept and sent; none of them may hold a line break."""
    return b"".join(_folded(line) + b"\r\n" for line in lines)


def _folded(line: str) -> bytes:
    """Cut before a character, never in one, and never behind the sign that changes what the next one means."""
    rest, pieces = line.encode(), []
    while len(rest) > _LONGEST:
        cut = _LONGEST
        while rest[cut] & 0b1100_0000 == 0b1000_0000:
            cut -= 1
        cut -= rest[cut - 1] in b"\\^"
        pieces.append(rest[:cut])
        rest = rest[cut:]
    return b"\r\n ".join([*pieces, rest])
