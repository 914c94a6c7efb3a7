"""Whatever people call themselves, their programs and places: each letter leaves once, to one person, and no other."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from unicodedata import category
from uuid import UUID, uuid4

import pytest

from peerhub.jobs.duties import Office, post_letters
from peerhub.mail import letters, message
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter, Recipient
from peerhub.store import outbox, sealing
from peerhub.store.tables import Member
from tests.mail.cast import a_seat, a_stored_member, an_offer, the_outbox
from tests.mail.test_calendar import NASTY
from tests.mail.test_plain import BIDI
from tests.smtp import Mailbox

pytestmark = pytest.mark.usefixtures("db")

WORDS = [word for word in NASTY if "\ud800" not in word]  # which nothing here can keep
WEEK, LINK = date(2026, 11, 30), "https://peerhub.example/sign-in/token"
ALWAYS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version",
    "Content-Type", "Content-Language",
}  # fmt: skip
SOMETIMES = {"List-Unsubscribe", "List-Unsubscribe-Post"}


def every_kind(head: Letterhead, to: Recipient, word: str, now: datetime) -> list[Letter]:
    """One letter of each kind, in which whatever somebody typed is the word; each about a seat of its own."""
    until = now + timedelta(days=1)
    offer = replace(an_offer(), id=uuid4(), member_name=word, program_name=word, medium=word, expires_at=until)

    def seat(sequence: int = 0) -> letters.SeatInvitation:
        return a_seat(
            seat_id=uuid4(), uid=f"{uuid4().hex}@peerhub.example", sequence=sequence,
            program_name=word, medium=word, place=word, others=(word, word),
        )  # fmt: skip

    return [
        letters.confirm_address(head, to, LINK, now),
        letters.sign_in(head, to, LINK, now),
        letters.already_a_member(head, to, LINK, now),
        letters.round_opens(head, to, word, WEEK, LINK, now),
        letters.not_matched(head, to, word, WEEK, UUID(int=9), now),
        letters.invitation(head, to, seat(), now),
        letters.changed_invitation(head, to, seat(1), now),
        letters.cancelled_invitation(head, to, seat(1), now),
        letters.removed_from_session(head, to, seat(1), now),
        letters.invitation_again(head, to, seat(1), now),
        letters.seat_taken(head, to, seat(), now),
        letters.seat_offered(head, to, offer),
        letters.reminder(head, to, seat(), uuid4(), until),
        letters.nudge(head, to, seat(), uuid4(), until),
        letters.check_in_request(head, to, seat(), now),
    ]


async def test_every_letter_leaves_once_to_its_own_member_whatever_the_words_in_it(
    smtp: Mailbox, letterhead: Letterhead, now: datetime
) -> None:
    expected: Counter[str] = Counter()
    for number, word in enumerate(WORDS):
        stored = await a_stored_member(now, f"member{number}")
        head, to = replace(letterhead, community=word), replace(stored, name=word, discreet=False)
        written = every_kind(head, to, word, now)
        await outbox.put(head, written, now)
        expected[to.address] += len(written)

    while await post_letters(Office(letterhead, smtp.url, uuid4(), clock=lambda: now), now):
        pass

    assert await outbox.counts_by_state() == {"sent": expected.total()}
    assert Counter(copy.to for copy in smtp.copies()) == {(to,): count for to, count in expected.items()}
    for copy in smtp.copies():
        names = Counter(copy.message.keys())
        assert set(names) - SOMETIMES == ALWAYS
        assert set(names.values()) == {1}
        assert (str(copy.message["To"]), copy.message["From"]) == (copy.to[0], letterhead.mail_from)
        assert [sign for sign in str(copy.message["Subject"]) if not sign.isprintable()] == []
        reading = message.read(copy.mail)
        said = (reading.text + reading.html + reading.calendar).replace("\r\n", "").replace("\n", "")
        assert {sign for sign in said if sign in BIDI or category(sign) in {"Cc", "Zl", "Zp"}} == set()


NOT_ONE = [
    "ana@example.org, eve@example.org", "ana@example.org\r\nBcc: eve@example.org", "Ana <ana@example.org>", "ana",
    "ana@example.org\x00", "\u202eana@example.org", "<eve@example.org> ana@example.org", f"{'a' * 10_000}@example.org",
]  # fmt: skip


async def test_nothing_is_sent_to_what_is_not_one_address_and_the_others_flow(
    smtp: Mailbox, letterhead: Letterhead, now: datetime
) -> None:
    ben = await a_stored_member(now, "Ben")
    for number, address in enumerate(NOT_ONE):
        stored = await a_stored_member(now, f"member{number}")
        sealed = sealing.seal(address, Member.sealed_address, stored.member_id)
        await Member.update({Member.sealed_address: sealed}).where(Member.id == stored.member_id)
        seat = a_seat(seat_id=uuid4(), uid=f"{uuid4().hex}@peerhub.example")
        await outbox.put(letterhead, [letters.invitation(letterhead, replace(stored, address=address), seat, now)], now)
    await outbox.put(letterhead, [letters.invitation(letterhead, ben, a_seat(), now)], now)

    while await post_letters(Office(letterhead, smtp.url, uuid4(), clock=lambda: now), now):
        pass

    rows = await the_outbox()
    assert [(row["state"], row["trouble"]) for row in rows] == [
        *[("held", "it cannot be written (ValueError)")] * len(NOT_ONE), ("sent", ""),
    ]  # fmt: skip
    assert [copy.to for copy in smtp.copies()] == [(ben.address,)]
