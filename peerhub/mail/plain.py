"""Words that others typed, made fit for one line of a letter, a header or a calendar."""

import re
import textwrap

from email_validator import validate_email

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")  # Unicode's Cc, Zl, Zp and Cs
_LONGEST = 120
_COLUMNS = 72
_LONGEST_PARAGRAPH = 4000
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})*")


def one_line(text: str, longest: int = _LONGEST) -> str:
    """The text on one line, without control and direction characters, cut where it is too long."""
    words = " ".join(_BREAKS.sub(" ", _BIDI.sub("", text[: 4 * longest])).split())
    return words if len(words) <= longest else words[: longest - 1].rstrip() + "…"


def paragraphs(text: str) -> tuple[str, ...]:
    """What was typed into a large field: each line that says something, as one plain line."""
    return tuple(filter(None, (one_line(line, _LONGEST_PARAGRAPH) for line in text.splitlines())))


def wrapped(text: str) -> str:
    """The text in lines of at most 72 columns; a longer word, as a link is, has a line of its own and stays whole."""
    return "\n".join(line if len(line) <= _COLUMNS else _broken(line) for line in text.split("\n"))


def _broken(line: str) -> str:
    return textwrap.fill(line, _COLUMNS, break_long_words=False, break_on_hyphens=False)


def one_address(text: str) -> str:
    """The one address that was typed, in ASCII, as every mail server takes it.

    Raises:
        ValueError: none, more than one, or one that not every mail server takes.
    """
    found = validate_email(text, check_deliverability=False, test_environment=True, allow_smtputf8=False)
    return found.ascii_email or found.normalized


def is_one_address(text: str) -> bool:
    """Whether the text is exactly one address that mail can be sent to, in ASCII."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None
