"""Which letters a member gets: one click ends a kind of letter, a page holds all choices, and nobody has to sign in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from peerhub.actions import rounds
from peerhub.domain.reminders import Reminding
from peerhub.domain.subscriptions import Subscription
from peerhub.mail import letters, links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, outbox, reach, reminders, subscriptions
from peerhub.store.tables import TABLES, Consent, Letter
from tests.community import WEEK, a_member, a_program, an_organizer, enrol
from tests.letters import letters_to_show
from tests.mail.cast import a_seat
from tests.web.conftest import BASE, Browser, Clock, sign_in, talk_to

Open = Callable[[], Browser]
EVERY = frozenset(Subscription)


def leaving(head: Letterhead, member_id: UUID, kind: Subscription) -> str:
    return links.unsubscribe_link(head, member_id, kind).removeprefix(BASE)


def choosing(head: Letterhead, member_id: UUID) -> str:
    return links.letters_page(head, member_id).removeprefix(BASE)


async def ana(now: datetime) -> UUID:
    """Ana, who agreed to be asked how a session went."""
    member_id = await a_member("Ana", now)
    await subscriptions.begin(member_id, Subscription.CHECK_INS, now)
    return member_id


@pytest.mark.parametrize("kind", Subscription)
async def test_a_mail_program_ends_one_kind_of_letter_with_one_post(
    app: object, now: datetime, letterhead: Letterhead, kind: Subscription
) -> None:
    member_id, other = await ana(now), await a_member("Ben", now)
    before = await subscriptions.of_member(other)

    async with talk_to(app) as http:  # type: ignore[arg-type]
        answers = [
            await http.post(leaving(letterhead, member_id, kind), data={"List-Unsubscribe": "One-Click"},
                            headers={"sec-fetch-site": "cross-site", "origin": "https://mail.example"})
            for _ in range(3)
        ]  # fmt: skip

    assert [one.status_code for one in answers] == [200] * 3
    assert [name for one in answers for name in ("set-cookie", "location") if name in one.headers] == []
    assert await subscriptions.of_member(member_id) == EVERY - {kind}
    assert await subscriptions.of_member(other) == before


@pytest.mark.parametrize("kind", Subscription)
async def test_what_waits_to_leave_is_called_off_with_its_kind(
    browser: Open, now: datetime, letterhead: Letterhead, kind: Subscription
) -> None:
    mine, theirs = await ana(now), await a_member("Ben", now)
    to = await members.recipients_of([mine, theirs])
    for member_id in (mine, theirs):
        seat, reader = a_seat(seat_id=uuid4(), uid=uuid4().hex), to[member_id]
        written = [
            letters.invitation(letterhead, reader, seat, now),
            letters.round_opens(letterhead, reader, "Circle", WEEK, f"{BASE}/join", now),
            letters.nudge(letterhead, reader, seat, uuid4(), now + timedelta(days=1)),
            letters.check_in_request(letterhead, reader, replace(seat, uid=uuid4().hex), now),
        ]
        await outbox.put(letterhead, written, now)

    one = browser()
    await one.get(leaving(letterhead, mine, kind))
    await one.submit()

    rows = await Letter.select(Letter.member, Letter.kind).where(Letter.state == "cancelled")
    ended = {"news": "round_opens", "reminders": "nudge", "check_ins": "check_in_request"}[kind]
    assert [(row["member"], row["kind"]) for row in rows] == [(mine, ended)]


async def test_looking_changes_nothing_and_the_button_does(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    member_id = await ana(now)
    link, one = leaving(letterhead, member_id, Subscription.NEWS), browser()
    before = [sorted(map(repr, await table.select())) for table in TABLES]
    for _ in range(20):
        assert (await one.get(link)).status_code == 200
        assert (await one.http.head(link)).status_code == 200
        assert (await one.http.head(choosing(letterhead, member_id))).status_code == 200
    assert [sorted(map(repr, await table.select())) for table in TABLES] == before

    await one.get(link)
    await one.submit()

    assert "You no longer get these letters" in one.text()
    assert await subscriptions.of_member(member_id) == EVERY - {Subscription.NEWS}


async def test_a_link_that_we_did_not_make_ends_nothing(browser: Open, now: datetime, letterhead: Letterhead) -> None:
    member_id, one = await ana(now), browser()
    theirs = replace(letterhead, signing_key=b"x" * 32)
    news = leaving(letterhead, member_id, Subscription.NEWS)
    tries = [
        leaving(theirs, member_id, Subscription.NEWS), news[:-1], news.replace("news", "reminders"),
        leaving(letterhead, uuid4(), Subscription.NEWS), news.replace("unsubscribe", "letters"),
        choosing(theirs, member_id), "/unsubscribe/x", "/letters/x", "/unsubscribe/%00",
    ]  # fmt: skip

    pages = [await one.get(path) for path in tries] + [await one.post(path, {}) for path in tries]

    assert {page.status_code for page in pages} == {404}
    assert await subscriptions.of_member(member_id) == EVERY


async def test_the_page_holds_all_choices_and_names_nobody(
    browser: Open, now: datetime, letterhead: Letterhead, clock: Clock
) -> None:
    member_id, one = await ana(now), browser()

    await one.get(choosing(letterhead, member_id))
    assert [word for word in ("Ana", "example.org", str(member_id)) if word in one.text()] == []
    await one.submit(wanted=["reminders"])

    assert await subscriptions.of_member(member_id) == {Subscription.REMINDERS}
    await one.get(choosing(letterhead, member_id))
    assert [box["value"] for box in one.soup().select("input[name=wanted][checked]")] == ["reminders"]
    clock.forward(timedelta(minutes=1))
    await one.submit(wanted=["news", "check_ins"])
    assert await subscriptions.of_member(member_id) == {Subscription.NEWS, Subscription.CHECK_INS}


async def test_the_question_after_a_session_is_one_choice_wherever_it_is_made(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    member_id, one = await ana(now), browser()
    await one.post(leaving(letterhead, member_id, Subscription.CHECK_INS), {})
    assert "check_ins" not in await members.consents_of(member_id)

    await members.set_consents(member_id, ["agreement", "adult", "matching", "check_ins"], now + timedelta(hours=1))

    assert await subscriptions.of_member(member_id) == EVERY
    assert await Consent.count().where(Consent.purpose == "agreement") == 1


async def test_who_wants_no_news_is_not_told_that_a_week_is_open(
    db: None, now: datetime, letterhead: Letterhead
) -> None:
    people = [await a_member(name, now) for name in ("Ana", "Ben")]
    olu, program = await an_organizer(now), await a_program(now)
    await enrol(program, now, *people)
    await subscriptions.end(people[0], Subscription.NEWS, now)

    await rounds.open_round(program, WEEK, letterhead, olu, now)

    assert [one.reading.to for one in await letters_to_show()] == ["ben@example.org"]


async def test_signed_in_the_same_page_is_one_click_from_the_profile(browser: Open, now: datetime) -> None:
    member_id, one = await ana(now), browser()
    await sign_in(one, member_id, now)

    there = await one.get("/letters")
    await one.submit("/letters", wanted=["news"], reminding="both")

    assert there.status_code == 200
    assert (one.page.headers["location"], await subscriptions.of_member(member_id)) == (
        "/letters?kept=yes", frozenset({Subscription.NEWS}),
    )  # fmt: skip
    assert "Your choice is kept." in (await one.get("/letters?kept=yes")).text
    assert (await browser().get("/letters")).headers["location"] == "/sign-in"


async def test_a_link_that_needs_no_login_never_reaches_the_history_of_who_has_one(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    member_id, one = await ana(now), browser()
    await sign_in(one, member_id, now)

    pages = [await one.get(path) for path in ("/home", "/profile", "/letters")]

    assert [page.status_code for page in pages] == [200] * 3
    assert [page for page in pages if choosing(letterhead, member_id).rpartition(".")[2] in page.text] == []


async def test_a_ticked_box_is_a_letter_that_comes(browser: Open, now: datetime, letterhead: Letterhead) -> None:
    one = browser()
    await one.get(choosing(letterhead, await ana(now)))

    assert one.soup().select("fieldset:has(input[name=wanted]) legend")[0].text == "Please send me"


async def test_home_says_when_our_letters_come_back(browser: Open, now: datetime) -> None:
    member_id, one = await ana(now), browser()
    await sign_in(one, member_id, now)
    assert "Our letters do not reach you" not in (await one.get("/home")).text

    await reach.lose(member_id, now)

    assert "Our letters do not reach you" in (await one.get("/home")).text


@pytest.mark.parametrize("choice", [*Reminding, None])
async def test_reminders_are_chosen_on_the_profile_page(
    browser: Open, now: datetime, letterhead: Letterhead, choice: Reminding | None
) -> None:
    member_id, one = await ana(now), browser()
    await sign_in(one, member_id, now)
    await one.get("/profile")

    await one.submit("/profile/reminders", reminding=choice.value if choice else "")

    assert "Your choice is kept." in (await one.get("/profile?kept=reminders")).text
    checked = one.form("/profile/reminders").select_one("input[checked]")
    assert checked
    assert checked["value"] == (choice.value if choice else "")
    assert (Subscription.REMINDERS in await subscriptions.of_member(member_id)) is (choice is not None)
    assert await subscriptions.of_member(member_id) >= EVERY - {Subscription.REMINDERS}


async def test_when_reminders_come_is_chosen_by_signed_link_as_well(
    browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    member_id, one = await ana(now), browser()
    await one.get(choosing(letterhead, member_id))
    before = await reminders.reminding_of(member_id)

    await one.submit(wanted=["reminders"], reminding="both")
    both = await reminders.reminding_of(member_id)
    await one.get(choosing(letterhead, member_id))
    await one.submit(wanted=["reminders"], reminding="whenever")

    assert (before, both) == (Reminding.DAY_BEFORE, Reminding.BOTH)
    assert await reminders.reminding_of(member_id) is Reminding.BOTH
    assert await subscriptions.of_member(member_id) == {Subscription.REMINDERS}
