"""Sign in by a mailed link: opening it changes nothing, a button uses it up."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from litestar import HttpMethod, get, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from litestar.types import ControllerRouterHandler

from peerhub.actions import logins
from peerhub.domain.members import Member
from peerhub.mail.letterhead import Letterhead
from peerhub.store import logins as stored
from peerhub.web import browser, forms
from peerhub.web.asking import EVERYONE, AnyRequest
from peerhub.web.forms import typed_in

LEADS_AWAY_TO = "https://www.wikipedia.org/"
_LOOKING = [HttpMethod.GET, HttpMethod.HEAD]  # mail scanners ask with both


@get("/sign-in", opt=EVERYONE)
async def sign_in_page() -> Template:
    return Template("members/sign_in.html", context={"email": "", "mistakes": {}})


@post("/sign-in", opt=EVERYONE)
async def ask_for_link(
    request: AnyRequest, now: NamedDependency[datetime], head: NamedDependency[Letterhead]
) -> Template | Redirect:
    email = (await typed_in(request)).one("email")
    try:
        address = forms.address(email)
    except ValueError as mistake:
        context = {"email": email, "mistakes": {"email": str(mistake)}}
        return Template("members/sign_in.html", context=context, status_code=422)
    await logins.count_letter(address, browser.client_of(request), now)
    asking = secrets.token_urlsafe(32)
    await logins.ask(address, asking, head, now)
    seconds = int(stored.LINK_LIFE.total_seconds())
    return Redirect(
        "/sign-in/check-your-mail",
        status_code=303,
        cookies=[browser.write_cookie(request, "asked", asking, seconds)],
    )


@get("/sign-in/check-your-mail", opt=EVERYONE)
async def check_your_mail(request: AnyRequest) -> Template:
    return Template("members/sign_in_check_your_mail.html", context={"code": browser.code_shown_to(request)})


@route("/sign-in/{token:str}", http_method=_LOOKING, opt=EVERYONE)
async def open_link(request: AnyRequest, token: FromPath[str], now: NamedDependency[datetime]) -> Template:
    if not await stored.is_open(token, now):
        return _link_is_over()
    same = await stored.was_asked_by(token, browser.asked_by(request))
    return Template("members/sign_in_link.html", context={"needs_code": not same, "mistakes": {}})


@post("/sign-in/{token:str}", opt=EVERYONE)
async def use_link(request: AnyRequest, token: FromPath[str], now: NamedDependency[datetime]) -> Template | Redirect:
    code = "".join((await typed_in(request)).one("code")[:20].split())
    client = browser.client_of(request)
    try:
        login = await logins.open_link(token, browser.asked_by(request), code, client, now)
    except logins.LinkIsOver:
        return _link_is_over()
    except (logins.CodeNeeded, logins.WrongCode) as refusal:
        context = {"needs_code": True, "mistakes": {"code": str(refusal)}}
        return Template("members/sign_in_link.html", context=context, status_code=422)
    return await signed_in(request, login)


@route("/confirm/{token:str}", http_method=_LOOKING, opt=EVERYONE)
async def confirm_page(token: FromPath[str], now: NamedDependency[datetime]) -> Template:
    return Template("members/confirm.html") if await stored.is_open(token, now) else _link_is_over()


@post("/confirm/{token:str}", opt=EVERYONE)
async def confirm(request: AnyRequest, token: FromPath[str], now: NamedDependency[datetime]) -> Template | Redirect:
    try:
        login = await logins.confirm(token, browser.asked_by(request), now)
    except logins.LinkIsOver:
        return _link_is_over()
    return await signed_in(request, login, "/home?welcome=yes") if login else Redirect("/confirmed", status_code=303)


@get("/confirmed", opt=EVERYONE)
async def confirmed() -> Template:
    return Template("members/confirmed.html")


@post("/sign-out", opt=EVERYONE)
async def sign_out(request: AnyRequest) -> Redirect:
    if login := browser.login_of(request):
        await logins.sign_out(login)
    return browser.forget_all(request, Redirect("/", status_code=303))


@post("/sign-out-everywhere")
async def sign_out_everywhere(request: AnyRequest, member: NamedDependency[Member]) -> Redirect:
    await logins.sign_out_everywhere(member.id)
    return browser.forget_all(request, Redirect("/", status_code=303))


@get("/leave", opt=EVERYONE)
async def leave(request: AnyRequest) -> Redirect:
    """Lead away at once; this browser forgets us, unless it was another site that asked for it."""
    away = Redirect(LEADS_AWAY_TO, status_code=303)
    if request.headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
        return away
    return browser.forget_all(request, away)


async def signed_in(request: AnyRequest, login: str, page: str = "/home") -> Redirect:
    """Lead home with the new login; the one that this browser had before ends."""
    if before := browser.login_of(request):
        await logins.sign_out(before)
    home = Redirect(page, status_code=303, cookies=[browser.write_cookie(request, "login", login)])
    home.cookies.append(browser.drop_cookie(request, "asked"))
    return home


def _link_is_over() -> Template:
    return Template("members/link_is_over.html", status_code=410)


PAGES: Sequence[ControllerRouterHandler] = [
    sign_in_page, ask_for_link, check_your_mail, open_link, use_link, confirm_page, confirm, confirmed, sign_out,
    sign_out_everywhere, leave,
]  # fmt: skip
