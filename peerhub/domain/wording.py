"""How a program words its letters: what an organizer may change, with which placeholders, and what is refused.

A wording is text and nothing else: a placeholder is one of a fixed list, and no text is ever run as a template. What a
letter must say (when, the links, where help is, how to stop) is no part of it, so no wording can leave it out.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import Final

LONGEST_GREETING: Final = 120
LONGEST_PARAGRAPH: Final = 600
MOST_PARAGRAPHS: Final = 8
_PLACEHOLDER: Final = re.compile(r"\{(\w{1,40})\}")
_WEB_ADDRESS: Final = re.compile(r"://|\bwww\.|\bmailto:", re.IGNORECASE)


class Worded(StrEnum):
    """The kinds of letters whose greeting and paragraphs a program can word; the value is the letter's kind."""

    INVITATION = "invitation"
    CHANGED = "changed_invitation"
    CANCELLED = "cancelled_invitation"
    REMINDER = "reminder"
    OFFER = "seat_offered"
    CHECK_IN = "check_in_request"


_OF_A_SESSION: Final = ("display_name", "when", "how", "program", "people")
PLACEHOLDERS: Final[Mapping[Worded, tuple[str, ...]]] = MappingProxyType(
    {
        Worded.INVITATION: _OF_A_SESSION,
        Worded.CHANGED: _OF_A_SESSION,
        Worded.CANCELLED: _OF_A_SESSION,
        Worded.REMINDER: (*_OF_A_SESSION, "answer"),
        Worded.OFFER: ("display_name", "when", "how", "program", "until"),
        Worded.CHECK_IN: _OF_A_SESSION,
    }
)
MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "display_name": "the member's name",
        "when": "the day and time, on their own clock",
        "how": "by video call, by voice call, by text chat, or in person",
        "program": "the program's name; “our program” in a discreet letter",
        "people": "who else comes; “the others” in a discreet letter",
        "until": "until when the seat is offered",
        "answer": "“you would come” or “you might come”, as they said",
    }
)


@dataclass(frozen=True)
class Wording:
    """What an organizer may put in their own words: the first line, what comes before the facts, and the end."""

    greeting: str
    opening: tuple[str, ...]
    closing: tuple[str, ...] = ()


Wordings = Mapping[Worded, Wording]


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """The text with each placeholder's value in its place; a value that looks like a placeholder stays as it is."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def mistakes_in(wording: Wording, kind: Worded, never_said: Iterable[str]) -> dict[str, str]:
    """What is wrong with a wording, by field, in words for the organizer.

    ``never_said`` are names and topics that a bystander must not read in a letter.
    """
    avoided = [words for words in never_said if words.strip()]
    fields = {"greeting": (wording.greeting,), "opening": wording.opening, "closing": wording.closing}
    found = {
        field: _too_much(field, texts) or _odd_placeholder(" ".join(texts), kind) or _too_open(" ".join(texts), avoided)
        for field, texts in fields.items()
    }
    return {field: mistake for field, mistake in found.items() if mistake}


def _too_much(field: str, texts: tuple[str, ...]) -> str:
    if field == "greeting":
        if not texts[0]:
            return "Please begin with a greeting, for example: Hello {display_name},"
        return f"Please greet in at most {LONGEST_GREETING} letters." if len(texts[0]) > LONGEST_GREETING else ""
    if field == "opening" and not texts:
        return "Please say in a sentence or two what the letter is about."
    if len(texts) > MOST_PARAGRAPHS:
        return f"Please write at most {MOST_PARAGRAPHS} paragraphs; this has {len(texts)}."
    if any(len(text) > LONGEST_PARAGRAPH for text in texts):
        return f"Please keep each paragraph to {LONGEST_PARAGRAPH} letters; one is longer."
    return ""


def _odd_placeholder(text: str, kind: Worded) -> str:
    known = PLACEHOLDERS[kind]
    for name in _PLACEHOLDER.findall(text):
        if name not in known:
            return f"{{{name}}} means nothing in this letter. {_meant(name, known)}"
    rest = _PLACEHOLDER.sub("", text)
    if "{" in rest or "}" in rest:
        near = _around(rest)
        return f"Near “{near}” a curly bracket does not belong to a placeholder. {_listed(known)}"
    return ""


def _meant(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name.casefold(), known, 1, 0.6)
    return f"Did you mean {{{near[0]}}}? {_listed(known)}" if near else _listed(known)


def _listed(known: tuple[str, ...]) -> str:
    return f"These can be used, just as they stand here: {', '.join(f'{{{name}}}' for name in known)}."


def _around(text: str) -> str:
    at = next(place for place, sign in enumerate(text) if sign in "{}")
    return text[max(0, at - 12) : at + 20].strip()


def _too_open(text: str, avoided: list[str]) -> str:
    """Most members read discreet letters: a bystander must learn neither the topic nor the group from one."""
    if _WEB_ADDRESS.search(text):
        return "Please leave addresses and links out. The letter has its own, and how to join is seen after signing in."
    for words in avoided:
        if re.search(rf"(?<!\w){re.escape(words.strip())}(?!\w)", text, re.IGNORECASE):
            return (
                f"“{words.strip()}” would tell a bystander what this is about. Please say it in another way; "
                "{program} shows the program's name to those who want it in their letters."
            )
    return ""
