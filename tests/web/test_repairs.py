"""The organizer's way from a session that is short of people to the smallest change, and to leaving it as it is."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from bs4 import Tag

from peerhub.actions import offers, profile
from peerhub.actions import repairs as act
from peerhub.actions.repairs import OUTDATED
from peerhub.domain.comfort import Comfort
from peerhub.domain.invitations import Rsvp
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, sessions
from peerhub.store import repairs as stored
from peerhub.store.tables import Letter, Offer, Program
from peerhub.web.organizers import progress
from tests.actions.test_offers import a_session, says_no
from tests.actions.test_repairs import find, planned, says, some, two_pairs
from tests.community import TUESDAY, a_member
from tests.web.conftest import Browser, Clock, sign_in

Open = Callable[[], Browser]


def buttons(one: Browser) -> list[str]:
    return [button.text for button in one.soup().select("main form button")]


def short(one: Browser) -> Tag | None:
    return one.soup().select_one("#short")


async def ben_says_no(now: datetime, head: Letterhead) -> tuple[UUID, list[UUID]]:
    """Ana and Ben were to meet, and Cat and Dan; Ben has said no."""
    round_id, people = await two_pairs(now, head)
    await says(Rsvp.NO, round_id, people[1], now)
    return round_id, people


async def session_of(round_id: UUID, member_id: UUID) -> UUID:
    held = await sessions.of_round(round_id)
    return next(one.id for one in held if member_id in {seat.member_id for seat in one.seats})


async def test_a_round_says_which_session_is_short_and_offers_one_next_step(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    round_id, people = await two_pairs(now, letterhead)
    here = f"/organize/rounds/{round_id}"
    await olu.get(here)
    assert short(olu) is None
    await says(Rsvp.NO, round_id, people[1], now)

    await olu.get(here)
    notice = short(olu)
    assert notice is not None
    assert [one.text.partition(": ")[2] for one in notice.select("li")] == ["Ana is the only one who comes."]
    asked = await olu.submit(f"{here}/repair")

    assert (asked.status_code, asked.headers["location"]) == (303, f"{here}/repair")
    await olu.get(f"{here}/repair")
    assert "Looking for the smallest change" in olu.text()
    assert olu.soup().select_one(f"[data-progress='{here}/repair/progress']") is not None
    assert await Letter.count() == 0


async def test_the_page_that_waits_hears_once_that_there_is_something_to_look_at(
    olu: Browser, now: datetime, letterhead: Letterhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_TELL_EVERY", 0.01)
    round_id, _ = await ben_says_no(now, letterhead)
    await act.ask(round_id, uuid4(), now)

    listening = asyncio.create_task(olu.http.get(f"/organize/rounds/{round_id}/repair/progress"))
    await asyncio.sleep(0.3)
    waited = not listening.done()
    await find(round_id, now)
    answer = await asyncio.wait_for(listening, 10)

    assert waited
    assert answer.text.replace("\r\n", "\n").strip().split("\n") == ["event: ended", "data: found"]


async def test_the_change_is_shown_with_who_hears_what_and_used_with_one_button(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    round_id, (ana, _, cat, dan) = await ben_says_no(now, letterhead)
    await find(round_id, now)
    here = f"/organize/rounds/{round_id}"
    await olu.get(here)
    assert [link.text for link in olu.soup().select("#short .button")] == ["Look at the smallest change"]

    await olu.get(f"{here}/repair")
    assert "3 people would hear something new. Nobody else has a session this week." in olu.text()
    told = {one.select("strong")[0].text: one.text for one in olu.soup().select("#told ~ ul li")}
    assert set(told) == {"Ana", "Cat", "Dan"}
    assert "does not take place, and is invited to" in told["Ana"]
    assert [told[name].strip() for name in ("Cat", "Dan")] == [
        f"{name} hears who is in it now" for name in ("Cat", "Dan")
    ]
    answer = await olu.submit(f"{here}/repair/use")

    assert (answer.status_code, answer.headers["location"]) == (303, here)
    assert await planned(round_id) == [{ana, cat, dan}]
    await olu.get(here)
    assert short(olu) is None
    await olu.get(f"{here}/repair")
    assert "The last change was published." in olu.text()


async def test_the_picture_shows_both_sides_of_each_session(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    round_id, _ = await ben_says_no(now, letterhead)
    await find(round_id, now)

    await olu.get(f"/organize/rounds/{round_id}/repair")

    sides = [
        [" ".join(chip.text.split()) for chip in side.select(".chip")] or side.select("p")[0].text
        for side in olu.soup().select(".change section")
    ]
    assert sorted(map(str, sides)) == sorted(
        map(str, [["Ana", "Ben said no"], "It does not take place.", ["Cat", "Dan"], ["Cat", "Dan", "Ana new"]])
    )


async def test_to_leave_everything_as_it_is_tells_nobody(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    round_id, _ = await ben_says_no(now, letterhead)
    await find(round_id, now)
    await olu.get(f"/organize/rounds/{round_id}/repair")

    await olu.submit(f"/organize/rounds/{round_id}/repair/drop")

    assert (await stored.of_round(round_id), await Letter.count()) == (None, 0)
    await olu.get(f"/organize/rounds/{round_id}/repair")
    assert buttons(olu) == ["Find the smallest change"]


async def test_an_answer_meanwhile_is_told_calmly_and_the_change_is_made_anew(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    round_id, people = await ben_says_no(now, letterhead)
    await find(round_id, now)
    here = f"/organize/rounds/{round_id}/repair"
    await olu.get(here)
    form = olu.form(f"{here}/use")
    await says(Rsvp.YES, round_id, people[1], now)

    answer = await olu._send(form, {str(one["name"]): str(one["value"]) for one in form.select("input")})

    assert answer.status_code == 409
    assert [one.text for one in olu.soup().select("#refused")] == [OUTDATED]
    assert "Looking for the smallest change" in olu.text()
    assert await Letter.count() == 0
    await find(round_id, now)
    await olu.get(here)
    assert "Nothing has to change" in olu.text()


async def test_the_page_says_itself_when_somebody_has_answered_since(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    round_id, people = await ben_says_no(now, letterhead)
    await find(round_id, now)
    await says(Rsvp.YES, round_id, people[1], now)

    await olu.get(f"/organize/rounds/{round_id}/repair")

    assert buttons(olu) == ["Look for the smallest change again", "Leave everything as it is"]


async def test_a_session_leads_to_the_repair_once_the_waiting_list_has_nobody(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    seated, dan = await some(now, "Ana", "Ben", "Cat"), await a_member("Dan", now)
    session_id = await a_session(now, seated, [dan])
    round_id = (await sessions.by_id(session_id)).round_id
    await says_no(seated[0], now)
    seen = []

    for what in ("somebody is asked", "nobody is left to ask"):
        if what == "somebody is asked":
            await offers.offer_free_seats(letterhead, now)
        else:
            (offer,) = await Offer.select(Offer.id)
            await offers.answer(offer["id"], yes=False, head=letterhead, now=now)
        await olu.get(f"/organize/sessions/{session_id}")
        seen.append(
            (what, [one.text for one in olu.soup().select("#short h2")], "Find the smallest change" in buttons(olu))
        )

    assert seen == [
        ("somebody is asked", [], False),
        ("nobody is left to ask", ["2 people come, and this program needs at least 3."], True),
    ]
    assert await stored.of_round(round_id) is None  # it never happens by itself


async def test_a_session_that_is_smaller_but_not_short_offers_it_quietly(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    seated = await some(now, "Ana", "Ben", "Cat", "Dan")
    session_id = await a_session(now, seated, [], fills_seats=False)
    await says_no(seated[0], now)

    await olu.get(f"/organize/sessions/{session_id}")

    assert short(olu) is None
    assert "The session can take place with those who come." in olu.text()
    (offered,) = olu.soup().find_all("button", string="Find the smallest change")
    assert "quiet" in offered["class"]


async def test_a_session_without_its_leader_is_short(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    seated = await some(now, "Ana", "Ben", "Cat")
    session_id = await a_session(now, seated, [], fills_seats=False)
    fay = await a_member("Fay", now)
    await sessions.add_seat(session_id, fay, "facilitator", "peerhub.example")
    await Program.update({Program.facilitators_per_session: 1}, force=True)
    await says_no(fay, now)

    await olu.get(f"/organize/sessions/{session_id}")

    assert [one.text for one in olu.soup().select("#short h2")] == ["Nobody facilitates it."]


async def test_somebody_left_alone_by_an_erasure_is_seen(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    round_id, (_, ben, *_) = await two_pairs(now, letterhead)
    await profile.erase(ben, now)

    await olu.get(f"/organize/rounds/{round_id}")

    assert "Ana is the only one who comes." in olu.text()


async def test_what_begins_within_two_hours_is_no_longer_changed(
    olu: Browser, now: datetime, letterhead: Letterhead, clock: Clock
) -> None:
    round_id, _ = await ben_says_no(now, letterhead)
    clock.now = TUESDAY.starts_at - timedelta(hours=2, seconds=-1)
    await sign_in(olu, (await members.by_address("olu@example.org")).id, clock.now)  # type: ignore[union-attr]

    await olu.get(f"/organize/rounds/{round_id}")

    assert short(olu) is None


async def test_a_private_answer_changes_no_word_of_the_page(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    round_id, (_, _, cat, dan) = await ben_says_no(now, letterhead)
    here = f"/organize/rounds/{round_id}"
    session = f"/organize/sessions/{await session_of(round_id, cat)}"
    before = [(await olu.get(page)).content for page in (here, session, f"{here}/repair")]
    await members.put_wish_about(cat, dan, now)
    said = await members.profile_of(dan)
    await members.save(dan, replace(said, comfort=Comfort(sizes={"pair": 0}, mediums={"voice": 0})), now)

    assert [(await olu.get(page)).content for page in (here, session, f"{here}/repair")] == before


async def test_nobody_but_organizers_sees_or_uses_a_change(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    round_id, (ana, *_) = await ben_says_no(now, letterhead)
    found = await find(round_id, now)
    one, stranger = browser(), browser()
    await sign_in(one, ana, now)
    here = f"/organize/rounds/{round_id}/repair"

    looks = [(await one.get(page)).status_code for page in (here, f"{here}/progress")]
    posts = [
        (await one.post(page, {"repair": str(found.id)})).status_code for page in (here, f"{here}/use", f"{here}/drop")
    ]

    assert looks + posts == [404] * 5
    assert (await stranger.get(here)).status_code in {303, 404}
    assert await Letter.count() == 0


@pytest.mark.parametrize("typed", ["", "x", "\0", "7" * 400])
async def test_a_form_that_names_no_change_uses_none(
    olu: Browser, now: datetime, letterhead: Letterhead, typed: str
) -> None:
    round_id, _ = await ben_says_no(now, letterhead)

    answers = [
        await olu.post(f"/organize/rounds/{round_id}/repair/{way}", {"repair": typed}) for way in ("use", "drop")
    ]

    assert {answer.status_code for answer in answers} <= {404, 422}


async def test_the_pages_take_few_statements(
    olu: Browser, now: datetime, letterhead: Letterhead, statements: list[str]
) -> None:
    round_id, (_, ben, _, _) = await ben_says_no(now, letterhead)
    session_id = await session_of(round_id, ben)
    await find(round_id, now)
    asked = {}

    for page in (f"rounds/{round_id}", f"rounds/{round_id}/repair", f"sessions/{session_id}"):
        statements.clear()
        await olu.get(f"/organize/{page}")
        asked[page.partition("/")[0] + page[-7:]] = len(statements)

    assert [(page, many) for page, many in asked.items() if many > 12] == []
