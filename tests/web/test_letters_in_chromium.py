"""The pages of letters and of free seats in a real browser: they work without scripts, and axe finds nothing."""

from datetime import datetime

from playwright._impl._api_structures import SetCookieParam
from playwright.async_api import Browser, Page

from peerhub.domain.subscriptions import Subscription
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import logins, reach, subscriptions
from peerhub.store.tables import Offer, Program
from tests.actions.test_offers import the_session
from tests.chromium import overflows, serious_findings
from tests.community import an_organizer
from tests.web.conftest import BASE
from tests.web.test_asked_by_mail import asks
from tests.web.test_offers import dans_offer


async def signed_in(page: Page, address: str, member_id: object, now: datetime) -> None:
    token = await logins.begin_login(member_id, now)  # type: ignore[arg-type]
    await page.context.add_cookies([SetCookieParam(name="login", value=token, url=address)])


async def test_without_scripts_a_seat_is_taken_and_letters_are_chosen(
    address: str, chromium: Browser, now: datetime, letterhead: Letterhead
) -> None:
    dan, offer = await dans_offer(now, letterhead)
    await subscriptions.begin(dan, Subscription.CHECK_INS, now)
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()

    await page.goto(address + offer)
    await page.click("button:has-text('Yes, I would like it')")
    assert (await page.inner_text("h1"), (await Offer.select(Offer.state))[0]["state"]) == (
        "The seat is yours", "taken",
    )  # fmt: skip
    await page.goto(address + links.unsubscribe_link(letterhead, dan, Subscription.NEWS).removeprefix(BASE))
    await page.click("button:has-text('No more of these letters')")
    assert await page.inner_text("h1") == "You no longer get these letters"
    await page.click("text=Choose among all kinds of letters")
    await page.uncheck("[value=reminders]")
    await page.click("button:has-text('Keep this choice')")

    assert await page.inner_text("[role=status]") == "Your choice is kept."
    assert await subscriptions.of_member(dan) == {Subscription.CHECK_INS}
    await context.close()


async def test_axe_finds_nothing_and_nothing_overflows(
    address: str, chromium: Browser, now: datetime, letterhead: Letterhead
) -> None:
    dan, offer = await dans_offer(now, letterhead)
    olu = await an_organizer(now)
    session = await the_session()
    ben = session.seats[0].member_id
    await asks(ben, letterhead, now, "COUNTER")
    await reach.lose(ben, now)
    await reach.lose(dan, now)
    program = (await Program.select(Program.id))[0]["id"]
    leaving = links.unsubscribe_link(letterhead, dan, Subscription.REMINDERS).removeprefix(BASE)
    context = await chromium.new_context()
    page = await context.new_page()
    found: list[str] = []

    async def look(path: str) -> None:
        await page.goto(address + path)
        found.extend(await serious_findings(page))
        found.extend([f"{path} overflows"] if await overflows(page) else [])

    for path in (offer, leaving, links.letters_page(letterhead, dan).removeprefix(BASE)):
        await look(path)
    await page.goto(address + offer)
    await page.click("button:has-text('No, not this time')")
    await look(offer)
    await signed_in(page, address, dan, now)
    await look("/home")
    await signed_in(page, address, olu, now)
    for path in (f"/organize/sessions/{session.id}", f"/organize/programs/{program}",
                 f"/organize/rounds/{session.round_id}"):  # fmt: skip
        await look(path)

    assert found == []
    await context.close()
