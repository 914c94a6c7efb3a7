"""Browsers that talk to the real application over ASGI, with a clock that a test can set."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import uvicorn
from bs4 import BeautifulSoup, Tag
from litestar import Litestar
from playwright.async_api import Browser as Chromium

from peerhub.app import create_app
from peerhub.domain.availability import Span
from peerhub.domain.programs import Kind
from peerhub.mail.letterhead import Letterhead
from peerhub.settings import Keys, Settings
from peerhub.store import logins, sessions
from peerhub.store.tables import Round
from tests.chromium import chromium as a_chromium
from tests.community import TUESDAY, a_program, a_round, an_organizer, enrol, together
from tests.letters import Shown, letters_to_show

BASE = "https://peerhub.example"
LINK = re.compile(rf"{re.escape(BASE)}/(?:confirm|sign-in|invitations)/[\w.~-]+")


@dataclass
class Clock:
    """The time of day, as far as the application knows."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> None:
        self.now += by


@dataclass
class Browser:
    """One person's browser: it keeps cookies, reads forms and fills them in."""

    http: httpx.AsyncClient
    page: httpx.Response = field(init=False)

    async def get(self, path: str) -> httpx.Response:
        return self._shown(await self.http.get(path))

    async def post(self, path: str, fields: Mapping[str, str | list[str]]) -> httpx.Response:
        """Post with the token of this browser's forms."""
        token = self.token() or await self.fetch_token()
        return self._shown(await self.http.post(path, data={"form_token": token, **fields}))

    async def submit(self, action: str | None = None, /, **fields: str | list[str]) -> httpx.Response:
        """Fill in a form of the page that is open, leave the rest as it is, and send it."""
        form = self.form(action)
        return await self._send(form, filled_in(form) | fields)

    async def _send(self, form: Tag, fields: dict[str, str | list[str]]) -> httpx.Response:
        return self._shown(await self.http.post(str(form.get("action") or self.page.url.path), data=fields))

    def _shown(self, page: httpx.Response) -> httpx.Response:
        """Keep the page, if a browser would show it as a page and not as its source."""
        if page.text.startswith("<!doctype html>"):
            assert page.headers["content-type"] == "text/html; charset=utf-8"
        self.page = page
        return page

    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.page.text, "html.parser")

    def form(self, action: str | None = None) -> Tag:
        forms = [
            one
            for one in self.soup().select("main form")
            if action is None or one.get("action") == action
        ]  # fmt: skip
        return forms[0]

    def text(self) -> str:
        main = self.soup().main
        assert main is not None
        return " ".join(main.get_text(" ").split())

    def token(self) -> str | None:
        field = self.soup().select_one("input[name=form_token]") if hasattr(self, "page") else None
        return str(field["value"]) if field else None

    async def fetch_token(self) -> str:
        await self.get("/sign-in")
        token = self.token()
        assert token
        return token


def filled_in(form: Tag) -> dict[str, str | list[str]]:
    """What a browser would send for a form that nobody has touched."""
    fields: dict[str, list[str]] = {}
    for one in form.select("input, select, textarea"):
        name, kind = str(one.get("name", "")), one.get("type")
        if not name or (kind in ("checkbox", "radio") and not one.has_attr("checked")):
            continue
        if one.name == "select":
            chosen = one.select_one("option[selected]") or one.select_one("option")
            value = str(chosen.get("value", chosen.text)) if chosen else ""
        elif one.name == "textarea":
            value = one.text
        else:
            value = str(one.get("value", ""))
        fields.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def settings() -> Settings:
    return Settings(
        data_folder=Path(),
        database_url=None,
        smtp_url="",
        base_url=BASE,
        host="",
        port=0,
        mail_from="hello@peerhub.example",
        community="Harbour Lights",
        keys=Keys({}, b"", b""),
        trusted_proxies=frozenset({"10.0.0.1"}),
    )


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


@pytest.fixture
def app(db: None, letterhead: Letterhead, clock: Clock) -> Litestar:
    return create_app(settings(), letterhead, clock=clock)


def talk_to(app: Litestar, client: str = "192.0.2.7") -> httpx.AsyncClient:
    """What an address on the internet sees of the application; an error inside is an answer too."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(client, 40000))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url=BASE)


@pytest.fixture
async def browser(app: Litestar) -> AsyncIterator[Callable[[], Browser]]:
    """Opens a new browser, with no cookies yet."""
    opened: list[httpx.AsyncClient] = []

    def open_one(client: str = "192.0.2.7") -> Browser:
        opened.append(talk_to(app, client))
        return Browser(opened[-1])

    yield open_one
    for one in opened:
        await one.aclose()


async def newest_letter() -> Shown:
    return (await letters_to_show(1))[0]


async def link_of_newest_letter() -> str:
    """The path of the link that the newest letter carries."""
    found = LINK.search((await newest_letter()).reading.text)
    assert found
    return found[0].removeprefix(BASE)


async def sign_in(one: Browser, member_id: UUID, now: datetime) -> None:
    """Sign a browser in without a letter, for tests that are about something else."""
    one.http.cookies.set("__Host-login", await logins.begin_login(member_id, now), domain="peerhub.example")


async def a_seat(
    now: datetime, member_id: UUID, *others: UUID, span: Span = TUESDAY, kind: Kind = Kind.BUDDIES
) -> UUID:
    """The member's seat in a published session with the others."""
    program_id = await a_program(now, kind)
    await enrol(program_id, now, member_id, *others)
    round_id = await a_round(
        program_id, now, member_id, *others, week=span.starts_at.date() - timedelta(span.starts_at.weekday())
    )
    await Round.update({Round.stage: "published", Round.published_at: now}).where(Round.id == round_id)
    await sessions.put(round_id, [together(member_id, *others, span=span)], "peerhub.example")
    session = (await sessions.of_round(round_id))[0]
    return next(seat.id for seat in session.seats if seat.member_id == member_id)


@pytest.fixture
async def olu(browser: Callable[[], Browser], now: datetime) -> Browser:
    """Olu's browser, signed in."""
    one = browser()
    await sign_in(one, await an_organizer(now), now)
    return one


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Chromium]:
    async with a_chromium() as opened:
        yield opened


@pytest.fixture
async def address(db: None, letterhead: Letterhead, clock: Clock) -> AsyncIterator[str]:
    """The application on a port of its own, over plain http as on one's own machine."""
    head = replace(letterhead, base_url="http://localhost")
    app = create_app(replace(settings(), base_url=head.base_url), head, clock=clock)
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event to wait for
        await asyncio.sleep(0.01)
    yield f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving
