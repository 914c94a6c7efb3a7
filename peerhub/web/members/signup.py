"""Signing up: one form, one letter to confirm the address, and the same answer to everybody."""

import secrets
from datetime import datetime

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from peerhub.actions import logins, signup
from peerhub.domain.members import LANGUAGES
from peerhub.mail.letterhead import Letterhead
from peerhub.store.logins import CONFIRM_LIFE
from peerhub.web import browser
from peerhub.web.asking import EVERYONE, AnyRequest
from peerhub.web.forms import Mistakes, Typed, typed_in
from peerhub.web.members import profile_form


@get("/signup", opt=EVERYONE)
async def signup_page(request: AnyRequest, now: NamedDependency[datetime]) -> Template:
    return await _page(Typed({"languages": _languages_of(request)}), {}, now)


@post("/signup", opt=EVERYONE)
async def sign_up(
    request: AnyRequest, now: NamedDependency[datetime], head: NamedDependency[Letterhead]
) -> Template | Redirect:
    typed = await typed_in(request)
    if typed.has("more_rows"):
        return await _page(typed, {}, now)
    form, mistakes = profile_form.read_signup(typed, profile_form.topics_of(await profile_form.programs_for()))
    if form is None:
        return await _page(typed, mistakes, now)
    await logins.count_letter(form.email, browser.client_of(request), now)
    asking = secrets.token_urlsafe(32)
    await signup.sign_up(form.profile, form.email, form.consents, asking, head, now)
    seconds = int(CONFIRM_LIFE.total_seconds())
    return Redirect(
        "/signup/check-your-mail",
        status_code=303,
        cookies=[browser.write_cookie(request, "asked", asking, seconds)],
    )


@get("/signup/check-your-mail", opt=EVERYONE)
async def check_your_mail(request: AnyRequest) -> Template:
    return Template("members/signup_check_your_mail.html", context={"code": browser.code_shown_to(request)})


async def _page(typed: Typed, mistakes: Mistakes, now: datetime) -> Template:
    offered = await profile_form.programs_for()
    return Template(
        "members/signup.html",
        context=dict(profile_form.context(typed, mistakes, offered, now)),
        status_code=422 if mistakes else 200,
    )


def _languages_of(request: AnyRequest) -> list[str]:
    """The browser's own languages, as a first guess that can be corrected."""
    asked = request.headers.get("accept-language", "")[:200].split(",")
    codes = [one.split(";")[0].split("-")[0].strip().lower() for one in asked]
    return list(dict.fromkeys(code for code in codes if code in LANGUAGES))[:3] or ["en"]


PAGES = [signup_page, sign_up, check_your_mail]
