"""A session is short of people: the smallest change is asked for, looked at, and used, or everything stays as it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent, Template
from litestar.types import ControllerRouterHandler

from peerhub.actions import repairs as act
from peerhub.actions.standing import can_still_change, coming, is_short
from peerhub.domain.availability import Span
from peerhub.domain.invitations import Rsvp
from peerhub.domain.members import Member
from peerhub.domain.programs import Program
from peerhub.domain.rounds import Stage
from peerhub.domain.wall import city_of, offset_at
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, repairs, rounds, sessions
from peerhub.store.repairs import Change, RepairStage, Step
from peerhub.store.rounds import StoredRound
from peerhub.store.sessions import StoredSeat, StoredSession
from peerhub.web.asking import AnyRequest
from peerhub.web.forms import typed_in
from peerhub.web.organizers import cards
from peerhub.web.organizers.cards import GONE
from peerhub.web.organizers.programs import MEDIUM_WORDS
from peerhub.web.organizers.progress import News, ended, progress_of, so_far

_LONGEST_TELLING: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Need:
    """A session of which too few people come, in words that anybody could say who sees the answers."""

    session: UUID
    when: str
    words: str


@dataclass(frozen=True)
class NextStep:
    """What an organizer can do about sessions that are short: ``stage`` is how far the smallest change is."""

    needs: tuple[Need, ...] = ()
    stage: RepairStage | None = None
    is_smaller: bool = False  # somebody does not come, though nothing is short

    @property
    def is_shown(self) -> bool:
        """Whether the round's page speaks of it."""
        return bool(self.needs) or self.stage in (RepairStage.ASKED, RepairStage.FOUND)


@dataclass(frozen=True)
class Mark:
    """Somebody on a card: they stay, or ``how`` says what becomes of them."""

    name: str
    leads: bool
    how: str = ""


@dataclass(frozen=True)
class Side:
    """When and how a session is held, and with whom."""

    when: str
    how: str
    people: tuple[Mark, ...]
    is_new: bool = False  # another time or medium than it was


@dataclass(frozen=True)
class Picture:
    """One session that changes: as it is on one side, and as it would be on the other."""

    now: Side | None
    then: Side | None


@dataclass(frozen=True)
class Told:
    """Somebody who would hear something new, and what."""

    name: str
    news: tuple[str, ...]


@get("/organize/rounds/{round_id:uuid}/repair")
async def look(
    round_id: FromPath[UUID], organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template | Redirect:
    round_ = await rounds.by_id(round_id)
    return await _page(round_, organizer, now) if round_.stage is Stage.PUBLISHED else _back_to(round_id)


@post("/organize/rounds/{round_id:uuid}/repair")
async def ask(round_id: FromPath[UUID], organizer: NamedDependency[Member], now: NamedDependency[datetime]) -> Redirect:
    await act.ask(round_id, organizer.id, now)
    return Redirect(f"/organize/rounds/{round_id}/repair", status_code=303)


@post("/organize/rounds/{round_id:uuid}/repair/use")
async def use(
    request: AnyRequest,
    round_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    repair_id = cards.uuid_from((await typed_in(request)).one("repair"))
    try:
        await act.use(round_id, repair_id, head, organizer.id, now)
    except act.Outdated as refusal:
        return await _page(await rounds.by_id(round_id), organizer, now, refusal=str(refusal))
    return _back_to(round_id)


@post("/organize/rounds/{round_id:uuid}/repair/drop")
async def drop(
    request: AnyRequest, round_id: FromPath[UUID], organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Redirect:
    repair_id = cards.uuid_from((await typed_in(request)).one("repair"))
    await act.drop(round_id, repair_id, organizer.id, now)
    return _back_to(round_id)


@get("/organize/rounds/{round_id:uuid}/repair/progress")
async def progress(round_id: FromPath[UUID], request: AnyRequest) -> ServerSentEvent:
    await rounds.by_id(round_id)

    async def look() -> News:
        repair = await repairs.of_round(round_id)
        is_asked = repair is not None and repair.stage is RepairStage.ASKED
        return so_far("") if is_asked else ended(repair.stage if repair else "")

    return progress_of(look, _LONGEST_TELLING, request)


PAGES: Sequence[ControllerRouterHandler] = [look, ask, use, drop, progress]


# What is short, for the pages of the round and of a session


async def next_step(
    round_: StoredRound, held: Iterable[StoredSession], names: Mapping[UUID, str], organizer: Member, now: datetime
) -> NextStep:
    """Which of these sessions are short of people, and how far the smallest change is that helps."""
    program = round_.program.rules
    missing = [
        one
        for one in held
        if can_still_change(one, now) and (coming(one) != one.as_planned or is_short(one.as_planned, program))
    ]
    if round_.stage is not Stage.PUBLISHED or not missing:
        return NextStep()
    repair, filled = await repairs.of_round(round_.id), await repairs.sessions_being_filled(round_.id, now)
    smaller = [one for one in missing if one.id not in filled]
    needs = [_need_of(one, program, names, organizer.time_zone) for one in smaller]
    return NextStep(tuple(need for need in needs if need), repair.stage if repair else None, bool(smaller))


def _need_of(session: StoredSession, program: Program, names: Mapping[UUID, str], zone: str) -> Need | None:
    comes = coming(session)
    if not is_short(comes, program) or not comes.everyone:
        return None
    when = _when(session.span, zone)
    return Need(session.id, when, " ".join(_short_of(comes.people, len(comes.facilitators), program, names)))


def _short_of(people: Sequence[str], leaders: int, program: Program, names: Mapping[UUID, str]) -> Iterable[str]:
    if not people:
        yield "Nobody comes but who facilitates it."
    elif len(people) == 1:
        yield f"{names.get(UUID(people[0]), GONE)} is the only one who comes."
    elif len(people) < program.smallest:
        yield f"{len(people)} people come, and this program needs at least {program.smallest}."
    if leaders < program.facilitators_per_session:
        yield "Nobody facilitates it." if leaders == 0 else f"Only {leaders} of its facilitators can come."


# The page of the change


async def _page(round_: StoredRound, organizer: Member, now: datetime, refusal: str = "") -> Template:
    repair, held = await repairs.of_round(round_.id), await sessions.of_round(round_.id)
    change = repair.change if repair and repair.change else Change()
    people = {seat.member_id for one in held for seat in one.seats} | {UUID(one) for one in change.told}
    names = await members.names_of(people)
    by_id, zone = {one.id: one for one in held}, organizer.time_zone
    come = {person for one in held if one.stage == "planned" for person in coming(one).everyone}
    context: dict[str, Any] = {
        "round": round_,
        "repair": repair,
        "step": await next_step(round_, held, names, organizer, now),
        "change": change,
        "pictures": [_picture(step, by_id, names, zone) for step in change.steps],
        "told": sorted((_told(one, change, names, zone) for one in change.told), key=lambda one: one.name.casefold()),
        "without": sorted(names.get(UUID(one), GONE) for one in change.without),
        "keep": len(come - change.told),
        "is_outdated": any(_has_changed(step, by_id) for step in change.steps),
        "wall": f"{city_of(zone)}, {offset_at(now, zone)}",
        "refusal": refusal,
    }
    return Template("organizers/repair.html", context=context, status_code=409 if refusal else 200)


def _has_changed(step: Step, held: Mapping[UUID, StoredSession]) -> bool:
    """Whether anybody can see that the session is no longer as it was when the change was found."""
    if step.session is None:
        return False
    session = held.get(step.session)
    return session is None or session.stage != "planned" or coming(session) != step.before


def _picture(step: Step, held: Mapping[UUID, StoredSession], names: Mapping[UUID, str], zone: str) -> Picture:
    before, after = step.before, step.after
    stays = set(before.everyone) & set(after.everyone) if before and after else set()
    session = held.get(step.session) if step.session else None

    def called(person: str) -> str:
        return names.get(UUID(person), GONE)

    def how(seat: StoredSeat) -> str:
        if before is None or str(seat.member_id) not in before.everyone:
            return "said no" if seat.rsvp == Rsvp.NO else "does not come"
        return "" if str(seat.member_id) in stays or after is None else "leaves"

    marks = _in_order(
        Mark(called(str(seat.member_id)), seat.part == "facilitator", how(seat))
        for seat in (session.seats if session else ())
    )
    now = Side(_when(before.span, zone), MEDIUM_WORDS[before.medium], marks) if before else None
    if after is None:
        return Picture(now, None)
    will_be = [(one, one in after.facilitators) for one in after.everyone]
    marks = _in_order(Mark(called(one), leads, "" if one in stays else "new") for one, leads in will_be)
    is_new = before is not None and (before.span, before.medium) != (after.span, after.medium)
    return Picture(now, Side(_when(after.span, zone), MEDIUM_WORDS[after.medium], marks, is_new))


def _in_order(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Who stays first, and facilitators last among them, by name."""
    return tuple(sorted(marks, key=lambda one: (one.how, one.leads, one.name.casefold())))


def _told(person: str, change: Change, names: Mapping[UUID, str], zone: str) -> Told:
    """What they lose comes first, then what they have."""
    steps = [step for step in change.steps if person in step.told]
    steps.sort(key=lambda step: step.after is not None and person in step.after.everyone)
    return Told(names.get(UUID(person), GONE), tuple(_news(step, person, zone) for step in steps))


def _news(step: Step, person: str, zone: str) -> str:
    """What one member would hear of one session."""
    before, after = step.before, step.after
    was, will_be = before and person in before.everyone, after and person in after.everyone
    if after and will_be and not was:
        return f"is invited to {_when(after.span, zone)}"
    if before and not after:
        return f"hears that {_when(before.span, zone)} does not take place"
    if before and not will_be:
        return f"hears that {_when(before.span, zone)} goes on without them"
    if before and after and before.span != after.span:
        return f"hears that it is on {_when(after.span, zone)} now, and is asked again"
    if before and after and before.medium != after.medium:
        return f"hears that it is by {MEDIUM_WORDS[after.medium].lower()} now"
    return "hears who is in it now"


def _when(span: Span, zone: str) -> str:
    """Without the clock's name, which the page says once."""
    return cards.when(span, zone).partition(" (")[0]


def _back_to(round_id: UUID) -> Redirect:
    return Redirect(f"/organize/rounds/{round_id}", status_code=303)
