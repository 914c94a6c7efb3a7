"""The made-up people of Harbour Lights: the same sixty every time, and two who organize."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from peerhub.domain.availability import Liking, WeeklyHours, hours_from_text, tidy
from peerhub.domain.comfort import Comfort, Role

TOPICS = (
    "loss of a partner",
    "loss of a parent",
    "raising children alone",
    "work",
    "sleep",
    "loneliness",
    "new places",
)

_NAMES = (
    "Ana Ben Cat Dan Eli Fay Gus Hana Ivo Joana Kemal Lena Marta Nils Oona Pavel Quim Rita Sami Tess "
    "Uma Vera Wim Xenia Yara Zoe Abel Bea Caio Dora Emil Flora Greta Hugo Ines Jonas Kofi Luz Milan Nora "
    "Otto Petra Rafa Sofia Tomas Ursula Viktor Wanda Amir Bruna Carlos Delia Enzo Frida Goran Helena Ida Jorge "
    "Katya Leo"
).split()
_ZONES = (
    ("Europe/Lisbon", 20, ("pt", "en")),
    ("Europe/London", 14, ("en",)),
    ("Europe/Berlin", 14, ("de", "en")),
    ("America/New_York", 7, ("en",)),
    ("Asia/Kolkata", 5, ("en", "hi")),
)
GUESTS = {"olu": "Olu, who organizes", "ana": "Ana, a member in Lisbon", "ben": "Ben, a member in London"}
_WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
_WEEKEND = ("sat", "sun")
_FACILITATORS = ("Fay", "Kemal", "Rita", "Helena")
_KEEP_APART = (("Ana", "Dan"), ("Hugo", "Petra"), ("Cat", "Otto"), ("Wim", "Goran"), ("Luz", "Enzo"))


@dataclass(frozen=True)
class Person:
    """What one made-up person filled in."""

    name: str
    time_zone: str
    hours: tuple[WeeklyHours, ...]
    away: frozenset[date]
    comfort: Comfort
    languages: tuple[str, ...]
    role: Role
    facilitates: int = 0
    keep_apart: tuple[str, ...] = ()
    organizes: bool = False

    @property
    def address(self) -> str:
        return address_of(self.name)


def address_of(name: str) -> str:
    return f"{name.lower()}@harbour-lights.example"


ORGANIZERS = (
    Person("Olu", "Europe/Lisbon", (), frozenset(), Comfort(), ("en",), Role.BOTH, organizes=True),
    Person("Mira", "Europe/Berlin", (), frozenset(), Comfort(), ("en",), Role.BOTH, organizes=True),
)


def people(next_monday: date) -> list[Person]:
    """Sixty members; some are away for a day or two of the week that begins on that Monday."""
    return drawn(Random(7), next_monday)  # noqa: S311 - the same community every time


def drawn(chance: Random, next_monday: date) -> list[Person]:
    """Sixty people with these names, and whatever else chance gives them."""
    zones = [(zone, languages) for zone, many, languages in _ZONES for _ in range(many)]
    chance.shuffle(zones)
    zones[0] = ("Europe/Lisbon", ("pt", "en"))  # Ana's, and Ben's: the two whom the demo signs in as
    zones[1] = ("Europe/London", ("en",))
    return [_person(name, zone, said, next_monday, chance) for name, (zone, said) in zip(_NAMES, zones, strict=True)]


def _person(name: str, zone: str, languages: tuple[str, ...], monday: date, chance: Random) -> Person:
    is_quiet = name == "Cat"
    return Person(
        name=name,
        time_zone=zone,
        hours=tidy(_hours(zone, chance, few=is_quiet)),
        away=frozenset({monday + timedelta(chance.randrange(7))} if chance.random() < 0.15 else ()),
        comfort=_comfort(chance, quiet=is_quiet),
        languages=languages,
        role=chance.choices((Role.SHARE, Role.LISTEN, Role.BOTH), (3, 3, 6))[0],
        facilitates=2 if name in _FACILITATORS else 0,
        keep_apart=tuple(other for one, other in _KEEP_APART if one == name),
    )


def _hours(zone: str, chance: Random, *, few: bool) -> Iterator[WeeklyHours]:
    evening = {"America/New_York": "12:00-16:00", "Asia/Kolkata": "20:00-24:00"}.get(zone, "18:00-21:30")
    for day in chance.sample(_WORKDAYS, 1 if few else chance.choice((2, 3, 3, 4))):
        yield hours_from_text(f"{day} {evening}")
    if few:
        return
    for day in chance.sample(_WORKDAYS, chance.choice((0, 1, 1, 2))):
        yield hours_from_text(f"{day} {chance.choice(('07:00-08:30', '12:00-13:30', '16:30-18:30'))}", Liking.IF_NEEDED)
    for day in _WEEKEND:
        if chance.random() < 0.55:
            hours = chance.choice(("09:00-12:00", "10:30-13:00", "14:00-18:00"))
            yield hours_from_text(f"{day} {hours}", chance.choice((Liking.GOOD, Liking.IF_NEEDED)))


def _comfort(chance: Random, *, quiet: bool) -> Comfort:
    if quiet:
        return Comfort(
            {"pair": 4, "trio": 2, "small": 1, "large": 0}, {"video": 0, "voice": 2, "text": 4}, {TOPICS[5]: 3}
        )
    sizes = {
        "pair": chance.choice((2, 3, 4, 4)),
        "trio": chance.choice((1, 2, 3, 3)),
        "small": chance.choice((0, 2, 3, 3, 4)),
        "large": chance.choice((0, 0, 1, 2, 3)),
    }
    mediums = {
        "video": chance.choice((0, 2, 3, 4)),
        "voice": chance.choice((2, 3, 4)),
        "text": chance.choice((1, 2, 3)),
        "in_person": chance.choice((0, 0, 2)),
    }
    return Comfort(
        sizes, mediums, {topic: chance.choice((2, 3, 4)) for topic in chance.sample(TOPICS, chance.choice((1, 2, 3)))}
    )
