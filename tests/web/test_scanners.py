"""Mail scanners open every link of every letter, many times: nothing is written, and nobody has answered."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from hashlib import sha256

from litestar import Litestar

from peerhub.actions import offers
from peerhub.domain.subscriptions import Subscription
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import logins
from peerhub.store.tables import TABLES, Offer, Seat
from tests.actions.test_offers import a_session, says_no
from tests.community import a_member
from tests.web.conftest import talk_to

LOOKS = 1000


async def everything() -> str:
    rows = [f"{table.__name__}{sorted(map(repr, await table.select()))}" for table in TABLES]
    return sha256("".join(rows).encode()).hexdigest()


async def every_link(now: datetime, head: Letterhead) -> list[str]:
    """One of each kind that a letter can carry."""
    people = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    dan = await a_member("Dan", now)
    await a_session(now, people, [dan])
    await says_no(people[0], now)
    await offers.offer_free_seats(head, now)
    seats, offer = await Seat.select(Seat.id), (await Offer.select(Offer.id))[0]["id"]
    token = await logins.put_link(dan, "browser", timedelta(minutes=10), now)
    return [
        *(links.rsvp_link(head, seat["id"]) for seat in seats),
        links.offer_link(head, offer),
        *(links.unsubscribe_link(head, dan, kind) for kind in Subscription),
        links.letters_page(head, dan),
        links.token_link(head, "sign-in", token),
        links.token_link(head, "confirm", token),
        links.sign_in_page(head),
        links.crisis_page(head),
        links.rounds_page(head),
    ]


async def test_a_thousand_looks_of_scanners_leave_no_write(
    app: Litestar, now: datetime, letterhead: Letterhead, statements: list[str]
) -> None:
    every, before = await every_link(now, letterhead), await everything()
    statements.clear()
    answered: Counter[int] = Counter()
    async with talk_to(app) as http:
        for at in range(0, LOOKS, 20):
            looks = [(("GET", "HEAD")[n % 2], every[n // 2 % len(every)]) for n in range(at, at + 20)]
            answers = await asyncio.gather(*(http.request(method, link) for method, link in looks))
            answered.update(one.status_code for one in answers)

    asked = {template.split(None, 1)[0].removesuffix("{}") for template in statements}
    locking = [template for template in statements if "FOR UPDATE" in template or "FOR SHARE" in template]
    assert answered.keys() <= {200, 303, 405}
    assert answered[200] > LOOKS // 2
    assert (asked, locking) == ({"SELECT"}, [])
    assert await everything() == before
