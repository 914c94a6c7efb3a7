"""Who belongs to the community: a member as pages and actions know them, and which names and languages can be."""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final
from uuid import UUID

from peerhub.domain.availability import WeeklyHours, zones
from peerhub.domain.comfort import Comfort, Role

MOST_LETTERS: Final = 40
MOST_LANGUAGES: Final = 10
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})?")
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # control, bidi, zero-width, unassigned, line separators
_JOINERS = "\u200d"  # holds some emoji and Indic letters together
_LINK = re.compile(r"[/@\\]|\w\.\w{2}")  # a name goes into a letter's greeting, and strangers can type any address
_MOST_MARKS = 4  # accents on one letter; more of them climb over the lines around


PURPOSES: Final = ("agreement", "adult", "matching", "check_ins")
REQUIRED_PURPOSES: Final = ("agreement", "adult", "matching")
AGREEMENT_VERSION: Final = "2026-11"

LANGUAGES: Final = MappingProxyType(
    {
        "en": "English", "es": "Español", "pt": "Português", "fr": "Français", "de": "Deutsch", "it": "Italiano",
        "nl": "Nederlands", "ca": "Català", "pl": "Polski", "cs": "Čeština", "hu": "Magyar", "ro": "Română",
        "sv": "Svenska", "da": "Dansk", "no": "Norsk", "fi": "Suomi", "el": "Ελληνικά", "tr": "Türkçe",
        "uk": "Українська", "ru": "Русский", "ar": "العربية", "he": "עברית", "fa": "فارسی", "hi": "हिन्दी",
        "bn": "বাংলা", "ur": "اردو", "ne": "नेपाली", "zh": "中文", "ja": "日本語", "ko": "한국어", "vi": "Tiếng Việt",
        "id": "Bahasa Indonesia", "tl": "Tagalog", "sw": "Kiswahili", "mi": "Te reo Māori",
    }
)  # fmt: skip

RENAMED: Final = MappingProxyType(
    {
        "Africa/Asmera": "Africa/Asmara",
        "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
        "America/Catamarca": "America/Argentina/Catamarca",
        "America/Cordoba": "America/Argentina/Cordoba",
        "America/Coral_Harbour": "America/Atikokan",
        "America/Godthab": "America/Nuuk",
        "America/Indianapolis": "America/Indiana/Indianapolis",
        "America/Jujuy": "America/Argentina/Jujuy",
        "America/Louisville": "America/Kentucky/Louisville",
        "America/Mendoza": "America/Argentina/Mendoza",
        "Asia/Calcutta": "Asia/Kolkata",
        "Asia/Katmandu": "Asia/Kathmandu",
        "Asia/Rangoon": "Asia/Yangon",
        "Asia/Saigon": "Asia/Ho_Chi_Minh",
        "Atlantic/Faeroe": "Atlantic/Faroe",
        "Europe/Kiev": "Europe/Kyiv",
        "Pacific/Enderbury": "Pacific/Kanton",
        "Pacific/Ponape": "Pacific/Pohnpei",
        "Pacific/Truk": "Pacific/Chuuk",
    }
)  # names that browsers still say, and the city as it is called today


class BadName(ValueError):
    """A name that cannot be; the message says what was expected."""


@dataclass(frozen=True)
class Member:
    """A member as pages know them: never with their address."""

    id: UUID
    name: str
    time_zone: str
    is_organizer: bool = False
    stage: str = "active"


@dataclass(frozen=True)
class Profile:
    """What a member says of themselves, to be matched by."""

    name: str
    time_zone: str
    hours: tuple[WeeklyHours, ...]
    comfort: Comfort = field(default_factory=Comfort)
    role: Role = Role.BOTH
    languages: tuple[str, ...] = ()
    programs: frozenset[UUID] = frozenset()
    most_sessions: int = 1
    discreet: bool = True

    def __repr__(self) -> str:
        return "Profile(...)"


def zone_from_text(text: str) -> str | None:
    """The zone that was typed: ``Europe/Lisbon``, ``lisbon`` or ``Lisbon (UTC+0)``; None where it is not just one."""
    typed = text[:100].partition("(")[0].strip().casefold().replace(" ", "_")
    if typed in _zones_by_name():
        return _zones_by_name()[typed]
    cities = {zone for name, zone in _zones_by_name().items() if name.rpartition("/")[2] == typed}
    return cities.pop() if len(cities) == 1 else None


@cache
def _zones_by_name() -> dict[str, str]:
    return {zone.casefold(): RENAMED.get(zone, zone) for zone in sorted(zones())}


def tidy_name(text: str) -> str:
    """The name as it is kept: without spaces around, and each letter written in one way.

    Raises:
        BadName: empty, longer than 40 letters, or with characters that cannot be seen.
    """
    if len(text) > 40 * MOST_LETTERS:
        raise BadName(f"Please use at most {MOST_LETTERS} letters.")
    name = " ".join(unicodedata.normalize("NFC", text).strip().split(" "))
    name = re.sub(" {2,}", " ", name)
    if not name:
        raise BadName("Please give a name that others may call you.")
    if len(name) > MOST_LETTERS:
        raise BadName(f"Please use at most {MOST_LETTERS} letters.")
    if any(unicodedata.category(letter) in _HIDDEN and letter not in _JOINERS for letter in name):
        raise BadName("Please leave out characters that cannot be seen.")
    if _LINK.search(name):
        raise BadName("Please leave out what looks like a link or an address.")
    if not any(unicodedata.category(letter)[0] in "LNS" for letter in name) or _is_piled_up(name):
        raise BadName("Please use a name with letters that others can read.")
    return name


def _is_piled_up(name: str) -> bool:
    marks = 0
    for letter in unicodedata.normalize("NFD", name):
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        if marks > _MOST_MARKS:
            return True
    return False


def tidy_languages(texts: list[str]) -> tuple[str, ...]:
    """Language codes such as ``en`` or ``pt-br``, each once, in the order given.

    Raises:
        BadName: not a language code, or too many.
    """
    codes = tuple(dict.fromkeys(text.strip().lower() for text in texts if text.strip()))
    if len(codes) > MOST_LANGUAGES:
        raise BadName(f"Please choose at most {MOST_LANGUAGES} languages.")
    if not all(_LANGUAGE.fullmatch(code) for code in codes):
        raise BadName("Please choose from the languages offered.")
    return codes
