"""The organizers' pages in a real browser: names are dragged, progress arrives by itself, and axe finds nothing."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from playwright.async_api import Browser, Page

from peerhub.actions import rounds
from peerhub.actions.proposals import CANNOT_BE_TOGETHER
from peerhub.domain.rounds import Stage
from peerhub.mail.letterhead import Letterhead
from peerhub.store import logins
from peerhub.store import rounds as stored
from peerhub.store import sessions as held
from tests.chromium import overflows, serious_findings
from tests.community import a_member, a_round_of, an_organizer, change_hours, propose, together


@pytest.fixture
async def olu(address: str, chromium: Browser, now: datetime) -> AsyncIterator[Page]:
    """Olu's browser, signed in."""
    token = await logins.begin_login(await an_organizer(now), now)
    context = await chromium.new_context(base_url=address)
    await context.add_cookies([{"name": "login", "value": token, "url": address}])
    page = await context.new_page()
    yield page
    await context.close()


async def five(now: datetime) -> list[UUID]:
    return [await a_member(name, now) for name in ("Ana", "Ben", "Cat", "Dan", "Eli")]


async def a_proposal(now: datetime) -> tuple[UUID, list[UUID]]:
    people = await five(now)
    round_id = await a_round_of(now, *people)
    await propose(round_id, now, together(people[0], people[1]), together(people[2], people[3]))
    return round_id, people


async def drag(page: Page, name: str, target: str) -> None:
    async with page.expect_navigation():
        await page.locator(".chip", has_text=name).drag_to(page.locator(target))


async def groups(page: Page) -> list[str]:
    cards = await page.locator("#sessions + p + ul > li").all()
    return ["/".join(await card.locator(".chip").all_inner_texts()) for card in cards]


async def test_names_are_dragged_onto_sessions_onto_names_and_out(olu: Page, now: datetime) -> None:
    round_id, _ = await a_proposal(now)
    await olu.goto(f"/organize/rounds/{round_id}")

    seen = []
    for name, target in (("Eli", "#session-0 h3"), ("Ben", ".chip:has-text('Dan')"), ("Eli", "#left")):
        await drag(olu, name, target)
        seen.append(await groups(olu))

    assert seen == [
        ["Ana/Ben/Eli", "Cat/Dan"],
        ["Ana/Eli/Dan", "Cat/Ben"],
        ["Ana/Dan", "Cat/Ben"],
    ]


async def test_a_drag_that_breaks_rules_is_refused_where_the_eye_is(olu: Page, now: datetime) -> None:
    round_id, people = await a_proposal(now)
    await change_hours(people[4], now, "sat 09:00-11:00")
    await olu.goto(f"/organize/rounds/{round_id}")

    await drag(olu, "Eli", "#session-0 h3")

    assert await olu.locator("#refused li").all_inner_texts() == [
        "Eli is not free for the whole session.",
        CANNOT_BE_TOGETHER,
    ]
    assert await olu.evaluate("document.activeElement.id") == "refused"
    assert await serious_findings(olu) == []


async def test_the_keyboard_moves_someone_from_their_name(olu: Page, now: datetime) -> None:
    round_id, people = await a_proposal(now)
    await olu.goto(f"/organize/rounds/{round_id}")

    async with olu.expect_navigation():
        await olu.locator(".chip", has_text="Eli").press("Enter")
    assert await olu.input_value("#who") == f"-:{people[4]}"
    await olu.locator("#to:focus").select_option("1")
    async with olu.expect_navigation():
        await olu.locator("#move button").press("Enter")

    assert await groups(olu) == ["Ana/Ben", "Cat/Dan/Eli"]


async def test_progress_arrives_by_itself_and_ends_with_the_proposal(olu: Page, now: datetime) -> None:
    round_id = await a_round_of(now, *(await five(now)))
    await olu.goto(f"/organize/rounds/{round_id}")
    await olu.get_by_role("button", name="Match", exact=True).click()
    claim = await stored.claim(now, now + timedelta(seconds=30))
    assert claim is not None

    progress = {"phase": "improving", "points": 1200, "bound": 1500, "gap": 0.2, "matched": 4, "matched_bound": 5}
    await stored.renew(claim, now + timedelta(seconds=30), progress)
    await olu.get_by_text("Making good matches better").wait_for()
    shown = await olu.locator("dd").all_inner_texts()
    found = await serious_findings(olu)
    await stored.move_round(round_id, Stage.MATCHING, Stage.OPEN)
    await olu.get_by_role("heading", name="Who is in").wait_for()

    assert shown == ["4 of at most 5", "1,200", "1,500", "20.0%"]
    assert found == []


async def test_axe_finds_nothing_and_no_page_scrolls_sideways(olu: Page, now: datetime, letterhead: Letterhead) -> None:
    round_id, people = await a_proposal(now)
    open_round = await a_round_of(now, *people)
    published = await a_round_of(now, *people)
    version_id = await propose(published, now, together(people[0], people[1], people[2]))
    await rounds.publish(published, version_id, letterhead, uuid4(), now)
    (session,) = await held.of_round(published)
    program_id = (await stored.by_id(round_id)).program.id
    found = []

    for path in (
        "", "/programs/new", f"/programs/{program_id}", f"/rounds/{open_round}", f"/rounds/{round_id}",
        f"/rounds/{round_id}/publish", f"/rounds/{published}", f"/sessions/{session.id}", "/letters",
    ):  # fmt: skip
        answer = await olu.goto(f"/organize{path}")
        found += await serious_findings(olu)
        if answer is None or answer.status != 200 or await overflows(olu):
            found.append(f"{path} is not there, or scrolls sideways on a phone")

    assert found == []
