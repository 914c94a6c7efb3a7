"""Every page that a link leads to, for a member and an organizer: looking writes nothing and shows nobody's address."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urljoin, urlsplit

import pytest

from peerhub.actions import rounds
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members
from peerhub.store.tables import Round
from peerhub.web.headers import ALWAYS
from tests.community import WEEK, a_member, a_program, a_round, a_round_of, an_organizer, at, enrol, propose, together
from tests.web.conftest import BASE, Browser, a_seat, sign_in
from tests.web.test_security import everything

Open = Callable[[], Browser]
HOST = urlsplit(BASE).hostname


async def a_busy_community(now: datetime, letterhead: Letterhead) -> None:
    """A round at every stage, with Olu in it as a member too."""
    olu = await an_organizer(now)
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    await members.put_wish(ana, "dan@example.org", "Dan", now)
    await a_seat(now, olu, ana, span=at("2026-11-17T18:00"))
    program_id = await a_program(now)
    await enrol(program_id, now, olu, ana, ben, cat)
    await a_round(program_id, now, olu, ana, week=WEEK)
    await a_round_of(now, ana, ben, cat)
    await propose(await a_round_of(now, ana, ben, cat), now, together(ana, ben))
    published = await a_round_of(now, ana, ben, olu)
    await rounds.publish(published, await propose(published, now, together(ana, olu)), letterhead, olu, now)
    matching = await a_round_of(now, ana, ben)
    await Round.update({Round.stage: "matching"}).where(Round.id == matching)


@pytest.mark.parametrize("who", ["olu", "ana", "nobody"])
async def test_looking_at_every_page_writes_nothing_and_each_is_safe(
    who: str, browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    await a_busy_community(now, letterhead)
    one = browser()
    if known := await members.by_address(f"{who}@example.org"):
        await sign_in(one, known.id, now)
    before = await everything()
    todo, seen = ["/", "/home", "/profile", "/organize"], set[str]()

    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = await one.get(path)
        assert answer.status_code in ((200, 303) if who == "olu" else (200, 303, 404)), path
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        if path.startswith("/static/") or not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        assert answer.headers["cache-control"] == "no-store"
        assert "example.org" not in answer.text.replace("name@example.org", ""), path
        soup = one.soup()
        assert soup.select("style, [style], script:not([src]), iframe, object, embed, base, form[action^=http]") == []
        assert [name for tag in soup.find_all(True) for name in tag.attrs if name.startswith("on")] == []
        assert [form for form in soup.select("form[method=post]") if not form.select_one("[name=form_token]")] == []
        links = [str(tag["href"]) for tag in soup.select("a[href]") if tag["href"] != "/leave"]
        ours = {link for link in (urlsplit(urljoin(BASE + path, link)) for link in links) if link.hostname == HOST}
        todo += [f"{link.path}?{link.query}" if link.query else link.path for link in ours]

    assert await everything() == before
    assert len(seen) >= {"olu": 25, "ana": 10, "nobody": 5}[who]
