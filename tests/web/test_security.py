"""What holds on every path: doors, form tokens, headers, errors, and nothing of anybody in the log."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import uuid4

import pytest
import structlog
from litestar import Litestar, get
from litestar.params import FromPath
from litestar.routes import HTTPRoute

from peerhub.app import MOST_BYTES, create_app
from peerhub.mail.letterhead import Letterhead
from peerhub.store import database
from peerhub.store.engine import DB
from peerhub.store.tables import TABLES, Quota
from peerhub.web import asking
from peerhub.web.browser import client_of
from peerhub.web.headers import ALWAYS
from tests.community import a_member, an_organizer
from tests.web.conftest import BASE, Browser, Clock, a_seat, newest_letter, settings, sign_in, talk_to

Open = Callable[[], Browser]
OPEN_TO_EVERYONE = {
    "/", "/signup", "/signup/check-your-mail", "/sign-in", "/sign-in/check-your-mail", "/sign-in/{token:str}",
    "/confirm/{token:str}", "/confirmed", "/sign-out", "/leave", "/erased", "/crisis", "/privacy", "/health/live",
    "/health/ready", "/invitations/{signed:str}", "/feeds/{name:str}", "/letters/{signed:str}", "/offers/{signed:str}",
    "/unsubscribe/{signed:str}", "/static/{file_path:path}",
    "/metrics",  # with a token of its own, see test_metrics.py
}  # fmt: skip
POSTED_BY_MAIL_PROGRAMS = {"/unsubscribe/{signed:str}"}  # RFC 8058: without a login, a cookie or a token


def routes(app: Litestar) -> Iterator[tuple[str, str, str]]:
    """Method, path as written, and a path to ask for, of everything that answers."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        path = route.path_format
        for name, kind in ((one.name, one.type) for one in route.path_components if not isinstance(one, str)):
            value = str(uuid4()) if kind.__name__ == "UUID" else "2026-12-24" if kind.__name__ == "date" else "1"
            path = path.replace(f"{{{name}}}", value)
        for method in sorted(route.methods - {"OPTIONS"}):
            yield method, route.path, path


async def test_a_page_is_closed_unless_it_is_meant_for_everyone(app: Litestar, browser: Open) -> None:
    stranger = browser()
    token = await stranger.fetch_token()
    cookies = dict(stranger.http.cookies)
    entered = set()
    for method, route, path in routes(app):
        stranger.http.cookies.update(cookies)  # leaving and signing out have cleared them
        answer = await stranger.http.request(method, path, data={"form_token": token} if method == "POST" else None)
        if answer.status_code != 303 or answer.headers["location"] != "/sign-in":
            entered.add(route)

    assert entered == OPEN_TO_EVERYONE
    handlers = [one for route in app.routes if isinstance(route, HTTPRoute) for one in route.route_handlers]
    opened = [one for one in handlers if one.opt.get("open_to") == "everyone"]
    assert {
        path for one in opened for path in one.paths if path not in ("/{file_path:path}", "{file_path:path}")
    } <= OPEN_TO_EVERYONE


async def test_an_organizers_page_is_not_there_for_a_member(app: Litestar, browser: Open, now: datetime) -> None:
    ana = browser()
    await sign_in(ana, await a_member("Ana", now), now)
    token = await ana.fetch_token()
    organizers = [one for one in routes(app) if one[1].startswith("/organize")]
    assert organizers

    fields = {"form_token": token}
    answers = [await ana.http.request(method, path, data=fields) for method, _, path in organizers]

    assert {one.status_code for one in answers} == {404}


async def test_a_word_that_no_door_knows_opens_nothing(letterhead: Letterhead, clock: Clock, db: None) -> None:
    @get("/odd", opt={"open_to": "everybody"})
    async def odd() -> str:
        return "inside"

    application = create_app(settings(), letterhead, clock=clock, more=[odd])
    async with talk_to(application) as http:
        assert (await http.get("/odd")).status_code == 404


async def test_nothing_is_written_without_the_forms_token(app: Litestar, browser: Open, now: datetime) -> None:
    organizer = await an_organizer(now)
    olu = browser()
    await sign_in(olu, organizer, now)
    await olu.fetch_token()
    before = await everything()
    posts = [
        path
        for method, route, path in routes(app)
        if method not in ("GET", "HEAD") and route not in POSTED_BY_MAIL_PROGRAMS
    ]
    assert len(posts) > 15

    for fields in ({}, {"form_token": "0" * 64}, {"form_token": "é\0"}, {"form_token": ["", "x"]}):
        answers = [await olu.http.post(path, data=fields) for path in posts]
        assert {(one.status_code, one.headers["content-type"]) for one in answers} == {
            (403, "text/html; charset=utf-8")
        }

    assert await everything() == before


async def test_the_token_of_another_browser_is_no_use(browser: Open) -> None:
    one, other = browser(), browser()
    await one.fetch_token()

    answer = await one.http.post("/sign-in", data={"form_token": await other.fetch_token(), "email": "a@example.org"})

    assert answer.status_code == 403
    assert await Quota.count() == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, 303),
        ({"origin": BASE, "sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://elsewhere.example"}, 403),
    ],
)
async def test_a_form_from_another_site_is_not_taken(browser: Open, headers: dict[str, str], status: int) -> None:
    one = browser()
    fields = {"form_token": await one.fetch_token(), "email": "a@example.org"}

    assert (await one.http.post("/sign-in", data=fields, headers=headers)).status_code == status


async def everything() -> dict[str, list[str]]:
    """All that is stored, apart from when a login was last seen."""
    kept = {}
    for table in TABLES:
        rows = [{name: value for name, value in row.items() if name != "seen_at"} for row in await table.select()]
        kept[table._meta.tablename] = sorted(map(repr, rows))
    return kept


async def test_every_answer_carries_the_same_headers(
    letterhead: Letterhead, clock: Clock, db: None, browser: Open
) -> None:
    @get("/breaks", opt=asking.EVERYONE)
    async def breaks() -> str:
        raise RuntimeError("ana@example.org")

    application = create_app(settings(), letterhead, clock=clock, more=[breaks])
    async with talk_to(application) as http:
        answers = {
            200: await http.get("/"),
            303: await http.get("/home"),
            404: await http.get("/nothing"),
            405: await http.delete("/"),
            403: await http.post("/sign-in"),
            413: await http.post("/sign-in", data={"form_token": "x" * MOST_BYTES}),
            410: await http.get("/sign-in/old"),
            400: await http.post("/sign-in", content=b"x", headers={"content-type": "multipart/form-data"}),
            500: await http.get("/breaks"),
        }

    assert {status: answer.status_code for status, answer in answers.items()} == {s: s for s in answers}
    for answer in answers.values():
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in ALWAYS["content-security-policy"]
    assert "unsafe" not in ALWAYS["content-security-policy"]
    for status in (400, 403, 404, 405, 410, 413, 500):
        assert 'href="/crisis"' in answers[status].text
        assert "ana@example.org" not in answers[status].text


async def test_a_file_may_be_kept_for_a_day_and_a_missing_one_is_not(browser: Open) -> None:
    one = browser()

    assert (await one.get("/static/peerhub.css")).headers["cache-control"] == "public, max-age=86400"
    missing = await one.get("/static/../app.py")
    assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")


async def test_no_page_holds_code_or_style_inline_or_anything_of_others(browser: Open, now: datetime) -> None:
    ana = browser()
    await sign_in(ana, await a_member("Ana", now), now)
    allowed_links = {"https://findahelpline.com"}

    for path in ("/", "/signup", "/sign-in", "/crisis", "/privacy", "/home", "/profile", "/profile/erase", "/nothing"):
        await ana.get(path)
        soup = ana.soup()
        assert soup.select("style, [style], script:not([src])") == []
        assert [one for tag in soup.find_all(True) for one in tag.attrs if one.startswith("on")] == []
        sources = [str(tag.get("src") or tag.get("href")) for tag in soup.select("[src], link[href]")]
        assert [one for one in sources if not one.startswith("/static/")] == []
        away = {str(tag["href"]) for tag in soup.select("a[href]") if "://" in str(tag["href"])}
        assert away <= allowed_links
        assert soup.select_one('header a[href="/crisis"]')
        assert "not an emergency service" in str(soup.footer)


async def test_every_form_carries_its_token(browser: Open, now: datetime) -> None:
    ana = browser()
    await sign_in(ana, await a_member("Ana", now), now)

    for path in ("/signup", "/sign-in", "/home", "/profile", "/profile/erase"):
        await ana.get(path)
        forms = ana.soup().select("form[method=post]")
        assert forms
        assert [form.select_one("input[name=form_token]") is not None for form in forms] == [True] * len(forms)


async def test_with_the_database_away_pages_say_so_and_crisis_help_works(
    letterhead: Letterhead, clock: Clock, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    application = create_app(settings(), letterhead, clock=clock)
    pool, config = DB.pool, DB.config
    try:
        DB.pool = None
        database.lead_to("postgresql://localhost:1/nowhere")
        async with talk_to(application) as http:
            http.cookies.set("__Host-login", "A" * 43, domain="peerhub.example")
            pages = {path: (await http.get(path)).status_code for path in ("/crisis", "/", "/privacy", "/health/live")}
            away = await http.get("/home")
            ready = await http.get("/health/ready")
    finally:
        DB.pool, DB.config = pool, config

    assert pages == dict.fromkeys(pages, 200)
    assert (away.status_code, away.headers["retry-after"], ready.status_code) == (503, "30", 503)
    assert {name: away.headers.get(name) for name in ALWAYS} == ALWAYS


async def test_the_log_names_the_place_and_never_the_token_or_the_words(
    letterhead: Letterhead, clock: Clock, db: None
) -> None:
    @get("/breaks/{token:str}", opt=asking.EVERYONE)
    async def breaks(token: FromPath[str]) -> str:
        raise RuntimeError(f"ana@example.org {token}")

    application = create_app(settings(), letterhead, clock=clock, more=[breaks])
    with structlog.testing.capture_logs() as lines:
        async with talk_to(application) as http:
            await http.get("/breaks/s3cr3t")

    assert [(line["event"], line["kind"], line["page"]) for line in lines] == [
        ("unexpected", "RuntimeError", "/breaks/{token}")
    ]
    assert ("s3cr3t" in json.dumps(lines), "ana@" in json.dumps(lines)) == (False, False)


async def test_a_client_is_who_the_trusted_proxy_says_and_nobody_elses_word_counts(
    letterhead: Letterhead, clock: Clock, db: None
) -> None:
    @get("/me", opt=asking.EVERYONE)
    async def me(request: asking.AnyRequest) -> str:
        return client_of(request)

    application = create_app(settings(), letterhead, clock=clock, more=[me])
    said = {}
    for client, forwarded in [
        ("192.0.2.7", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9"),
        ("10.0.0.1", "2001:db8:1:2:3:4:5:6"),
        ("10.0.0.1", "nonsense"),
        ("10.0.0.1", ""),
    ]:
        async with talk_to(application, client) as http:
            said[client, forwarded] = (await http.get("/me", headers={"x-forwarded-for": forwarded})).text

    assert list(said.values()) == [
        "192.0.2.7", "203.0.113.9", "203.0.113.9", "203.0.113.9", "2001:db8:1:2::/64", "somewhere", "10.0.0.1"
    ]  # fmt: skip


async def test_a_link_leads_to_the_base_address_whatever_the_host_header_says(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    ana = browser()
    fields = {"form_token": await ana.fetch_token(), "email": "ana@example.org"}

    await ana.http.post("/sign-in", data=fields, headers={"host": "evil.example"})

    assert "evil.example" not in (await newest_letter()).reading.text
    assert BASE in (await newest_letter()).reading.text


async def test_somebody_elses_session_looks_like_one_that_is_not_there(browser: Open, now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    seat = await a_seat(now, ana, ben)
    one = browser()
    await sign_in(one, cat, now)

    pages = [await one.get(f"/{place}/{which}") for place in ("sessions", "check-ins") for which in (seat, uuid4())]
    posts = [
        await one.post(f"/{place}/{which}", {"rsvp": "yes", "went": "well"})
        for place in ("sessions", "check-ins")
        for which in (seat, uuid4())
    ]

    assert {page.status_code for page in pages + posts} == {404}
    assert len({page.content for page in pages}) == 1


ODD = (
    b"%ED%A0%80",
    b"%FF%FE",
    b"%00",
    b"%F0%9F%8C%BF",
    b"%E2%80%AE",
    b"1e309",
    b"-1",
    b"%5B%5D",
    b"'%3B--",
    b"{{7*7}}",
)


async def test_odd_bytes_in_any_field_break_nothing(app: Litestar, browser: Open, now: datetime) -> None:
    olu = browser()
    await sign_in(olu, await an_organizer(now), now)
    token = await olu.fetch_token()
    names = (
        "name", "email", "zone", "day", "opens", "closes", "liking", "consents", "programs", "role", "languages",
        "most_sessions", "code", "rsvp", "went", "note", "step", "first", "last", "person", "address", "week", "kind",
    )  # fmt: skip
    cookies = dict(olu.http.cookies)
    broken = []
    for method, _, path in routes(app):
        for odd in ODD if method == "POST" else ODD[:1]:
            olu.http.cookies.update(cookies)
            body = b"&".join([b"form_token=" + token.encode(), *(name.encode() + b"=" + odd for name in names)])
            headers = {"content-type": "application/x-www-form-urlencoded"}
            answer = await olu.http.request(method, path, content=body, headers=headers)
            if answer.status_code >= 500:
                broken.append((method, path, odd))

    assert broken == []


async def test_odd_cookies_and_addresses_break_nothing(browser: Open) -> None:
    one = browser()
    headers: list[dict[str, str | bytes]] = [
        {"cookie": "__Host-login=\x01; __Host-browser=" + "x" * 5000},
        {"cookie": b"__Host-asked=\xe9; __Host-browser=\xff"},
        {"cookie": ";;;===;"},
        {"accept-language": "," * 5000},
        {"x-forwarded-for": "," * 5000},
        {"origin": "http://[bad"},
    ]

    answers = [(await one.http.get("/signup", headers=raw(each))).status_code for each in headers]
    posted = [(await one.http.post("/sign-in", headers=raw(each))).status_code for each in headers]

    assert (answers, posted) == ([200] * len(headers), [403] * len(headers))
    token = {"form_token": await one.fetch_token(), "email": "a@example.org"}
    bad: list[dict[str, str | bytes]] = [{"origin": "http://[bad"}, {"x-form-token": b"\xe9"}]
    assert [(await one.http.post("/sign-in", data=token, headers=raw(each))).status_code for each in bad] == [403, 403]


def raw(headers: dict[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    return [(k.encode(), v if isinstance(v, bytes) else v.encode()) for k, v in headers.items()]
