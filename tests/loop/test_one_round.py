"""The whole loop as people live it: sign up, match, publish, an invitation in the calendar, an answer."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import vobject
from playwright.async_api import Page, expect

from peerhub.store import members, programs, rounds
from tests.chromium import chromium, overflows, serious_findings
from tests.community import a_member, a_program, an_organizer, enrol
from tests.served import a_free_port, keys_as_setting, running
from tests.smtp import Copy, Mailbox

pytestmark = pytest.mark.usefixtures("db")

NEWCOMER = "nell@example.org"


async def test_a_newcomer_is_matched_invited_and_answers(database_url: str, smtp: Mailbox, tmp_path: Path) -> None:
    await a_community()
    port = a_free_port()
    environment = {"DATABASE_URL": database_url, "SMTP_URL": smtp.url, "PEERHUB_KEYS": keys_as_setting()}
    with running("serve", environment, tmp_path, port):
        async with chromium() as browser:
            base = f"http://localhost:{port}"
            member = await (await browser.new_context(base_url=base, timezone_id="Europe/Lisbon")).new_page()
            organizer = await (
                await browser.new_context(base_url=base, viewport={"width": 1280, "height": 900})
            ).new_page()
            looked = Looked()

            await sign_up(member, looked)
            await member.goto(link_in(await letter_to(NEWCOMER, smtp), "confirm"))
            await looked.over(member)
            await member.get_by_role("main").get_by_role("button").first.click()
            await sign_in(organizer, "olu@example.org", smtp, looked)
            await open_a_round(organizer, looked)
            await join(member, looked)
            await match_and_publish(organizer, looked)
            invitation = await letter_to(NEWCOMER, smtp, with_calendar=True)
            await answer_yes(member, link_in(invitation, "invitations"), looked)

            await organizer.reload()
            await expect(organizer.get_by_role("main")).to_contain_text("Nell")
            await expect(organizer.get_by_role("main")).to_contain_text(re.compile(r"1 yes|yes", re.IGNORECASE))
            assert looked.findings == []
    event = calendar_of(invitation)
    assert event.method.value == "REQUEST"
    assert event.vevent.summary.value == "Appointment"
    assert [one.value for one in event.vevent.attendee_list] == [f"mailto:{NEWCOMER}"]


class Looked:
    """Every page that was looked over, and what axe found serious, or what scrolls sideways on a phone."""

    def __init__(self) -> None:
        self.findings: list[str] = []

    async def over(self, page: Page) -> None:
        self.findings += await serious_findings(page)
        if await overflows(page):
            self.findings.append(f"{page.url} scrolls sideways on a phone")


async def a_community() -> None:
    """Olu, and five members who are free in the evening, in a program of buddies."""
    now = datetime.now(UTC)
    await an_organizer(now)
    program = await a_program(now)
    people = [await a_member(name, now, *EVENINGS) for name in ("Ana", "Ben", "Cat", "Dan", "Eli")]
    await enrol(program, now, *people)
    await members.put_wish_about(people[3], people[0], now)


EVENINGS = tuple(f"{day} 18:00-21:00" for day in ("mon", "tue", "wed", "thu"))


async def letter_to(address: str, smtp: Mailbox, *, with_calendar: bool = False) -> Copy:
    """The newest letter to the address, once the worker has posted it."""
    for _ in range(300):
        copies = [copy for copy in smtp.copies(address) if not with_calendar or b"text/calendar" in copy.mail]
        if copies:
            return copies[-1]
        await asyncio.sleep(0.1)
    raise AssertionError(f"no letter came to {address}")


def link_in(copy: Copy, kind: str) -> str:
    text = copy.message.get_body(("plain",))
    assert text is not None
    found = re.search(rf"http://localhost:\d+/{kind}/[\w.~-]+", text.get_content())
    assert found, text.get_content()
    return found[0]


def calendar_of(copy: Copy) -> vobject.base.Component:
    part = next(part for part in copy.message.walk() if part.get_content_type() == "text/calendar")
    return vobject.readOne(part.get_content())


async def sign_up(page: Page, looked: Looked) -> None:
    await page.goto("/")
    await looked.over(page)
    await page.get_by_role("main").get_by_role("link", name="Sign up").first.click()
    await looked.over(page)
    await expect(page.get_by_label("Where you are")).to_have_value(re.compile("Lisbon"))
    await page.get_by_role("button", name="Sign up").click()
    await expect(page.get_by_role("alert")).to_contain_text("Mail address")
    await looked.over(page)
    await page.get_by_label("Display name").fill("Nell")
    await page.get_by_label("Mail address").fill(NEWCOMER)
    await paint_evenings(page)
    await page.get_by_role("group", name="What you would like to take part in").get_by_role("checkbox").first.check()
    for consent in ("agreement", "matching", "adult"):
        await page.locator(f"input[name=consents][value={consent}]").check()
    await page.get_by_role("button", name="Sign up").click()
    await page.wait_for_url("**/signup/check-your-mail")
    await looked.over(page)


async def paint_evenings(page: Page) -> None:
    """Drag over two evenings with the mouse, then take one half hour back with the keyboard."""
    for day in (1, 3):
        first, last = (
            page.locator(f"[data-day='{day}'][data-cell='36']"),
            page.locator(f"[data-day='{day}'][data-cell='41']"),
        )
        await first.scroll_into_view_if_needed()
        start, end = await first.bounding_box(), await last.bounding_box()
        assert start and end
        await page.mouse.move(start["x"] + 5, start["y"] + 5)
        await page.mouse.down()
        await page.mouse.move(end["x"] + 5, end["y"] + 5, steps=12)
        await page.mouse.up()
    await expect(page.get_by_text("6 hours a week, of which 6 good.")).to_be_visible()
    await last.focus()
    await page.keyboard.press("Space")
    await expect(page.get_by_text("5.5 hours a week, of which 5.5 good.")).to_be_visible()


async def sign_in(page: Page, address: str, smtp: Mailbox, looked: Looked) -> None:
    await page.goto("/sign-in")
    await looked.over(page)
    await page.get_by_label("Mail address").fill(address)
    await page.get_by_role("main").get_by_role("button").first.click()
    await page.wait_for_url("**/sign-in/check-your-mail")
    await looked.over(page)
    await page.goto(link_in(await letter_to(address, smtp), "sign-in"))
    await looked.over(page)
    await page.get_by_role("main").get_by_role("button").first.click()


async def open_a_round(page: Page, looked: Looked) -> None:
    await page.goto("/organize")
    await looked.over(page)
    await page.get_by_role("main").get_by_role("link", name="Open a round").click()
    await looked.over(page)
    await page.get_by_role("button", name="Open the round").click()
    await expect(page.get_by_role("main")).to_contain_text("Week from")


async def join(page: Page, looked: Looked) -> None:
    await page.goto("/home")
    await looked.over(page)
    await page.get_by_role("button", name="Join this round").click()
    await expect(page.get_by_role("main")).to_contain_text("You are in")


async def match_and_publish(page: Page, looked: Looked) -> None:
    """The others join too; then: readiness, Match, live progress, the proposal, what will be sent, Publish."""
    await everyone_joins()
    await page.goto("/organize")
    await page.get_by_role("link", name="See who is in").click()
    await expect(page.get_by_role("main")).to_contain_text("6 people are in")
    await looked.over(page)
    await page.get_by_role("button", name="Match").click()
    await expect(page.get_by_role("link", name=re.compile("ublish"))).to_be_visible(timeout=90_000)
    await looked.over(page)
    await page.get_by_role("link", name=re.compile("ublish")).first.click()
    await expect(page.get_by_role("main")).to_contain_text("6 invitations")
    await looked.over(page)
    await page.get_by_role("button", name="Publish and send 6 letters").click()
    await looked.over(page)


async def everyone_joins() -> None:
    now = datetime.now(UTC)
    (program,) = await programs.every()
    (round_,) = await rounds.of_program(program.id)
    for one in await programs.enrolled_in(program.id):
        await rounds.join(round_.id, one.member_id, now)


async def answer_yes(page: Page, link: str, looked: Looked) -> None:
    await page.goto(link)
    await looked.over(page)
    await page.get_by_role("button", name=re.compile("yes", re.IGNORECASE)).click()
    await expect(page.get_by_role("status")).to_contain_text("You said yes")
    await looked.over(page)
