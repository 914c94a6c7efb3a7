"""What members' calendars show after each thing that an organizer does, as ical.js and libical read the letters."""

import random
import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from peerhub.actions import invitations, profile, rounds, sessions
from peerhub.actions.proposals import RulesWouldBreak
from peerhub.actions.sessions import Change, TooFewLeft
from peerhub.domain.invitations import Rsvp
from peerhub.domain.refusals import NotFound, WrongStage
from peerhub.mail.letterhead import Letterhead
from peerhub.store import sessions as stored
from peerhub.store.sessions import StoredSession
from peerhub.store.tables import Letter, Seat
from tests.calendars.readers import READERS, Told
from tests.community import THURSDAY, TUESDAY, WEEK, a_member, a_program, a_round, a_round_of, enrol, propose, together
from tests.letters import letters_to_show

pytestmark = pytest.mark.usefixtures("db")

AN_HOUR = timedelta(hours=1)
PLACE = "The call opens at five to."
Shows = dict[tuple[str, str], tuple[int, int]]  # whose calendar, and which UID in it: from when until when


@dataclass
class Story:
    """Things that happen an hour apart, and what everybody's calendars should show after each."""

    head: Letterhead
    now: datetime
    organizer: UUID = field(default_factory=uuid4)
    people: dict[UUID, str] = field(default_factory=dict)
    chapters: list[tuple[int, Shows]] = field(default_factory=list)

    async def cast(self, *names: str) -> list[UUID]:
        ids = [await a_member(name, self.now) for name in names]
        self.people |= {one: f"{name.lower()}@example.org" for one, name in zip(ids, names, strict=True)}
        return ids

    async def turns_the_page(self) -> None:
        """All letters leave, and an hour passes."""
        await Letter.update({Letter.state: "sent", Letter.ended_at: self.now}).where(Letter.state == "pending")
        self.chapters.append((len(await mailed()), await self.truth()))
        self.now += AN_HOUR

    async def truth(self) -> Shows:
        seats = await Seat.raw(
            "SELECT s.uid, s.member, n.starts_at, n.ends_at FROM seat s JOIN session n ON n.id = s.session"
            " WHERE s.removed_at IS NULL AND n.stage = 'planned'"
        )
        return {
            (self.people[one["member"]], one["uid"]): (
                int(one["starts_at"].timestamp()),
                int(one["ends_at"].timestamp()),
            )
            for one in seats
        }

    async def publish(self, *people: UUID, also: Iterable[UUID] = ()) -> StoredSession:
        round_id = await a_round_of(self.now, *people, *also)
        version_id = await propose(round_id, self.now, together(*people))
        await rounds.publish(round_id, version_id, self.head, self.organizer, self.now)
        await self.turns_the_page()
        (session,) = await stored.of_round(round_id)
        return session

    async def change(self, session_id: UUID, starts_at: datetime, medium: str, place: str = "") -> None:
        await sessions.change(session_id, Change(starts_at, medium, place), self.head, self.organizer, self.now)
        await self.turns_the_page()

    async def add(self, session_id: UUID, member_id: UUID) -> UUID:
        seat_id = await sessions.add_seat(session_id, member_id, self.head, self.organizer, self.now)
        await self.turns_the_page()
        return seat_id

    async def remove(self, seat_id: UUID) -> None:
        await sessions.remove_seat(seat_id, self.head, self.organizer, self.now)
        await self.turns_the_page()

    async def cancel(self, session_id: UUID) -> None:
        await sessions.cancel(session_id, self.head, self.organizer, self.now)
        await self.turns_the_page()

    async def cancel_round(self, round_id: UUID) -> None:
        await sessions.cancel_round(round_id, self.head, self.organizer, self.now)
        await self.turns_the_page()


@pytest.fixture
def story(letterhead: Letterhead, now: datetime) -> Story:
    return Story(letterhead, now)


async def mailed() -> list[bytes]:
    """The calendar of every letter that has one, oldest first."""
    return [one.reading.calendar.encode() for one in reversed(await letters_to_show(1000)) if one.reading.calendar]


def read(calendars: list[bytes]) -> list[Told]:
    """The one event in each of them, which both parsers read alike."""
    one, other = (reader(calendars) for reader in READERS.values())
    assert one == other
    return [event for (event,) in one]


def shown_after(events: Iterable[Told]) -> Shows:
    """What calendars show that take a change of an entry only if it is newer than what they have (RFC 5546)."""
    newest: dict[tuple[str, str], Told] = {}
    for one in events:
        ((attendee, _),) = one.attendees
        key = (attendee.removeprefix("mailto:"), one.uid)
        if key not in newest or (one.sequence, one.written) >= (newest[key].sequence, newest[key].written):
            newest[key] = one
    return {key: (one.starts, one.ends) for key, one in newest.items() if one.method == "REQUEST"}


async def the_calendars_follow(story: Story) -> list[Told]:
    """Whether, after each chapter, the calendars showed what was so; all that was mailed."""
    events = read(await mailed())
    told = [(letters, shown_after(events[:letters])) for letters, _ in story.chapters]
    assert told == story.chapters
    versions: dict[str, list[int]] = defaultdict(list)
    for one in events:
        versions[one.uid].append(one.sequence)
    assert all(earlier < later for some in versions.values() for earlier, later in pairwise(some))
    return events


def a_seat_of(session: StoredSession, member_id: UUID) -> UUID:
    return next(seat.id for seat in session.seats if seat.member_id == member_id)


async def test_calendars_follow_a_session_through_all_that_can_happen_to_it(story: Story) -> None:
    ana, ben, cat, dora = await story.cast("Ana", "Ben", "Cat", "Dora")

    session = await story.publish(ana, ben, cat, also=[dora])
    await story.change(session.id, THURSDAY.starts_at, "voice")
    await story.change(session.id, THURSDAY.starts_at, "voice", PLACE)
    await story.change(session.id, THURSDAY.starts_at, "video", PLACE)
    await story.remove(a_seat_of(session, cat))
    await story.add(session.id, dora)
    await story.remove(a_seat_of(await stored.by_id(session.id), dora))
    await story.add(session.id, cat)
    await story.cancel(session.id)

    events = await the_calendars_follow(story)
    assert [len(shown) for _, shown in story.chapters] == [3, 3, 3, 3, 2, 3, 2, 3, 0]
    of_cat = [one for one in events if one.attendees[0][0] == "mailto:cat@example.org"]
    assert len({one.uid for one in of_cat}) == 1
    assert [(one.method, one.status) for one in of_cat] == [
        *[("REQUEST", "CONFIRMED")] * 4, ("CANCEL", ""), ("REQUEST", "CONFIRMED"), ("CANCEL", "CANCELLED"),
    ]  # fmt: skip


async def test_each_change_has_a_higher_sequence_and_the_time_it_was_written(story: Story) -> None:
    ana, ben, cat = await story.cast("Ana", "Ben", "Cat")
    begun_at = story.now
    session = await story.publish(ana, ben, cat)
    await story.change(session.id, THURSDAY.starts_at, "voice")
    await story.remove(a_seat_of(session, cat))
    await story.cancel(session.id)

    by_uid: dict[str, list[Told]] = defaultdict(list)
    for one in read(await mailed()):
        by_uid[one.uid].append(one)

    assert set(by_uid) == {seat.uid for seat in session.seats}
    for versions in by_uid.values():
        assert [one.sequence for one in versions] == list(range(len(versions)))
    steps = [(later.written - earlier.written) for some in by_uid.values() for earlier, later in pairwise(some)]
    assert {step % 3600 for step in steps} == {0}
    assert min(steps) == 3600
    assert {some[0].written for some in by_uid.values()} == {int(begun_at.timestamp())}


async def test_a_whole_round_is_called_off(story: Story, now: datetime) -> None:
    ana, ben, cat, dora = await story.cast("Ana", "Ben", "Cat", "Dora")
    round_id = await a_round_of(now, ana, ben, cat, dora)
    version_id = await propose(round_id, now, together(ana, ben), together(cat, dora, span=THURSDAY))
    await rounds.publish(round_id, version_id, story.head, story.organizer, now)
    await story.turns_the_page()

    await story.cancel_round(round_id)

    events = await the_calendars_follow(story)
    assert [len(shown) for _, shown in story.chapters] == [4, 0]
    assert [(one.method, one.status, one.sequence, one.alarms) for one in events[4:]] == [
        ("CANCEL", "CANCELLED", 1, 0)
    ] * 4
    with pytest.raises(sessions.SessionIsOver):
        await story.cancel_round(round_id)


async def test_calling_a_round_off_leaves_what_has_taken_place(story: Story, now: datetime) -> None:
    ana, ben, cat, dora = await story.cast("Ana", "Ben", "Cat", "Dora")
    round_id = await a_round_of(now, ana, ben, cat, dora)
    version_id = await propose(round_id, now, together(ana, ben), together(cat, dora, span=THURSDAY))
    await rounds.publish(round_id, version_id, story.head, story.organizer, now)

    await sessions.cancel_round(round_id, story.head, story.organizer, TUESDAY.ends_at)

    assert [one.stage for one in await stored.of_round(round_id)] == ["planned", "cancelled"]


async def test_whatever_happens_in_whatever_order_calendars_show_what_is_so(story: Story) -> None:
    chance = random.Random(27)
    everyone = await story.cast("Ana", "Ben", "Cat", "Dora", "Eli")
    first = await story.publish(*everyone[:3], also=everyone[3:])
    mediums = ["voice", "video", "text"]
    for _ in range(20):
        session = await stored.by_id(first.id)
        inside = {seat.member_id for seat in session.seats}
        starts_at = chance.choice([TUESDAY, THURSDAY]).starts_at + chance.choice([0, 30, 60]) * timedelta(minutes=1)
        match chance.choice(["change", "remove", "add"]):
            case "change":
                await story.change(session.id, starts_at, chance.choice(mediums), chance.choice(["", PLACE]))
            case "remove":
                with suppress(TooFewLeft):
                    await story.remove(chance.choice(session.seats).id)
            case "add":
                with suppress(RulesWouldBreak):  # the session is full
                    await story.add(session.id, chance.choice([one for one in everyone if one not in inside]))
    events = await the_calendars_follow(story)

    late = events.copy()
    chance.shuffle(late)

    assert shown_after(late) == story.chapters[-1][1]  # mail that overtakes other mail does no harm
    assert len(story.chapters) >= 10


async def test_the_answer_stands_in_the_calendar_until_a_new_time_asks_again(story: Story) -> None:
    ana, ben, cat = await story.cast("Ana", "Ben", "Cat")
    session = await story.publish(ana, ben, cat)
    await invitations.answer(a_seat_of(session, ana), Rsvp.YES, story.now)
    await invitations.answer(a_seat_of(session, ben), Rsvp.MAYBE, story.now)

    await story.change(session.id, TUESDAY.starts_at, "video")
    await story.change(session.id, THURSDAY.starts_at, "video")

    answers = defaultdict(list)
    for one in read(await mailed()):
        ((attendee, answer),) = one.attendees
        answers[attendee].append(answer)
    assert dict(answers) == {
        "mailto:ana@example.org": ["NEEDS-ACTION", "ACCEPTED", "NEEDS-ACTION"],
        "mailto:ben@example.org": ["NEEDS-ACTION", "TENTATIVE", "NEEDS-ACTION"],
        "mailto:cat@example.org": ["NEEDS-ACTION", "NEEDS-ACTION", "NEEDS-ACTION"],
    }


async def test_each_weekly_check_in_of_buddies_has_a_uid_of_its_own(story: Story) -> None:
    ana, ben = await story.cast("Ana", "Ben")
    program_id = await a_program(story.now)
    await enrol(program_id, story.now, ana, ben)
    for week in range(4):
        round_id = await a_round(program_id, story.now, ana, ben, week=WEEK + week * timedelta(days=7))
        starts_at = TUESDAY.starts_at + week * timedelta(days=7)
        meeting = together(ana, ben, span=type(TUESDAY)(starts_at, starts_at + AN_HOUR))
        version_id = await propose(round_id, story.now, meeting)
        await rounds.publish(round_id, version_id, story.head, story.organizer, story.now)
        await story.turns_the_page()

    events = await the_calendars_follow(story)

    assert len({one.uid for one in events}) == len(events) == 8
    assert [
        line for one in await mailed() for line in one.split(b"\r\n") if line.startswith((b"RRULE", b"RECURR"))
    ] == []


async def test_a_uid_is_drawn_for_each_seat_and_says_nothing_of_it(story: Story) -> None:
    ana, ben, cat = await story.cast("Ana", "Ben", "Cat")
    session = await story.publish(ana, ben, cat)

    drawn = [seat.uid.removesuffix("@peerhub.example") for seat in session.seats]

    assert [one for one in drawn if not re.fullmatch("[0-9a-f]{32}", one)] == []
    assert len(set(drawn)) == 3
    known = {one.hex for seat in session.seats for one in (seat.id, seat.member_id, session.id, session.round_id)}
    assert set(drawn) & known == set()


async def test_every_calendar_names_one_member_and_the_sender_it_came_from(story: Story) -> None:
    ana, ben, cat = await story.cast("Ana", "Ben", "Cat")
    session = await story.publish(ana, ben, cat)
    await story.change(session.id, THURSDAY.starts_at, "video")
    await story.cancel(session.id)

    events = read(await mailed())

    assert {one.method for one in events} == {"REQUEST", "CANCEL"}
    assert {len(one.attendees) for one in events} == {1}
    assert {one.organizer for one in events} == {"mailto:hello@peerhub.example"}
    for written, one in zip(await mailed(), events, strict=True):
        others = {address.encode() for address in story.people.values()} - {one.attendees[0][0][7:].encode()}
        assert [address for address in others if address in written] == []


async def test_who_does_not_take_part_cannot_be_added_and_nobody_twice(story: Story) -> None:
    ana, ben, cat, dora = await story.cast("Ana", "Ben", "Cat", "Dora")
    session = await story.publish(ana, ben, also=[cat])
    letters = await Letter.count()

    with pytest.raises(NotFound):
        await story.add(session.id, dora)
    with pytest.raises(NotFound):
        await story.add(session.id, uuid4())
    with pytest.raises(WrongStage):
        await story.add(session.id, ana)

    assert await Letter.count() == letters


async def test_who_is_kept_apart_cannot_be_added(story: Story) -> None:
    ana, ben, cat = await story.cast("Ana", "Ben", "Cat")
    session = await story.publish(ana, ben, also=[cat])
    await profile.keep_apart(cat, "ana@example.org", story.now)

    with pytest.raises(RulesWouldBreak) as refusal:
        await story.add(session.id, cat)

    assert list(refusal.value.sentences) == ["This session does not fit these people."]
