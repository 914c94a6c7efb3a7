"""A member's home: what is next, which rounds are open to them, and what waits for a word."""

from datetime import datetime
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from peerhub.actions import profile as profiles
from peerhub.actions import rounds
from peerhub.domain.members import Member
from peerhub.domain.wall import day_in_words, on_the_wall
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import checkins, joinings, members, offers, reach, seats
from peerhub.web.asking import AnyRequest


@get("/home")
async def home(
    request: AnyRequest,
    member: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Template:
    invitations = await seats.invitations_of(member.id, seats.lately(now))
    said = await checkins.of_seats(one.seat_id for one in invitations)
    coming = [one for one in invitations if now < one.span.ends_at]
    over = [one for one in invitations if one.has_begun(now) and one.span.ends_at <= now and one.rsvp != "no"]
    context = {
        "is_welcome": "welcome" in request.query_params,
        "coming": coming,
        "to_say": [one for one in over if one.seat_id not in said],
        "told": [one for one in reversed(over) if one.seat_id in said],
        "rounds": await joinings.open_to(member.id),
        "offers": [
            (one, links.offer_link(head, one.id).removeprefix(head.base_url))
            for one in await offers.live_of(member.id, now)
        ],
        "is_out_of_reach": bool(await reach.who_is_out_of_reach([member.id])),
        "is_complete": profiles.is_complete(await members.consents_of(member.id)),
        "on_the_wall": lambda span: on_the_wall(span, member.time_zone),
        "day_in_words": day_in_words,
    }
    return Template("members/home.html", context=context)


@post("/rounds/{round_id:uuid}/join")
async def join(round_id: FromPath[UUID], member: NamedDependency[Member], now: NamedDependency[datetime]) -> Redirect:
    await rounds.join(round_id, member.id, now)
    return Redirect("/home#rounds", status_code=303)


@post("/rounds/{round_id:uuid}/not-this-time")
async def not_this_time(round_id: FromPath[UUID], member: NamedDependency[Member]) -> Redirect:
    await rounds.leave(round_id, member.id)
    return Redirect("/home#rounds", status_code=303)


@post("/pause")
async def pause(member: NamedDependency[Member]) -> Redirect:
    await profiles.pause(member.id)
    return Redirect("/home", status_code=303)


@post("/come-back")
async def come_back(member: NamedDependency[Member]) -> Redirect:
    await profiles.come_back(member.id)
    return Redirect("/home", status_code=303)


PAGES = [home, join, not_this_time, pause, come_back]
