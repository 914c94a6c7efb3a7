"""Every letter in a real browser: axe finds nothing, wide and narrow, light and dark, and nothing scrolls sideways."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from playwright.async_api import Page

from peerhub.domain.wording import Worded, Wording
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter
from tests.chromium import chromium, overflows, serious_findings
from tests.mail.cast import ANA, BEN, a_seat
from tests.mail.test_letters import ALL


@pytest.fixture(scope="module")
async def page() -> AsyncIterator[Page]:
    """A browser without scripts, as mail programs are."""
    async with chromium() as browser:
        yield await browser.new_page()


async def findings(page: Page, letter: Letter) -> list[str]:
    await page.set_content(letter.html)
    found = [f"{letter.kind}: {one}" for one in await serious_findings(page)]
    return found + ([f"{letter.kind} scrolls sideways on a phone"] if await overflows(page) else [])


@pytest.mark.parametrize("to", [ANA, BEN], ids=["discreet", "open"])
async def test_axe_finds_nothing_in_any_letter(
    to: letters.Recipient, page: Page, letterhead: Letterhead, now: datetime
) -> None:
    assert [one for letter in ALL.values() for one in await findings(page, letter(letterhead, to, now))] == []


async def test_the_longest_words_do_not_scroll_sideways(page: Page, letterhead: Letterhead, now: datetime) -> None:
    long = Wording("W" * 120, ("W" * 600,) * 8, ("W" * 600,) * 8)
    seat = a_seat(program_name="W" * 80, others=("W" * 80,) * 9, place="https://" + "w" * 390)
    test = letters.as_test(letters.example(Worded.INVITATION, long, letterhead, BEN, seat, now))

    assert await findings(page, test) == []
    assert len(test.html) < 100_000


async def test_the_letter_is_dark_where_its_reader_wants_that(
    page: Page, letterhead: Letterhead, now: datetime
) -> None:
    await page.set_content(ALL["invitation"](letterhead, BEN, now).html)
    seen = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        look = "getComputedStyle(document.querySelector('{}')).{}"
        seen.append([
            await page.evaluate(look.format(".l-words p", "color")),
            await page.evaluate(look.format(".l-letter", "backgroundColor")),
        ])  # fmt: skip

    assert seen == [["rgb(44, 39, 35)", "rgb(255, 253, 250)"], ["rgb(240, 233, 224)", "rgb(37, 34, 32)"]]
