"""What a member said of themselves: to change it, take it along, or take it back."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from peerhub.actions import profile as profiles
from peerhub.actions import reminders as reminders_act
from peerhub.domain.members import PURPOSES, Member
from peerhub.domain.refusals import NotFound, Refusal, TooOften
from peerhub.domain.reminders import Reminding
from peerhub.domain.wall import day_in_words
from peerhub.store import members, reminders, seats
from peerhub.web import browser, forms
from peerhub.web.asking import AnyRequest
from peerhub.web.forms import Mistakes, Typed, typed_in
from peerhub.web.members import profile_form
from peerhub.web.members.letters import REMINDING_WORDS

KEPT: Final = {
    "profile": "Your profile is kept.",
    "closed": "Your profile is kept. As it is now, nobody can be matched with you: every size, or every way to meet, "
    "is at never. If you would like some quiet, you can also pause on your home page.",
    "consents": "Your consents are kept.",
    "away": "Your days away are kept.",
    "reminders": "Your choice is kept.",
    "apart": "Your wish is kept. Nobody learns of it.",
}
_NOTHING: Final = Typed()


@get("/profile")
async def profile_page(
    request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template:
    return await _page(member, now, kept=request.query_params.get("kept", ""))


@post("/profile")
async def save(
    request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template | Redirect:
    typed = await typed_in(request)
    if typed.has("more_rows"):
        return await _page(member, now, typed=typed)
    offered = await profile_form.programs_for((await members.profile_of(member.id)).programs)
    form, mistakes = profile_form.read_profile(typed, profile_form.topics_of(offered))
    if form is None:
        return await _page(member, now, typed=typed, mistakes=mistakes)
    await profiles.save(member.id, form.profile, now)
    comfort = form.profile.comfort
    return _kept("profile" if any(comfort.sizes.values()) and any(comfort.mediums.values()) else "closed")


@post("/profile/consents")
async def set_consents(
    request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]
) -> Redirect:
    given = [purpose for purpose in (await typed_in(request)).all("consents") if purpose in PURPOSES]
    await profiles.set_consents(member.id, dict.fromkeys(given), now)
    return _kept("consents")


@post("/profile/reminders")
async def set_reminders(
    request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]
) -> Redirect:
    """Anything but one of the choices is none."""
    typed = (await typed_in(request)).one("reminding")
    await reminders_act.choose(member.id, Reminding(typed) if typed in tuple(Reminding) else None, now)
    return _kept("reminders")


@post("/profile/away")
async def go_away(
    request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template | Redirect:
    typed = await typed_in(request)
    try:
        first = date.fromisoformat(typed.one("first"))
        last = date.fromisoformat(typed.one("last") or typed.one("first"))
    except ValueError:
        mistakes = {"first": "Please give the first day, for example 2026-12-24."}
        return await _page(member, now, mistakes=mistakes, away_typed=typed)
    try:
        await profiles.go_away(member.id, first, last, _today(member, now))
    except Refusal as refusal:
        return await _page(member, now, mistakes={"first": str(refusal)}, away_typed=typed)
    return _kept("away")


@post("/profile/away/{day:date}/remove")
async def come_back_on(day: FromPath[date], member: NamedDependency[Member]) -> Redirect:
    await members.drop_day_away(member.id, day)
    return _kept("away")


@post("/profile/apart")
async def keep_apart(
    request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template | Redirect:
    """The answer is the same whether the address belongs to a member or to nobody."""
    typed = await typed_in(request)
    try:
        if typed.one("person"):
            await profiles.keep_apart_from(member.id, UUID(typed.one("person")), now)
        else:
            await profiles.keep_apart(member.id, forms.address(typed.one("address")), now)
    except (NotFound, TooOften):
        raise
    except (Refusal, ValueError) as mistake:
        words = "Please choose one of the people offered." if typed.one("person") else str(mistake)
        return await _page(member, now, mistakes={"address": words}, apart_typed=typed)
    return _kept("apart")


@post("/profile/apart/{wish_id:uuid}/remove")
async def drop_wish(wish_id: FromPath[UUID], member: NamedDependency[Member]) -> Redirect:
    await members.drop_wish(member.id, wish_id)
    return Redirect("/profile#apart", status_code=303)


@get("/profile/export")
async def export(member: NamedDependency[Member], now: NamedDependency[datetime]) -> Response[str]:
    everything = await profiles.export(member.id, now)
    return Response(
        json.dumps(everything, indent=2, ensure_ascii=False),
        media_type="application/json",
        headers={"content-disposition": 'attachment; filename="my-data.json"'},
    )


@get("/profile/erase")
async def erase_page(member: NamedDependency[Member]) -> Template:  # noqa: ARG001 - it is theirs to open
    return Template("members/erase.html", context={"mistakes": {}})


@post("/profile/erase")
async def erase(
    request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template | Redirect:
    if (await typed_in(request)).one("sure") != "yes":
        mistakes = {"sure": "Please tick this, so that nothing is erased by accident."}
        return Template("members/erase.html", context={"mistakes": mistakes}, status_code=422)
    await profiles.erase(member.id, now)
    return browser.forget_all(request, Redirect("/erased", status_code=303))


def _kept(what: str) -> Redirect:
    return Redirect(f"/profile?kept={what}#{'content' if what in {'profile', 'closed'} else what}", status_code=303)


def _today(member: Member, now: datetime) -> date:
    return now.astimezone(ZoneInfo(member.time_zone)).date()


async def _page(
    member: Member,
    now: datetime,
    *,
    typed: Typed | None = None,
    mistakes: Mistakes | None = None,
    kept: str = "",
    away_typed: Typed = _NOTHING,
    apart_typed: Typed = _NOTHING,
) -> Template:
    profile = await members.profile_of(member.id)
    offered = await profile_form.programs_for(profile.programs)
    context: Mapping[str, Any] = {
        **profile_form.context(typed or profile_form.typed_from(profile), mistakes or {}, offered, now),
        "kept": {kept: KEPT[kept]} if kept in KEPT else {},
        "consents": await members.consents_of(member.id),
        "reminding": await reminders.choice_of(member.id),
        "reminding_words": REMINDING_WORDS,
        "days_away": await members.days_away_of(member.id, _today(member, now)),
        "day_in_words": day_in_words,
        "wishes": await members.wishes_of(member.id),
        "people_met": await seats.met_by(member.id, now),
        "away_typed": away_typed,
        "apart_typed": apart_typed,
        "today": _today(member, now),
    }
    return Template("members/profile.html", context=dict(context), status_code=422 if mistakes else 200)


PAGES = [
    profile_page, save, set_consents, set_reminders, go_away, come_back_on, keep_apart, drop_wish,
    export, erase_page, erase,
]  # fmt: skip
