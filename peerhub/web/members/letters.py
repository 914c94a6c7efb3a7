"""Which letters a member gets, without signing in: one click ends a kind of letter, a page holds all choices."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import HttpMethod, get, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from peerhub.actions import subscriptions
from peerhub.domain.members import Member
from peerhub.domain.reminders import Reminding
from peerhub.domain.subscriptions import Subscription
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import reminders
from peerhub.web.asking import EVERYONE, FROM_ANYWHERE, AnyRequest
from peerhub.web.forms import typed_in

WORDS: Final = {
    Subscription.NEWS: ("A new week is open", "When a round opens in which you could take part."),
    Subscription.REMINDERS: (
        "Reminders",
        "Before a session that you said yes or maybe to; and once, where an invitation stays without an answer.",
    ),
    Subscription.CHECK_INS: ("How was it?", "A question after a session, once."),
}
REMINDING_WORDS: Final = {
    Reminding.DAY_BEFORE: "A day before",
    Reminding.HOUR_BEFORE: "An hour before",
    Reminding.BOTH: "A day and an hour before",
}
_LOOKING = [HttpMethod.GET, HttpMethod.HEAD]  # mail scanners ask with both


@route("/unsubscribe/{signed:str}", http_method=_LOOKING, opt=EVERYONE)
async def look_before_leaving(signed: FromPath[str], head: NamedDependency[Letterhead]) -> Template:
    member_id, kind = links.subscription_of_link(head, signed)
    gets = kind in await subscriptions.of(member_id)
    return _leaving(signed, head, has_left=not gets)


@post("/unsubscribe/{signed:str}", opt={**EVERYONE, **FROM_ANYWHERE}, status_code=200)
async def leave(signed: FromPath[str], head: NamedDependency[Letterhead], now: NamedDependency[datetime]) -> Template:
    """What a mail program posts by itself (RFC 8058), and the button as well; the link alone says who and what."""
    member_id, kind = links.subscription_of_link(head, signed)
    await subscriptions.end(member_id, kind, now)
    return _leaving(signed, head, has_left=True)


@route("/letters/{signed:str}", http_method=_LOOKING, opt=EVERYONE)
async def look(request: AnyRequest, signed: FromPath[str], head: NamedDependency[Letterhead]) -> Template:
    return await _choosing(request, links.member_of_letters_page(head, signed), f"/letters/{signed}")


@post("/letters/{signed:str}", opt=EVERYONE)
async def choose(
    request: AnyRequest, signed: FromPath[str], head: NamedDependency[Letterhead], now: NamedDependency[datetime]
) -> Redirect:
    return await _choose(request, links.member_of_letters_page(head, signed), f"/letters/{signed}", now)


@get("/letters")
async def own(request: AnyRequest, member: NamedDependency[Member]) -> Template:
    """The same page for who is signed in, at an address that is nobody's key."""
    return await _choosing(request, member.id, "/letters")


@post("/letters")
async def choose_own(request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]) -> Redirect:
    return await _choose(request, member.id, "/letters", now)


async def _choosing(request: AnyRequest, member_id: UUID, address: str) -> Template:
    context = {
        "choices": _choices(),
        "gets": await subscriptions.of(member_id),
        "reminding": await reminders.reminding_of(member_id),
        "reminding_words": REMINDING_WORDS,
        "address": address,
        "is_kept": "kept" in request.query_params,
    }
    return Template("members/letters.html", context=context)


async def _choose(request: AnyRequest, member_id: UUID, address: str, now: datetime) -> Redirect:
    typed = await typed_in(request)
    wanted = {kind for kind in Subscription if kind.value in typed.all("wanted")}
    when = [choice for choice in Reminding if choice.value == typed.one("reminding")]
    await subscriptions.choose(member_id, wanted, now, when[0] if when else None)
    return Redirect(f"{address}?kept=yes", status_code=303)


def _leaving(signed: str, head: Letterhead, *, has_left: bool) -> Template:
    member_id, kind = links.subscription_of_link(head, signed)
    context: dict[str, Any] = {
        "title": WORDS[kind][0],
        "about": WORDS[kind][1],
        "address": f"/unsubscribe/{signed}",
        "all_choices": links.letters_page(head, member_id).removeprefix(head.base_url),
        "has_left": has_left,
    }
    return Template("members/unsubscribe.html", context=context)


def _choices() -> list[tuple[Subscription, str, str]]:
    return [(kind, *WORDS[kind]) for kind in Subscription]


PAGES = [look_before_leaving, leave, look, choose, own, choose_own]
