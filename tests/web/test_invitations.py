"""Answering an invitation: by the letter's link without signing in, and signed in."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, sessions
from peerhub.store.tables import TABLES, Seat, Session
from tests.community import THURSDAY, TUESDAY, a_member, at, who_keeps_apart
from tests.web.conftest import BASE, Browser, Clock, a_seat, sign_in

Open = Callable[[], Browser]


def link_to(head: Letterhead, seat: UUID) -> str:
    return links.rsvp_link(head, seat).removeprefix(BASE)


async def answer_of(seat: UUID) -> tuple[str, datetime | None]:
    row = await Seat.select(Seat.rsvp, Seat.answered_at).where(Seat.id == seat).first()
    assert row
    return row["rsvp"], row["answered_at"]


@pytest.mark.parametrize("rsvp", ["yes", "no", "maybe"])
async def test_the_letters_link_answers_without_signing_in(
    browser: Open, now: datetime, letterhead: Letterhead, rsvp: str
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat = await a_seat(now, ana, ben)
    anybody = browser()

    await anybody.get(link_to(letterhead, seat))
    answer = await anybody.submit(rsvp=rsvp)

    assert (answer.status_code, answer.headers["location"]) == (303, link_to(letterhead, seat))
    assert await answer_of(seat) == (rsvp, now)
    assert f"You said {rsvp}" in (await anybody.get(link_to(letterhead, seat))).text


async def test_the_page_says_when_on_the_members_own_wall_and_with_whom(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    ana, ben = await a_member("Ana", now, zone="Asia/Kathmandu"), await a_member("Ben", now)
    seat = await a_seat(now, ana, ben, span=TUESDAY)
    anybody = browser()

    await anybody.get(link_to(letterhead, seat))

    when = anybody.soup().select_one(".when")
    assert when
    assert when.text == "Tuesday 1 December, 23:45 to Wednesday 2 December, 00:45 (Kathmandu, UTC+5:45)"
    assert [one.text for one in anybody.soup().select(".facts dd")][1:] == [
        "Ben",
        "Voice call. How to join is not set yet; a letter tells you when it is.",
    ]


async def test_how_to_join_can_be_followed_and_is_nothing_but_words_and_a_link(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    (session_id,) = await Session.select(Session.id).output(as_list=True)
    await sessions.change(session_id, TUESDAY, "voice", "<b>Room</b> https://meet.example/abc")
    anybody = browser()

    await anybody.get(link_to(letterhead, seat))

    how = anybody.soup().select(".facts dd")[-1]
    assert how.text == "Voice call: <b>Room</b> https://meet.example/abc"
    assert [str(link) for link in how.select("*")] == [
        '<a href="https://meet.example/abc" rel="noopener noreferrer">https://meet.example/abc</a>'
    ]


async def test_looking_twenty_times_changes_nothing_and_then_the_button_works(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    scanner, ana = browser(), browser()
    link = link_to(letterhead, seat)
    before = [sorted(map(repr, await table.select())) for table in TABLES]

    for _ in range(20):
        assert (await scanner.http.get(link)).status_code == 200
        assert (await scanner.http.head(link)).status_code == 200

    assert [sorted(map(repr, await table.select())) for table in TABLES] == before
    await ana.get(link)
    await ana.submit(rsvp="yes")
    assert (await answer_of(seat))[0] == "yes"


async def test_the_last_answer_counts(browser: Open, now: datetime, letterhead: Letterhead, clock: Clock) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    ana = browser()
    await ana.get(link_to(letterhead, seat))
    await ana.submit(rsvp="yes")
    clock.forward(timedelta(hours=1))

    await ana.get(link_to(letterhead, seat))
    await ana.submit(rsvp="no")

    assert await answer_of(seat) == ("no", clock.now)


async def test_a_forged_or_changed_link_is_not_there(browser: Open, now: datetime, letterhead: Letterhead) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    good = link_to(letterhead, seat)
    forged = Letterhead("X", "x@example.org", BASE, b"x" * 32)
    one = browser()
    tries = [
        good[:-1],
        f"{good}x",
        f"/invitations/{seat}",
        link_to(forged, seat),
        link_to(letterhead, uuid4()),
        "/invitations/%00",
    ]

    pages = [await one.get(path) for path in tries]
    posts = [await one.post(path, {"rsvp": "yes"}) for path in tries]

    assert {page.status_code for page in pages + posts} == {404}
    assert await answer_of(seat) == ("waiting", None)


async def over(seat: UUID, clock: Clock) -> None:
    clock.now = TUESDAY.ends_at


async def cancelled(seat: UUID, clock: Clock) -> None:
    await Session.update({Session.stage: "cancelled"}, force=True)


async def removed(seat: UUID, clock: Clock) -> None:
    await Seat.update({Seat.removed_at: clock.now}).where(Seat.id == seat)


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (over, "This session is over"),
        (cancelled, "This session will not take place"),
        (removed, "You are no longer part of this session"),
    ],
)
async def test_what_can_no_longer_be_answered_says_why(
    browser: Open,
    now: datetime,
    letterhead: Letterhead,
    clock: Clock,
    happens: Callable[[UUID, Clock], Awaitable[None]],
    words: str,
) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    ana = browser()
    await ana.get(link_to(letterhead, seat))
    form = ana.form()

    await happens(seat, clock)
    late = await ana._send(form, {"form_token": ana.token() or "", "rsvp": "yes"})

    assert late.status_code == 409
    assert words in ana.text()
    assert await answer_of(seat) == ("waiting", None)
    await ana.get(link_to(letterhead, seat))
    assert words in ana.text()
    assert ana.soup().select("main form") == []


@pytest.mark.parametrize("happens", [removed, over])
async def test_a_link_that_is_no_longer_good_tells_neither_when_nor_with_whom(
    browser: Open,
    now: datetime,
    letterhead: Letterhead,
    clock: Clock,
    happens: Callable[[UUID, Clock], Awaitable[None]],
) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    await happens(seat, clock)
    ana = browser()

    await ana.get(link_to(letterhead, seat))

    assert ("Ben" in ana.text(), "Tuesday" in ana.text()) == (False, False)


async def test_an_answer_that_is_none_is_named(browser: Open, now: datetime, letterhead: Letterhead) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    ana = browser()
    await ana.get(link_to(letterhead, seat))

    answers = [(await ana.submit(rsvp=said)).status_code for said in ("waiting", "perhaps", "")]

    assert answers == [422] * 3
    assert await answer_of(seat) == ("waiting", None)


async def test_signed_in_the_same_answer_stands_on_home(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat = await a_seat(now, ana, ben)
    one = browser()
    await sign_in(one, ana, now)
    assert "Not answered yet" in (await one.get("/home")).text

    await one.get(f"/sessions/{seat}")
    await one.submit(rsvp="maybe")

    assert "You said maybe" in (await one.get("/home")).text


async def test_home_asks_as_often_with_twenty_sessions_as_with_one(
    browser: Open, now: datetime, statements: list[str]
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    await a_seat(now, ana, ben)
    one = browser()
    await sign_in(one, ana, now)
    counts = []
    for more in (0, 19):
        for week in range(more):
            await a_seat(now, ana, ben, span=at(f"2027-{1 + week // 4:02}-{1 + 7 * (week % 4):02}T18:00"))
        statements.clear()
        assert (await one.get("/home")).status_code == 200
        counts.append(len(statements))

    assert counts[0] == counts[1]
    assert counts[0] <= 12


async def test_keep_apart_leaves_the_others_pages_as_they_are(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    """Two worlds that differ only in one wish show the other person the same bytes."""
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat = await a_seat(now, ben, ana, span=at("2026-11-18T18:00"))
    coming = await a_seat(now, ben, ana, span=TUESDAY)
    one = browser()
    await sign_in(one, ben, now)
    paths = [
        "/home",
        "/profile",
        f"/sessions/{coming}",
        f"/check-ins/{seat}",
        "/profile/export",
        link_to(letterhead, coming),
    ]
    await one.get("/profile")
    before = [(await one.get(path)).content for path in paths]

    await members.put_wish_about(ana, ben, now)
    await members.put_wish(ana, "ben@example.org", "ben@example.org", now)

    assert [(await one.get(path)).content for path in paths] == before
    assert await who_keeps_apart(ana, ben) == {ana: {ben}}


async def test_a_cancelled_session_stays_on_home_with_a_word(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    await a_seat(now, ana, ben)
    await Session.update({Session.stage: "cancelled"}, force=True)
    one = browser()
    await sign_in(one, ana, now)

    await one.get("/home")

    assert "Will not take place" in one.text()


async def test_an_answer_to_a_time_that_has_changed_since_is_not_kept(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now), span=TUESDAY)
    ana = browser()
    await ana.get(link_to(letterhead, seat))
    (session_id,) = await Session.select(Session.id).output(as_list=True)
    await sessions.change(session_id, THURSDAY, "voice", "")

    answer = await ana.submit(rsvp="yes")

    assert (answer.status_code, (await answer_of(seat))[0]) == (409, "waiting")
    assert [one.text for one in ana.soup().select("[role=alert]")] == [
        "The time has changed since you opened this page. This is how it is now: can you come then?"
    ]
    assert "Thursday 3 December" in ana.text()
    await ana.submit(rsvp="yes")
    assert (await answer_of(seat))[0] == "yes"


async def test_the_answer_that_was_given_is_the_button_that_stands_out(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    ana = browser()

    def loud() -> list[str]:
        return [one.text for one in ana.soup().select(".answers button") if "quiet" not in one["class"]]

    await ana.get(link_to(letterhead, seat))
    before = loud()
    await ana.submit(rsvp="no")
    await ana.get(link_to(letterhead, seat))

    assert (before, loud()) == (["Yes, I will come"], ["No, not this time"])


async def test_an_answer_costs_four_statements_and_reads_nobody_elses_name(
    browser: Open, now: datetime, letterhead: Letterhead, statements: list[str]
) -> None:
    ana, *others = [await a_member(name, now) for name in ("Ana", "Ben", "Cat", "Dan")]
    seat, anybody = await a_seat(now, ana, *others), browser()
    await anybody.get(link_to(letterhead, seat))
    statements.clear()

    answer = await anybody.submit(rsvp="yes")

    assert answer.status_code == 303
    assert len(statements) == 4  # hold the seat, read it, keep the answer, call off reminders
