"""Programs: see them, set one up, change it, say who facilitates, open a round for a week."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template
from litestar.types import ControllerRouterHandler

from peerhub.actions import programs as act
from peerhub.actions import rounds as rounds_act
from peerhub.domain.comfort import MEDIUMS
from peerhub.domain.members import Member
from peerhub.domain.programs import PRESETS, Kind, Program
from peerhub.domain.refusals import NotFound, Refusal
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, programs, reach, rounds
from peerhub.store.programs import NameTaken, StoredProgram
from peerhub.web.asking import AnyRequest
from peerhub.web.forms import Typed, typed_in

MEDIUM_WORDS: Final = {"video": "Video", "voice": "Voice", "text": "Text", "in_person": "In person"}
_TO_JOIN = timedelta(days=2)  # that people should have at least, before the week begins
_MOST_TOPICS = 30
_LONGEST_TOPIC = 40
_LONGEST_NAME = 80
LONGEST_PLACE: Final = 400
PLACE_MISTAKE: Final = f"Please say how to join in at most {LONGEST_PLACE} letters, on one line."
_LIMITS = {
    "session_minutes": (15, 480, "How long a session lasts"),
    "smallest": (2, 50, "The smallest group"),
    "ideal": (2, 50, "The ideal group"),
    "largest": (2, 50, "The largest group"),
    "facilitators_per_session": (0, 4, "Facilitators"),
    "sessions_at_once": (1, 1000, "Sessions at the same time"),
}
_NUMBERS = ("session_minutes", "smallest", "ideal", "largest", "facilitators_per_session")


@dataclass(frozen=True)
class ProgramForm:
    """What was typed about a program, as it was typed, and what is wrong with it by field."""

    typed: Mapping[str, str]
    mediums: tuple[str, ...]
    mistakes: Mapping[str, str]
    rules: Program | None = None
    topics: tuple[str, ...] = ()
    place: str = ""
    fills_seats: bool = False

    @property
    def name(self) -> str:
        return " ".join(self.typed.get("name", "").split())


@get("/organize")
async def all_programs() -> Template:
    every = await rounds.every()
    latest = {one.program.id: one for one in reversed(every)}
    joined = await rounds.participants_by_round([one.id for one in latest.values()])
    return Template(
        "organizers/programs.html",
        context={"programs": await programs.every(), "latest": latest, "joined": joined},
    )


@get("/organize/programs/new")
async def new(kind: FromQuery[str] = "buddies") -> Template:
    preset = PRESETS[Kind.SESSIONS if kind == "sessions" else Kind.BUDDIES]
    opens = preset.kind is Kind.SESSIONS  # two who know each other would not like a third by surprise
    return _form_page(_filled_in("", preset, (), "", fills_seats=opens), preset.kind)


@post("/organize/programs")
async def create(
    request: AnyRequest, organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template | Redirect:
    form = await typed_in(request)
    kind = Kind.SESSIONS if form.one("kind") == "sessions" else Kind.BUDDIES
    read = read_program(form, PRESETS[kind])
    if read.rules is None:
        return _form_page(read, kind, status=422)
    try:
        program_id = await act.create(
            read.name, read.rules, read.topics, organizer.id, now, place=read.place, fills_seats=read.fills_seats
        )
    except NameTaken:
        return _form_page(_taken(read), kind, status=422)
    return Redirect(f"/organize/programs/{program_id}", status_code=303)


@get("/organize/programs/{program_id:uuid}")
async def one(program_id: FromPath[UUID], now: NamedDependency[datetime]) -> Template:
    program = await programs.by_id(program_id)
    return await _program_page(program, now)


@post("/organize/programs/{program_id:uuid}")
async def change(
    request: AnyRequest,
    program_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    program = await programs.by_id(program_id)
    read = read_program(await typed_in(request), program.rules)
    if read.rules is None:
        return await _program_page(program, now, form=read, status=422)
    try:
        await act.change(
            program_id, read.name, read.rules, read.topics,
            organizer=organizer.id, now=now, place=read.place, fills_seats=read.fills_seats,
        )  # fmt: skip
    except NameTaken:
        return await _program_page(program, now, form=_taken(read), status=422)
    return Redirect(f"/organize/programs/{program_id}", status_code=303)


@post("/organize/programs/{program_id:uuid}/facilitators")
async def facilitators(
    request: AnyRequest,
    program_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    form = await typed_in(request)
    enrolled = {str(one.member_id): one.member_id for one in await programs.enrolled_in(program_id)}
    member, leads = enrolled.get(form.one("member")), form.one("facilitates")
    if member is None:
        raise NotFound("nobody of that id takes part")
    if not (leads.isascii() and leads.isdigit() and len(leads) < 6 and int(leads) <= 20):
        return await _program_page(await programs.by_id(program_id), now, facilitator=member, leads=leads, status=422)
    await act.say_who_facilitates(program_id, {member: int(leads)}, organizer.id, now)
    return Redirect(f"/organize/programs/{program_id}#facilitators", status_code=303)


@post("/organize/programs/{program_id:uuid}/rounds")
async def open_round(
    request: AnyRequest,
    program_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    program = await programs.by_id(program_id)
    typed = (await typed_in(request)).one("week")
    try:
        week = date.fromisoformat(typed)
    except ValueError:
        return await _program_page(program, now, week=typed, week_mistake="Please choose a day.", status=422)
    try:
        round_id = await rounds_act.open_round(program_id, week, head, organizer.id, now)
    except (rounds_act.BadWeek, rounds.AlreadyOpened) as refusal:
        return await _program_page(program, now, week=typed, week_mistake=_sentence(refusal), status=422)
    return Redirect(f"/organize/rounds/{round_id}", status_code=303)


PAGES: Sequence[ControllerRouterHandler] = [all_programs, new, create, one, change, facilitators, open_round]


# Reading the form


def read_program(form: Typed, preset: Program) -> ProgramForm:
    """Read a program's form; what it does not ask for stays as in the preset."""
    typed = {key: form.one(key) for key in (*_NUMBERS, "name", "sessions_at_once", "topics", "place")}
    mediums = tuple(medium for medium in MEDIUMS if medium in form.all("mediums"))
    mistakes: dict[str, str] = {}
    numbers = {key: _number(typed, key, mistakes) for key in _NUMBERS}
    most = _number(typed, "sessions_at_once", mistakes) if typed["sessions_at_once"].strip() else None
    if numbers["session_minutes"] % 15:
        mistakes.setdefault("session_minutes", "Please choose a multiple of 15 minutes.")
    if not mistakes and not numbers["smallest"] <= numbers["ideal"] <= numbers["largest"]:
        mistakes["ideal"] = "The ideal size lies between the smallest and the largest."
    if not mediums:
        mistakes["mediums"] = "Please choose at least one way to meet."
    name = " ".join(typed["name"].split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        mistakes["name"] = f"Please give a name of 1 to {_LONGEST_NAME} letters."
    topics = tuple(dict.fromkeys(filter(None, (" ".join(line.split()) for line in typed["topics"].splitlines()))))
    if len(topics) > _MOST_TOPICS or any(len(one) > _LONGEST_TOPIC or not one.isprintable() for one in topics):
        mistakes["topics"] = f"Please give at most {_MOST_TOPICS} topics of {_LONGEST_TOPIC} letters, one on each line."
    place = " ".join(typed["place"].split())
    if not is_place(place):
        mistakes["place"] = PLACE_MISTAKE
    fills_seats = form.one("fills_seats") == "yes"
    if mistakes:
        return ProgramForm(typed, mediums, mistakes, fills_seats=fills_seats)
    rules = replace(
        preset,
        session_minutes=numbers["session_minutes"],
        smallest=numbers["smallest"],
        ideal=numbers["ideal"],
        largest=numbers["largest"],
        facilitators_per_session=numbers["facilitators_per_session"],
        sessions_at_once=most,
        mediums=mediums,
    )
    return ProgramForm(typed, mediums, {}, rules, topics, place, fills_seats)


def is_place(text: str) -> bool:
    return len(text) <= LONGEST_PLACE and text.isprintable()


def _number(typed: Mapping[str, str], key: str, mistakes: dict[str, str]) -> int:
    least, most, what = _LIMITS[key]
    text = typed[key].strip()
    if text.isascii() and text.isdigit() and len(text) < 6 and least <= int(text) <= most:
        return int(text)
    mistakes[key] = f"{what}: please give a number from {least} to {most}."
    return least


def _filled_in(name: str, rules: Program, topics: tuple[str, ...], place: str, *, fills_seats: bool) -> ProgramForm:
    typed = {key: str(getattr(rules, key)) for key in _NUMBERS}
    typed |= {"name": name, "topics": "\n".join(topics), "sessions_at_once": str(rules.sessions_at_once or "")}
    typed["place"] = place
    return ProgramForm(typed, rules.mediums, {}, fills_seats=fills_seats)


def _of(program: StoredProgram) -> ProgramForm:
    return _filled_in(program.name, program.rules, program.topics, program.place, fills_seats=program.fills_seats)


def _taken(form: ProgramForm) -> ProgramForm:
    return replace(form, mistakes={"name": "Another program already has this name."})


def _form_page(form: ProgramForm, kind: Kind, status: int = 200) -> Template:
    return Template(
        "organizers/program_new.html",
        context={"form": form, "kind": kind, "medium_words": MEDIUM_WORDS},
        status_code=status,
    )


async def _program_page(
    program: StoredProgram,
    now: datetime,
    *,
    form: ProgramForm | None = None,
    week: str | None = None,
    week_mistake: str = "",
    facilitator: UUID | None = None,
    leads: str | None = None,
    status: int = 200,
) -> Template:
    enrolled = await programs.enrolled_in(program.id)
    names = await members.names_of([one.member_id for one in enrolled])
    out_of_reach = await reach.who_is_out_of_reach(one.member_id for one in enrolled)
    held = await rounds.of_program(program.id)
    offered = next_monday(now.date() + _TO_JOIN, {one.week for one in held})
    people = sorted((names[one.member_id], one) for one in enrolled if one.member_id in names)
    return Template(
        "organizers/program.html",
        context={
            "program": program,
            "form": form or _of(program),
            "medium_words": MEDIUM_WORDS,
            "rounds": held,
            "people": people,
            "out_of_reach": [name for name, one in people if one.member_id in out_of_reach],
            "week": offered.isoformat() if week is None else week,
            "week_mistake": week_mistake,
            "facilitator": facilitator,
            "leads": "1" if leads is None else leads,
            "leads_mistake": "" if leads is None else "Please give a number of sessions from 0 to 20.",
        },
        status_code=status,
    )


def next_monday(day: date, taken: Set[date]) -> date:
    """The first Monday after the day for which there is no round yet."""
    monday = day + timedelta(days=7 - day.weekday())
    while monday in taken:
        monday += timedelta(days=7)
    return monday


def _sentence(refusal: Refusal) -> str:
    text = str(refusal)
    return text if text.endswith(".") else f"{text[0].upper()}{text[1:]}."
