"""What was typed into a form: kept as it was typed, so that a mistake loses nothing, and read all at once."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from peerhub.mail.plain import one_address
from peerhub.web.asking import AnyRequest

Form = TypeVar("Form", bound=BaseModel)
Mistakes = Mapping[str, str]
_LONGEST_ADDRESS: Final = 254
_WORDS: Final = {
    "missing": "Please fill this in.",
    "enum": "Please choose one of those offered.",
    "uuid_parsing": "Please choose from those offered.",
    "int_parsing": "Please choose a number.",
}


class Typed:
    """The text of every field, by name; a field can have several."""

    def __init__(self, fields: Mapping[str, Iterable[str]] | None = None) -> None:
        self._fields = {name: list(texts) for name, texts in (fields or {}).items()}

    def one(self, name: str, otherwise: str = "") -> str:
        return next(iter(self._fields.get(name, [])), otherwise)

    def all(self, name: str) -> list[str]:
        return self._fields.get(name, [])

    def has(self, name: str) -> bool:
        return name in self._fields


async def typed_in(request: AnyRequest) -> Typed:
    """What was typed into the form of this request; files are left out."""
    fields: dict[str, list[str]] = {}
    for name, text in (await request.form()).multi_items():
        if isinstance(text, str):
            fields.setdefault(name, []).append(text)
    return Typed(fields)


def time_seen(typed: Typed) -> datetime | None:
    """When the session began on the page that is answered, as its form carries it."""
    try:
        return datetime.fromisoformat(typed.one("seen"))
    except ValueError:
        return None


def read(form: type[Form], fields: Mapping[str, Any]) -> tuple[Form | None, Mistakes]:
    """The form that was filled in, or every mistake by its field."""
    try:
        return form.model_validate(fields), {}
    except ValidationError as error:
        mistakes: dict[str, str] = {}
        for one in error.errors():
            mistakes.setdefault(str(one["loc"][0]), _in_words(dict(one)))
        return None, mistakes


def _in_words(error: dict[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return _WORDS.get(error["type"], "Please look at this again.")


def address(text: str) -> str:
    """Exactly one mail address, tidied.

    Raises:
        ValueError: none, or more than one, or one that no letter can reach.
    """
    text = text.strip()
    if not text:
        raise ValueError("Please give your mail address.")
    if len(text) > _LONGEST_ADDRESS:
        raise ValueError("This is longer than a mail address can be.")
    try:
        return one_address(text)
    except ValueError:
        raise ValueError("This does not look like a mail address. It should look like name@example.org.") from None
