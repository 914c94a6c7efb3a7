"""Organizers see how the outbox stands and why a letter waits, try one again or call it off, and learn nothing else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from peerhub.domain.letters import OUT_OF_REACH
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Recipient
from peerhub.store import members, outbox
from peerhub.store.tables import Audit, Enrolment, Installation, Letter, Unreached
from tests.community import a_member, a_program, enrol
from tests.mail.cast import a_seat
from tests.web.conftest import Browser, sign_in

Open = Callable[[], Browser]
PAGE = "/organize/letters"


async def ana(now: datetime, *, enrolled: bool = True) -> Recipient:
    member_id = await a_member("Ana", now)
    if enrolled:
        await enrol(await a_program(now), now, member_id)
    to = await members.recipient_of(member_id)
    assert to
    return to


async def an_invitation(head: Letterhead, to: Recipient, now: datetime, **columns: Any) -> UUID:
    """An invitation in the outbox, with these columns of its row."""
    await outbox.put(head, [letters.invitation(head, to, a_seat(seat_id=uuid4(), uid=uuid4().hex), now)], now)
    row = await Letter.select(Letter.id).order_by(Letter.number, ascending=False).first()
    assert row
    if columns:
        await Letter.update({getattr(Letter, name): value for name, value in columns.items()}).where(
            Letter.id == row["id"]
        )
    letter_id: UUID = row["id"]
    return letter_id


async def state_of(letter: UUID) -> tuple[str, int]:
    row = await Letter.select(Letter.state, Letter.attempts).where(Letter.id == letter).first()
    assert row
    return row["state"], row["attempts"]


def buttons(page: Browser) -> list[str]:
    return [one.text for one in page.soup().select("main li form button")]


WAITING: list[tuple[dict[str, Any], str, list[str]]] = [
    ({}, "It leaves in a moment.", ["Do not send it"]),
    (
        {"trouble": "451 at RCPT", "attempts": 1, "due_in": timedelta(minutes=1)},
        "The mail server asked us to wait (451 at RCPT). It is tried again Sunday 22 November, 09:01 (Lisbon, UTC+0).",
        ["Try now", "Do not send it"],
    ),
    (
        {"trouble": "connection lost at RCPT", "attempts": 1, "due_in": timedelta(minutes=1)},
        "The mail server did not answer (connection lost at RCPT). It is tried again Sunday 22 November, 09:01",
        ["Try now", "Do not send it"],
    ),
    ({"state": "held", "trouble": OUT_OF_REACH}, "We could not reach this address.", ["Do not send it"]),
    (
        {"state": "held", "trouble": "5 attempts ended without an answer"},
        "It was set aside so that the others can leave: 5 attempts ended without an answer.",
        ["Try now", "Do not send it"],
    ),
    (
        {"state": "held", "trouble": "550 at DATA", "ambiguous": 1},
        "The mail server does not take it (550 at DATA), though an earlier copy may have arrived.",
        ["Do not send it"],
    ),
    ({"state": "failed", "trouble": "554 at RCPT", "ended": True}, "does not take it (554 at RCPT)", ["Try now"]),
    ({"state": "expired", "ended": True}, "It could not leave in time", []),
    ({"state": "sent", "ended": True}, "The mail server has accepted it.", []),
    ({"state": "cancelled", "ended": True}, "It was not sent: what it told no longer holds.", []),
    ({"state": "sending", "leased": True}, "It is on its way to the mail server.", ["Do not send it"]),
    ({"state": "sending", "leased": True, "fenced": True}, "It is being handed over.", []),
]


@pytest.mark.parametrize(("given", "says", "offers"), WAITING, ids=[str(one[0]) for one in WAITING])
async def test_each_letter_says_why_it_is_where_it_is_and_what_can_be_done(
    olu: Browser, now: datetime, letterhead: Letterhead, given: dict[str, Any], says: str, offers: list[str]
) -> None:
    columns = {name: value for name, value in given.items() if name not in ("due_in", "ended", "leased", "fenced")}
    columns |= {"due_at": now + given["due_in"]} if "due_in" in given else {}
    columns |= {"ended_at": now} if "ended" in given else {}
    columns |= {"lease": uuid4(), "lease_until": now, "claimed_at": now} if "leased" in given else {}
    columns |= {"fenced_at": now} if "fenced" in given else {}
    await an_invitation(letterhead, await ana(now), now, **columns)

    await olu.get(PAGE)

    assert says in olu.text()
    assert buttons(olu) == offers


async def test_nothing_shows_where_a_letter_goes_or_what_it_says(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    to = await ana(now)
    await an_invitation(letterhead, to, now)
    link = "https://peerhub.example/sign-in/secret"
    await outbox.put(letterhead, [letters.sign_in(letterhead, to, link, now)], now)
    await outbox.put(letterhead, [letters.check_in_request(letterhead, to, a_seat(), now)], now)

    await olu.get(PAGE)

    shown = olu.page.text
    assert [one for one in ("example.org", "secret", "Evening circle", str(to.member_id)) if one in shown] == []
    assert olu.text().count("For Ana") == 1  # the invitation; who is asked how it was is theirs to know
    assert [one.text.split()[0] for one in olu.soup().select("main li h3")] == ["Question", "Invitation"]
    assert "1 of them waits" in olu.text()


async def test_names_are_those_of_members_who_take_part(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    to = await ana(now)
    await an_invitation(letterhead, to, now)
    await Enrolment.update({Enrolment.left_at: now}).where(Enrolment.member == to.member_id)

    await olu.get(PAGE)

    assert "Ana" not in olu.text()
    assert "For a member" in olu.text()


async def test_a_letter_is_tried_again_or_called_off_and_both_are_noted(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    to = await ana(now)
    later = {"due_at": now + timedelta(hours=4), "attempts": 5, "trouble": "451 at DATA"}
    again, off = [await an_invitation(letterhead, to, now, **later) for _ in range(2)]

    await olu.get(f"{PAGE}?state=pending&kind=invitation")
    first = await olu.submit(f"{PAGE}/{again}/again")
    await olu.get(PAGE)
    await olu.submit(f"{PAGE}/{off}/call-off")

    assert (first.status_code, first.headers["location"]) == (303, f"{PAGE}?state=pending&kind=invitation")
    assert await state_of(again) == ("pending", 0)
    assert [one.id for one in await outbox.claim(uuid4(), now, 10)] == [again]
    assert await state_of(off) == ("cancelled", 5)
    noted = await Audit.select(Audit.action, Audit.about).order_by(Audit.number)
    assert [(row["action"], row["about"]) for row in noted if row["action"].startswith("letter")] == [
        ("letter tried again", again), ("letter called off", off),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "sent", "ended_at": "now"},
        {"state": "expired", "ended_at": "now"},
        {"state": "cancelled", "ended_at": "now"},
        {"state": "sending", "lease": uuid4(), "lease_until": "now", "claimed_at": "now", "fenced_at": "now"},
        {"state": "failed", "ended_at": "now", "trouble": "554 at DATA", "expires_at": "now"},
        {"state": "failed", "ended_at": "now", "trouble": "554 at DATA", "sealed_body": None},
    ],
    ids=str,
)
async def test_what_has_left_or_ended_stays_as_it_is(
    olu: Browser, now: datetime, letterhead: Letterhead, columns: dict[str, Any]
) -> None:
    columns = {name: now if value == "now" else value for name, value in columns.items()}
    letter = await an_invitation(letterhead, await ana(now), now, **columns)

    answers = [(await olu.post(f"{PAGE}/{letter}/{what}", {})).status_code for what in ("again", "call-off")]

    assert answers == [409, 409]
    assert (await state_of(letter))[0] == columns["state"]


async def test_a_letter_that_a_newer_one_replaced_or_that_cannot_arrive_is_not_tried_again(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    to = await ana(now)
    old = await an_invitation(letterhead, to, now, about="one", state="failed", ended_at=now, trouble="554 at RCPT")
    await an_invitation(letterhead, to, now, about="one")
    lost = await an_invitation(letterhead, to, now, state="failed", ended_at=now, trouble="550 at RCPT")
    await Unreached.insert(Unreached(id=uuid4(), member=to.member_id, first_at=now, out_of_reach_at=now))

    answers = [(await olu.post(f"{PAGE}/{letter}/again", {})).status_code for letter in (old, lost)]

    assert answers == [409, 409]


async def test_nobody_calls_off_a_link_that_a_member_asked_for(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    await outbox.put(letterhead, [letters.sign_in(letterhead, await ana(now), "https://peerhub.example/x", now)], now)
    (row,) = await Letter.select(Letter.id)

    answers = [(await olu.post(f"{PAGE}/{row['id']}/{what}", {})).status_code for what in ("again", "call-off")]

    assert answers == [404, 404]
    assert (await state_of(row["id"]))[0] == "pending"


async def test_a_letter_is_called_off_by_two_taps(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    await an_invitation(letterhead, await ana(now), now)

    await olu.get(PAGE)

    (off,) = olu.soup().select("form[action$='/call-off']")
    around = off.find_parent("details")
    assert around
    assert not around.has_attr("open")
    assert [one.text for one in around.select("summary")] == ["Call off: Invitation for Ana"]


async def test_the_page_is_for_organizers_only(browser: Open, now: datetime, letterhead: Letterhead) -> None:
    to, one = await ana(now), browser()
    letter = await an_invitation(letterhead, to, now)
    await sign_in(one, to.member_id, now)

    answers = [await one.get(PAGE), await one.post(f"{PAGE}/{letter}/call-off", {})]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert (await state_of(letter))[0] == "pending"


async def test_letters_are_filtered_counted_and_paged(
    olu: Browser, now: datetime, letterhead: Letterhead, statements: list[str]
) -> None:
    to = await ana(now)
    await outbox.put(
        letterhead,
        [letters.invitation(letterhead, to, a_seat(seat_id=uuid4(), uid=uuid4().hex), now) for _ in range(120)],
        now,
    )
    await an_invitation(letterhead, to, now, state="held", trouble="x")
    statements.clear()

    await olu.get(PAGE)

    assert len(statements) <= 12
    seen = []
    while True:
        seen.append(len(olu.soup().select("main li h3")))
        older = olu.soup().find("a", string="Older ones")
        if older is None:
            break
        await olu.get(str(older["href"]))
    assert seen == [50, 50, 21]
    await olu.get(f"{PAGE}?state=held&kind=invitation&before=x")
    assert [one.text.strip() for one in olu.soup().select("main .chip")][:3] == [
        "120 waiting", "0 on the way", "1 set aside",
    ]  # fmt: skip
    assert len(olu.soup().select("main li h3")) == 1
    for odd in ("nonsense", "%00", "%ED%A0%80"):
        assert (await olu.get(f"{PAGE}?state={odd}&kind={odd}&before={odd}")).status_code == 200


async def test_a_copy_of_the_database_and_a_closed_way_are_said_at_the_top(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    letter = await an_invitation(letterhead, await ana(now), now - timedelta(minutes=6))
    await olu.get(PAGE)
    stalled = olu.text()
    await Letter.update({Letter.due_at: now - timedelta(minutes=4)}).where(Letter.id == letter)
    await olu.get(PAGE)
    working = olu.text()
    await Installation.insert(Installation(home="h", settled_at=now, copied_at=now))
    await olu.get(PAGE)
    copied = olu.text()

    def says(words: str) -> list[bool]:
        return [words in page for page in (stalled, working, copied)]

    assert says("No letter leaves at the moment") == [True, False, False]
    assert says("The way to the mail server is closed at the moment.") == [True, False, False]
    assert says("Letters are held") == [False, False, True]
    assert says("It is held: this database is a copy, and sends nothing by itself.") == [False, False, True]
