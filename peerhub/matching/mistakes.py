"""What is wrong with a file that somebody wrote: every mistake at once, each with its line and field."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from peerhub.domain.refusals import Refusal

MOST_LISTED = 200
Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Mistake:
    """One mistake: where it stands and what was expected."""

    field: str
    text: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.field}: {self.text}" if self.field else f"{where}{self.text}"


class BadFile(Refusal):
    """A file that cannot be read; ``mistakes`` lists everything that is wrong with it."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        shown = [str(mistake) for mistake in self.mistakes[:MOST_LISTED]]
        more = len(self.mistakes) - len(shown)
        super().__init__("\n".join([*shown, *([f"and {more} more mistakes"] if more else [])]))


def mistakes_in(error: ValidationError, place: Callable[[Location], tuple[int | None, str]]) -> list[Mistake]:
    """What pydantic found, in plain words; ``place`` says for a location its line and field."""
    mistakes = []
    for found in error.errors(include_url=False):
        line, field = place(found["loc"])
        mistakes.append(Mistake(field, _in_words(dict(found)), line))
    return sorted(mistakes, key=lambda mistake: mistake.line or 0)


def field_of(location: Location) -> str:
    """``("participants", 3, "free", 1)`` is ``participants[3].free[1]``."""
    text = ""
    for part in (part if isinstance(part, int) or part.isprintable() else ascii(part) for part in location):
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'keep_apart'?`` or nothing."""
    close = get_close_matches(word[:60], list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "is required",
    "value_error": lambda found: str(found["ctx"]["error"]),
    "extra_forbidden": lambda _: "is not a field of this file",
    "string_too_long": lambda found: f"is longer than {found['ctx']['max_length']} characters",
    "string_too_short": lambda _: "must not be empty",
    "too_long": lambda found: f"has more than {found['ctx']['max_length']} entries",
    "too_short": lambda found: f"needs at least {found['ctx']['min_length']} entries",
    "int_type": lambda found: f"must be a whole number, not {_shown(found)}",
    "int_parsing": lambda found: f"must be a whole number, not {_shown(found)}",
    "int_from_float": lambda found: f"must be a whole number, not {_shown(found)}",
    "greater_than_equal": lambda found: f"must be at least {found['ctx']['ge']}, not {_shown(found)}",
    "less_than_equal": lambda found: f"must be at most {found['ctx']['le']}, not {_shown(found)}",
    "enum": lambda found: f"must be {found['ctx']['expected']}, not {_shown(found)}",
    "literal_error": lambda found: f"must be {found['ctx']['expected']}, not {_shown(found)}",
    "string_unicode": lambda _: "has a character that cannot be written",
    "string_type": lambda found: f"must be a text, not {_shown(found)}",
    "list_type": lambda found: f"must be a list, not {_shown(found)}",
    "dict_type": lambda found: f"must be an object, not {_shown(found)}",
    "model_type": lambda found: f"must be an object, not {_shown(found)}",
    "model_attributes_type": lambda found: f"must be an object, not {_shown(found)}",
}


def _in_words(found: dict[str, Any]) -> str:
    words = _WORDS.get(found["type"])
    return words(found) if words else f"{found['msg']}, not {_shown(found)}"


def _shown(found: dict[str, Any]) -> str:
    text = repr(found["input"])
    return text if len(text) <= 60 else text[:57] + "..."
