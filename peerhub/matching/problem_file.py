"""The public file that says who takes part: text to a Problem and back, with every mistake listed by line and field."""

import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from peerhub.domain.availability import (
    CELL_MINUTES,
    Liking,
    Span,
    WeeklyHours,
    cell_of,
    hours_from_text,
    is_zone,
    tidy,
    zones,
)
from peerhub.domain.comfort import MEDIUMS, SIZES, Comfort, Role
from peerhub.domain.programs import MATCH_ON, PRESETS, WEIGHTS, Kind, MatchOn, Program
from peerhub.matching.json_lines import lines_of
from peerhub.matching.mistakes import BadFile, Location, Mistake, did_you_mean, field_of, mistakes_in
from peerhub.matching.problem import SLOT_MINUTES, Meeting, Participant, Pin, Problem

MOST_PEOPLE: Final = 200_000
LONGEST: Final = 200  # characters of a name, an id, a topic
WITH_EFFECT: Final = {
    "topics": {MatchOn.REQUIREMENT, MatchOn.SIMILAR, MatchOn.DIFFERENT, MatchOn.IGNORE},
    "languages": {MatchOn.REQUIREMENT, MatchOn.IGNORE},
    "mediums": {MatchOn.REQUIREMENT},
    "roles": {MatchOn.REQUIREMENT, MatchOn.COMPLEMENTARY, MatchOn.IGNORE},
}

Place = Callable[[Location], tuple[int | None, str]]


@dataclass(frozen=True)
class ReadProblem:
    """A problem, and what its file says to no effect."""

    problem: Problem
    warnings: tuple[str, ...] = ()


def problem_from_json(text: str) -> Problem:
    """Read a problem.

    Raises:
        BadFile: every mistake with its line and field.
    """
    return read_problem(text).problem


def read_problem(text: str, instead: Mapping[str, Any] | None = None) -> ReadProblem:
    """Read a problem and its warnings; ``instead`` replaces fields at the top of the file.

    Raises:
        BadFile: every mistake with its line and field.
    """
    raw = load_json(text)
    if not isinstance(raw, dict):
        raise BadFile([Mistake("", "an object with kind, week and participants was expected", 1)])
    return problem_from_raw({**raw, **(instead or {})}, place_in(text))


def load_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        BadFile: it is not JSON; says where.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise BadFile([Mistake("", f"this is not JSON: {error.msg} (column {error.colno})", error.lineno)]) from None
    except (ValueError, RecursionError) as error:
        raise BadFile([Mistake("", f"this is not JSON that can be read: {error}")]) from None


def place_in(text: str) -> Place:
    """Says for a location in a JSON text its line, or that of the nearest thing around it, and its field."""
    lines = cache(lambda: lines_of(text))

    def place(location: Location) -> tuple[int | None, str]:
        around = (location[:depth] for depth in range(len(location), -1, -1))
        return next((lines()[path] for path in around if path in lines()), None), field_of(location)

    return place


def problem_from_raw(raw: Mapping[str, Any], place: Place) -> ReadProblem:
    """Check a problem that was read as plain values; ``place`` knows where each of them stands.

    Raises:
        BadFile: every mistake with its line and field.
    """
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        raise BadFile(mistakes_in(error, place)) from None
    if mistakes := [Mistake(place(where)[1], text, place(where)[0]) for where, text in _mistakes_between(file)]:
        raise BadFile(mistakes)
    return ReadProblem(_problem(file), tuple(_warnings(file)))


def problem_to_json(problem: Problem) -> str:
    """The problem as a file that reads back as the same problem."""
    return json.dumps(_raw(problem), ensure_ascii=False, indent=1)


# The file's fields. Each value is checked alone here; what must fit together is checked after.


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def clean_text(text: str) -> str:
    """A text that people wrote, without what hides or turns other text.

    Raises:
        ValueError: control characters, or characters that change the direction of writing.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in "\u200e\u200f\u061c\ufeff":
            raise ValueError(f"must not have the control character U+{ord(character):04X}")
        if unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"):
            raise ValueError(f"must not have the direction mark U+{ord(character):04X}")
    return text.strip()


def _day(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"must be a date like '2026-11-30', not {value!r:.60}")
    try:
        day = date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"must be a date like '2026-11-30', not {value!r:.60}") from None
    if not 2000 <= day.year <= 2200:
        raise ValueError(f"must lie between the years 2000 and 2200, not {value!r}")
    return day


def _monday(day: date) -> date:
    if day.weekday() != 0:
        monday = day - timedelta(days=day.weekday())
        raise ValueError(f"{day} is a {day:%A}; the Monday that its week begins with was expected: '{monday}'")
    return day


def _zone(name: str) -> str:
    if not is_zone(name):
        hint = did_you_mean(name, zones())
        raise ValueError(f"{name!r:.60} is not a time zone; expected a name like 'Europe/Lisbon'{hint}")
    return name


def _hours(liking: Liking) -> Callable[[object], WeeklyHours]:
    def read(value: object) -> WeeklyHours:
        if not isinstance(value, str):
            raise ValueError(f"must be a range of hours like 'mon 18:00-20:30', not {value!r:.60}")
        return hours_from_text(value, liking)

    return read


def _moment(value: object) -> object:
    if not isinstance(value, str) or len(value) < 16:
        raise ValueError(f"must be a moment with its offset like '2026-12-01T18:00:00Z', not {value!r:.60}")
    return value


def _known_keys(known: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    def check(value: Mapping[str, Any]) -> Mapping[str, Any]:
        for key in value:
            if key not in known:
                raise ValueError(f"{key!r:.60} is not one of {', '.join(known)}{did_you_mean(key, known)}")
        return value

    return check


Text = Annotated[str, Field(max_length=LONGEST), AfterValidator(clean_text)]
Word = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(clean_text)]
Id = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(clean_text), Field(min_length=1)]
Day = Annotated[date, BeforeValidator(_day)]
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
Level = Annotated[int, Field(ge=0, le=4, strict=True)]
Levels = dict[Word, Level]
Count = Annotated[int, Field(ge=0, le=1000, strict=True)]
Good = Annotated[Any, BeforeValidator(_hours(Liking.GOOD))]
IfNeeded = Annotated[Any, BeforeValidator(_hours(Liking.IF_NEEDED))]


class _Fields(BaseModel):
    """Nothing but the named fields."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=False)


class _Program(_Fields):
    session_minutes: Annotated[int, Field(ge=5, le=600, strict=True)] | None = None
    smallest: Annotated[int, Field(ge=2, le=1000, strict=True)] | None = None
    ideal: Annotated[int, Field(ge=2, le=1000, strict=True)] | None = None
    largest: Annotated[int, Field(ge=2, le=1000, strict=True)] | None = None
    facilitators_per_session: Annotated[int, Field(ge=0, le=10, strict=True)] | None = None
    sessions_at_once: Annotated[int, Field(ge=1, le=100_000, strict=True)] | None = None
    mediums: Annotated[list[Literal["video", "voice", "text", "in_person"]], Field(min_length=1)] | None = None
    match_on: Annotated[dict[str, MatchOn], AfterValidator(_known_keys(tuple(MATCH_ON)))] = {}
    weights: Annotated[
        dict[str, Annotated[int, Field(ge=0, le=1000, strict=True)]],
        AfterValidator(_known_keys((*WEIGHTS, "ideal_size"))),
    ] = {}


class _Busy(_Fields):
    starts_at: Moment
    ends_at: Moment


class _Participant(_Fields):
    id: Id
    time_zone: Annotated[str, AfterValidator(_zone)]
    free: list[Good]
    name: Text = ""
    if_needed: list[IfNeeded] = []
    away: Annotated[list[Day], Field(max_length=1000)] = []
    busy: Annotated[list[_Busy], Field(max_length=1000)] = []
    comfort: Annotated[Levels, AfterValidator(_known_keys(SIZES))] = {}
    mediums: Annotated[Levels, AfterValidator(_known_keys(MEDIUMS))] = {}
    topics: Levels = {}
    languages: list[Word] = []
    role: Role = Role.BOTH
    facilitates: Count = 0
    keep_apart: list[Id] = []
    prefers: list[Id] = []
    owed: Count = 0
    most_sessions: Count | None = None


class _Meeting(_Fields):
    week: Day
    together: Annotated[list[Id], Field(min_length=2)]
    went: Literal["well", "okay", "badly"] | None = None


class _Pin(_Fields):
    people: list[Id]
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    facilitators: list[Id] = []


class _File(_Fields):
    kind: Kind
    week: Annotated[Day, AfterValidator(_monday)]
    participants: Annotated[list[_Participant], Field(max_length=MOST_PEOPLE)]
    slot_minutes: Annotated[int, Field(ge=CELL_MINUTES, le=24 * 60, strict=True)] = SLOT_MINUTES
    program: _Program = _Program()
    history: list[_Meeting] = []
    pinned: Annotated[list[_Pin], Field(max_length=10_000)] = []


def _mistakes_between(file: _File) -> Iterator[tuple[Location, str]]:
    """What is wrong although each value alone is right."""
    if file.slot_minutes % CELL_MINUTES:
        yield ("slot_minutes",), f"must be a multiple of {CELL_MINUTES}, not {file.slot_minutes}"
    try:
        _program(file)
    except ValueError:
        yield ("program",), f"expected 2 <= smallest <= ideal <= largest, not {_sizes(file)}"
    first: dict[str, int] = {}
    for place, person in enumerate(file.participants):
        if person.id in first:
            yield ("participants", place, "id"), f"{person.id!r} is already the id of participants[{first[person.id]}]"
        first.setdefault(person.id, place)
        try:
            tidy([*person.free, *person.if_needed])
        except ValueError as error:
            yield ("participants", place, "free"), str(error)
        for nth, busy in enumerate(person.busy):
            if busy.ends_at <= busy.starts_at:
                yield ("participants", place, "busy", nth, "ends_at"), "must be after starts_at"
    for place, pin in enumerate(file.pinned):
        yield from ((("pinned", place, *where), text) for where, text in _mistakes_in_pin(file, pin, first))


def _mistakes_in_pin(file: _File, pin: _Pin, known: Mapping[str, int]) -> Iterator[tuple[Location, str]]:
    if not pin.people and not pin.facilitators:
        yield ("people",), "must name somebody"
    for field, people in (("people", pin.people), ("facilitators", pin.facilitators)):
        for place, person in enumerate(people):
            if person not in known:
                yield (field, place), f"{person!r} is not the id of a participant{did_you_mean(person, known)}"
    if pin.ends_at is not None and (pin.starts_at is None or pin.ends_at <= pin.starts_at):
        yield ("ends_at",), "must be after starts_at"
    if pin.starts_at is not None:
        starts_at = pin.starts_at.astimezone(UTC)
        try:
            cell_of(starts_at, file.week)
        except ValueError:
            yield ("starts_at",), f"must be on a quarter of an hour, not {starts_at:%H:%M:%S}"
        if abs(starts_at - datetime(file.week.year, file.week.month, file.week.day, tzinfo=UTC)) > timedelta(days=9):
            yield ("starts_at",), f"must lie in the week of {file.week}"


def _warnings(file: _File) -> Iterator[str]:
    for facet, how in file.program.match_on.items():
        if how not in WITH_EFFECT[facet]:
            yield f"program.match_on.{facet}: {how.value!r} has no effect on {facet}"
    known = {person.id for person in file.participants}
    for place, person in enumerate(file.participants):
        for field in ("keep_apart", "prefers"):
            for other in getattr(person, field):
                if other not in known:
                    yield f"participants[{place}].{field}: {other!r} does not take part{did_you_mean(other, known)}"


# From the file's fields to a problem and back


def _problem(file: _File) -> Problem:
    program = _program(file)
    return Problem(
        program=program,
        week=file.week,
        participants=tuple(_participant(person, program) for person in file.participants),
        history=tuple(Meeting(met.week, frozenset(met.together), met.went) for met in file.history),
        pinned=tuple(_pin(pin, program) for pin in file.pinned),
        slot_minutes=file.slot_minutes,
    )


def _program(file: _File) -> Program:
    usual, said = PRESETS[file.kind], file.program
    smallest = usual.smallest if said.smallest is None else said.smallest
    ideal = max(usual.ideal, smallest) if said.ideal is None else said.ideal
    return Program(
        kind=file.kind,
        session_minutes=said.session_minutes or usual.session_minutes,
        smallest=smallest,
        ideal=ideal if said.ideal is not None or said.largest is None else min(ideal, max(said.largest, smallest)),
        largest=max(usual.largest, ideal) if said.largest is None else said.largest,
        facilitators_per_session=(
            usual.facilitators_per_session if said.facilitators_per_session is None else said.facilitators_per_session
        ),
        sessions_at_once=said.sessions_at_once,
        mediums=usual.mediums if said.mediums is None else tuple(dict.fromkeys(said.mediums)),
        match_on={**MATCH_ON, **said.match_on},
        weights={**WEIGHTS, **said.weights},
    )


def _sizes(file: _File) -> str:
    said = file.program
    return f"smallest {said.smallest}, ideal {said.ideal}, largest {said.largest}"


def _participant(person: _Participant, program: Program) -> Participant:
    leads = person.facilitates > 0 and program.facilitators_per_session > 0
    usual = 0 if leads else 1  # who leads comes as a peer as well only if they say so
    return Participant(
        id=person.id,
        time_zone=person.time_zone,
        hours=tidy([*person.free, *person.if_needed]),
        name=person.name,
        away=frozenset(person.away),
        busy=frozenset(Span(one.starts_at.astimezone(UTC), one.ends_at.astimezone(UTC)) for one in person.busy),
        comfort=Comfort(person.comfort, person.mediums, person.topics),
        languages=frozenset(person.languages),
        role=person.role,
        facilitates=person.facilitates,
        keep_apart=frozenset(person.keep_apart),
        prefers=frozenset(person.prefers),
        owed=person.owed,
        most_sessions=usual if person.most_sessions is None else person.most_sessions,
    )


def _pin(pin: _Pin, program: Program) -> Pin:
    span = None
    if pin.starts_at is not None:
        starts_at = pin.starts_at.astimezone(UTC)
        usual = starts_at + timedelta(minutes=program.session_minutes)
        span = Span(starts_at, pin.ends_at.astimezone(UTC) if pin.ends_at else usual)
    return Pin(frozenset(pin.people), span, frozenset(pin.facilitators))


def _raw(problem: Problem) -> dict[str, Any]:
    program = problem.program
    return {
        "kind": program.kind.value,
        "week": problem.week.isoformat(),
        "slot_minutes": problem.slot_minutes,
        "program": {
            "session_minutes": program.session_minutes,
            "smallest": program.smallest,
            "ideal": program.ideal,
            "largest": program.largest,
            "facilitators_per_session": program.facilitators_per_session,
            "sessions_at_once": program.sessions_at_once,
            "mediums": list(program.mediums),
            "match_on": {facet: how.value for facet, how in program.match_on.items()},
            "weights": dict(program.weights),
        },
        "participants": [_raw_participant(person) for person in problem.participants],
        "history": [
            {"week": met.week.isoformat(), "together": sorted(met.together), "went": met.went}
            for met in problem.history
        ],
        "pinned": [_raw_pin(pin) for pin in problem.pinned],
    }


def _raw_participant(person: Participant) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "time_zone": person.time_zone,
        "free": [str(hours) for hours in person.hours if hours.liking is Liking.GOOD],
        "if_needed": [str(hours) for hours in person.hours if hours.liking is Liking.IF_NEEDED],
        "away": sorted(day.isoformat() for day in person.away),
        "busy": [_raw_span(span) for span in sorted(person.busy)],
        "comfort": dict(person.comfort.sizes),
        "mediums": dict(person.comfort.mediums),
        "topics": dict(person.comfort.topics),
        "languages": sorted(person.languages),
        "role": person.role.value,
        "facilitates": person.facilitates,
        "keep_apart": sorted(person.keep_apart),
        "prefers": sorted(person.prefers),
        "owed": person.owed,
        "most_sessions": person.most_sessions,
    }


def _raw_pin(pin: Pin) -> dict[str, Any]:
    raw: dict[str, Any] = {"people": sorted(pin.people)}
    if pin.span:
        raw |= _raw_span(pin.span)
    if pin.facilitators:
        raw["facilitators"] = sorted(pin.facilitators)
    return raw


def _raw_span(span: Span) -> dict[str, str]:
    return {
        "starts_at": span.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ends_at": span.ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
