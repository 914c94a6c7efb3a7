"""The page of a seat that has come free: looking changes nothing, a button takes it, without signing in."""

from datetime import datetime

from litestar import HttpMethod, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from peerhub.actions import offers
from peerhub.domain.invitations import CannotAnswer, TimeHasChanged
from peerhub.domain.offers import Offer
from peerhub.domain.wall import moment_on_the_wall, on_the_wall
from peerhub.mail.letterhead import Letterhead
from peerhub.web.asking import EVERYONE, AnyRequest
from peerhub.web.forms import time_seen, typed_in

_LOOKING = [HttpMethod.GET, HttpMethod.HEAD]  # mail scanners ask with both


@route("/offers/{signed:str}", http_method=_LOOKING, opt=EVERYONE)
async def look(signed: FromPath[str], head: NamedDependency[Letterhead], now: NamedDependency[datetime]) -> Template:
    return _page(await offers.offer_behind(head, signed), signed, now)


@post("/offers/{signed:str}", opt=EVERYONE)
async def answer(
    request: AnyRequest, signed: FromPath[str], head: NamedDependency[Letterhead], now: NamedDependency[datetime]
) -> Template | Redirect:
    offer, typed = await offers.offer_behind(head, signed), await typed_in(request)
    said = typed.one("answer")
    if said not in ("yes", "no"):
        return _page(offer, signed, now, status=422, mistake="Please choose yes or no.")
    try:
        await offers.answer(offer.id, yes=said == "yes", head=head, now=now, seen=time_seen(typed))
    except CannotAnswer:
        return _page(await offers.offer_behind(head, signed), signed, now, status=409)
    except TimeHasChanged as moved:
        return _page(await offers.offer_behind(head, signed), signed, now, status=409, mistake=str(moved))
    return Redirect(f"/offers/{signed}", status_code=303)


def _page(offer: Offer, signed: str, now: datetime, status: int = 200, mistake: str | None = None) -> Template:
    context = {
        "one": offer,
        "when": on_the_wall(offer.span, offer.time_zone),
        "until": moment_on_the_wall(offer.expires_at, offer.time_zone),
        "why_closed": offer.why_closed(now),
        "address": f"/offers/{signed}",
        "mistake": mistake,
    }
    return Template("members/offer.html", context=context, status_code=status)


PAGES = [look, answer]
