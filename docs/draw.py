"""Draws the README's pictures and every letter from the demo: `make pictures`. Needs what the tests need."""

import asyncio
import re
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from docs import draw_letters
from tests.chromium import chromium
from tests.served import a_free_port, running

PICTURES = Path(__file__).parent / "pictures"
WIDE, PHONE = {"width": 1100, "height": 1200}, {"width": 390, "height": 820}


async def draw(base: str) -> None:
    async with chromium() as browser:
        await draw_sign_up(await page_of(browser, base, PHONE))
        organizer = await page_of(browser, base, WIDE)
        await draw_proposal(organizer)
        await publish(organizer)
        await draw_invitation(await page_of(browser, base, PHONE))


async def page_of(browser: Browser, base: str, size: dict[str, int]) -> Page:
    context = await browser.new_context(
        base_url=base, timezone_id="Europe/Lisbon", viewport=size, color_scheme="light"  # type: ignore[arg-type]
    )  # fmt: skip
    return await context.new_page()


async def draw_sign_up(page: Page) -> None:
    await page.goto("/signup")
    await page.get_by_label("Display name").fill("Nell")
    await page.get_by_label("Mail address").fill("nell@example.org")
    await page.get_by_role("button", name="Weekday evenings").click()
    await page.get_by_text("If needed", exact=True).click()
    await page.get_by_role("button", name="Weekend days").click()
    await page.locator("#hours").screenshot(path=PICTURES / "signup.png")


async def draw_proposal(page: Page) -> None:
    await sign_in(page, "olu")
    await page.goto("/organize")
    await page.get_by_role("article").filter(has_text="Check-in buddies").get_by_role("link").last.click()
    await page.get_by_role("button", name="Match").click()
    await expect(page.get_by_role("link", name="Look before publishing")).to_be_visible(timeout=120_000)
    await page.screenshot(path=PICTURES / "proposal.png")


async def publish(page: Page) -> None:
    await page.get_by_role("link", name="Look before publishing").click()
    await page.get_by_role("button", name=re.compile("Publish")).click()
    await expect(page.get_by_role("main")).to_contain_text("No answer yet")


async def draw_invitation(page: Page) -> None:
    """Ana's newest invitation, as her mail program shows it."""
    for _ in range(120):
        await page.goto("/demo/mailbox")
        row = page.get_by_role("row").filter(has_text=re.compile(r"\bana@")).filter(has_text="invitation")
        if await row.count():
            break
        await asyncio.sleep(1)
    await row.first.get_by_role("link").click()
    await page.goto(f"{page.url}/html")
    await page.screenshot(path=PICTURES / "invitation.png")


async def sign_in(page: Page, guest: str) -> None:
    await page.goto(f"/demo/sign-in/{guest}")
    await page.get_by_role("button", name="Sign in as").click()
    await page.wait_for_load_state()


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    port = a_free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as another user
        with running("demo", {"DATABASE_URL": ""}, Path(folder), port):
            asyncio.run(draw(f"http://localhost:{port}"))
    draw_letters.draw()


if __name__ == "__main__":
    main()
