"""Pages in a real browser: the week is painted by mouse, touch and keyboard, and axe finds nothing."""

from datetime import datetime, timedelta
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright._impl._api_structures import FilePayload, SetCookieParam
from playwright.async_api import Browser, Error, Page, ViewportSize

from peerhub.domain.availability import Liking, WeeklyHours
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import busy, feeds, logins, members
from peerhub.store.feeds import Kind
from peerhub.store.tables import Member
from tests.community import TUESDAY, a_member, a_program, a_round, at, enrol
from tests.web.conftest import a_seat

PHONE = ViewportSize(width=390, height=800)
DESK = ViewportSize(width=1280, height=900)


async def fill_in_all_but_the_week(page: Page) -> None:
    await page.fill("#name", "Ana")
    await page.fill("#email", "ana@example.org")
    for consent in ("agreement", "matching", "adult"):
        await page.check(f"[name=consents][value={consent}]")


async def kept_hours() -> tuple[WeeklyHours, ...]:
    return (await members.profile_of((await Member.select(Member.id))[0]["id"])).hours


def cell(day: int, half_hour: int) -> str:
    return f"[data-day='{day}'][data-cell='{half_hour}']"


async def middle_of(page: Page, selector: str) -> tuple[float, float]:
    box = await page.locator(selector).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def test_the_mouse_paints_over_many_cells_and_the_zone_is_guessed(address: str, chromium: Browser) -> None:
    context = await chromium.new_context(viewport=DESK, timezone_id="Asia/Kathmandu")
    page = await context.new_page()
    await page.goto(f"{address}/signup")
    assert await page.input_value("#zone") == "Asia/Kathmandu"
    await fill_in_all_but_the_week(page)

    await page.locator(cell(1, 36)).scroll_into_view_if_needed()
    await page.mouse.move(*await middle_of(page, cell(1, 36)))
    await page.mouse.down()
    await page.mouse.move(*await middle_of(page, cell(2, 39)), steps=4)
    await page.mouse.up()
    await page.check("[name=week-brush][value=if_needed]")
    await page.locator(cell(5, 20)).click()
    await page.click("button:has-text('Sign up')")

    await page.wait_for_url("**/signup/check-your-mail")
    assert await kept_hours() == (
        WeeklyHours(1, 18 * 60, 20 * 60),
        WeeklyHours(2, 18 * 60, 20 * 60),
        WeeklyHours(5, 10 * 60, 10 * 60 + 30, Liking.IF_NEEDED),
    )
    await context.close()


async def test_the_keyboard_alone_paints_the_week(address: str, chromium: Browser) -> None:
    context = await chromium.new_context(viewport=DESK, timezone_id="Europe/Lisbon")
    page = await context.new_page()
    await page.goto(f"{address}/signup")
    await fill_in_all_but_the_week(page)

    await page.focus(".week-table [tabindex='0']")
    for key in ("ArrowRight", "Space", "ArrowDown", "Space", "ArrowDown", "Space", "Space", "ArrowLeft", "Enter"):
        await page.keyboard.press(key)
    assert await page.get_attribute(cell(1, 36), "aria-label") == "Tuesday 18:00, good"
    await page.click("button:has-text('Sign up')")

    await page.wait_for_url("**/signup/check-your-mail")
    assert await kept_hours() == (WeeklyHours(0, 19 * 60, 19 * 60 + 30), WeeklyHours(1, 18 * 60, 19 * 60))
    await context.close()


async def test_a_tap_paints_and_a_second_tap_erases(address: str, chromium: Browser) -> None:
    context = await chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True, timezone_id="Europe/Lisbon")
    page = await context.new_page()
    await page.goto(f"{address}/signup")
    await fill_in_all_but_the_week(page)

    for half_hour in (20, 21, 22, 21):
        await page.locator(cell(6, half_hour)).tap()
    await page.tap("button:has-text('Sign up')")

    await page.wait_for_url("**/signup/check-your-mail")
    assert await kept_hours() == (WeeklyHours(6, 10 * 60, 10 * 60 + 30), WeeklyHours(6, 11 * 60, 11 * 60 + 30))
    await context.close()


async def test_what_was_painted_is_painted_again_after_a_mistake(address: str, chromium: Browser) -> None:
    context = await chromium.new_context(viewport=DESK, timezone_id="Europe/Lisbon")
    page = await context.new_page()
    await page.goto(f"{address}/signup")
    await page.click("text=Weekday evenings")

    await page.click("button:has-text('Sign up')")

    assert await page.inner_text(".week-told") == "15 hours a week, of which 15 good."
    assert await page.inner_text("#name-mistake") == "Please give a name that others may call you."
    assert await page.locator("#hours-mistake").count() == 0
    await context.close()


async def test_without_javascript_the_rows_are_there(address: str, chromium: Browser) -> None:
    context = await chromium.new_context(viewport=PHONE, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{address}/signup")
    await fill_in_all_but_the_week(page)
    await page.fill("#zone", "lisbon")

    await page.click("text=Add more rows")
    assert await page.locator(".week-row").count() == 6
    last = page.locator(".week-row").last
    await last.locator("[name=day]").select_option("weekdays")
    await last.locator("[name=opens]").fill("12:00")
    await last.locator("[name=closes]").fill("13:15")
    await page.click("button:has-text('Sign up')")

    await page.wait_for_url("**/signup/check-your-mail")
    assert await kept_hours() == tuple(WeeklyHours(day, 12 * 60, 13 * 60 + 15) for day in range(5))
    await context.close()


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
async def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    address: str,
    chromium: Browser,
    now: datetime,
    letterhead: Letterhead,
    size: ViewportSize,
    scheme: Literal["light", "dark"],
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    met = await a_seat(now, ana, ben, span=at("2026-11-18T18:00"))
    coming = await a_seat(now, ana, ben)
    program = await a_program(now)
    await enrol(program, now, ana)
    await a_round(program, now)
    await members.put_wish(ana, "someone@example.org", "someone@example.org", now)
    context = await chromium.new_context(viewport=size, color_scheme=scheme)
    page = await context.new_page()
    troubles: list[object] = []

    def note(error: Error) -> None:
        troubles.append(error)

    page.on("pageerror", note)
    signed = links.rsvp_link(letterhead, coming).rpartition("/")[2]
    everyone = ["/", "/signup", "/signup/check-your-mail", "/sign-in", "/sign-in/check-your-mail", "/sign-in/old",
                "/confirmed", "/crisis", "/privacy", "/nothing", f"/invitations/{signed}"]  # fmt: skip
    own = ["/home", "/profile", "/profile/erase", "/profile/calendar", "/profile/busy", f"/sessions/{coming}",
           f"/check-ins/{met}"]  # fmt: skip
    await feeds.put(ana, Kind.OWN, now)
    await busy.put(ana, {TUESDAY.starts_at.date() - timedelta(days=1): [TUESDAY]})

    for path in everyone + own:
        if path == own[0]:
            login = await logins.begin_login(ana, now)
            await context.add_cookies([SetCookieParam(name="login", value=login, url=address)])
        await page.goto(address + path)
        await page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
        found = (await Axe().run(page)).response["violations"]
        troubles += [(path, one["id"], one["nodes"][0]["html"]) for one in found]
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            troubles.append((path, "wider than the screen"))

    assert troubles == []
    await context.close()


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
async def test_axe_finds_nothing_after_a_button_either(
    address: str, chromium: Browser, now: datetime, size: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    coming, program = await a_seat(now, ana, ben), await a_program(now)
    await enrol(program, now, ana)
    await a_round(program, now)
    context = await chromium.new_context(viewport=size, color_scheme=scheme)
    page = await context.new_page()
    login = await logins.begin_login(ana, now)
    await context.add_cookies([SetCookieParam(name="login", value=login, url=address)])
    read = "Read my busy times"
    large = FilePayload(name="large.ics", mimeType="text/calendar", buffer=b"\n" * 2_000_000)
    troubles: list[object] = []
    headings: list[str] = []

    async def look(path: str, button: str, file: FilePayload | None = None) -> None:
        await page.goto(address + path)
        if file:
            await page.set_input_files("#calendar", file)
        await page.click(f"main button:has-text('{button}')")
        await page.wait_for_load_state()
        headings.append(await page.inner_text("h1"))
        found = (await Axe().run(page)).response["violations"]
        troubles.extend((path, button, one["id"], one["nodes"][0]["html"]) for one in found)
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            troubles.append((path, button, "wider than the screen"))

    await look("/profile/busy", read)
    await look("/profile/busy", read, large)
    await look("/profile/calendar", "Make a secret address")
    await look("/profile/calendar", "End this calendar")
    await look("/letters", "Keep this choice")
    await look(f"/sessions/{coming}", "No, not this time")

    assert troubles == []
    assert headings == [
        "Busy times", "That is too much at once", "Sessions in your own calendar", "Sessions in your own calendar",
        "Which letters would you like?", "You are invited",
    ]  # fmt: skip
    await context.close()
