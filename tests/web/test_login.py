"""Signing in by a mailed link, and out again."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from peerhub.store import logins
from peerhub.store.tables import Letter, Login, Quota, SignInLink
from tests.community import a_member, an_organizer
from tests.letters import letters_to_show
from tests.web.conftest import Browser, Clock, link_of_newest_letter, newest_letter, sign_in

Open = Callable[[], Browser]


async def ask(one: Browser, address: str = "ana@example.org") -> str:
    """Ask for a link; its path."""
    await one.get("/sign-in")
    await one.submit(email=address)
    return await link_of_newest_letter()


async def test_the_mailed_link_signs_in_with_one_more_tap(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    ana = browser()

    await ana.get(await ask(ana))
    answer = await ana.submit()

    assert (answer.status_code, answer.headers["location"]) == (303, "/home")
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-login="))
    assert sorted(cookie.split("; ")[1:]) == ["HttpOnly", "Path=/", "SameSite=lax", "Secure"]
    assert "Hello Ana" in (await ana.get("/home")).text


async def test_looking_twenty_times_changes_nothing_and_then_the_button_works(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    ana, scanner = browser(), browser()
    link = await ask(ana)
    before = await contents()

    for _ in range(20):
        assert (await scanner.http.get(link)).status_code == 200
        assert (await scanner.http.head(link)).status_code == 200

    assert await contents() == before
    await ana.get(link)
    assert (await ana.submit()).status_code == 303


async def contents() -> list[list[str]]:
    tables = (SignInLink, Login, Letter, Quota)
    return [sorted(map(repr, await table.select())) for table in tables]


async def test_fifty_taps_at_once_sign_in_once(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    ana = browser()
    await ana.get(await ask(ana))
    fields = {"form_token": ana.token() or ""}

    answers = await asyncio.gather(*(ana.http.post(str(ana.page.url.path), data=fields) for _ in range(50)))

    statuses = sorted(one.status_code for one in answers)
    assert statuses == [303] + [410] * 49
    assert await Login.count() == 1


async def test_another_browser_needs_the_code_that_the_asking_one_shows(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    desk, phone = browser(), browser()
    link = await ask(desk)
    await desk.get("/sign-in/check-your-mail")
    code = desk.soup().select_one(".code")
    assert code

    await phone.get(link)
    without = await phone.submit()
    wrong = await phone.submit(code="000 000" if code.text != "000 000" else "000 001")
    right = await phone.submit(code=code.text)

    assert (without.status_code, wrong.status_code, right.status_code) == (422, 422, 303)
    assert "Hello Ana" in (await phone.get("/home")).text


async def test_a_code_is_tried_five_times_at_most(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    desk, thief = browser(), browser()
    link = await ask(desk)
    await desk.get("/sign-in/check-your-mail")
    code = desk.soup().select_one(".code")
    assert code
    await thief.get(link)
    for number in range(5):
        await thief.submit(code=f"99999{number}" if code.text.replace(" ", "") != f"99999{number}" else "111111")

    answer = await thief.submit(code=code.text)

    assert answer.status_code == 422
    await desk.get(link)
    assert (await desk.submit()).status_code == 303


async def test_the_link_lives_for_ten_minutes(browser: Open, now: datetime, clock: Clock) -> None:
    await a_member("Ana", now)
    ana = browser()
    link = await ask(ana)
    await ana.get(link)

    clock.forward(timedelta(minutes=10))
    late = await ana.submit()

    assert late.status_code == 410
    link = await ask(ana)
    await ana.get(link)
    clock.forward(timedelta(minutes=9, seconds=59))
    assert (await ana.submit()).status_code == 303


async def test_a_new_link_revokes_the_one_before(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    ana = browser()
    old = await ask(ana)
    new = await ask(ana)

    assert [(await ana.get(link)).status_code for link in (old, new)] == [410, 200]


async def test_a_used_and_a_made_up_link_look_the_same(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    ana = browser()
    link = await ask(ana)
    await ana.get(link)
    await ana.submit()

    stranger = browser()
    pages = [await stranger.get(path) for path in (link, "/sign-in/made-up", f"/confirm/{'x' * 5000}")]

    assert {(page.status_code, page.content) for page in pages} == {(410, pages[0].content)}


async def test_known_and_unknown_addresses_get_the_same_answer_by_as_many_statements(
    browser: Open, now: datetime, statements: list[str]
) -> None:
    await a_member("Ana", now)
    answers = []
    for address in ("ana@example.org", "nobody@example.org"):
        one = browser()
        await one.get("/sign-in")
        statements.clear()
        answer = await one.submit(email=address)
        cookies = [header.split("=")[0] for header in answer.headers.get_list("set-cookie")]
        page = await one.get("/sign-in/check-your-mail")
        code = one.soup().select_one(".code")
        assert code
        spoken = " ".join(code.text.replace(" ", ""))
        without_code = page.text.replace(code.text, "").replace(spoken, "")
        answers.append((answer.status_code, answer.content, cookies, without_code, len(statements)))

    assert answers[0] == answers[1]
    assert [one.reading.to for one in await letters_to_show()] == ["ana@example.org"]


async def test_an_unconfirmed_member_gets_the_confirming_link_again(browser: Open, now: datetime) -> None:
    from tests.web.test_signup import ANA

    ana = browser()
    await ana.get("/signup")
    await ana.submit(**ANA)

    link = await ask(ana)
    assert (await newest_letter()).kind == "confirm_address"
    await ana.get(link)
    await ana.submit()

    assert "Hello Ana" in (await ana.get("/home")).text


async def test_a_planted_login_is_never_taken_up(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    ana = browser()
    ana.http.cookies.set("__Host-login", "AAAA", domain="peerhub.example")
    await ana.get(await ask(ana))

    answer = await ana.submit()

    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-login="))
    assert len(cookie.split(";")[0].removeprefix("__Host-login=")) == 43
    thief = browser()
    thief.http.cookies.set("__Host-login", "AAAA", domain="peerhub.example")
    assert (await thief.get("/home")).headers["location"] == "/sign-in"


async def test_signing_in_again_ends_the_login_before(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    ana, copy = browser(), browser()
    await ana.get(await ask(ana))
    await ana.submit()
    old = ana.http.cookies["__Host-login"]

    await ana.get(await ask(ana))
    await ana.submit()

    copy.http.cookies.set("__Host-login", old, domain="peerhub.example")
    assert (await copy.get("/home")).status_code == 303
    assert (await ana.get("/home")).status_code == 200


@pytest.mark.parametrize(
    ("who", "idle", "life"),
    [
        ("member", logins.IDLE_LIFE, logins.LOGIN_LIFE),
        ("organizer", logins.ORGANIZER_IDLE_LIFE, logins.ORGANIZER_LOGIN_LIFE),
    ],
)
async def test_a_login_ends_when_idle_and_when_old(
    browser: Open, now: datetime, clock: Clock, who: str, idle: timedelta, life: timedelta
) -> None:
    member = await (an_organizer(now) if who == "organizer" else a_member("Ana", now))
    rare, often = browser(), browser()
    await sign_in(rare, member, now)
    await sign_in(often, member, now)

    while clock.now + idle < now + life:
        clock.forward(idle)
        assert (await often.get("/home")).status_code == 200
    clock.now = now + idle + timedelta(seconds=1)
    assert (await rare.get("/home")).status_code == 303
    clock.now = now + life
    assert (await often.get("/home")).status_code == 303


async def test_signing_out_ends_the_login_and_clears_the_browser(browser: Open, now: datetime) -> None:
    ana = browser()
    await sign_in(ana, await a_member("Ana", now), now)
    login = ana.http.cookies["__Host-login"]
    await ana.get("/home")

    answer = await ana.post("/sign-out", {})

    assert answer.headers["clear-site-data"] == '"cookies", "storage"'
    assert await logins.who(login, now) is None


async def test_signing_out_everywhere_ends_every_login(browser: Open, now: datetime) -> None:
    member = await a_member("Ana", now)
    desk, phone = browser(), browser()
    await sign_in(desk, member, now)
    await sign_in(phone, member, now)

    await desk.post("/sign-out-everywhere", {})

    assert (await phone.get("/home")).status_code == 303


async def test_leaving_quickly_leads_away_and_forgets(browser: Open, now: datetime) -> None:
    ana = browser()
    await sign_in(ana, await a_member("Ana", now), now)
    await ana.get("/home")

    answer = await ana.get("/leave")

    assert (answer.status_code, answer.headers["location"]) == (303, "https://www.wikipedia.org/")
    assert answer.headers["clear-site-data"] == '"cookies", "storage"'
    assert "__Host-login" not in ana.http.cookies


async def test_another_site_cannot_make_a_browser_forget(browser: Open) -> None:
    answer = await browser().http.get("/leave", headers={"sec-fetch-site": "cross-site"})

    assert answer.headers.get("clear-site-data") is None


async def test_a_suspended_member_is_signed_out_at_once(browser: Open, now: datetime) -> None:
    from peerhub.store.tables import Member

    member = await a_member("Ana", now)
    ana = browser()
    await sign_in(ana, member, now)
    assert (await ana.get("/home")).status_code == 200

    await Member.update({Member.stage: "suspended"}).where(Member.id == member)

    assert (await ana.get("/home")).status_code == 303


async def test_neither_token_nor_code_nor_login_is_stored_in_plain(browser: Open, now: datetime) -> None:
    await a_member("Ana", now)
    ana = browser()
    link = await ask(ana)
    token = link.rpartition("/")[2]
    asked = ana.http.cookies["__Host-asked"]
    code = logins.code_of(asked)
    await ana.get(link)
    await ana.submit()
    login = ana.http.cookies["__Host-login"]

    rows = [row for table in (SignInLink, Login, Letter) for row in await table.select()]
    dump = b"\n".join(v if isinstance(v, bytes) else str(v).encode() for row in rows for v in row.values())

    assert [secret in dump for secret in map(str.encode, (token, asked, code, login))] == [False] * 4
