"""The form in which members say when they are free and how close they like to get: to sign up, and later to change it.

Hours come as rows of day, from, to and liking, whether they were typed or painted: one format, read in one place.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import zip_longest
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, Field, PlainValidator

from peerhub.domain.availability import (
    DAY_MINUTES,
    DAYS,
    BadHours,
    Liking,
    WeeklyHours,
    clock,
    minutes_from_text,
    tidy,
    zones,
)
from peerhub.domain.comfort import LEVELS, MEDIUMS, SIZES, UNSAID, Comfort, Role
from peerhub.domain.members import (
    LANGUAGES,
    PURPOSES,
    RENAMED,
    REQUIRED_PURPOSES,
    Profile,
    tidy_languages,
    tidy_name,
    zone_from_text,
)
from peerhub.domain.wall import city_of, offset_at
from peerhub.store import programs
from peerhub.store.programs import StoredProgram
from peerhub.web import forms
from peerhub.web.forms import Mistakes, Typed

DAY_WORDS: Final = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
    "sun": "Sunday", "weekdays": "Monday to Friday", "weekend": "Saturday and Sunday", "every": "Every day",
}  # fmt: skip
LEVEL_WORDS: Final = ("Never", "Rather not", "It is fine", "Like it", "Gladly")
SIZE_WORDS: Final = {
    "pair": "Two of us",
    "trio": "Three of us",
    "small": "A small group, 4 or 5",
    "large": "A larger group, 6 or more",
}
MEDIUM_WORDS: Final = {"video": "Video call", "voice": "Voice call", "text": "Text chat", "in_person": "In person"}
ROLE_WORDS: Final = {"both": "Share and listen", "share": "Mostly share", "listen": "Mostly listen"}
FIRST_ROWS: Final = 3
MORE_ROWS: Final = 3
_SEVERAL: Final = {"weekdays": DAYS[:5], "weekend": DAYS[5:], "every": DAYS}
_MOST_MISTAKES: Final = 3
_MOST_TYPED: Final = 1000  # rows; more are not worth reading to say that they are too many
_MOST_SHOWN: Final = 300  # rows of a form that comes back; nobody typed more of them by hand


def _name(text: Any) -> str:
    return tidy_name(str(text))


def _zone(text: Any) -> str:
    if not str(text).strip():
        raise ValueError("Please say where you are, so that times are right for you.")
    zone = zone_from_text(str(text))
    if zone is None:
        raise ValueError("Please choose a city from the list, for example Lisbon or Europe/Lisbon.")
    return zone


def _hours(rows: Any) -> tuple[WeeklyHours, ...]:
    hours: list[WeeklyHours] = []
    mistakes: list[str] = []
    for number, row in enumerate(rows[:_MOST_TYPED], start=1):
        try:
            hours += _hours_of_row(*row)
        except BadHours as bad:
            mistakes.append(f"Row {number}: {bad}")
    if mistakes:
        more = len(mistakes) - _MOST_MISTAKES
        raise ValueError(". ".join(mistakes[:_MOST_MISTAKES]) + (f". And {more} more rows" if more > 0 else "") + ".")
    if not hours:
        raise ValueError("Please give at least one stretch of time when you are usually free.")
    return tidy(hours)


def _hours_of_row(day: str, opens: str, closes: str, liking: str) -> list[WeeklyHours]:
    if not opens.strip() and not closes.strip():
        return []
    days = _SEVERAL.get(day, (day,))
    if not set(days) <= set(DAYS):
        raise BadHours("please choose a day")
    if not opens.strip() or not closes.strip():
        raise BadHours("please give both times, from and to")
    if liking not in tuple(Liking):
        raise BadHours("please choose good or if needed")
    starts, ends = minutes_from_text(opens), minutes_from_text(closes) or DAY_MINUTES
    return [WeeklyHours(DAYS.index(one), starts, ends, Liking(liking)) for one in days]


def _levels(said: Any) -> dict[str, int]:
    if any(level not in map(str, LEVELS) for level in said.values()):
        raise ValueError("Please choose one of the levels offered.")
    return {name: int(level) for name, level in said.items()}


def _languages(texts: Any) -> tuple[str, ...]:
    if not set(texts) <= set(LANGUAGES):
        raise ValueError("Please choose from the languages offered.")
    return tidy_languages(list(texts))


def _consents(texts: Any) -> frozenset[str]:
    if not set(REQUIRED_PURPOSES) <= set(texts):
        raise ValueError("Please agree to the first three; without them nobody can be matched.")
    return frozenset(texts) & frozenset(PURPOSES)


class ProfileForm(BaseModel):
    """What a member says of themselves."""

    name: Annotated[str, PlainValidator(_name)]
    zone: Annotated[str, PlainValidator(_zone)]
    hours: Annotated[tuple[WeeklyHours, ...], PlainValidator(_hours)]
    sizes: Annotated[dict[str, int], PlainValidator(_levels)]
    mediums: Annotated[dict[str, int], PlainValidator(_levels)]
    topics: Annotated[dict[str, int], PlainValidator(_levels)]
    role: Role
    languages: Annotated[tuple[str, ...], PlainValidator(_languages)]
    programs: frozenset[UUID]
    most_sessions: Annotated[int, Field(ge=1, le=7)]
    discreet: bool

    @property
    def profile(self) -> Profile:
        return Profile(
            self.name,
            self.zone,
            self.hours,
            Comfort(self.sizes, self.mediums, self.topics),
            self.role,
            self.languages,
            self.programs,
            self.most_sessions,
            self.discreet,
        )


class SignupForm(ProfileForm):
    """The same, with an address and consents."""

    email: Annotated[str, PlainValidator(lambda text: forms.address(str(text)))]
    consents: Annotated[frozenset[str], PlainValidator(_consents)]


def read_profile(typed: Typed, topics: Sequence[str]) -> tuple[ProfileForm | None, Mistakes]:
    return forms.read(ProfileForm, _fields(typed, topics))


def read_signup(typed: Typed, topics: Sequence[str]) -> tuple[SignupForm | None, Mistakes]:
    return forms.read(
        SignupForm, _fields(typed, topics) | {"email": typed.one("email"), "consents": typed.all("consents")}
    )


def _fields(typed: Typed, topics: Sequence[str]) -> dict[str, Any]:
    return {
        "name": typed.one("name"),
        "zone": typed.one("zone"),
        "hours": rows_of(typed),
        "sizes": {name: typed.one(f"size_{name}") for name in SIZES if typed.one(f"size_{name}")},
        "mediums": {name: typed.one(f"medium_{name}") for name in MEDIUMS if typed.one(f"medium_{name}")},
        "topics": {name: typed.one(f"topic_{name}") for name in topics if typed.one(f"topic_{name}")},
        "role": typed.one("role", Role.BOTH.value),
        "languages": typed.all("languages"),
        "programs": typed.all("programs"),
        "most_sessions": typed.one("most_sessions", "1"),
        "discreet": typed.one("discreet") != "no",
    }


Row = tuple[str, str, str, str]


def rows_of(typed: Typed) -> list[Row]:
    """Day, from, to and liking of every row, as typed."""
    columns = (typed.all("day"), typed.all("opens"), typed.all("closes"), typed.all("liking"))
    return [(day, opens, closes, liking) for day, opens, closes, liking in zip_longest(*columns, fillvalue="")]


def rows_to_show(typed: Typed) -> list[Row]:
    """The rows as typed, and some empty ones: at first, and where more were asked for."""
    rows = rows_of(typed)[:_MOST_SHOWN]
    more = MORE_ROWS if typed.has("more_rows") else 0
    empty = max(more, FIRST_ROWS - len(rows))
    return rows + [(DAYS[(len(rows) + n) % 7], "", "", Liking.GOOD.value) for n in range(empty)]


def typed_from(profile: Profile) -> Typed:
    """The form as the member would have filled it in to say this."""
    fields: dict[str, list[str]] = {
        "name": [profile.name],
        "zone": [profile.time_zone],
        "day": [DAYS[one.day] for one in profile.hours],
        "opens": [clock(one.opens) for one in profile.hours],
        "closes": [clock(one.closes % DAY_MINUTES) for one in profile.hours],
        "liking": [one.liking.value for one in profile.hours],
        "role": [profile.role.value],
        "languages": list(profile.languages),
        "programs": [str(one) for one in profile.programs],
        "most_sessions": [str(profile.most_sessions)],
        "discreet": ["yes" if profile.discreet else "no"],
    }
    comfort = profile.comfort
    for facet, said in (("size", comfort.sizes), ("medium", comfort.mediums), ("topic", comfort.topics)):
        fields |= {f"{facet}_{name}": [str(level)] for name, level in said.items()}
    return Typed(fields)


async def programs_for(taking_part: Collection[UUID] = ()) -> list[StoredProgram]:
    """The programs that are open, and those that someone takes part in already."""
    return [one for one in await programs.every() if one.is_open or one.id in taking_part]


def topics_of(offered: Sequence[StoredProgram]) -> list[str]:
    return sorted({topic for program in offered for topic in program.topics}, key=str.casefold)


def context(typed: Typed, mistakes: Mistakes, offered: Sequence[StoredProgram], now: datetime) -> Mapping[str, Any]:
    """What the form's template shows."""
    return {
        "typed": typed,
        "mistakes": mistakes,
        "rows": rows_to_show(typed),
        "programs": offered,
        "topics": topics_of(offered),
        "zones": zones_on(now.date()),
        "day_words": DAY_WORDS,
        "level_words": LEVEL_WORDS,
        "size_words": SIZE_WORDS,
        "medium_words": MEDIUM_WORDS,
        "role_words": ROLE_WORDS,
        "languages": LANGUAGES,
        "unsaid": UNSAID,
    }


@lru_cache(maxsize=2)
def zones_on(day: date) -> list[tuple[str, str, str]]:
    """Every zone with its city and its offset on that day, by city, and what browsers may still call it."""
    noon = datetime.fromisoformat(f"{day.isoformat()}T12:00:00+00:00")
    also = {today: before for before, today in RENAMED.items()}
    named = [
        (zone, f"{city_of(zone)} ({offset_at(noon, zone)})", also.get(zone, "")) for zone in zones() - RENAMED.keys()
    ]
    return sorted(named, key=lambda one: (one[1], one[0]))
