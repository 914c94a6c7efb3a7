"""A published session: its time, medium and place, calling it off, seating someone or taking them out."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from litestar.types import ControllerRouterHandler

from peerhub.actions import remarks as remarks_act
from peerhub.actions import sessions as act
from peerhub.actions.proposals import RulesWouldBreak
from peerhub.domain.availability import BadHours, minutes_from_text, moment_on_wall
from peerhub.domain.invitations import AsksFor
from peerhub.domain.members import Member
from peerhub.domain.refusals import NotFound
from peerhub.domain.rounds import Stage
from peerhub.domain.wall import city_of, moment_on_the_wall, offset_at
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, offers, reach, remarks, rounds, sessions
from peerhub.store.remarks import StoredRemark
from peerhub.store.rounds import StoredRound
from peerhub.store.sessions import StoredSession
from peerhub.web.asking import AnyRequest
from peerhub.web.forms import Typed, typed_in
from peerhub.web.organizers import cards
from peerhub.web.organizers.cards import GONE, meeting_of
from peerhub.web.organizers.programs import MEDIUM_WORDS, PLACE_MISTAKE, is_place
from peerhub.web.organizers.repairs import next_step

_YEARS = range(2000, 3000)  # at either end of time, a day in another zone would not be one


@get("/organize/sessions/{session_id:uuid}")
async def one(
    session_id: FromPath[UUID], organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template:
    return await _page(await sessions.by_id(session_id), organizer, now)


@post("/organize/sessions/{session_id:uuid}")
async def change(
    request: AnyRequest,
    session_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    form, session = await typed_in(request), await sessions.by_id(session_id)
    try:
        wanted = _change_from(form, organizer.time_zone)
        await act.change(session_id, wanted, head, organizer.id, now)
    except (BadHours, act.SessionIsOver) as mistake:
        return await _page(session, organizer, now, typed=form, refusals=[str(mistake)])
    except RulesWouldBreak as refusal:
        return await _page(session, organizer, now, typed=form, refusals=refusal.sentences)
    return Redirect(f"/organize/rounds/{session.round_id}#session-{session_id}", status_code=303)


@post("/organize/sessions/{session_id:uuid}/cancel")
async def cancel(
    session_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Redirect:
    session = await sessions.by_id(session_id)
    await act.cancel(session_id, head, organizer.id, now)
    return Redirect(f"/organize/rounds/{session.round_id}#session-{session_id}", status_code=303)


@post("/organize/sessions/{session_id:uuid}/seats")
async def add(
    request: AnyRequest,
    session_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    form = await typed_in(request)
    person, leads = cards.uuid_from(form.one("person")), form.one("part") == "facilitator"
    try:
        await act.add_seat(session_id, person, head, organizer.id, now, leads=leads)
    except RulesWouldBreak as refusal:
        return await _page(await sessions.by_id(session_id), organizer, now, refusals=refusal.sentences)
    return Redirect(f"/organize/sessions/{session_id}#seats", status_code=303)


@post("/organize/seats/{seat_id:uuid}/remove")
async def remove(
    seat_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Redirect:
    session_id = await sessions.of_seat(seat_id)
    await act.remove_seat(seat_id, head, organizer.id, now)
    return Redirect(f"/organize/sessions/{session_id}", status_code=303)


@post("/organize/remarks/{remark_id:uuid}/done")
async def done(
    remark_id: FromPath[UUID], organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Redirect:
    session_id = await remarks_act.done(remark_id, organizer.id, now)
    return Redirect(f"/organize/sessions/{session_id}", status_code=303)


PAGES: Sequence[ControllerRouterHandler] = [one, change, cancel, add, remove, done]


def _change_from(form: Typed, zone: str) -> act.Change:
    try:
        day = date.fromisoformat(form.one("day"))
    except ValueError:
        raise BadHours("Please choose a day.") from None
    if day.year not in _YEARS:
        raise BadHours("Please choose a day that is still ahead.")
    minutes = minutes_from_text(form.one("time"))
    if minutes % 15:
        raise BadHours("Please choose a time on a quarter of an hour, for example 18:15.")
    if form.one("medium") not in MEDIUM_WORDS:
        raise NotFound("there is no such medium")
    place = " ".join(form.one("place").split())
    if not is_place(place):
        raise BadHours(PLACE_MISTAKE)
    return act.Change(moment_on_wall(day, minutes, zone), form.one("medium"), place)


async def _page(
    session: StoredSession,
    organizer: Member,
    now: datetime,
    typed: Typed | None = None,
    refusals: Sequence[str] = (),
) -> Template:
    round_ = await rounds.by_id(session.round_id)
    can_change = session.stage == "planned" and round_.stage is Stage.PUBLISHED and session.span.starts_at > now
    free_to_join = await _who_could_join(round_, session) if can_change else []
    names = await members.names_of([seat.member_id for seat in session.seats] + free_to_join)
    waiting = (await remarks.of_sessions([session.id])).get(session.id, [])
    free = (await offers.free_seats_of([session.id], now))[session.id] if can_change else None
    out_of_reach = await reach.who_is_out_of_reach(seat.member_id for seat in session.seats)
    starts = session.span.starts_at.astimezone(ZoneInfo(organizer.time_zone))
    kept = {"day": f"{starts:%Y-%m-%d}", "time": f"{starts:%H:%M}", "medium": session.medium, "place": session.place}
    context: dict[str, Any] = {
        "round": round_,
        "meeting": meeting_of(session, names, organizer.time_zone, out_of_reach),
        "remarks": [(_remark_in_words(one, names, organizer.time_zone), one.id) for one in waiting],
        "free": free,
        "step": await next_step(round_, [session], names, organizer, now),
        "fills_seats": round_.program.fills_seats,
        "typed": {name: typed.one(name) for name in kept} if typed else kept,
        "refusals": refusals,
        "wall": f"{city_of(organizer.time_zone)}, {offset_at(session.span.starts_at, organizer.time_zone)}",
        "mediums": [(medium, MEDIUM_WORDS[medium]) for medium in round_.program.rules.mediums],
        "can_change": can_change,
        "could_join": sorted(((names[one], one) for one in free_to_join if one in names), key=_by_name),
        "has_leaders": round_.program.rules.facilitators_per_session > 0,
        "can_remove": len(session.peers) > 2,
    }
    return Template("organizers/session.html", context=context, status_code=422 if refusals else 200)


def _remark_in_words(remark: StoredRemark, names: Mapping[UUID, str], zone: str) -> str:
    name = names.get(remark.member_id, GONE)
    match remark.asks_for:
        case AsksFor.OTHER_TIME if remark.proposed_at:
            return f"{name} proposes another time: {moment_on_the_wall(remark.proposed_at, zone)}."
        case AsksFor.OTHER_TIME:
            return f"{name} would like another time."
        case AsksFor.STAND_IN:
            return f"{name} would like to send somebody else. Only members of the round can come, so nobody was added."
    return f"{name} asks for the newest invitation. Their page always shows it."


async def _who_could_join(round_: StoredRound, session: StoredSession) -> list[UUID]:
    """Everyone who takes part in the round and is not in this session, whether it would suit them or not."""
    seated = {seat.member_id for seat in session.seats}
    return [one for one in await rounds.who_takes_part(round_) if one not in seated]


def _by_name(one: tuple[str, UUID]) -> tuple[str, UUID]:
    return one[0].casefold(), one[1]
