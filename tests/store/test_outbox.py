"""Letters are kept with their fact, leave in order, and leave once."""

import asyncio
import email
from collections import Counter
from collections.abc import Coroutine
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from peerhub.mail import letters, links, message
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Recipient
from peerhub.store import outbox, sealing
from peerhub.store.database import transaction
from peerhub.store.engine import DB
from peerhub.store.tables import Letter, Member
from tests.letters import letters_to_show
from tests.mail.cast import TUESDAY, a_seat, a_stored_member, states, the_outbox

pytestmark = pytest.mark.usefixtures("db")

MINUTE = timedelta(minutes=1)
ONE, TWO = UUID(int=1), UUID(int=2)


async def put_some(head: Letterhead, to: Recipient, now: datetime, number: int = 1) -> None:
    some = [letters.confirm_address(head, to, f"https://peerhub.example/confirm/{uuid4()}", now) for _ in range(number)]
    await outbox.put(head, some, now)


async def test_a_letter_is_there_if_and_only_if_its_fact_is(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)

    with pytest.raises(ZeroDivisionError):
        async with transaction():
            await put_some(letterhead, ana, now)
            raise ZeroDivisionError
    assert await states() == []

    async with transaction():
        await put_some(letterhead, ana, now)
    assert await states() == ["pending"]


async def test_a_fact_is_told_once(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    letter = letters.invitation(letterhead, ana, a_seat(), now)

    await outbox.put(letterhead, [letter], now)
    await outbox.put(letterhead, [letter], now)

    assert await states() == ["pending"]


async def test_a_stolen_table_names_nobody_and_opens_nothing(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now, "Anastasia")
    link = links.token_link(letterhead, "sign-in", "TOKEN-OF-ANASTASIA")

    await outbox.put(
        letterhead,
        [letters.sign_in(letterhead, ana, link, now), letters.invitation(letterhead, ana, a_seat(), now)],
        now,
    )

    raw = " ".join([row["text"] for row in await Letter.raw("SELECT letter::text AS text FROM letter")])
    raw += "".join([bytes(row["sealed_body"]).decode("latin-1") for row in await the_outbox()])
    secrets = ("Anastasia", "anastasia@", "TOKEN", "Evening circle", "Subject")
    assert [secret for secret in secrets if secret.lower() in raw.lower()] == []


async def test_what_is_claimed_is_what_was_put(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await put_some(letterhead, ana, now)

    (claimed,) = await outbox.claim(ONE, now, 10)

    (row,) = await the_outbox()
    opened = outbox.opened(claimed, letterhead)
    assert opened.to == "ana@example.org"
    assert opened.mail.count(f"Message-ID: {row['message_id']}".encode()) == 1
    assert (row["state"], row["attempts"], row["lease"]) == ("sending", 0, ONE)


async def test_somebody_who_waits_to_sign_in_goes_first(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    for number in range(3):
        seat = a_seat(seat_id=UUID(int=number), uid=str(number))
        await outbox.put(letterhead, [letters.invitation(letterhead, ana, seat, now)], now)
    await outbox.put(letterhead, [letters.sign_in(letterhead, ana, "https://peerhub.example/sign-in/x", now)], now)

    (first,) = await outbox.claim(ONE, now, 1)

    assert [row["kind"] for row in await the_outbox() if row["id"] == first.id] == ["sign_in"]


async def test_workers_that_claim_at_once_share_the_letters(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now, 30)

    shares = await asyncio.gather(*[outbox.claim(uuid4(), now, 10) for _ in range(6)])

    claimed = Counter(letter.id for share in shares for letter in share)
    assert (len(claimed), set(claimed.values())) == (30, {1})


async def test_a_newer_letter_about_a_seat_takes_the_place_of_an_older_one(
    letterhead: Letterhead, now: datetime
) -> None:
    ana = await a_stored_member(now)
    await outbox.put(letterhead, [letters.invitation(letterhead, ana, a_seat(), now)], now)

    await outbox.put(letterhead, [letters.changed_invitation(letterhead, ana, a_seat(sequence=1), now)], now)

    (claimed,) = await outbox.claim(ONE, now, 10)
    assert await states() == ["cancelled", "sending"]
    assert [row["id"] for row in await the_outbox()][1] == claimed.id


async def test_an_older_letter_that_is_claimed_does_not_pass_the_fence(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await outbox.put(letterhead, [letters.invitation(letterhead, ana, a_seat(), now)], now)
    (claimed,) = await outbox.claim(ONE, now, 10)

    await outbox.put(letterhead, [letters.cancelled_invitation(letterhead, ana, a_seat(sequence=1), now)], now)

    assert await outbox.fence(ONE, claimed.id, now) is False


async def test_a_newer_letter_waits_for_an_older_one_that_is_leaving(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await outbox.put(letterhead, [letters.invitation(letterhead, ana, a_seat(), now)], now)
    (older,) = await outbox.claim(ONE, now, 10)
    assert await outbox.fence(ONE, older.id, now) is True
    await outbox.put(letterhead, [letters.changed_invitation(letterhead, ana, a_seat(sequence=1), now)], now)

    meanwhile = await outbox.claim(TWO, now, 10)
    await outbox.sent(older.id, now)
    afterwards = await outbox.claim(TWO, now, 10)

    assert (len(meanwhile), len(afterwards)) == (0, 1)


async def test_letters_about_other_seats_do_not_wait(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    mine, other = a_seat(uid="a"), a_seat(uid="b", seat_id=UUID(int=8))

    await outbox.put(letterhead, [letters.invitation(letterhead, ana, seat, now) for seat in (mine, other)], now)

    assert len(await outbox.claim(ONE, now, 10)) == 2


async def test_nothing_more_is_sent_about_what_was_called_off(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await outbox.put(letterhead, [letters.invitation(letterhead, ana, a_seat(), now)], now)
    (claimed,) = await outbox.claim(ONE, now, 10)

    await outbox.cancel_about([a_seat().uid], now)

    assert await outbox.fence(ONE, claimed.id, now) is False
    assert await states() == ["cancelled"]


async def test_the_fence_opens_once_and_for_the_one_who_holds_the_lease(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now)
    (claimed,) = await outbox.claim(ONE, now, 10)

    assert await outbox.fence(TWO, claimed.id, now) is False
    assert await outbox.fence(ONE, claimed.id, now) is True
    assert await outbox.fence(ONE, claimed.id, now + MINUTE) is False


async def test_a_fence_whose_commit_nobody_heard_of_is_asked_again(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now, 3)
    first, second, third = [letter.id for letter in await outbox.claim(ONE, now, 10)]
    await outbox.begin(ONE, first, now)
    await outbox.fence(ONE, first, now, before=second)

    answers = [await outbox.fence(ONE, second, now, after=first, before=third) for _ in range(2)]

    rows = await the_outbox()
    assert answers == [True, True]
    assert [(row["state"], row["attempts"]) for row in rows] == [("sent", 1), ("sending", 1), ("sending", 1)]
    assert [row["fenced_at"] is not None for row in rows] == [False, True, False]


async def test_a_letter_is_marked_with_the_fence_of_the_next_even_where_that_one_is_not_wanted(
    letterhead: Letterhead, now: datetime
) -> None:
    ana, ben = await a_stored_member(now), await a_stored_member(now, "Ben")
    await put_some(letterhead, ana, now)
    await put_some(letterhead, ben, now)
    first, second = [letter.id for letter in await outbox.claim(ONE, now, 10)]
    await outbox.fence(ONE, first, now)
    await Member.update({Member.stage: "suspended"}).where(Member.id == ben.member_id)

    assert await outbox.fence(ONE, second, now, after=first) is False

    assert await states() == ["sent", "sending"]


async def test_a_stale_worker_is_turned_away_at_the_fence(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now)
    (claimed,) = await outbox.claim(ONE, now, 10)
    later = now + outbox.LEASE

    alone = await outbox.fence(ONE, claimed.id, later)
    await outbox.claim(TWO, later, 10)
    beside_another = await outbox.fence(ONE, claimed.id, later)

    assert (alone, beside_another) == (False, False)
    assert await outbox.fence(TWO, claimed.id, later) is True


async def test_nothing_passes_the_fence_for_a_suspended_member(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await put_some(letterhead, ana, now, 2)
    claimed, _ = await outbox.claim(ONE, now, 10)

    await Member.update({Member.stage: "suspended"}).where(Member.id == ana.member_id)

    assert await outbox.fence(ONE, claimed.id, now) is False
    await outbox.release(ONE, [row["id"] for row in await the_outbox()])
    assert await outbox.claim(ONE, now, 10) == []
    assert await outbox.expire_due(now) == 2
    assert await states() == ["cancelled", "cancelled"]


async def test_a_suspension_on_its_way_comes_first(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await put_some(letterhead, ana, now)
    (claimed,) = await outbox.claim(ONE, now, 10)

    async with transaction():
        await Member.update({Member.stage: "suspended"}).where(Member.id == ana.member_id)
        fence = asyncio.create_task(_outside(outbox.fence(ONE, claimed.id, now)))
        await _somebody_waits_for_a_lock()

    assert await fence is False


async def _outside(fence: Coroutine[None, None, bool]) -> bool:
    """On a connection of its own, beside the test's transaction."""
    DB.current_transaction.set(None)
    return await fence


async def _somebody_waits_for_a_lock() -> None:
    for _ in range(500):
        waiting = await DB._run_in_pool("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        if waiting:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def test_letters_to_an_erased_member_are_gone(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await put_some(letterhead, ana, now)
    (claimed,) = await outbox.claim(ONE, now, 10)

    await Member.delete().where(Member.id == ana.member_id)

    assert await outbox.fence(ONE, claimed.id, now) is False
    assert await states() == []


async def test_a_lease_that_ran_out_before_the_fence_is_tried_again(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now)
    (first,) = await outbox.claim(ONE, now, 10)
    await outbox.begin(ONE, first.id, now)

    early = await outbox.claim(TWO, now + outbox.LEASE - MINUTE / 60, 10)
    again = await outbox.claim(TWO, now + outbox.LEASE, 10)

    (row,) = await the_outbox()
    assert (len(early), len(again)) == (0, 1)
    assert (row["attempts"], row["lost"], row["ambiguous"]) == (1, 1, 0)


async def test_a_lease_that_ran_out_behind_the_fence_is_ambiguous(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now)
    (first,) = await outbox.claim(ONE, now, 10)
    await outbox.begin(ONE, first.id, now)
    await outbox.fence(ONE, first.id, now)

    (second,) = await outbox.claim(TWO, now + outbox.LEASE, 10)

    (row,) = await the_outbox()
    assert (second.message_id, second.written_at, second.sealed) == (first.message_id, first.written_at, first.sealed)
    assert (row["attempts"], row["lost"], row["ambiguous"]) == (1, 1, 1)


async def test_the_letters_beside_one_that_ends_its_worker_count_no_attempt(
    letterhead: Letterhead, now: datetime
) -> None:
    await put_some(letterhead, await a_stored_member(now), now, 3)
    first, *_ = await outbox.claim(ONE, now, 10)
    await outbox.begin(ONE, first.id, now)

    await outbox.claim(TWO, now + outbox.LEASE, 10)

    assert [(row["attempts"], row["lost"]) for row in await the_outbox()] == [(1, 1), (0, 0), (0, 0)]


async def test_copies_of_a_letter_say_the_same_under_one_name(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await outbox.put(letterhead, [letters.invitation(letterhead, ana, a_seat(), now)], now)
    (claimed,) = await outbox.claim(ONE, now, 10)

    one, other = (message.read(outbox.opened(claimed, letterhead).mail) for _ in range(2))
    names = {email.message_from_bytes(outbox.opened(claimed, letterhead).mail)["Message-ID"] for _ in range(2)}

    assert one == other
    assert names == {claimed.message_id}


async def test_a_late_yes_of_the_mail_server_counts(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now)
    (claimed,) = await outbox.claim(ONE, now, 10)
    await outbox.fence(ONE, claimed.id, now)
    later = now + outbox.LEASE
    await outbox.claim(TWO, later, 10)

    await outbox.sent(claimed.id, later)

    assert await outbox.fence(TWO, claimed.id, later) is False
    assert await states() == ["sent"]


@pytest.mark.parametrize("fenced", [False, True])
async def test_a_letter_that_ends_five_workers_is_set_aside(
    fenced: bool, letterhead: Letterhead, now: datetime
) -> None:
    await put_some(letterhead, await a_stored_member(now), now)
    moment = now
    for _ in range(outbox.MOST_LOST):
        (claimed,) = await outbox.claim(ONE, moment, 10)
        await outbox.begin(ONE, claimed.id, moment)
        if fenced:
            await outbox.fence(ONE, claimed.id, moment)
        moment += outbox.LEASE

    assert await outbox.claim(ONE, moment, 10) == []

    (row,) = await the_outbox()
    assert (row["state"], row["lost"], row["trouble"]) == ("held", 5, "5 attempts ended without an answer")
    assert (row["ambiguous"], row["attempts"]) == (5 if fenced else 0, 5)
    assert await outbox.expire_due(row["expires_at"]) == 1


async def test_four_refusals_for_now_and_one_lost_attempt_set_nothing_aside(
    letterhead: Letterhead, now: datetime
) -> None:
    await put_some(letterhead, await a_stored_member(now), now)
    moment = now
    for _ in range(5):
        (claimed,) = await outbox.claim(ONE, moment, 10)
        await outbox.begin(ONE, claimed.id, moment)
        await outbox.delay(ONE, claimed.id, moment, 0.0, "451 at RCPT")
        moment = (await the_outbox())[0]["due_at"]
    (claimed,) = await outbox.claim(ONE, moment, 10)
    await outbox.begin(ONE, claimed.id, moment)

    assert len(await outbox.claim(TWO, moment + outbox.LEASE, 10)) == 1


async def test_a_letter_that_cannot_be_opened_is_told_from_the_others(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now, 3)
    rows = await the_outbox()
    await Letter.update({Letter.sealed_body: rows[0]["sealed_body"]}).where(Letter.id == rows[1]["id"])

    first, second, third = await outbox.claim(ONE, now, 10)

    assert outbox.opened(first, letterhead).to == outbox.opened(third, letterhead).to == "ana@example.org"
    with pytest.raises(outbox.CannotBeWritten, match="cannot be opened"):
        outbox.opened(second, letterhead)


async def test_a_letter_that_is_set_aside_waits_for_a_person(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now)
    (claimed,) = await outbox.claim(ONE, now, 10)

    await outbox.set_aside(TWO, claimed.id, "not mine")
    await outbox.set_aside(ONE, claimed.id, "it cannot be written (KeyError)")

    (row,) = await the_outbox()
    assert (row["state"], row["trouble"]) == ("held", "it cannot be written (KeyError)")
    assert await outbox.claim(TWO, now + outbox.LEASE, 10) == []


async def test_a_letter_of_version_0_1_leaves_as_it_was_composed(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await put_some(letterhead, ana, now)
    (row,) = await the_outbox()
    whole = sealing.seal(b"ana@example.org\nSubject: as composed\r\n\r\nHello\r\n", Letter.sealed_body, row["id"])
    await Letter.update({Letter.sealed_body: whole}).where(Letter.id == row["id"])

    (claimed,) = await outbox.claim(ONE, now, 10)

    opened = outbox.opened(claimed, letterhead)
    assert (opened.to, opened.mail) == ("ana@example.org", b"Subject: as composed\r\n\r\nHello\r\n")


async def test_the_wait_grows_and_ends_with_the_letter(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now)
    waits, moment, expires_at = [], now, (await the_outbox())[0]["expires_at"]
    for _ in range(6):
        (claimed,) = await outbox.claim(ONE, moment, 10)
        await outbox.begin(ONE, claimed.id, moment)
        await outbox.delay(ONE, claimed.id, moment, 0.0, "451 at RCPT")
        due_at = (await the_outbox())[0]["due_at"]
        waits.append((due_at - moment) / MINUTE)
        moment = due_at

    assert waits == [1, 5, 15, 60, 240, 240]
    (claimed,) = await outbox.claim(ONE, expires_at - MINUTE, 10)
    await outbox.delay(ONE, claimed.id, expires_at - MINUTE, 1.0, "451 at RCPT")
    assert (await the_outbox())[0]["due_at"] == expires_at


async def test_jitter_lengthens_the_wait_by_up_to_a_fifth(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now)
    (claimed,) = await outbox.claim(ONE, now, 10)

    await outbox.delay(ONE, claimed.id, now, 1.0, "451 at RCPT")

    assert (await the_outbox())[0]["due_at"] == now + 1.2 * MINUTE


async def test_what_is_given_back_burns_no_attempt(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now, 2)
    fenced, other = await outbox.claim(ONE, now, 10)
    for letter in (fenced, other):
        await outbox.begin(ONE, letter.id, now)
    await outbox.fence(ONE, fenced.id, now)

    await outbox.release(ONE, [fenced.id, other.id])

    assert [(row["state"], row["attempts"]) for row in await the_outbox()] == [("sending", 1), ("pending", 0)]


async def test_a_refusal_is_final_unless_an_earlier_copy_may_have_arrived(
    letterhead: Letterhead, now: datetime
) -> None:
    await put_some(letterhead, await a_stored_member(now), now, 2)
    first, second = await outbox.claim(ONE, now, 10)
    await outbox.fence(ONE, second.id, now)
    later = now + 2 * outbox.LEASE
    await outbox.claim(TWO, later, 10)

    for letter in (first, second):
        await outbox.fail(TWO, letter.id, later, "550 at RCPT")

    assert await states() == ["failed", "held"]


async def test_a_letter_that_comes_too_late_is_not_sent(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await outbox.put(letterhead, [letters.invitation(letterhead, ana, a_seat(), now)], now)
    (claimed,) = await outbox.claim(ONE, TUESDAY - MINUTE, 10)

    at_the_fence = await outbox.fence(ONE, claimed.id, TUESDAY)
    await outbox.release(ONE, [claimed.id])
    claimed_late = await outbox.claim(ONE, TUESDAY, 10)

    assert (at_the_fence, claimed_late) == (False, [])
    assert (await outbox.expire_due(TUESDAY - MINUTE), await outbox.expire_due(TUESDAY)) == (0, 1)
    assert await outbox.counts_by_state() == {"expired": 1}


async def test_bodies_are_forgotten_a_week_after_the_end(letterhead: Letterhead, now: datetime) -> None:
    await put_some(letterhead, await a_stored_member(now), now, 2)
    (claimed,) = await outbox.claim(ONE, now, 1)
    await outbox.sent(claimed.id, now)
    week = timedelta(days=7)

    early, late = await outbox.purge_bodies(now + week - MINUTE), await outbox.purge_bodies(now + week)

    assert (early, late) == (0, 1)
    assert [row["sealed_body"] is None for row in await the_outbox()] == [True, False]


async def test_the_mailbox_shows_letters_as_their_reader_sees_them(letterhead: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    await put_some(letterhead, ana, now)
    await outbox.put(letterhead, [letters.invitation(letterhead, ana, a_seat(), now)], now)

    newest, oldest = await letters_to_show()

    assert (newest.kind, newest.reading.subject) == ("invitation", "You have a new invitation")
    assert newest.reading.calendar.splitlines()[0] == "BEGIN:VCALENDAR"
    assert (oldest.kind, oldest.reading.to, oldest.reading.calendar) == ("confirm_address", "ana@example.org", "")
    assert "Hello Ana," in oldest.reading.text
    assert "Hello Ana," in oldest.reading.html
