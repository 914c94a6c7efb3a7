"""After a session: how it went, a note for oneself, and steps that need both."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from peerhub.domain.programs import Kind
from peerhub.domain.trust import Step
from peerhub.store import checkins
from peerhub.store.tables import CheckIn, Seat, Trust
from tests.community import a_member, at
from tests.web.conftest import Browser, a_seat, sign_in

Open = Callable[[], Browser]
BEFORE = at("2026-11-18T18:00")


async def seat_of(member: UUID) -> UUID:
    row = await Seat.select(Seat.id).where(Seat.member == member).first()
    assert row
    found: UUID = row["id"]
    return found


async def test_a_check_in_is_kept_and_its_note_is_sealed(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat = await a_seat(now, ana, ben, span=BEFORE)
    one = browser()
    await sign_in(one, ana, now)
    assert f"/check-ins/{seat}" in (await one.get("/home")).text

    await one.get(f"/check-ins/{seat}")
    answer = await one.submit(went="well", again="yes", note="He told me about his garden.")

    assert answer.status_code == 303
    said = (await checkins.of_seats([seat]))[seat]
    assert (said.went, said.again, said.note) == ("well", True, "He told me about his garden.")
    row = (await CheckIn.select())[0]
    assert b"garden" not in row["sealed_note"]
    assert "He told me about his garden." in (await one.get(f"/check-ins/{seat}")).text


async def test_saying_it_again_replaces_it(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat = await a_seat(now, ana, ben, span=BEFORE)
    one = browser()
    await sign_in(one, ana, now)

    for went in ("badly", "okay"):
        await one.get(f"/check-ins/{seat}")
        await one.submit(went=went, note="")

    assert [(row["went"], row["sealed_note"]) for row in await CheckIn.select()] == [("okay", None)]


async def test_mistakes_keep_the_note(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat = await a_seat(now, ana, ben, span=BEFORE)
    one = browser()
    await sign_in(one, ana, now)
    await one.get(f"/check-ins/{seat}")

    answer = await one.submit(note="words I would not like to lose")

    assert answer.status_code == 422
    assert "Please choose how it went." in one.text()
    assert "words I would not like to lose" in one.text()
    assert (await one.submit(went="well", note="x" * 2001)).status_code == 422
    assert await CheckIn.count() == 0


async def test_nothing_is_said_about_a_session_that_has_not_begun(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat = await a_seat(now, ana, ben)
    one = browser()
    await sign_in(one, ana, now)

    answers = [
        (await one.post(f"/check-ins/{seat}", {"went": "well"})).status_code,
        (await one.post(f"/check-ins/{seat}/steps/{ben}", {"step": "call"})).status_code,
    ]

    assert answers == [422, 422]
    assert [await table.count() for table in (CheckIn, Trust)] == [0, 0]


async def test_a_step_is_reached_when_both_want_it_and_a_wish_is_shown_to_nobody(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    anas = await a_seat(now, ana, ben, span=BEFORE)
    bens = await seat_of(ben)
    one, other = browser(), browser()
    await sign_in(one, ana, now)
    await sign_in(other, ben, now)
    await other.get(f"/check-ins/{bens}")
    unknowing = (await other.get(f"/check-ins/{bens}")).content

    answer = await one.post(f"/check-ins/{anas}/steps/{ben}", {"step": "call"})

    assert answer.status_code == 303
    assert "Your wish is kept." in (await one.get(answer.headers["location"])).text
    assert (await other.get(f"/check-ins/{bens}")).content == unknowing
    assert "Where you both are: say hello in sessions" in await page_of(one, anas)
    await other.post(f"/check-ins/{bens}/steps/{ana}", {"step": "text"})
    assert "Where you both are: write to each other" in await page_of(one, anas)
    assert "Where you both are: write to each other" in await page_of(other, bens)
    bonds = await checkins.bonds_of(ana)
    assert (bonds[ben].step, bonds[ben].mine) == (Step.TEXT, Step.CALL)


async def page_of(one: Browser, seat: UUID) -> str:
    await one.get(f"/check-ins/{seat}")
    return one.text()


async def test_no_step_with_a_stranger_or_in_a_group(browser: Open, now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    pair = await a_seat(now, ana, ben, span=BEFORE)
    group = await a_seat(now, ana, ben, cat, span=at("2026-11-11T18:00"), kind=Kind.SESSIONS)
    one = browser()
    await sign_in(one, ana, now)

    answers = [
        (await one.post(f"/check-ins/{pair}/steps/{cat}", {"step": "call"})).status_code,
        (await one.post(f"/check-ins/{group}/steps/{cat}", {"step": "call"})).status_code,
        (await one.post(f"/check-ins/{pair}/steps/{ben}", {"step": "marry"})).status_code,
    ]

    assert answers == [404, 404, 422]
    assert await Trust.count() == 0
