"""Answers that calendars mail: what counts, what is old, and what nobody but the member can say."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from peerhub.actions import inbox, invitations, sessions
from peerhub.actions.invitations import Answered
from peerhub.domain.invitations import AsksFor, Rsvp
from peerhub.mail import incoming
from peerhub.mail.letterhead import Letterhead
from peerhub.store import remarks
from peerhub.store.tables import TABLES, Letter, Member, Quota, ReadMail, Seat, Session
from tests.community import THURSDAY, TUESDAY, a_member, an_organizer
from tests.letters import letters_to_show
from tests.replies import an_answer
from tests.web.conftest import a_seat

pytestmark = pytest.mark.usefixtures("db")
ANA = "mailto:ana@example.org"


@pytest.fixture
async def seat(db: None, now: datetime) -> UUID:
    """Ana's seat in a session with Ben."""
    return await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))


async def uid_of(seat: UUID) -> str:
    row = await Seat.select(Seat.uid).where(Seat.id == seat).first()
    assert row
    return str(row["uid"])


async def said(seat: UUID) -> str:
    row = await Seat.select(Seat.rsvp).where(Seat.id == seat).first()
    assert row
    return str(row["rsvp"])


async def take(mail: bytes, head: Letterhead, now: datetime) -> str:
    return await inbox.take(incoming.read(mail, [], head), head, now)


async def everything(*, but: tuple[type, ...] = (Quota,)) -> list[list[str]]:
    return [sorted(map(repr, await table.select())) for table in TABLES if table not in but]


@pytest.mark.parametrize(("partstat", "rsvp"), [("ACCEPTED", "yes"), ("DECLINED", "no"), ("TENTATIVE", "maybe")])
async def test_a_calendars_answer_is_kept(
    seat: UUID, letterhead: Letterhead, now: datetime, partstat: str, rsvp: str
) -> None:
    outcome = await take(an_answer(await uid_of(seat), ANA.upper(), now, partstat), letterhead, now)

    assert (outcome, await said(seat)) == (Answered.KEPT.value, rsvp)


async def test_who_sent_it_makes_no_difference(seat: UUID, letterhead: Letterhead, now: datetime) -> None:
    mail = an_answer(await uid_of(seat), ANA, now, sender="somebody.else@elsewhere.example")

    assert await take(mail, letterhead, now) == Answered.KEPT.value


FORGED: dict[str, Callable[[str, datetime], bytes]] = {
    "an unknown uid": lambda uid, now: an_answer(f"x{uid}", ANA, now),
    "a uid that no database can look for": lambda uid, now: an_answer(f"{uid}\0", ANA, now),
    "a uid of ten thousand letters": lambda uid, now: an_answer(uid * 200, ANA, now),
    "another member": lambda uid, now: an_answer(uid, "mailto:ben@example.org", now, sender="ana@example.org"),
    "a stranger": lambda uid, now: an_answer(uid, "mailto:stranger@elsewhere.example", now),
    "two attendees": lambda uid, now: an_answer(uid, ANA, now, more=("ATTENDEE:mailto:ben@example.org",)),
    "a later version": lambda uid, now: an_answer(uid, ANA, now, sequence=1),
    "a name in another alphabet": lambda uid, now: an_answer(uid, "mailto:an\u0430@example.org", now),
    "an address and more": lambda uid, now: an_answer(uid, f"{ANA},mailto:ben@example.org", now),
    "no address": lambda uid, now: an_answer(uid, "urn:uuid:1", now),
    "an invitation": lambda uid, now: an_answer(uid, ANA, now, method="REQUEST"),
    "a cancellation": lambda uid, now: an_answer(uid, ANA, now, method="CANCEL"),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
async def test_a_forged_answer_changes_nothing_for_anybody(
    seat: UUID, letterhead: Letterhead, now: datetime, forged: Callable[[str, datetime], bytes]
) -> None:
    before = await everything()

    await take(forged(await uid_of(seat), now), letterhead, now)

    assert await everything() == before


ODD = [
    b"\0",
    b"\r",
    b"\n",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"%00",
    b"%ff",
    b"\\n",
    b";",
    b'"',
    b"x" * 10_000,
    b"=?utf-8?q?=00?=",
]


async def test_odd_bytes_at_the_end_of_any_line_of_a_mailed_answer_are_borne(
    seat: UUID, letterhead: Letterhead, now: datetime
) -> None:
    uid, at = (await uid_of(seat)).encode(), now - timedelta(hours=1)

    def lines() -> list[bytes]:
        """Ana declines, a minute later each time, so that no answer is one that was seen before."""
        return [
            b"From: ana@example.org", b"Message-ID: <1@example.org>", b"Content-Type: text/calendar", b"",
            b"BEGIN:VCALENDAR", b"METHOD:REPLY", b"BEGIN:VEVENT", b"UID:" + uid,
            f"DTSTAMP:{at:%Y%m%dT%H%M%SZ}".encode(), b"ATTENDEE;PARTSTAT=DECLINED;CN=Ana:" + ANA.encode(),
            b"SEQUENCE:0", b"DTSTART:20261201T180000Z", b"END:VEVENT", b"END:VCALENDAR", b"",
        ]  # fmt: skip

    outcomes: Counter[str] = Counter()
    for number in range(len(lines())):
        for odd in ODD:
            at += timedelta(hours=1)  # so many answers in one would be too often
            mail = lines()
            mail[number] += odd
            outcomes[await take(b"\r\n".join(mail), letterhead, at)] += 1

    assert outcomes.total() == 180
    assert (outcomes[Answered.KEPT.value] > 50, outcomes[Answered.TOO_OFTEN.value]) == (True, 0)
    assert Counter(row["rsvp"] for row in await Seat.select(Seat.rsvp)) == {"no": 1, "waiting": 1}


async def test_an_answer_counts_only_if_it_is_newer(seat: UUID, letterhead: Letterhead, now: datetime) -> None:
    uid, later = await uid_of(seat), now + timedelta(minutes=9)
    await take(an_answer(uid, ANA, now - timedelta(minutes=2), "ACCEPTED"), letterhead, now)
    await take(an_answer(uid, ANA, now - timedelta(minutes=1), "DECLINED"), letterhead, later)

    late = await take(an_answer(uid, ANA, now - timedelta(minutes=3), "TENTATIVE"), letterhead, later)
    same = await take(an_answer(uid, ANA, now - timedelta(minutes=1), "ACCEPTED"), letterhead, later)

    assert (late, same, await said(seat)) == (Answered.OLD.value, Answered.OLD.value, "no")


async def test_what_was_said_on_the_page_since_is_newer(seat: UUID, letterhead: Letterhead, now: datetime) -> None:
    await invitations.answer(seat, Rsvp.NO, now)

    await take(an_answer(await uid_of(seat), ANA, now - timedelta(minutes=1)), letterhead, now)

    assert await said(seat) == "no"


async def test_a_clock_that_is_ahead_does_not_close_the_page(seat: UUID, letterhead: Letterhead, now: datetime) -> None:
    await take(an_answer(await uid_of(seat), ANA, now + timedelta(days=365)), letterhead, now)

    again = await take(an_answer(await uid_of(seat), ANA, now + timedelta(days=366), "DECLINED"), letterhead,
                       now + timedelta(seconds=1))  # fmt: skip

    assert (again, await said(seat)) == (Answered.KEPT.value, "no")


async def test_the_second_copy_of_a_mail_changes_nothing(seat: UUID, letterhead: Letterhead, now: datetime) -> None:
    mail = an_answer(await uid_of(seat), ANA, now)

    outcomes = await asyncio.gather(*(take(mail, letterhead, now) for _ in range(8)))

    assert sorted(outcomes) == sorted([Answered.KEPT.value] + [Answered.SEEN_BEFORE.value] * 7)
    assert await ReadMail.count() == 1


async def moved(seat: UUID, head: Letterhead, now: datetime) -> None:
    row = await Seat.select(Seat.session).where(Seat.id == seat).first()
    assert row
    change = sessions.Change(THURSDAY.starts_at, "voice", "")
    await sessions.change(row["session"], change, head, await an_organizer(now), now)


async def test_an_answer_to_an_earlier_time_is_not_kept_and_brings_the_time_as_it_is_now_once(
    seat: UUID, letterhead: Letterhead, now: datetime
) -> None:
    await moved(seat, letterhead, now)
    uid = await uid_of(seat)
    old = [
        an_answer(uid, ANA, now + timedelta(minutes=n), starts_at=starts_at)
        for n, starts_at in enumerate((TUESDAY.starts_at, TUESDAY.starts_at, None), start=1)
    ]

    outcomes = [await take(mail, letterhead, now + timedelta(minutes=5)) for mail in old]

    assert (outcomes, await said(seat)) == ([Answered.EARLIER_TIME.value] * 3, "waiting")
    again = [one for one in await letters_to_show() if one.kind == "invitation_again"]
    assert [("SEQUENCE:1" in one.reading.calendar, "20261203T180000Z" in one.reading.calendar) for one in again] == [
        (True, True)
    ]
    rows = await Letter.select(Letter.about).where(Letter.kind == "invitation_again")
    assert rows == [{"about": uid}]


async def test_an_answer_to_the_same_time_counts_whatever_else_has_changed(
    seat: UUID, letterhead: Letterhead, now: datetime
) -> None:
    row = await Seat.select(Seat.session).where(Seat.id == seat).first()
    assert row
    change = sessions.Change(TUESDAY.starts_at, "voice", "another room")
    await sessions.change(row["session"], change, letterhead, await an_organizer(now), now)

    outcome = await take(
        an_answer(await uid_of(seat), ANA, now, sequence=0, starts_at=TUESDAY.starts_at), letterhead, now
    )

    assert (outcome, await said(seat)) == (Answered.KEPT.value, "yes")


async def over(seat: UUID) -> None:
    early = TUESDAY.starts_at - timedelta(days=30)
    await Session.update({Session.starts_at: early, Session.ends_at: early + timedelta(hours=1)}, force=True)


async def cancelled(seat: UUID) -> None:
    await Session.update({Session.stage: "cancelled"}, force=True)


async def removed(seat: UUID) -> None:
    await Seat.update({Seat.removed_at: TUESDAY.starts_at}).where(Seat.id == seat)


@pytest.mark.parametrize("happens", [over, cancelled, removed])
async def test_a_late_answer_changes_no_seat(
    seat: UUID, letterhead: Letterhead, now: datetime, happens: Callable[[UUID], Any]
) -> None:
    await happens(seat)

    outcome = await take(an_answer(await uid_of(seat), ANA, now), letterhead, now)

    assert (outcome, await said(seat)) == (Answered.TOO_LATE.value, "waiting")


@pytest.mark.parametrize(
    ("method", "partstat", "asks_for"),
    [
        ("COUNTER", "TENTATIVE", AsksFor.OTHER_TIME),
        ("REFRESH", "NEEDS-ACTION", AsksFor.NEWS),
        ("REPLY", "DELEGATED", AsksFor.STAND_IN),
    ],
)
async def test_what_only_a_person_can_decide_waits_for_one(
    seat: UUID, letterhead: Letterhead, now: datetime, method: str, partstat: str, asks_for: AsksFor
) -> None:
    uid = await uid_of(seat)
    session = (await Session.select(Session.id))[0]["id"]

    for minute in range(3):
        mail = an_answer(uid, ANA, now + timedelta(minutes=minute), partstat, method=method,
                         starts_at=THURSDAY.starts_at)  # fmt: skip
        assert await take(mail, letterhead, now) == Answered.FOR_A_PERSON.value

    waiting = (await remarks.of_sessions([session]))[session]
    assert [(one.asks_for, one.proposed_at) for one in waiting] == [(asks_for, THURSDAY.starts_at)]
    assert await said(seat) == "waiting"


async def test_calendars_that_quarrel_are_heard_thirty_times_an_hour(
    seat: UUID, letterhead: Letterhead, now: datetime
) -> None:
    uid, quarrel = await uid_of(seat), ("ACCEPTED", "DECLINED")

    outcomes = [
        await take(an_answer(uid, ANA, now + timedelta(seconds=n), quarrel[n % 2]), letterhead,
                   now + timedelta(seconds=n))
        for n in range(32)
    ]  # fmt: skip

    assert outcomes == [Answered.KEPT.value] * 30 + [Answered.TOO_OFTEN.value] * 2


async def test_a_suspended_member_answers_nothing(seat: UUID, letterhead: Letterhead, now: datetime) -> None:
    await Member.update({Member.stage: "suspended"}, force=True)

    assert await take(an_answer(await uid_of(seat), ANA, now), letterhead, now) == Answered.TOO_LATE.value
