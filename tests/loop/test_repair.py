"""Life gets in the way, as people live it: somebody says no, the smallest change is found, looked at and published."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from peerhub.domain.availability import Span
from peerhub.store import logins, members
from tests.chromium import chromium
from tests.community import a_member, a_program, a_round, an_organizer, enrol, propose, together
from tests.loop.test_one_round import Looked, calendar_of, letter_to, link_in
from tests.served import a_free_port, keys_as_setting, running
from tests.smtp import Mailbox

pytestmark = pytest.mark.usefixtures("db")

NAMES = ("Ana", "Ben", "Cat", "Dan", "Eli", "Fay")
NO_SUMMER_TIME = "Africa/Abidjan"


async def test_one_says_no_and_only_those_whom_the_change_concerns_hear_of_it(
    database_url: str, smtp: Mailbox, tmp_path: Path
) -> None:
    round_id = await three_proposed_pairs()
    port = a_free_port()
    environment = {"DATABASE_URL": database_url, "SMTP_URL": smtp.url, "PEERHUB_KEYS": keys_as_setting()}
    with running("serve", environment, tmp_path, port):
        async with chromium() as browser:
            base, looked = f"http://localhost:{port}", Looked()
            organizer = await olus_page(browser, base)
            member = await (await browser.new_context(base_url=base)).new_page()
            await publish(organizer, round_id)
            invitation = await letter_to("ben@example.org", smtp, with_calendar=True)
            told_first = await letters_to(NAMES, smtp, many=6)

            await say_no(member, link_in(invitation, "invitations"))
            await find_the_smallest_change(organizer, round_id, looked)
            before_using = await letters_to(NAMES, smtp, many=6)
            await organizer.get_by_role("button", name="Use this change and tell 3 people").click()
            await expect(organizer.get_by_role("main")).to_contain_text("cancelled")
            letters = await letters_to(NAMES, smtp, many=10)
            await looked.over(organizer)

    assert looked.findings == []
    assert told_first == before_using == Counter({f"{name.lower()}@example.org": 1 for name in NAMES})
    news = letters - before_using
    assert news.pop("ana@example.org") == 2  # hers is off, and she is invited to another
    assert list(news.values()) == [1, 1]
    assert set(news) in (  # the two whom she joins
        {"cat@example.org", "dan@example.org"},
        {"eli@example.org", "fay@example.org"},
    )
    assert sorted(calendar_of(copy).method.value for copy in smtp.copies("ana@example.org")[-2:]) == [
        "CANCEL",
        "REQUEST",
    ]


async def olus_page(browser: Browser, base: str) -> Page:
    """Signed in already."""
    olu = await members.by_address("olu@example.org")
    assert olu is not None
    context = await browser.new_context(base_url=base)
    token = await logins.begin_login(olu.id, datetime.now(UTC))
    await context.add_cookies([{"name": "login", "value": token, "url": base}])
    return await context.new_page()


async def three_proposed_pairs() -> UUID:
    """Olu's round for the week after the next, with three pairs on Tuesday evening."""
    now = datetime.now(UTC)
    await an_organizer(now)
    people = [await a_member(name, now, zone=NO_SUMMER_TIME) for name in NAMES]
    program_id = await a_program(now)
    await enrol(program_id, now, *people)
    monday = now.date() + timedelta(days=14 - now.weekday())
    round_id = await a_round(program_id, now, *people, week=monday)
    pairs = [together(*people[n : n + 2], span=tuesday_at_six(monday)) for n in (0, 2, 4)]
    await propose(round_id, now, *pairs)
    return round_id


def tuesday_at_six(monday: date) -> Span:
    starts_at = datetime.combine(monday + timedelta(days=1), time(18), UTC)
    return Span(starts_at, starts_at + timedelta(hours=1))


async def publish(page: Page, round_id: UUID) -> None:
    await page.goto(f"/organize/rounds/{round_id}/publish")
    await page.get_by_role("button", name="Publish and send 6 letters").click()
    await expect(page.get_by_role("main")).to_contain_text("Published")


async def say_no(page: Page, link: str) -> None:
    await page.goto(link)
    await page.get_by_role("button", name="No").click()
    await expect(page.get_by_role("status")).to_contain_text("You said no")


async def find_the_smallest_change(page: Page, round_id: UUID, looked: Looked) -> None:
    await page.goto(f"/organize/rounds/{round_id}")
    await expect(page.get_by_role("main")).to_contain_text("Ana is the only one who comes.")
    await looked.over(page)
    await page.get_by_role("button", name="Find the smallest change").click()
    await expect(page.get_by_role("heading", name="Who hears what")).to_be_visible(timeout=60_000)  # by itself
    await expect(page.get_by_role("main")).to_contain_text("2 people keep what they have and hear nothing.")
    await looked.over(page)


async def letters_to(names: Iterable[str], smtp: Mailbox, many: int) -> Counter[str]:
    """How many letters with a calendar entry each has had, once there are so many, and no more a moment later."""
    addresses = [f"{name.lower()}@example.org" for name in names]

    def so_far() -> Counter[str]:
        return Counter({one: sum(b"text/calendar" in copy.mail for copy in smtp.copies(one)) for one in addresses})

    for _ in range(300):
        if so_far().total() >= many:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.5)  # the worker looks once a second
    return so_far()
