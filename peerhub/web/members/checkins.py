"""After a session: how it went, a note for oneself, and the next step with a buddy."""

from datetime import datetime
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from peerhub.actions import checkins
from peerhub.domain.checkins import MOST_LETTERS, Went
from peerhub.domain.invitations import Invitation
from peerhub.domain.members import Member
from peerhub.domain.refusals import NotFound
from peerhub.domain.trust import STEPS, Step
from peerhub.domain.wall import on_the_wall
from peerhub.store import checkins as stored
from peerhub.store import seats
from peerhub.web.asking import AnyRequest
from peerhub.web.forms import Mistakes, Typed, typed_in

_AGAIN = {"yes": True, "no": False, "": None}


@get("/check-ins/{seat_id:uuid}")
async def look(
    request: AnyRequest, seat_id: FromPath[UUID], member: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template:
    invitation = await seats.own_invitation(seat_id, member.id)
    kept = request.query_params.get("kept") == "step"
    return await _page(invitation, member, now, await _said(seat_id), {}, step_is_kept=kept)


@post("/check-ins/{seat_id:uuid}")
async def check_in(
    request: AnyRequest,
    seat_id: FromPath[UUID],
    member: NamedDependency[Member],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    typed = await typed_in(request)
    went, again, note = typed.one("went"), typed.one("again"), typed.one("note").strip()
    mistakes = {}
    if went not in tuple(Went):
        mistakes["went"] = "Please choose how it went."
    if again not in _AGAIN:
        mistakes["again"] = "Please choose one of those offered."
    if len(note) > MOST_LETTERS:
        mistakes["note"] = f"Please use at most {MOST_LETTERS} letters."
    if "\0" in note:
        mistakes["note"] = "Please leave out characters that cannot be seen."
    if mistakes:
        return await _page(await seats.own_invitation(seat_id, member.id), member, now, typed, mistakes)
    await checkins.check_in(seat_id, member.id, Went(went), _AGAIN[again], note, now)
    return Redirect(f"/check-ins/{seat_id}", status_code=303)


@post("/check-ins/{seat_id:uuid}/steps/{other:uuid}")
async def wish_step(
    request: AnyRequest,
    seat_id: FromPath[UUID],
    other: FromPath[UUID],
    member: NamedDependency[Member],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    typed = await typed_in(request)
    if typed.one("step") not in STEPS:
        mistakes = {"step": "Please choose one of the steps."}
        return await _page(await seats.own_invitation(seat_id, member.id), member, now, await _said(seat_id), mistakes)
    await checkins.wish_step(seat_id, member.id, other, Step(typed.one("step")), now)
    return Redirect(f"/check-ins/{seat_id}?kept=step#steps", status_code=303)


async def _said(seat_id: UUID) -> Typed:
    said = (await stored.of_seats([seat_id])).get(seat_id)
    if said is None:
        return Typed()
    again = {True: "yes", False: "no", None: ""}[said.again]
    return Typed({"went": [said.went.value], "again": [again], "note": [said.note]})


async def _page(
    invitation: Invitation,
    member: Member,
    now: datetime,
    typed: Typed,
    mistakes: Mistakes,
    *,
    step_is_kept: bool = False,
) -> Template:
    if invitation.is_removed:
        raise NotFound("this seat is no longer theirs")
    has_steps = invitation.kind == "buddies" and invitation.part == "peer"
    context = {
        "one": invitation,
        "when": on_the_wall(invitation.span, member.time_zone),
        "has_begun": invitation.has_begun(now),
        "typed": typed,
        "mistakes": mistakes,
        "step_is_kept": step_is_kept,
        "steps": STEPS,
        "buddies": invitation.others if has_steps else (),
        "bonds": await stored.bonds_of(member.id),
    }
    return Template("members/check_in.html", context=context, status_code=422 if mistakes else 200)


PAGES = [look, check_in, wish_step]
