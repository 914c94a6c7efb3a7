"""The demo's mailbox answers an invitation as a calendar does: by a mail that is read like any other."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from peerhub.app import create_app
from peerhub.demo import pages
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.message import compose
from peerhub.store import members
from peerhub.store.tables import Seat
from tests.community import TUESDAY, a_member
from tests.mail.cast import a_seat as an_invitation
from tests.web.conftest import Browser, Clock, a_seat, settings, talk_to


@pytest.fixture
async def reader(
    db: None, now: datetime, letterhead: Letterhead, tmp_path: Path
) -> AsyncIterator[tuple[Browser, Clock]]:
    """A browser in front of a mailbox that holds Ana's invitation, and a letter without one."""
    ana = await a_member("Ana", now)
    seat = await a_seat(now, ana, await a_member("Ben", now))
    row = (await Seat.select(Seat.uid).where(Seat.id == seat))[0]
    to = (await members.recipients_of([ana]))[ana]
    invitation = letters.invitation(letterhead, to, an_invitation(seat_id=seat, uid=row["uid"], span=TUESDAY), now)
    for number, letter in ((1, invitation), (2, letters.sign_in(letterhead, to, "https://peerhub.example/x", now))):
        (tmp_path / f"{number}.eml").write_bytes(compose(letter, letterhead, f"<{number}@peerhub.example>", now))
    clock = Clock(now + timedelta(minutes=1))
    async with talk_to(create_app(settings(), letterhead, clock=clock, more=[pages.routes(tmp_path)])) as http:
        yield Browser(http), clock


async def said() -> list[str]:
    return sorted(row["rsvp"] for row in await Seat.select(Seat.rsvp))


async def test_each_button_mails_an_answer_that_is_kept(reader: tuple[Browser, Clock]) -> None:
    one, clock = reader
    became = []
    for word, rsvp in (("ACCEPTED", "yes"), ("TENTATIVE", "maybe"), ("DECLINED", "no")):
        await one.get("/demo/mailbox/1")
        answer = await one.submit("/demo/mailbox/1/answer", said=word)
        await one.get(answer.headers["location"])
        became.append(("mailed back and read: kept" in one.text(), await said() == sorted([rsvp, "waiting"])))
        clock.forward(timedelta(minutes=1))

    assert became == [(True, True)] * 3


async def test_there_is_nothing_to_answer_without_an_invitation(reader: tuple[Browser, Clock]) -> None:
    one, _ = reader
    await one.get("/demo/mailbox/2")
    assert one.soup().select("main form") == []

    answers = [await one.post(f"/demo/mailbox/{n}/answer", {"said": said}) for n, said in ((2, "ACCEPTED"), (1, "X"))]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert await said() == ["waiting", "waiting"]
