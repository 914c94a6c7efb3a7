"""Each duty does its one thing, and once; the mail server is real and misbehaves."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from peerhub.jobs.duties import Office, ask_for_check_ins, expire_letters, post_letters, purge_letters
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Recipient
from peerhub.store import outbox
from peerhub.store.tables import CheckIn, Consent, Member, Program, Round, Seat, Session
from tests.letters import letters_to_show
from tests.mail.cast import a_seat, a_stored_member, states, the_outbox
from tests.smtp import Mailbox, Move, mail_server

pytestmark = pytest.mark.usefixtures("db")

MINUTE = timedelta(minutes=1)


@pytest.fixture
def office(letterhead: Letterhead, smtp: Mailbox, now: datetime) -> Office:
    return Office(letterhead, smtp.url, uuid4(), jitter=lambda: 0.0, clock=lambda: now)


def at(office: Office, moment: datetime) -> Office:
    return replace(office, clock=lambda: moment)


async def put_confirmations(office: Office, to: list[Recipient], now: datetime) -> None:
    head = office.head
    link = "https://peerhub.example/confirm/token"
    await outbox.put(head, [letters.confirm_address(head, one, link, now) for one in to], now)


async def three_members(now: datetime) -> list[Recipient]:
    return [await a_stored_member(now, name) for name in ("Ana", "Ben", "Cat")]


async def attempts_of_all() -> list[int]:
    return [row["attempts"] for row in await the_outbox()]


async def test_letters_are_posted_once(office: Office, smtp: Mailbox, now: datetime) -> None:
    await put_confirmations(office, await three_members(now), now)

    assert [await post_letters(office, now) for _ in range(2)] == [True, False]

    assert [copy.to for copy in smtp.copies()] == [("ana@example.org",), ("ben@example.org",), ("cat@example.org",)]
    assert [copy.message_id for copy in smtp.copies()] == [row["message_id"] for row in await the_outbox()]
    assert await states() == ["sent"] * 3
    assert smtp.connections == 1


@pytest.mark.parametrize("point", ["RCPT", "dot"])
async def test_a_letter_that_was_put_off_arrives_later(
    point: Any, office: Office, smtp: Mailbox, now: datetime
) -> None:
    await put_confirmations(office, await three_members(now), now)
    smtp.script["ben@example.org", 1] = Move(point, say="451 4.7.1 please wait")

    await post_letters(office, now)
    early = await states()
    for moment in (now + MINUTE - MINUTE / 60, now + MINUTE):
        await post_letters(at(office, moment), moment)

    assert early == ["sent", "pending", "sent"]
    assert await states() == ["sent"] * 3
    assert (smtp.attempts["ben@example.org"], len(smtp.copies("ben@example.org"))) == (2, 1)
    assert [row["ambiguous"] for row in await the_outbox()] == [0, 0, 0]


async def test_a_sign_in_letter_that_is_put_off_too_long_expires(office: Office, smtp: Mailbox, now: datetime) -> None:
    ana = await a_stored_member(now)
    await outbox.put(office.head, [letters.sign_in(office.head, ana, "https://peerhub.example/sign-in/t", now)], now)
    smtp.script[ana.address, None] = Move("RCPT", say="450 4.2.0 later")

    for minutes in range(20):
        moment = now + minutes * MINUTE
        await expire_letters(office, moment)
        await post_letters(at(office, moment), moment)

    assert (await states(), smtp.attempts[ana.address], smtp.copies()) == (["expired"], 3, [])


@pytest.mark.parametrize("point", ["RCPT", "dot"])
async def test_a_refusal_for_good_is_final_and_touches_nobody_else(
    point: Any, office: Office, smtp: Mailbox, now: datetime
) -> None:
    await put_confirmations(office, await three_members(now), now)
    smtp.script["ben@example.org", None] = Move(point, say="550 5.1.1 no such user")

    for hours in range(3):
        moment = now + timedelta(hours=hours)
        await post_letters(at(office, moment), moment)

    assert await states() == ["sent", "failed", "sent"]
    assert await attempts_of_all() == [1, 1, 1]
    trouble = (await the_outbox())[1]["trouble"]
    assert trouble == ("550 at RCPT" if point == "RCPT" else "550 at DATA")


async def test_a_server_that_is_away_burns_no_attempt(letterhead: Letterhead, smtp: Mailbox, now: datetime) -> None:
    away = Office(letterhead, "smtp://127.0.0.1:9", uuid4(), clock=lambda: now)
    await put_confirmations(away, await three_members(now), now)

    assert await post_letters(away, now) is False

    assert (await states(), await attempts_of_all()) == (["pending"] * 3, [0, 0, 0])
    assert away.post.rests(now + timedelta(seconds=4)) is True
    assert away.post.rests(now + timedelta(seconds=5)) is False
    back = Office(letterhead, smtp.url, uuid4(), clock=lambda: now)
    assert await post_letters(back, now) is True


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_a_wrong_password_burns_no_attempt_and_pauses(
    letterhead: Letterhead, tmp_path: Path, now: datetime
) -> None:
    with mail_server(tmp_path / "guarded", password=("peerhub", "right")) as guarded:
        wrong = Office(letterhead, guarded.url.replace("right", "wrong"), uuid4(), clock=lambda: now)
        await put_confirmations(wrong, await three_members(now), now)

        for seconds in range(16):
            moment = now + timedelta(seconds=seconds)
            await post_letters(wrong, moment)

        assert (await states(), await attempts_of_all()) == (["pending"] * 3, [0, 0, 0])
        assert (guarded.connections, guarded.copies()) == (3, [])  # at 0, 5 and 15 seconds


async def test_an_answer_that_was_lost_is_waited_for_and_then_counted(
    office: Office, smtp: Mailbox, now: datetime
) -> None:
    await put_confirmations(office, await three_members(now), now)
    smtp.script["ben@example.org", 1] = Move("dot", hang_up=True)

    await post_letters(office, now)
    meanwhile = await states()
    later = now + outbox.LEASE
    await post_letters(at(office, later), later)

    assert meanwhile == ["sent", "sending", "sent"]
    assert await states() == ["sent"] * 3
    assert [row["ambiguous"] for row in await the_outbox()] == [0, 1, 0]
    assert len({copy.message_id for copy in smtp.copies("ben@example.org")}) == 1
    assert len(smtp.copies("ben@example.org")) == 2


async def test_an_invitation_never_follows_the_one_that_replaced_it(
    office: Office, smtp: Mailbox, now: datetime
) -> None:
    ana = await a_stored_member(now)
    smtp.script[ana.address, 1] = Move("RCPT", say="451 4.7.1 please wait")
    await outbox.put(office.head, [letters.invitation(office.head, ana, a_seat(), now)], now)
    await post_letters(office, now)

    await outbox.put(office.head, [letters.changed_invitation(office.head, ana, a_seat(sequence=1), now)], now)
    for minutes in range(10):
        moment = now + minutes * MINUTE
        await post_letters(at(office, moment), moment)

    assert await states() == ["cancelled", "sent"]
    assert [str(copy.message["Subject"]) for copy in smtp.copies()] == ["Your appointment has changed"]


async def test_a_letter_that_was_called_off_is_not_sent(office: Office, smtp: Mailbox, now: datetime) -> None:
    ana = await a_stored_member(now)
    await outbox.put(office.head, [letters.invitation(office.head, ana, a_seat(), now)], now)
    await outbox.cancel_about([a_seat().uid], now)

    assert await post_letters(office, now) is False

    assert (smtp.connections, smtp.copies()) == (0, [])


async def test_a_letter_that_is_called_off_while_it_is_offered_is_not_sent(
    office: Office, smtp: Mailbox, now: datetime
) -> None:
    ana, ben, _ = await three_members(now)
    await outbox.put(office.head, [letters.invitation(office.head, ana, a_seat(), now)], now)
    await put_confirmations(office, [ben], now)
    loop = asyncio.get_running_loop()

    def call_off() -> None:  # in the thread of the mail server, which waits for it
        asyncio.run_coroutine_threadsafe(outbox.cancel_about([a_seat().uid], now), loop).result(10)

    smtp.script[ana.address, 1] = Move("RCPT", do=call_off)
    await post_letters(office, now)

    assert smtp.attempts[ana.address] == 1
    assert [copy.to[0] for copy in smtp.copies()] == [ben.address]
    assert await states() == ["cancelled", "sent"]


async def test_what_letters_said_is_forgotten_a_week_later(office: Office, now: datetime) -> None:
    await put_confirmations(office, await three_members(now), now)
    await post_letters(office, now)

    forgot = [await purge_letters(office, now + timedelta(days=days)) for days in (6, 7, 8)]

    assert forgot == [False, True, False]
    assert {row["sealed_body"] for row in await the_outbox()} == {None}


# Asking how it was


async def a_past_session(now: datetime, to: list[Recipient], **other: Any) -> list[UUID]:
    """A session that ended a minute ago, with these people in it, all of whom may be asked; the ids of their seats."""
    program = Program(
        id=uuid4(), name="Evening circle", kind="sessions", smallest=2, ideal=2, largest=4, mediums=["video"],
        match_on="{}", weights="{}", created_at=now,
    )  # fmt: skip
    await program.save()
    monday = (now - timedelta(days=now.weekday())).date()
    round_ = Round(
        id=uuid4(), program=program.id, week=monday, opened_at=now, stage="published", published_at=now
    )  # fmt: skip
    await round_.save()
    given: dict[str, Any] = {"starts_at": now - 61 * MINUTE, "ends_at": now - MINUTE, "medium": "video"}
    session = Session(id=uuid4(), round=round_.id, **(given | other))
    await session.save()
    seats = [Seat(id=uuid4(), session=session.id, member=one.member_id, uid=f"uid of {one.name}") for one in to]
    await Seat.insert(*seats)
    await Consent.insert(
        *[Consent(id=uuid4(), member=one.member_id, purpose="check_ins", version="1", given_at=now) for one in to]
    )
    return [seat.id for seat in seats]


async def asked() -> list[str]:
    """Who was asked, by the address their letter goes to."""
    return sorted(shown.reading.to.partition("@")[0] for shown in await letters_to_show())


async def test_everyone_who_may_have_come_is_asked_once(office: Office, now: datetime) -> None:
    await a_past_session(now, await three_members(now))

    did = [await ask_for_check_ins(office, now + minutes * MINUTE) for minutes in (0, 1, 60)]

    assert did == [True, False, False]
    assert await asked() == ["ana", "ben", "cat"]
    assert {row["kind"] for row in await the_outbox()} == {"check_in_request"}


async def test_nobody_is_asked_before_the_end_or_days_after(office: Office, now: datetime) -> None:
    await a_past_session(now, await three_members(now))

    did = [await ask_for_check_ins(office, moment) for moment in (now - 2 * MINUTE, now + timedelta(days=2))]

    assert (did, await asked()) == ([False, False], [])


async def test_nobody_is_asked_about_a_session_that_was_called_off(office: Office, now: datetime) -> None:
    await a_past_session(now, await three_members(now), stage="cancelled")

    assert await ask_for_check_ins(office, now) is False


async def test_who_could_not_come_was_removed_has_said_it_or_would_not_be_asked_is_left_alone(
    office: Office, now: datetime
) -> None:
    people = [await a_stored_member(now, name) for name in ("Ana", "Ben", "Cat", "Dan", "Eve", "Olu")]
    _, no, removed, said, *_ = await a_past_session(now, people)
    await Seat.update({Seat.rsvp: "no", Seat.answered_at: now}).where(Seat.id == no)
    await Seat.update({Seat.removed_at: now}).where(Seat.id == removed)
    await CheckIn.insert(CheckIn(id=uuid4(), seat=said, went="well", checked_in_at=now))
    await Consent.update({Consent.withdrawn_at: now}).where(Consent.member == people[4].member_id)
    await Member.update({Member.stage: "suspended"}).where(Member.id == people[5].member_id)

    await ask_for_check_ins(office, now)

    assert await asked() == ["ana"]
    (shown,) = await letters_to_show()
    assert [name for name in ("Ben", "Cat", "Olu") if name in shown.reading.text] == []
