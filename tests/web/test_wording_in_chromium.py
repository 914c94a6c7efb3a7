"""The words of letters in a real browser: they are changed without scripts, and axe finds nothing."""

from datetime import datetime

from playwright.async_api import Browser

from peerhub.domain.wording import Worded
from peerhub.store import logins, programs
from tests.chromium import overflows, serious_findings
from tests.community import a_program, an_organizer


async def test_without_scripts_a_letter_is_worded(address: str, chromium: Browser, now: datetime) -> None:
    program_id, token = await a_program(now), await logins.begin_login(await an_organizer(now), now)
    context = await chromium.new_context(base_url=address, java_script_enabled=False)
    await context.add_cookies([{"name": "login", "value": token, "url": address}])
    page = await context.new_page()

    await page.goto(f"/organize/programs/{program_id}")
    await page.click("text=Words of its letters")
    await page.click("h2 >> text=Reminder")
    await page.fill("#opening", "We think of you,\n{display_name}.")
    await page.click("text=Look at it")
    html = await page.inner_text(".as-mail")
    text = await page.inner_text(".both pre")
    await page.click("text=Keep these words")

    assert await page.inner_text("[role=status]") == "These words are kept. Letters from now on read like this."
    assert html.count("We think of you,\n\nA.") == text.count("We think of you,\n\nA.") == 1
    kept = (await programs.by_id(program_id)).wordings[Worded.REMINDER]
    assert kept.opening == ("We think of you,", "{display_name}.")
    await context.close()


async def test_axe_finds_nothing_and_nothing_scrolls_sideways(address: str, chromium: Browser, now: datetime) -> None:
    program_id, token = await a_program(now), await logins.begin_login(await an_organizer(now), now)
    context = await chromium.new_context(base_url=address)
    await context.add_cookies([{"name": "login", "value": token, "url": address}])
    page = await context.new_page()
    found: list[str] = []

    async def look(what: str) -> None:
        found.extend(await serious_findings(page))
        found.extend([f"{what} scrolls sideways"] if await overflows(page) else [])

    await page.goto(f"/organize/programs/{program_id}/letters")
    await look("the list")
    await page.goto(f"/organize/programs/{program_id}/letters/check_in_request")
    await look("the letter")
    await page.fill("#greeting", "Hello {nobody}")
    await page.click("text=Look at it")
    await page.wait_for_selector("#mistakes:focus")
    await look("the mistakes")

    assert found == []
    await context.close()
