"""Where to find help at once: lines run by others, each with its source and the day on which we last looked.

An entry is looked at again within 180 days; after that the page says so, and still shows it.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

FRESH_FOR: Final = timedelta(days=180)


@dataclass(frozen=True)
class Line:
    """One line to call; ``dial`` is what a telephone understands, ``site`` where it speaks for itself.

    ``source`` is where we read the number, in a stored copy, and ``checked_on`` when; None where we have not looked.
    """

    where: str
    name: str
    number: str
    dial: str
    words: str
    site: str
    source: str = ""
    checked_on: date | None = None

    def is_stale(self, today: date) -> bool:
        return self.checked_on is None or today - self.checked_on > FRESH_FOR


EMERGENCY: Final = (
    ("Europe, and most mobile phones worldwide", "112"),
    ("United States and Canada", "911"),
    ("United Kingdom", "999"),
    ("Australia", "000"),
    ("New Zealand", "111"),
)

_SEEN: Final = date(2026, 11, 22)
LINES: Final = (
    Line(
        "United States", "988 Suicide & Crisis Lifeline", "988", "988",
        "Call or text, day and night.", "988lifeline.org", "health.wyo.gov", _SEEN,
    ),
    Line(
        "Canada", "9-8-8 Suicide Crisis Helpline", "988", "988",
        "Call or text, in English and French.", "988.ca",
    ),
    Line(
        "United Kingdom and Ireland", "Samaritans", "116 123", "116123",
        "Free to call, day and night, for anything that weighs on you.", "samaritans.org", "samaritans.org", _SEEN,
    ),
    Line(
        "Germany", "TelefonSeelsorge", "0800 1110111", "08001110111",
        "Free and anonymous, day and night. Also 0800 1110222.", "telefonseelsorge.de", "domradio.de", _SEEN,
    ),
    Line(
        "Portugal", "SNS 24, psychological support", "808 24 24 24", "808242424",
        "Option 4, day and night, also in English.", "sns24.gov.pt", "sns24.gov.pt", _SEEN,
    ),
    Line(
        "Australia", "Lifeline", "13 11 14", "131114",
        "Crisis support, day and night.", "lifeline.org.au",
    ),
    Line(
        "Aotearoa New Zealand", "1737, need to talk?", "1737", "1737",
        "Free to call or text, day and night.", "1737.org.nz", "pegasus.health.nz", _SEEN,
    ),
)  # fmt: skip
ELSEWHERE: Final = "findahelpline.com"
