"""What an organizer sees of mailed answers, of seats that came free, and of letters that came back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from peerhub.actions import inbox, invitations, offers
from peerhub.domain.invitations import Rsvp
from peerhub.mail import incoming
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, reach
from peerhub.store.tables import Audit, Program, Seat
from tests.actions.test_offers import a_session, the_session
from tests.community import THURSDAY, a_member
from tests.replies import an_answer
from tests.web.conftest import Browser

Open = Callable[[], Browser]


async def ana_ben_and_cat(now: datetime) -> list[UUID]:
    return [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]


async def asks(member_id: UUID, head: Letterhead, now: datetime, method: str, partstat: str = "TENTATIVE") -> None:
    uid = (await Seat.select(Seat.uid).where(Seat.member == member_id))[0]["uid"]
    name = await members.address_of(member_id)
    mail = an_answer(uid, f"mailto:{name}", now, partstat, method=method, starts_at=THURSDAY.starts_at)
    await inbox.take(incoming.read(mail, [], head), head, now)


async def test_what_calendars_ask_for_waits_on_the_sessions_page_until_it_was_seen_to(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    ana, ben, cat = await ana_ben_and_cat(now)
    session = await a_session(now, [ana, ben, cat], [])
    await asks(ana, letterhead, now, "COUNTER")
    await asks(ben, letterhead, now + timedelta(minutes=1), "REPLY", "DELEGATED")
    await asks(cat, letterhead, now + timedelta(minutes=2), "REFRESH")

    await olu.get(f"/organize/sessions/{session}")

    said = [one.text for one in olu.soup().select("#remarks + ul li > span")]
    assert said == [
        "Ana proposes another time: Thursday 3 December, 18:00 (Lisbon, UTC+0).",
        "Ben would like to send somebody else. Only members of the round can come, so nobody was added.",
        "Cat asks for the newest invitation. Their page always shows it.",
    ]
    first = olu.soup().select("#remarks + ul form")[0]
    await olu.submit(str(first["action"]))
    await olu.get(f"/organize/sessions/{session}")
    assert len(olu.soup().select("#remarks + ul li")) == 2
    assert await Audit.count().where(Audit.action == "remark seen to") == 1


async def test_the_page_says_that_a_seat_is_free_and_not_who_is_asked(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    people, dan = await ana_ben_and_cat(now), await a_member("Dan", now)
    session = await a_session(now, people, [dan])
    await olu.get(f"/organize/sessions/{session}")
    assert "free" not in olu.text()
    seat = next(seat.id for seat in (await the_session()).seats if seat.member_id == people[0])
    await invitations.answer(seat, Rsvp.NO, now)

    notices = []
    for step in (None, lambda: offers.offer_free_seats(letterhead, now), close):
        if step:
            await step()
        await olu.get(f"/organize/sessions/{session}")
        notice = olu.soup().select_one(".notice")
        assert notice
        notices.append(notice.text)

    assert ["One seat is free" in one for one in notices] == [True] * 3
    assert "nobody without a session that week can be asked" in notices[0]
    assert "Somebody without a session that week is being asked" in notices[1]
    assert "are closed" in notices[2]
    assert [one for one in notices if "Dan" in one] == []


async def close() -> None:
    await Program.update({Program.fills_seats: False}, force=True)


async def test_keep_apart_looks_like_nobody_being_there(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    """Two worlds: in one nobody else joined the round, in the other somebody did whom a keep-apart stands against."""
    notices = []
    for apart in (False, True):
        people = [await a_member(f"{name}{apart}", now) for name in ("Ana", "Ben", "Cat")]
        others = [await a_member("Dan", now)] if apart else []
        for dan in others:
            await members.put_wish_about(people[1], dan, now)
        await Program.update({Program.name: "Another"}, force=True)
        session = await a_session(now, people, others)
        seat = (await Seat.select(Seat.id).where(Seat.session == session, Seat.member == people[0]))[0]["id"]
        await invitations.answer(seat, Rsvp.NO, now)
        await offers.offer_free_seats(letterhead, now)
        await olu.get(f"/organize/sessions/{session}")
        notices.append(str(olu.soup().select_one(".notice")))

    assert notices[0] == notices[1] != "None"


async def test_letters_that_come_back_show_without_a_reason(olu: Browser, now: datetime) -> None:
    ana, ben, cat = await ana_ben_and_cat(now)
    session = await a_session(now, [ana, ben, cat], [])
    await reach.lose(ana, now)
    row = (await Program.select(Program.id))[0]
    round_id = (await the_session()).round_id

    marked = []
    for page in (f"/organize/sessions/{session}", f"/organize/rounds/{round_id}"):
        await olu.get(page)
        marked.append([one.text.split()[0] for one in olu.soup().select("li") if "could not reach" in one.text])
    await olu.get(f"/organize/programs/{row['id']}")

    assert [[name for name in names if name in ("Ana", "Ben", "Cat")] for names in marked] == [["Ana"], ["Ana"]]
    assert "We could not reach one address" in olu.text()
    assert "Letters to Ana have come back" in olu.text()


@pytest.mark.parametrize("ticked", [True, False])
async def test_an_organizer_opens_or_closes_the_sessions_of_a_program(
    olu: Browser, now: datetime, ticked: bool
) -> None:
    await olu.get("/organize/programs/new?kind=sessions")
    box = olu.soup().select_one("input[name=fills_seats]")
    assert box
    assert box.has_attr("checked")

    await olu.submit("/organize/programs", name="Evening circle", fills_seats=["yes"] if ticked else [])

    row = (await Program.select(Program.id, Program.fills_seats))[0]
    assert row["fills_seats"] is ticked
    await olu.get(f"/organize/programs/{row['id']}")
    await olu.submit(f"/organize/programs/{row['id']}", fills_seats=[] if ticked else ["yes"])
    assert (await Program.select(Program.fills_seats))[0]["fills_seats"] is not ticked


async def test_new_buddies_are_closed(olu: Browser) -> None:
    await olu.get("/organize/programs/new?kind=buddies")

    box = olu.soup().select_one("input[name=fills_seats]")
    assert box
    assert not box.has_attr("checked")


async def test_a_sessions_page_asks_few_questions(
    olu: Browser, now: datetime, letterhead: Letterhead, statements: list[str]
) -> None:
    people = [await a_member(f"M{n}", now) for n in range(5)]
    session = await a_session(now, people, [await a_member(f"Other{n}", now) for n in range(20)])
    await asks(people[0], letterhead, now + timedelta(minutes=1), "COUNTER")

    statements.clear()
    await olu.get(f"/organize/sessions/{session}")

    assert len(statements) <= 12, [one[:60] for one in statements]
