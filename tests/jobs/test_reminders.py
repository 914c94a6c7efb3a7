"""Reminders come once for each time of a session, whatever clocks and workers do, and only to who wants them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from peerhub.actions import invitations, sessions, subscriptions
from peerhub.actions import reminders as acts
from peerhub.domain.availability import Span
from peerhub.domain.invitations import Rsvp
from peerhub.domain.programs import Kind
from peerhub.domain.reminders import Reminder as KindOfReminder
from peerhub.domain.reminders import Reminding
from peerhub.domain.subscriptions import Subscription
from peerhub.jobs import duties
from peerhub.jobs.duties import Office
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, outbox, reminders
from peerhub.store import sessions as held
from peerhub.store.tables import Letter, Member, Reminder, Round, Seat, Session, Unreached
from tests.community import a_member, a_program, a_round, an_organizer, change_hours, enrol, together
from tests.letters import letters_to_show
from tests.mail.cast import a_seat as told_of

pytestmark = pytest.mark.usefixtures("db")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
STARTS = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)  # a Tuesday
EARLY = STARTS - timedelta(days=8)


@pytest.fixture
def office(letterhead: Letterhead) -> Office:
    return Office(letterhead, "", uuid4())


async def a_session(
    *answers: str, starts_at: datetime = STARTS, zone: str = "Europe/Lisbon", told_at: datetime | None = None
) -> list[UUID]:
    """A published session with Ana, Ben and Cat, who gave these answers at once; the ids of their seats."""
    told_at = told_at or starts_at - timedelta(days=8)
    people = [await a_member(name, told_at, zone=zone) for name in ("Ana", "Ben", "Cat")][: len(answers)]
    program = await a_program(told_at, Kind.SESSIONS, smallest=2, facilitators_per_session=0)
    await enrol(program, told_at, *people)
    week = (starts_at - timedelta(days=starts_at.weekday())).date()
    round_id = await a_round(program, told_at, *people, week=week)
    await Round.update({Round.stage: "published", Round.published_at: told_at}).where(Round.id == round_id)
    await held.put(round_id, [together(*people, span=Span(starts_at, starts_at + HOUR))], "peerhub.example")
    (session,) = await held.of_round(round_id)
    seats = {seat.member_id: seat.id for seat in session.seats}
    for person, answer in zip(people, answers, strict=True):
        if answer != "waiting":
            await Seat.update({Seat.rsvp: answer, Seat.answered_at: told_at}).where(Seat.id == seats[person])
    return [seats[person] for person in people]


async def of_seat(seat: UUID, column: Any) -> UUID:
    row = await Seat.select(column).where(Seat.id == seat).first()
    assert row
    found: UUID = row[column._meta.name]
    return found


async def run(office: Office, *moments: datetime) -> None:
    """What the worker's loops do with reminders, at each of these moments."""
    for now in moments:
        await duties.call_off_reminders(office, now)
        await duties.remind(office, now)
        await duties.nudge(office, now)
        await duties.note_missed_reminders(office, now)


async def written(*kinds: str) -> list[str]:
    """Who was written to, and what, the oldest first."""
    return [
        f"{shown.reading.to.partition('@')[0]}: {shown.kind}"
        for shown in reversed(await letters_to_show())
        if shown.kind in (kinds or ("reminder", "nudge"))
    ]


async def rows() -> list[tuple[str, bool]]:
    """Kind of every row, and whether a letter was made of it."""
    kept = await Reminder.select(Reminder.kind, Reminder.cause).order_by(Reminder.kind)
    return [(row["kind"], row["cause"] is not None) for row in kept]


def minutes_of(start: datetime, end: datetime, step: int) -> Sequence[datetime]:
    return [start + n * step * MINUTE for n in range(int((end - start) / (step * MINUTE)) + 1)]


# When, and to whom


async def test_a_reminder_comes_a_day_before_unless_they_chose_otherwise(office: Office) -> None:
    await a_session("yes")

    await run(office, STARTS - 24 * HOUR - MINUTE)
    before = await written()
    await run(office, *minutes_of(STARTS - 24 * HOUR, STARTS + 8 * HOUR, 60))

    assert before == []
    assert await written() == ["ana: reminder"]
    assert [row["created_at"] for row in await Letter.select(Letter.created_at)] == [STARTS - 24 * HOUR]


@pytest.mark.parametrize(
    ("choice", "hours"),
    [(Reminding.DAY_BEFORE, [24]), (Reminding.HOUR_BEFORE, [1]), (Reminding.BOTH, [24, 1]), (None, [])],
)
async def test_members_choose_when_they_are_reminded(
    office: Office, choice: Reminding | None, hours: list[int]
) -> None:
    (seat,) = await a_session("yes")
    await acts.choose(await of_seat(seat, Seat.member), choice, EARLY)

    await run(office, *minutes_of(STARTS - 26 * HOUR, STARTS, 60))

    made = [row["created_at"] for row in await Letter.select(Letter.created_at).order_by(Letter.number)]
    assert [(STARTS - moment) / HOUR for moment in made] == hours


async def test_who_said_yes_or_maybe_is_reminded_and_who_declined_hears_nothing(office: Office) -> None:
    await a_session("yes", "maybe", "no")

    await run(office, *minutes_of(STARTS - 60 * HOUR, STARTS, 120))

    assert sorted(await written()) == ["ana: reminder", "ben: reminder"]


@pytest.mark.parametrize("days, hours", [(8, 48), (2, 24), (1, 12)], ids=str)
async def test_who_has_not_answered_is_asked_once_halfway_or_two_days_before(
    office: Office, days: int, hours: int
) -> None:
    await a_session("waiting", told_at=STARTS - timedelta(days=days))

    await run(office, *minutes_of(STARTS - timedelta(days=min(days, 3)), STARTS + 5 * HOUR, 60))

    assert await written() == ["ana: nudge"]
    assert [row["created_at"] for row in await Letter.select(Letter.created_at)] == [STARTS - hours * HOUR]


async def test_who_was_told_hours_ago_needs_no_reminder_a_day_before(office: Office) -> None:
    await a_session("yes", told_at=STARTS - 20 * HOUR)

    await run(office, *minutes_of(STARTS - 20 * HOUR, STARTS + 8 * HOUR, 60))

    assert (await written(), await rows()) == ([], [])


async def test_nobody_is_reminded_of_what_they_have_not_heard_of_yet(office: Office, letterhead: Letterhead) -> None:
    (seat,) = await a_session("yes")
    uid = await of_seat(seat, Seat.uid)
    to = await letters_to(seat)
    await outbox.put(letterhead, [letters.invitation(letterhead, to, told_of(uid=uid), EARLY)], EARLY)

    await run(office, STARTS - 24 * HOUR)
    before = await written()
    await Letter.update({Letter.state: "sent", Letter.ended_at: EARLY}).where(Letter.about == uid)
    await run(office, STARTS - 23 * HOUR)

    assert (before, await written()) == ([], ["ana: reminder"])


async def letters_to(seat: UUID) -> letters.Recipient:
    to = await members.recipient_of(await of_seat(seat, Seat.member))
    assert to
    return to


async def test_who_does_without_reminders_or_is_suspended_gets_none(office: Office) -> None:
    ana, ben, cat = await a_session("yes", "waiting", "yes")
    for seat in (ana, ben):
        await subscriptions.end(await of_seat(seat, Seat.member), Subscription.REMINDERS, EARLY)
    await Member.update({Member.stage: "suspended"}).where(Member.id == await of_seat(cat, Seat.member))

    await run(office, *minutes_of(STARTS - 50 * HOUR, STARTS, 60))

    assert (await written(), await rows()) == ([], [])


async def test_a_reminder_to_an_address_out_of_reach_waits(office: Office) -> None:
    (seat,) = await a_session("yes")
    member = await of_seat(seat, Seat.member)
    await Unreached.insert(Unreached(id=uuid4(), member=member, first_at=EARLY, out_of_reach_at=EARLY))

    await run(office, STARTS - 24 * HOUR)
    await duties.hold_letters_out_of_reach(office, STARTS)

    assert [row["state"] for row in await Letter.select(Letter.state)] == ["held"]
    assert await outbox.claim(uuid4(), STARTS - 24 * HOUR, 10) == []


# Once


@pytest.mark.parametrize(
    ("zone", "wall"),
    [
        ("Europe/Berlin", "2027-03-28T02:30:00+01:00"),  # the hour that does not exist there
        ("Europe/Berlin", "2027-03-28T18:00:00+02:00"),
        ("Europe/Berlin", "2027-10-31T02:30:00+02:00"),  # the first of two
        ("Europe/Berlin", "2027-10-31T02:30:00+01:00"),  # the second
        ("Europe/Berlin", "2027-11-01T02:30:00+01:00"),
        ("America/New_York", "2027-03-14T03:30:00-04:00"),
        ("America/New_York", "2027-11-07T01:30:00-04:00"),
        ("America/New_York", "2027-11-07T01:30:00-05:00"),
    ],
)
async def test_when_the_clocks_change_there_is_one_reminder_of_a_kind(office: Office, zone: str, wall: str) -> None:
    starts_at = datetime.fromisoformat(wall).astimezone(UTC)
    seat, _ = await a_session("yes", "waiting", starts_at=starts_at, zone=zone)
    await acts.choose(await of_seat(seat, Seat.member), Reminding.BOTH, starts_at - timedelta(days=8))

    await run(office, *minutes_of(starts_at - 52 * HOUR, starts_at + 8 * HOUR, 60))

    assert await rows() == [("day_before", True), ("hour_before", True), ("nudge", True)]
    assert sorted(await written()) == ["ana: reminder", "ana: reminder", "ben: nudge"]
    made = await Letter.select(Letter.created_at).where(Letter.kind == "reminder").order_by(Letter.number)
    assert [starts_at - row["created_at"] for row in made] == [24 * HOUR, HOUR]


async def test_a_clock_that_jumps_sends_nothing_twice_and_skips_nothing(office: Office) -> None:
    seat, _ = await a_session("yes", "waiting")
    await acts.choose(await of_seat(seat, Seat.member), Reminding.BOTH, EARLY)

    for moment in minutes_of(STARTS - 50 * HOUR, STARTS - 11 * MINUTE, 60):
        await run(office, moment, moment + 2 * HOUR, moment - 2 * HOUR, moment)

    assert sorted(await written()) == ["ana: reminder", "ana: reminder", "ben: nudge"]
    assert await rows() == [("day_before", True), ("hour_before", True), ("nudge", True)]


async def test_a_clock_that_jumps_over_a_reminder_and_back_skips_nothing(office: Office) -> None:
    (seat,) = await a_session("yes")
    await acts.choose(await of_seat(seat, Seat.member), Reminding.HOUR_BEFORE, EARLY)

    await run(office, STARTS - 90 * MINUTE, STARTS + 30 * MINUTE, STARTS - 89 * MINUTE, STARTS - 60 * MINUTE)

    assert await rows() == [("hour_before", True)]


async def test_of_two_who_found_the_same_reminder_due_one_makes_it(office: Office) -> None:
    await a_session("yes")
    now = STARTS - 24 * HOUR
    (one,), (other,) = [await reminders.due(KindOfReminder.DAY_BEFORE, now, 10) for _ in range(2)]

    kept = [await reminders.keep([(found, f"cause of {found.id}")], now) for found in (one, other)]

    assert kept == [[one.id], []]


async def test_many_workers_at_once_write_one_reminder(office: Office) -> None:
    await a_session("yes", "yes", "waiting")
    now = STARTS - 24 * HOUR

    for _ in range(3):
        await asyncio.gather(*[duty(office, now) for duty in (duties.remind, duties.nudge) * 6])

    assert sorted(await written()) == ["ana: reminder", "ben: reminder", "cat: nudge"]
    assert await rows() == [("day_before", True)] * 2 + [("nudge", True)]


async def test_the_database_keeps_one_row_for_each_time_of_a_seat(office: Office) -> None:
    (seat,) = await a_session("yes")

    def a_row(starts_at: datetime) -> Reminder:
        return Reminder(id=uuid4(), seat=seat, kind="nudge", occurrence=starts_at, made_at=EARLY)

    await Reminder.insert(a_row(STARTS), a_row(STARTS + HOUR))
    with pytest.raises(Exception, match="one_reminder_each"):
        await Reminder.insert(a_row(STARTS))


# Too late


async def test_after_a_stop_a_reminder_comes_late_or_its_skip_is_kept(office: Office) -> None:
    await a_session("yes", "waiting")

    await run(office, STARTS - 3 * HOUR)
    late = sorted(await written())
    await Letter.delete(force=True)
    await Reminder.delete(force=True)
    await run(office, STARTS - 2 * HOUR, STARTS, STARTS + 30 * MINUTE)
    too_late = await written(), await rows()
    await run(office, *minutes_of(STARTS + HOUR, STARTS + 12 * HOUR, 60))

    assert late == ["ana: reminder", "ben: nudge"]
    assert too_late == ([], [])
    assert (await written(), await rows()) == ([], [("day_before", False), ("nudge", False)])


async def test_a_reminder_that_cannot_leave_expires_before_the_session(office: Office) -> None:
    await a_session("yes", "waiting")

    await run(office, STARTS - 24 * HOUR)

    assert {row["expires_at"] for row in await Letter.select(Letter.expires_at)} == {STARTS - 2 * HOUR}


# What changes meanwhile


async def test_a_session_that_moves_is_reminded_of_at_its_new_time(office: Office, letterhead: Letterhead) -> None:
    ana, ben = await a_session("yes", "yes")
    session, olu = await of_seat(ana, Seat.session), await an_organizer(EARLY)
    now, moved = STARTS - 24 * HOUR, STARTS + 25 * HOUR
    for seat in (ana, ben):
        await change_hours(await of_seat(seat, Seat.member), EARLY, "tue 18:00-20:00", "wed 18:00-21:00")
    await run(office, now)

    await sessions.change(session, sessions.Change(moved, "voice", ""), letterhead, olu, now + MINUTE)
    for seat in (ana, ben):
        await invitations.answer(seat, Rsvp.YES, now + 2 * MINUTE)
    await Letter.update({Letter.state: "sent", Letter.ended_at: now}).where(Letter.kind == "changed_invitation")
    await run(office, *minutes_of(now + HOUR, moved, 60))

    made = await Letter.select(Letter.state, Letter.created_at).where(Letter.kind == "reminder").order_by(Letter.number)
    assert [(row["state"], row["created_at"]) for row in made] == [
        *[("cancelled", now)] * 2, *[("pending", moved - 24 * HOUR)] * 2
    ]  # fmt: skip


async def test_a_session_that_moves_back_is_reminded_of_again_if_nobody_was(
    office: Office, letterhead: Letterhead
) -> None:
    (ana,) = await a_session("yes")
    session, now = await of_seat(ana, Seat.session), STARTS - 24 * HOUR
    await run(office, now)

    for starts_at in (STARTS + HOUR, STARTS):
        await Session.update({Session.starts_at: starts_at, Session.ends_at: starts_at + HOUR}).where(
            Session.id == session
        )
        await run(office, now + MINUTE)

    assert [row["state"] for row in await Letter.select(Letter.state).order_by(Letter.number)] == [
        "cancelled", "pending",
    ]  # fmt: skip


@pytest.mark.parametrize("change", ["declines", "unsubscribes", "is removed", "is cancelled", "chooses the hour"])
async def test_what_waits_in_the_outbox_is_called_off_when_it_no_longer_holds(
    office: Office, letterhead: Letterhead, change: str
) -> None:
    ana, *_ = await a_session("yes", "yes", "yes")
    member, session = await of_seat(ana, Seat.member), await of_seat(ana, Seat.session)
    olu, now = await an_organizer(EARLY), STARTS - 24 * HOUR
    await run(office, now)

    match change:
        case "declines":
            await invitations.answer(ana, Rsvp.NO, now)
        case "unsubscribes":
            await subscriptions.end(member, Subscription.REMINDERS, now)
        case "is removed":
            await sessions.remove_seat(ana, letterhead, olu, now)
        case "is cancelled":
            await sessions.cancel(session, letterhead, olu, now)
        case "chooses the hour":
            await acts.choose(member, Reminding.HOUR_BEFORE, now)

    left = await Letter.select(Letter.state).where(Letter.kind == "reminder", Letter.member == member)
    assert [row["state"] for row in left] == ["cancelled"]
    others = await Letter.select(Letter.state).where(Letter.kind == "reminder", Letter.member != member)
    assert {row["state"] for row in others} == {"cancelled" if change == "is cancelled" else "pending"}


async def test_an_answer_calls_off_the_nudge(office: Office) -> None:
    (ana,) = await a_session("waiting")
    now = STARTS - 48 * HOUR
    await run(office, now)

    await invitations.answer(ana, Rsvp.MAYBE, now)

    assert [row["state"] for row in await Letter.select(Letter.state)] == ["cancelled"]


async def test_who_declines_while_reminders_are_written_gets_none(office: Office) -> None:
    (ana,) = await a_session("yes")
    now = STARTS - 24 * HOUR

    for _ in range(5):
        await asyncio.gather(duties.remind(office, now), invitations.answer(ana, Rsvp.NO, now))
        assert await Letter.count().where(Letter.state == "pending") == 0
        await invitations.answer(ana, Rsvp.YES, EARLY)


async def test_a_reminder_takes_the_place_of_no_invitation(office: Office, letterhead: Letterhead) -> None:
    (seat,) = await a_session("yes")
    uid = await of_seat(seat, Seat.uid)
    await run(office, STARTS - 24 * HOUR)
    again = letters.changed_invitation(letterhead, await letters_to(seat), told_of(uid=uid), EARLY)

    await outbox.put(letterhead, [again], STARTS - 24 * HOUR)
    await run(office, STARTS - 23 * HOUR)

    assert [row["state"] for row in await Letter.select(Letter.state).order_by(Letter.number)] == ["pending"] * 2


# What it says


async def test_a_discreet_reminder_names_nobody_and_its_link_ends_reminders(office: Office) -> None:
    await a_session("yes", "maybe", "waiting")
    await Session.update({Session.medium: "voice"}).where(Session.starts_at == STARTS)

    await run(office, STARTS - 24 * HOUR)

    shown = {one.reading.to.partition("@")[0]: one.reading for one in await letters_to_show()}
    assert sorted(shown) == ["ana", "ben", "cat"]
    for name, reading in shown.items():
        told = reading.subject + reading.text.partition("Hello " + name.title())[2] + reading.html.replace(name, "")
        assert [word for word in ("Ana", "Ben", "Cat", "Evening") if word in told.replace(name.title(), "")] == []
        assert reading.text.count("Tuesday 1 December, 18:00 to 19:00 (Lisbon, UTC+0)") == 1
        assert reading.text.count("/unsubscribe/") == reading.html.count("/unsubscribe/") == 1
    assert "you said that you might come" in shown["ben"].text


async def test_few_statements_are_asked_however_many_are_due(office: Office, statements: list[str]) -> None:
    await a_session("yes", "yes", "yes")
    statements.clear()

    await duties.remind(office, STARTS - 24 * HOUR)

    asked = len(statements)
    assert sorted(await written()) == ["ana: reminder", "ben: reminder", "cat: reminder"]
    assert asked <= 10
