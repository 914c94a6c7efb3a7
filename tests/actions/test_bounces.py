"""Letters that come back: whose address is out of reach, what waits meanwhile, and how it is found again."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from peerhub.actions import bounces, inbox, logins
from peerhub.actions.bounces import Returned
from peerhub.domain.letters import OUT_OF_REACH
from peerhub.jobs.duties import post_letters
from peerhub.jobs.office import Office
from peerhub.mail import incoming, letters
from peerhub.mail.bounces import Bounce, return_address
from peerhub.mail.letterhead import Letterhead
from peerhub.store import logins as stored
from peerhub.store import outbox, reach
from peerhub.store.tables import Letter, Unreached
from tests.mail.cast import a_seat, a_stored_member
from tests.replies import a_report
from tests.smtp import Mailbox, Move

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def head(letterhead: Letterhead) -> Letterhead:
    return replace(letterhead, bounce_domain="bounces.peerhub.example")


async def a_letter(head: Letterhead, to: letters.Recipient, now: datetime) -> UUID:
    """An invitation in the outbox, to a seat of its own."""
    seat = a_seat(seat_id=uuid4(), uid=f"{uuid4().hex}@peerhub.example")
    await outbox.put(head, [letters.invitation(head, to, seat, now)], now)
    row = await Letter.select(Letter.id).order_by(Letter.number, ascending=False).first()
    assert row
    return UUID(str(row["id"]))


async def came_back(letter: UUID, status: str, now: datetime) -> Returned:
    return await bounces.take_back(Bounce(letter, None, status), now)


async def is_out_of_reach(to: letters.Recipient) -> bool:
    return to.member_id in await reach.who_is_out_of_reach([to.member_id])


async def test_no_such_address_ends_it_at_once(head: Letterhead, now: datetime) -> None:
    ana, ben = await a_stored_member(now), await a_stored_member(now, "Ben")

    outcome = await came_back(await a_letter(head, ana, now), "5.1.1", now)

    assert outcome is Returned.OUT_OF_REACH
    assert (await is_out_of_reach(ana), await is_out_of_reach(ben)) == (True, False)


@pytest.mark.parametrize("status", ["5.2.2", "4.4.7", "4.2.2"])
async def test_what_may_pass_counts_until_the_fifth_letter(head: Letterhead, now: datetime, status: str) -> None:
    ana = await a_stored_member(now)

    outcomes = [await came_back(await a_letter(head, ana, now), status, now) for _ in range(5)]

    assert outcomes == [Returned.COUNTED] * 4 + [Returned.OUT_OF_REACH]


async def test_what_came_back_long_ago_no_longer_counts(head: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    for _ in range(4):
        await came_back(await a_letter(head, ana, now), "5.2.2", now)

    later = now + timedelta(days=31)
    outcomes = [await came_back(await a_letter(head, ana, later), "5.2.2", later) for _ in range(4)]

    assert outcomes == [Returned.COUNTED] * 4
    assert await is_out_of_reach(ana) is False


async def test_one_letter_counts_once_however_many_reports_it_brings(head: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    letter = await a_letter(head, ana, now)

    outcomes = [await came_back(letter, "5.2.2", now) for _ in range(6)]

    assert outcomes == [Returned.COUNTED] + [Returned.SEEN_BEFORE] * 5


@pytest.mark.parametrize("status", ["5.7.1", "5.1.8", "5.1.7", "5.6.0", "5.3.4"])
async def test_what_is_not_about_the_address_changes_nothing(head: Letterhead, now: datetime, status: str) -> None:
    ana = await a_stored_member(now)

    assert await came_back(await a_letter(head, ana, now), status, now) is Returned.NOTHING
    assert await Unreached.count() == 0


async def test_a_letter_is_known_by_its_return_address_or_by_the_copy_that_came_back(
    head: Letterhead, now: datetime
) -> None:
    ana, ben = await a_stored_member(now), await a_stored_member(now, "Ben")
    to = return_address(head, await a_letter(head, ana, now))
    copy = (await Letter.select(Letter.message_id).where(Letter.id == await a_letter(head, ben, now)))[0]["message_id"]
    by_address, by_copy = a_report(to), a_report("hello@peerhub.example", given_back=copy)

    for mail, envelope in ((by_address, [to]), (by_copy, [])):
        assert await inbox.take(incoming.read(mail, envelope, head), head, now) == Returned.OUT_OF_REACH.value

    assert (await is_out_of_reach(ana), await is_out_of_reach(ben)) == (True, True)


async def test_a_forged_report_reaches_nobody(head: Letterhead, now: datetime) -> None:
    ana = await a_stored_member(now)
    letter = await a_letter(head, ana, now)
    elsewhere = replace(head, signing_key=b"x" * 32)
    forged = [
        a_report(return_address(elsewhere, letter)),
        a_report(return_address(head, uuid4())),
        a_report("ana@example.org"),
        a_report("hello@peerhub.example", given_back="<guess@peerhub.example>"),
        a_report("hello@peerhub.example", given_back="<gu\0ess@peerhub.example>"),
    ]

    outcomes = [await inbox.take(incoming.read(mail, [], head), head, now) for mail in forged]

    assert (outcomes, await Unreached.count()) == ([Returned.NOT_OURS.value] * 5, 0)


async def test_letters_wait_until_a_mailed_link_was_opened(head: Letterhead, now: datetime, smtp: Mailbox) -> None:
    ana = await a_stored_member(now)
    office = Office(head, smtp.url, uuid4(), clock=lambda: now)
    before = await a_letter(head, ana, now)
    await came_back(before, "5.1.1", now)
    after = await a_letter(head, ana, now)

    assert await post_letters(office, now) is False
    await reach.hold_letters()
    rows = await Letter.select(Letter.id, Letter.state, Letter.trouble).order_by(Letter.number)
    assert rows == [{"id": one, "state": "held", "trouble": OUT_OF_REACH} for one in (before, after)]

    await logins.ask(ana.address, "browser", head, now)
    await post_letters(office, now)
    assert [copy.message["Subject"] for copy in smtp.copies()] == ["Your link to sign in"]

    token = await stored.put_link(ana.member_id, "browser", stored.LINK_LIFE, now)
    await logins.open_link(token, "browser", None, "192.0.2.7", now)
    await post_letters(office, now)
    assert await is_out_of_reach(ana) is False
    assert len(smtp.copies(ana.address)) == 3


async def test_each_letter_has_a_return_address_of_its_own_that_names_nobody(
    head: Letterhead, now: datetime, smtp: Mailbox
) -> None:
    ana, ben = await a_stored_member(now), await a_stored_member(now, "Ben")
    ids = [await a_letter(head, to, now) for to in (ana, ben)]

    await post_letters(Office(head, smtp.url, uuid4(), clock=lambda: now), now)

    senders = [copy.sender for copy in smtp.copies()]
    assert senders == [return_address(head, one) for one in ids]
    assert {str(copy.message["From"]) for copy in smtp.copies()} == {"hello@peerhub.example"}
    assert [sender for sender in senders if "ana" in sender or "example.org" in sender] == []


async def test_an_address_that_the_mail_server_refuses_at_once_is_out_of_reach(
    head: Letterhead, now: datetime, smtp: Mailbox
) -> None:
    ana = await a_stored_member(now)
    smtp.script[ana.address, None] = Move("RCPT", say="550 5.1.1 no such user")
    await a_letter(head, ana, now)

    await post_letters(Office(head, smtp.url, uuid4(), clock=lambda: now), now)

    assert await is_out_of_reach(ana) is True
    assert (await Letter.select(Letter.state))[0]["state"] == "failed"
