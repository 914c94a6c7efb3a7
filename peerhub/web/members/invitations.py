"""The invitation's page: looking changes nothing, a button answers; by the letter's link, or signed in."""

from datetime import datetime
from uuid import UUID

from litestar import HttpMethod, get, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from peerhub.actions import invitations
from peerhub.domain.invitations import ANSWERS, CannotAnswer, Invitation, Rsvp, TimeHasChanged
from peerhub.domain.members import Member
from peerhub.domain.wall import on_the_wall
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import seats
from peerhub.web.asking import EVERYONE, AnyRequest
from peerhub.web.forms import time_seen, typed_in


@route("/invitations/{signed:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], opt=EVERYONE)
async def look(signed: FromPath[str], head: NamedDependency[Letterhead], now: NamedDependency[datetime]) -> Template:
    return _page(await invitations.invitation_behind(head, signed), f"/invitations/{signed}", now)


@post("/invitations/{signed:str}", opt=EVERYONE)
async def answer(
    request: AnyRequest, signed: FromPath[str], head: NamedDependency[Letterhead], now: NamedDependency[datetime]
) -> Template | Redirect:
    return await _answer(request, links.seat_of_link(head, signed), f"/invitations/{signed}", now)


@get("/sessions/{seat_id:uuid}")
async def look_signed_in(
    seat_id: FromPath[UUID], member: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template:
    return _page(await seats.own_invitation(seat_id, member.id), f"/sessions/{seat_id}", now)


@post("/sessions/{seat_id:uuid}")
async def answer_signed_in(
    request: AnyRequest,
    seat_id: FromPath[UUID],
    member: NamedDependency[Member],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    await seats.check_is_of(seat_id, member.id)
    return await _answer(request, seat_id, f"/sessions/{seat_id}", now)


async def _answer(request: AnyRequest, seat_id: UUID, address: str, now: datetime) -> Template | Redirect:
    """Keep an answer; who else comes is read only where the page is shown once more."""
    typed = await typed_in(request)
    said, seen = typed.one("rsvp"), time_seen(typed)
    if said not in ANSWERS:
        seen_again = await seats.invitation_of(seat_id)
        return _page(seen_again, address, now, status=422, mistake="Please choose yes, maybe or no.")
    try:
        await invitations.answer(seat_id, Rsvp(said), now, seen)
    except CannotAnswer:
        return _page(await seats.invitation_of(seat_id), address, now, status=409)
    except TimeHasChanged as moved:
        return _page(await seats.invitation_of(seat_id), address, now, status=409, mistake=str(moved))
    return Redirect(address, status_code=303)


def _page(
    invitation: Invitation, address: str, now: datetime, status: int = 200, mistake: str | None = None
) -> Template:
    context = {
        "one": invitation,
        "when": on_the_wall(invitation.span, invitation.time_zone),
        "why_closed": invitation.why_closed(now),
        "can_check_in": invitation.has_begun(now),
        "shows_facts": not invitation.is_removed and (now < invitation.span.ends_at or not _is_link(address)),
        "address": address,
        "mistake": mistake,
    }
    return Template("members/invitation.html", context=context, status_code=status)


def _is_link(address: str) -> bool:
    """Whether the page was opened by the letter's link, which is good until the session ends."""
    return address.startswith("/invitations/")


PAGES = [look, answer, look_signed_in, answer_signed_in]
