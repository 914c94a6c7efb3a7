"""A real browser for tests, and axe to look over each page."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (390, "light"), (390, "dark"))
_QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Chromium without a screen: the one that CHROMIUM names, one on the path, or Playwright's own."""
    path = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        try:
            yield browser
        finally:
            await browser.close()


async def serious_findings(page: Page) -> list[str]:
    """What axe calls serious or critical on the page: wide and narrow, light and dark."""
    findings = []
    for width, scheme in LOOKS:
        await page.set_viewport_size({"width": width, "height": 900})
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # or a colour is read half-way
        found = (await Axe().run(page)).response["violations"]
        findings += [
            f"{page.url} at {width}, {scheme}: {one['id']} {[node['target'] for node in one['nodes']][:3]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": 1280, "height": 900})
    return findings


async def overflows(page: Page) -> bool:
    """Whether the page scrolls sideways on a phone."""
    await page.set_viewport_size({"width": 390, "height": 900})
    wide = bool(await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
    await page.set_viewport_size({"width": 1280, "height": 900})
    return wide
