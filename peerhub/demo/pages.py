"""Pages that only the demo has: who to sign in as, and the mailbox that shows each letter."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.response import Redirect, Template

from peerhub.actions import inbox
from peerhub.actions.invitations import Answered
from peerhub.demo import mailbox
from peerhub.demo.people import GUESTS, address_of
from peerhub.domain.refusals import NotFound
from peerhub.mail import incoming
from peerhub.mail.letterhead import Letterhead
from peerhub.settings import Settings
from peerhub.store import logins, members
from peerhub.web import browser
from peerhub.web.asking import EVERYONE
from peerhub.web.forms import typed_in

_ANSWERS = {"ACCEPTED": "Accept", "TENTATIVE": "Maybe", "DECLINED": "Decline"}
_LETTERS_MAY_BE_STYLED = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


@get("/")
async def doors() -> Template:
    """Who to sign in as, and the way to the mailbox."""
    return Template("demo/doors.html", context={"guests": GUESTS})


@get("/sign-in/{guest:str}")
async def door(guest: FromPath[str]) -> Template:
    """A button, since no link of peerhub changes anything by being opened."""
    return Template("demo/door.html", context={"guest": guest, "who": _who(guest)})


@post("/sign-in/{guest:str}")
async def enter(guest: FromPath[str], request: Request[Any, Any, Any], now: NamedDependency[datetime]) -> Redirect:
    _who(guest)
    known = await members.by_address(address_of(guest))
    if known is None:
        raise NotFound("The demo has nobody of that name.")
    token = await logins.begin_login(known.id, now)
    cookie = browser.write_cookie(request, "login", token)
    return Redirect("/organize" if guest == "olu" else "/home", status_code=303, cookies=[cookie])


@get("/mailbox", opt=EVERYONE, sync_to_thread=True)
def letters(folder: NamedDependency[Path]) -> Template:
    return Template("demo/mailbox.html", context={"letters": mailbox.latest(folder)})


@get("/mailbox/{number:int}", opt=EVERYONE, sync_to_thread=True)
def letter(request: Request[Any, Any, Any], number: FromPath[int], folder: NamedDependency[Path]) -> Template:
    received = _letter(folder, number)
    became = {one.name: one.value for one in Answered}.get(request.query_params.get("became", ""))
    context = {
        "letter": received,
        "lines": mailbox.calendar_lines(received),
        "answers": _ANSWERS if mailbox.asks_for_an_answer(received) else {},
        "became": became,
    }
    return Template("demo/letter.html", context=context)


@post("/mailbox/{number:int}/answer", opt=EVERYONE)
async def answer(
    request: Request[Any, Any, Any],
    number: FromPath[int],
    folder: NamedDependency[Path],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Redirect:
    """What the calendar of whoever got this letter would mail back."""
    received, said = await asyncio.to_thread(_letter, folder, number), (await typed_in(request)).one("said")
    if said not in _ANSWERS or not mailbox.asks_for_an_answer(received):
        raise NotFound("There is nothing to answer.")
    mail = await asyncio.to_thread(mailbox.answer_to, received, said, now)
    read = await asyncio.to_thread(incoming.read, mail, [], head)
    outcome = await inbox.take(read, head, now)
    became = next((one.name for one in Answered if one.value == outcome), "")
    return Redirect(f"/demo/mailbox/{number}?became={became}", status_code=303)


@get("/mailbox/{number:int}/html", opt=EVERYONE, sync_to_thread=True)
def letter_as_html(number: FromPath[int], folder: NamedDependency[Path]) -> Response[str]:
    """The letter as a mail program shows it: with its own inlined style, and nothing else of its own."""
    headers = {"content-security-policy": _LETTERS_MAY_BE_STYLED}
    return Response(_letter(folder, number).html, media_type="text/html", headers=headers)


def routes(folder: Path) -> Router:
    """All pages of the demo; ``folder`` is where its mail arrives."""
    return Router(
        "/demo",
        route_handlers=[doors, door, enter, letters, letter, answer, letter_as_html],
        dependencies={"folder": Provide(lambda: folder, sync_to_thread=False)},
        opt=EVERYONE,
    )


def welcome(settings: Settings) -> str:
    """What the terminal says when the demo is up."""
    lines = [f"  {who:<32} {settings.base_url}/demo/sign-in/{guest}" for guest, who in GUESTS.items()]
    return "\n".join(
        [
            "",
            f"Harbour Lights is up:                {settings.base_url}/demo",
            "Sign in with one click:",
            *lines,
            f"Every letter it sends arrives here:  {settings.base_url}/demo/mailbox",
            "Stop with Ctrl-C; the data is kept.",
        ]
    )


def _who(guest: str) -> str:
    if guest not in GUESTS:
        raise NotFound("The demo has nobody of that name.")
    return GUESTS[guest]


def _letter(folder: Path, number: int) -> mailbox.Received:
    received = mailbox.read(folder, number)
    if received is None:
        raise NotFound("There is no such letter.")
    return received
