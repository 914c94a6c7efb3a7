"""A calendar to subscribe to: its page, where a member makes, renews and ends it, and its secret address."""

from datetime import datetime
from typing import Final

from litestar import HttpMethod, Response, get, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from peerhub.actions import feeds
from peerhub.domain.members import Member
from peerhub.domain.refusals import NotFound
from peerhub.mail import calendar, links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import feeds as stored
from peerhub.store.feeds import Kind
from peerhub.web.asking import EVERYONE, AnyRequest
from peerhub.web.forms import typed_in

SAID: Final = {
    "made": "This is your address.",
    "new": "There is a new address. The old one no longer works.",
    "ended": "This calendar is ended. Its address no longer works.",
}


@get("/profile/calendar")
async def page(request: AnyRequest, member: NamedDependency[Member], head: NamedDependency[Letterhead]) -> Template:
    made = await stored.of(member.id)
    said, of = (request.query_params.get(name, "") for name in ("said", "of"))
    addresses = {kind: links.feed_link(head, feed.token) for kind, feed in made.items()}
    context = {
        "kinds": [Kind.OWN, *([Kind.COUNTS] if member.is_organizer else [])],
        "addresses": addresses,
        "webcal": {kind: f"webcal://{address.partition('://')[2]}" for kind, address in addresses.items()},
        "made": made,
        "said": {of: SAID[said]} if said in SAID else {},
    }
    return Template("members/calendar.html", context=context)


@post("/profile/calendar")
async def make(request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]) -> Redirect:
    kind = await _kind_of(request)
    said = "new" if kind in await stored.of(member.id) else "made"
    await feeds.make(member, kind, now)
    return _back(said, kind)


@post("/profile/calendar/end")
async def end(request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]) -> Redirect:
    kind = await _kind_of(request)
    await feeds.end(member, kind, now)
    return _back("ended", kind)


@route("/feeds/{name:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], opt=EVERYONE)
async def feed(
    request: AnyRequest, name: FromPath[str], head: NamedDependency[Letterhead], now: NamedDependency[datetime]
) -> Response[bytes]:
    """Calendar programs ask again and again; as long as nothing is new, they are told just that."""
    written = await feeds.calendar_behind(name.removesuffix(".ics"), head, now)
    mark = f'W/"{calendar.mark_of(written)}"'
    known = {one.strip() for one in request.headers.get("if-none-match", "")[:1000].split(",")}
    if mark in known or mark.removeprefix("W/") in known:
        return Response(b"", status_code=304, headers={"etag": mark}, media_type=_CALENDAR)
    named = {"etag": mark, "content-disposition": 'inline; filename="appointments.ics"'}
    return Response(written, headers=named, media_type=_CALENDAR)


def _back(said: str, kind: Kind) -> Redirect:
    return Redirect(f"/profile/calendar?said={said}&of={kind}#{kind}", status_code=303)


_CALENDAR = "text/calendar"  # in UTF-8, as Litestar adds


async def _kind_of(request: AnyRequest) -> Kind:
    try:
        return Kind((await typed_in(request)).one("kind"))
    except ValueError:
        raise NotFound("there is no such feed") from None


PAGES = [page, make, end, feed]
