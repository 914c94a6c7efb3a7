"""After publishing: a session is moved, called off, or goes on without someone, and calendars follow."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import icalendar
import pytest

from peerhub.actions import rounds, sessions
from peerhub.actions.proposals import CANNOT_BE_TOGETHER, RulesWouldBreak
from peerhub.actions.sessions import Change, SessionIsOver, TooFewLeft
from peerhub.domain.refusals import NotFound, WrongStage
from peerhub.mail.letterhead import Letterhead
from peerhub.store import sessions as stored
from peerhub.store.sessions import StoredSession
from peerhub.store.tables import Letter, Seat
from tests.community import THURSDAY, TUESDAY, a_member, a_round_of, propose, together
from tests.letters import letters_to_show

pytestmark = pytest.mark.usefixtures("db")
PLACE = "The call opens at five to."


async def published(now: datetime, head: Letterhead, *people: UUID) -> StoredSession:
    round_id = await a_round_of(now, *people)
    version_id = await propose(round_id, now, together(*people))
    await rounds.publish(round_id, version_id, head, uuid4(), now)
    (session,) = await stored.of_round(round_id)
    return session


async def three(now: datetime) -> list[UUID]:
    return [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]


async def entries() -> list[tuple[str, str, int, str]]:
    """Of each letter that may still leave: its kind, and its calendar's method, sequence and UID."""
    kept = []
    for row in await Letter.select(Letter.id, Letter.kind, Letter.state, Letter.number).order_by(Letter.number):
        if row["state"] != "pending":
            continue
        (shown,) = [one for one in await letters_to_show() if one.id == row["id"]]
        calendar = icalendar.Calendar.from_ical(shown.reading.calendar or "")
        event = calendar.walk("VEVENT")[0]
        kept.append((row["kind"], str(calendar["METHOD"]), int(str(event["SEQUENCE"])), str(event["UID"])))
    return sorted(kept)


async def test_a_new_time_reaches_every_calendar_under_the_same_uid(now: datetime, letterhead: Letterhead) -> None:
    session = await published(now, letterhead, *(await three(now)))
    await Seat.update({Seat.rsvp: "yes", Seat.answered_at: now}).where(Seat.id == session.seats[0].id)

    await sessions.change(session.id, Change(THURSDAY.starts_at, "video", PLACE), letterhead, uuid4(), now)

    moved = await stored.by_id(session.id)
    assert (moved.span, moved.medium, moved.place) == (THURSDAY, "video", PLACE)
    assert {seat.rsvp for seat in moved.seats} == {"waiting"}
    assert await entries() == sorted(("changed_invitation", "REQUEST", 1, seat.uid) for seat in session.seats)


async def test_a_new_place_keeps_the_answers(now: datetime, letterhead: Letterhead) -> None:
    session = await published(now, letterhead, *(await three(now)))
    await Seat.update({Seat.rsvp: "yes", Seat.answered_at: now}).where(Seat.id == session.seats[0].id)

    await sessions.change(session.id, Change(TUESDAY.starts_at, "voice", PLACE), letterhead, uuid4(), now)
    await sessions.change(session.id, Change(TUESDAY.starts_at, "voice", PLACE), letterhead, uuid4(), now)

    changed = await stored.by_id(session.id)
    assert sorted(seat.rsvp for seat in changed.seats) == ["waiting", "waiting", "yes"]
    assert [seat.sequence for seat in changed.seats] == [1, 1, 1]


async def test_a_time_that_does_not_suit_someone_is_refused(now: datetime, letterhead: Letterhead) -> None:
    people = [*(await three(now))[:2], await a_member("Dora", now, "tue 18:00-20:00")]
    session = await published(now, letterhead, *people)

    with pytest.raises(RulesWouldBreak) as refusal:
        await sessions.change(session.id, Change(THURSDAY.starts_at, "voice", ""), letterhead, uuid4(), now)

    assert list(refusal.value.sentences) == ["Dora is not free for the whole session.", CANNOT_BE_TOGETHER]
    assert (await stored.by_id(session.id)).span == TUESDAY


async def test_cancelling_takes_the_session_out_of_every_calendar(now: datetime, letterhead: Letterhead) -> None:
    session = await published(now, letterhead, *(await three(now)))

    await sessions.cancel(session.id, letterhead, uuid4(), now)

    assert (await stored.by_id(session.id)).stage == "cancelled"
    assert await entries() == sorted(("cancelled_invitation", "CANCEL", 1, seat.uid) for seat in session.seats)
    with pytest.raises(WrongStage):
        await sessions.cancel(session.id, letterhead, uuid4(), now)


async def test_someone_taken_out_is_told_and_the_others_learn_who_is_left(
    now: datetime, letterhead: Letterhead
) -> None:
    ana, ben, cat = await three(now)
    session = await published(now, letterhead, ana, ben, cat)
    uids = {seat.member_id: seat.uid for seat in session.seats}
    (gone,) = [seat for seat in session.seats if seat.member_id == cat]

    await sessions.remove_seat(gone.id, letterhead, uuid4(), now)

    left = await stored.by_id(session.id)
    assert {seat.member_id for seat in left.seats} == {ana, ben}
    assert await entries() == sorted(
        [
            ("removed_from_session", "CANCEL", 1, uids[cat]),
            ("changed_invitation", "REQUEST", 1, uids[ana]),
            ("changed_invitation", "REQUEST", 1, uids[ben]),
        ]
    )
    with pytest.raises(WrongStage):
        await sessions.remove_seat(gone.id, letterhead, uuid4(), now)
    with pytest.raises(TooFewLeft):
        await sessions.remove_seat(left.seats[0].id, letterhead, uuid4(), now)


async def test_what_has_begun_or_is_unknown_cannot_be_changed(now: datetime, letterhead: Letterhead) -> None:
    session = await published(now, letterhead, *(await three(now)))
    begun = TUESDAY.starts_at + timedelta(minutes=5)

    with pytest.raises(SessionIsOver):
        await sessions.cancel(session.id, letterhead, uuid4(), begun)
    with pytest.raises(NotFound):
        await sessions.cancel(uuid4(), letterhead, uuid4(), now)
    with pytest.raises(NotFound):
        await sessions.remove_seat(uuid4(), letterhead, uuid4(), now)


async def test_a_closed_round_is_left_alone(now: datetime, letterhead: Letterhead) -> None:
    session = await published(now, letterhead, *(await three(now)))
    over = session.span.ends_at
    await rounds.close(session.round_id, uuid4(), over)

    with pytest.raises(WrongStage):
        await sessions.cancel(session.id, letterhead, uuid4(), over)
