"""The page of a seat that has come free: looking changes nothing, one button takes it, and sixty at once share ten."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from litestar import Litestar

from peerhub.actions import offers
from peerhub.domain.availability import Span
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, sessions
from peerhub.store import offers as stored
from peerhub.store.tables import Member, Offer, Session
from tests.actions.test_offers import a_session, says_no, the_session
from tests.community import TUESDAY, a_member
from tests.web.conftest import BASE, Browser, Clock, sign_in, talk_to

Open = Callable[[], Browser]
HOUR = timedelta(hours=1)


async def dans_offer(now: datetime, head: Letterhead) -> tuple[UUID, str]:
    """Dan, and the link that offers him the seat that Ana has declined."""
    people = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    dan = await a_member("Dan", now)
    await a_session(now, people, [dan])
    await says_no(people[0], now)
    await offers.offer_free_seats(head, now)
    (row,) = await Offer.select(Offer.id)
    return dan, links.offer_link(head, row["id"]).removeprefix(BASE)


async def state() -> str:
    return str((await Offer.select(Offer.state))[0]["state"])


async def test_the_letters_link_takes_the_seat_without_signing_in(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    dan, link = await dans_offer(now, letterhead)
    one = browser()
    await one.get(link)
    assert "Dan, would you like it?" in one.text()
    assert [name for name in ("Ana", "Ben", "Cat") if name in one.text()] == []

    answer = await one.submit(answer="yes")

    assert (answer.status_code, answer.headers["location"]) == (303, link)
    assert "the seat is yours" in (await one.get(link)).text
    assert dan in {seat.member_id for seat in (await the_session()).seats if seat.rsvp == "yes"}


async def test_no_is_fine_and_can_become_yes(browser: Open, now: datetime, letterhead: Letterhead) -> None:
    _, link = await dans_offer(now, letterhead)
    one = browser()
    await one.get(link)
    await one.submit(answer="no")
    assert await state() == "declined"

    await one.get(link)
    await one.submit(answer="yes")

    assert await state() == "taken"


async def test_who_is_too_late_waits_and_can_stop_waiting(browser: Open, now: datetime, letterhead: Letterhead) -> None:
    dan, link = await dans_offer(now, letterhead)
    one = browser()
    await one.get(link)
    await members.move(dan, "active", "paused")  # so that the rules no longer let him in: it looks the same

    await one.submit(answer="yes")
    await one.get(link)

    assert "You are on the waiting list" in one.text()
    await one.submit(answer="no")
    assert await state() == "declined"


async def test_a_yes_to_a_time_that_has_changed_since_takes_nothing(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    _, link = await dans_offer(now, letterhead)
    one = browser()
    await one.get(link)
    session = await the_session()
    await sessions.change(session.id, Span(TUESDAY.starts_at + HOUR, TUESDAY.ends_at + HOUR), "voice", "")

    answer = await one.submit(answer="yes")

    assert (answer.status_code, await state()) == (409, "open")
    assert "The time has changed since you opened this page." in one.text()
    assert one.soup().select("main form button")[0].text == "Yes, I would like it"


@pytest.mark.parametrize("what", ["it has ended", "it has begun", "it is cancelled", "he is suspended"])
async def test_an_offer_that_is_over_says_why(
    browser: Open, now: datetime, letterhead: Letterhead, clock: Clock, what: str
) -> None:
    dan, link = await dans_offer(now, letterhead)
    one = browser()
    await one.get(link)
    form = one.form()
    if what == "it is cancelled":
        await Session.update({Session.stage: "cancelled"}, force=True)
    elif what == "he is suspended":
        await Member.update({Member.stage: "suspended"}).where(Member.id == dan)
    else:
        clock.now = TUESDAY.starts_at if what == "it has begun" else now + timedelta(hours=24)

    late = await one._send(form, {"form_token": one.token() or "", "answer": "yes"})

    assert (late.status_code, await state()) == (409, "open")
    assert ("has ended" if what == "it has ended" else "nothing to answer") in one.text()
    assert one.soup().select("main form") == []


async def test_a_forged_link_and_an_answer_that_is_none(browser: Open, now: datetime, letterhead: Letterhead) -> None:
    _, link = await dans_offer(now, letterhead)
    forged = Letterhead("X", "x@example.org", BASE, b"x" * 32)
    one = browser()
    tries = [link[:-1], links.offer_link(forged, uuid4()).removeprefix(BASE), "/offers/x", "/offers/%00",
             links.offer_link(letterhead, uuid4()).removeprefix(BASE)]  # fmt: skip

    pages = [await one.get(path) for path in tries] + [await one.post(path, {"answer": "yes"}) for path in tries]
    await one.get(link)
    odd = [(await one.submit(answer=said)).status_code for said in ("", "maybe", "\0")]

    assert ({page.status_code for page in pages}, odd, await state()) == ({404}, [422] * 3, "open")


async def test_home_shows_what_is_offered(browser: Open, now: datetime, letterhead: Letterhead) -> None:
    dan, link = await dans_offer(now, letterhead)
    one = browser()
    await sign_in(one, dan, now)

    await one.get("/home")

    assert [a["href"] for a in one.soup().select("#free ~ article a")] == [link]


async def test_sixty_browsers_say_yes_at_once_to_ten_seats(
    app: Litestar, now: datetime, letterhead: Letterhead
) -> None:
    seated = [await a_member(f"Seated{n}", now) for n in range(12)]
    others = [await a_member(f"Other{n}", now) for n in range(60)]
    session = await a_session(now, seated, others, largest=12)
    for one in seated[:10]:
        await says_no(one, now)
    made = await stored.put(session, others, now, now + timedelta(hours=1))
    async with talk_to(app) as http:
        token = Browser(http)
        given = {"form_token": await token.fetch_token(), "answer": "yes"}

        answers = await asyncio.gather(
            *(http.post(links.offer_link(letterhead, one.id).removeprefix(BASE), data=given) for one in made)
        )

    assert Counter(one.status_code for one in answers) == {303: 60}
    assert Counter(row["state"] for row in await Offer.select(Offer.state)) == {"taken": 10, "waiting": 50}
    assert Counter(seat.rsvp for seat in (await the_session()).seats) == {"yes": 10, "waiting": 2}
