"""What letters cost under load, as counts that hold on any machine; `bench/letters.py` has the ratios."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from peerhub.jobs.duties import Office, post_letters
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.recipient import Recipient
from peerhub.store import outbox
from peerhub.store.tables import Letter
from tests.mail.cast import a_stored_member
from tests.smtp import Mailbox

pytestmark = pytest.mark.usefixtures("db")


def news(head: Letterhead, to: Recipient, now: datetime, number: int) -> list[letters.Letter]:
    """So many announcements to one member, each of another fact."""
    week = now.date() + timedelta(days=7)
    return [letters.round_opens(head, to, f"Circle {one}", week, "https://x.example/", now) for one in range(number)]


async def test_a_letter_costs_little_more_than_one_commit_on_one_connection(
    smtp: Mailbox, letterhead: Letterhead, now: datetime, statements: list[str]
) -> None:
    await outbox.put(letterhead, news(letterhead, await a_stored_member(now), now, 120), now)
    office = Office(letterhead, smtp.url, uuid4(), clock=lambda: now)
    statements.clear()

    while await post_letters(office, now):
        pass

    assert await outbox.counts_by_state() == {"sent": 120}
    assert smtp.connections == 2  # one for each batch of a hundred
    assert len(statements) / 120 <= 1.3  # each is a commit of its own


async def test_two_thousand_letters_are_put_by_one_statement(
    letterhead: Letterhead, now: datetime, statements: list[str]
) -> None:
    some = news(letterhead, await a_stored_member(now), now, 2001)
    statements.clear()

    await outbox.put(letterhead, some, now)

    assert len(statements) == 2
    assert await Letter.count() == 2001


async def test_a_sign_in_letter_goes_before_ten_thousand_others(
    smtp: Mailbox, letterhead: Letterhead, now: datetime
) -> None:
    ana = await a_stored_member(now)
    await Letter.raw(
        "INSERT INTO letter (id, kind, cause, sealed_body, message_id, due_at, expires_at, created_at)"
        " SELECT gen_random_uuid(), 'round_opens', 'c' || g, 'x', 'm' || g, {}, {}, {}"
        " FROM generate_series(1, 10000) AS g",
        now, now + timedelta(days=1), now,
    )  # fmt: skip
    await outbox.put(letterhead, [letters.sign_in(letterhead, ana, "https://x.example/sign-in/t", now)], now)

    await post_letters(Office(letterhead, smtp.url, uuid4(), clock=lambda: now), now)

    assert [copy.to for copy in smtp.copies()] == [(ana.address,)]
    assert await Letter.select(Letter.state).where(Letter.kind == "sign_in") == [{"state": "sent"}]
