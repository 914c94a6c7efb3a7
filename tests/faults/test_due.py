"""What is due by the clock: once on the days when clocks change, late or written down as missed after a stop."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import pytest

from peerhub.actions import reminders
from peerhub.actions.rounds import invitation_of
from peerhub.domain.availability import Span
from peerhub.domain.programs import Kind
from peerhub.domain.reminders import Reminding
from peerhub.mail import letters, links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import feeds, members, outbox, rounds, sessions
from peerhub.store.tables import Reminder, Round, Seat
from tests.calendars.readers import libical
from tests.community import a_member, a_program, a_round, enrol, together
from tests.faults.invariants import Happened, assert_invariants
from tests.faults.webs import a_web, page_of
from tests.faults.workers import Nursery, Workers
from tests.mail.cast import the_outbox
from tests.smtp import Copy, Mailbox

pytestmark = pytest.mark.usefixtures("db")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ELSEWHERE = "Asia/Kathmandu"
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
WHEN = re.compile(r"(\d{1,2}) ([A-Z][a-z]+), (\d\d):(\d\d)[^(]*\([^)]*UTC(?:([+-]\d+)(?::(\d\d))?)?\)")


async def a_session(head: Letterhead, starts_at: datetime, zone: str, *names: str) -> list[UUID]:
    """A published session of which they were told eight days before; the first one said yes, and wants two reminders.

    The others have not answered yet, and live elsewhere. The ids of their seats.
    """
    told_at = starts_at - timedelta(days=8)
    people = [await a_member(name, told_at, zone=ELSEWHERE if n else zone) for n, name in enumerate(names)]
    program = await a_program(told_at, Kind.SESSIONS, smallest=2, facilitators_per_session=0)
    await enrol(program, told_at, *people)
    week = (starts_at - timedelta(days=starts_at.weekday())).date()
    round_id = await a_round(program, told_at, *people, week=week)
    await Round.update({Round.stage: "published", Round.published_at: told_at}).where(Round.id == round_id)
    await sessions.put(round_id, [together(*people, span=Span(starts_at, starts_at + HOUR))], "peerhub.example")
    (session,), round_ = await sessions.of_round(round_id), await rounds.by_id(round_id)
    seat_of = {seat.member_id: seat for seat in session.seats}
    to = await members.recipients_of(people)
    told = [
        letters.invitation(head, to[one], invitation_of(round_, session, seat_of[one], to), told_at) for one in people
    ]
    await outbox.put(head, told, told_at)
    await Seat.update({Seat.rsvp: "yes", Seat.answered_at: told_at}).where(Seat.id == seat_of[people[0]].id)
    await reminders.choose(people[0], Reminding.BOTH, told_at)
    return [seat_of[one].id for one in people]


async def came(smtp: Mailbox) -> dict[str, Counter[str]]:
    """What each of them was sent, by the first part of their address."""
    kind_of = {row["message_id"]: row["kind"] for row in await the_outbox()}
    found: dict[str, Counter[str]] = {}
    for copy in smtp.copies():
        found.setdefault(copy.to[0].partition("@")[0], Counter())[kind_of[copy.message_id]] += 1
    return found


async def reminded() -> list[tuple[str, bool]]:
    """The kinds of reminders that are written down, and whether there was a letter."""
    rows = await Reminder.select(Reminder.kind, Reminder.cause).order_by(Reminder.kind)
    return [(row["kind"], row["cause"] is not None) for row in rows]


# What is said of when it is


def moment_said(text: str, year: int) -> datetime:
    """The moment that a page or a letter names, by its own numbers alone: no zone is looked up."""
    found = WHEN.search(" ".join(text.split()))
    assert found, text
    day, month, hour, minute, ahead, and_minutes = found.groups()
    offset = timedelta(
        hours=int(ahead or 0), minutes=int(and_minutes or 0) * (-1 if (ahead or "").startswith("-") else 1)
    )
    wall = datetime(year, MONTHS.index(month) + 1, int(day), int(hour), int(minute), tzinfo=UTC)
    return wall - offset


def words_of(copy: Copy) -> str:
    body = copy.message.get_body(("plain",))
    assert body
    return str(body.get_content())


def moments_of(calendar: bytes) -> list[datetime]:
    """When the events of a calendar begin, as somebody else's program reads it, with the zone that it carries."""
    ((*events,),) = libical([calendar])
    return [datetime.fromtimestamp(event.starts, UTC) for event in events]


def calendars_in(copies: list[Copy]) -> list[bytes]:
    parts = [part for copy in copies for part in copy.message.walk() if part.get_content_type() == "text/calendar"]
    return [bytes(part.get_payload(decode=True)) for part in parts]


async def everything_said(
    head: Letterhead, web: str, smtp: Mailbox, seat: UUID, at: datetime
) -> tuple[set[datetime], set[str]]:
    """When the session begins, as its letters, their calendars, its page and the feed have it; and in words."""
    row = await Seat.select(Seat.member).where(Seat.id == seat).first()
    assert row
    to = await members.recipient_of(row["member"])
    assert to
    await feeds.put(to.member_id, feeds.Kind.OWN, at)
    token = (await feeds.of(to.member_id))[feeds.Kind.OWN].token
    copies = smtp.copies(to.address)
    page = (await page_of(web, links.rsvp_link(head, seat).removeprefix(head.base_url))).text()
    feed = await page_of(web, links.feed_link(head, token).removeprefix(head.base_url))
    texts = [page, *(words_of(copy) for copy in copies)]
    written = [feed.page.content, *calendars_in(copies)]
    assert len(written) == 2  # the feed, and the invitation's own
    said = {moment_said(text, at.year) for text in texts} | {one for each in written for one in moments_of(each)}
    return said, {found[0] for text in texts if (found := WHEN.search(" ".join(text.split())))}


# The days on which clocks change


@pytest.mark.parametrize(
    ("zone", "walls"),
    [
        ("Europe/Berlin", ["2027-03-28T01:30:00+01:00", "2027-03-28T03:30:00+02:00"]),  # over the gap, and behind it
        ("Europe/Berlin", ["2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+01:00"]),  # the hour that comes twice
        ("America/New_York", ["2027-03-14T01:30:00-05:00", "2027-03-14T03:30:00-04:00"]),
        ("America/New_York", ["2027-11-07T01:30:00-04:00", "2027-11-07T01:30:00-05:00"]),
        ("Australia/Lord_Howe", ["2027-04-04T01:30:00+11:00", "2027-04-04T01:30:00+10:30"]),  # by half an hour
    ],
    ids=["Berlin, gap", "Berlin, overlap", "New York, gap", "New York, overlap", "Lord Howe, overlap"],
)
async def test_on_the_day_clocks_change_each_is_reminded_once_and_page_letters_and_calendars_agree(
    zone: str, walls: list[str], workers: Workers, smtp: Mailbox, head: Letterhead
) -> None:
    first, second = (datetime.fromisoformat(wall).astimezone(UTC) for wall in walls)
    smtp.clock = workers.clock
    ana, _ = await a_session(head, first, zone, "Ana", "Ben")
    cat, _ = await a_session(head, second, zone, "Cat", "Dan")

    await workers.do_what_is_due(second - 47 * HOUR - MINUTE)
    await workers.do_what_is_due(first - 24 * HOUR + MINUTE, workers=2)
    await workers.do_what_is_due(second - 24 * HOUR + MINUTE)
    workers.set_clock_to(first - 2 * HOUR)
    with a_web(workers) as web:
        said = [await everything_said(head, web, smtp, seat, first - 2 * HOUR) for seat in (ana, cat)]
    await workers.do_what_is_due(first - HOUR + MINUTE, workers=2)
    await workers.do_what_is_due(second - HOUR + MINUTE)
    await workers.do_what_is_due(second + 8 * HOUR)

    assert [moments for moments, _ in said] == [{first}, {second}]
    yes, no_answer = Counter(invitation=1, reminder=2), Counter(invitation=1, nudge=1)
    assert await came(smtp) == {"ana": yes, "ben": no_answer, "cat": yes, "dan": no_answer}
    assert await reminded() == sorted([("day_before", True), ("hour_before", True), ("nudge", True)] * 2)
    told = [f"{name}@example.org" for name in ("ana", "ben", "cat", "dan")]
    asked = [*told, *told, "ana@example.org", "cat@example.org"]
    await assert_invariants(smtp, Happened(told=asked, logs=[workers.said]))


# No worker for a while


async def test_without_a_worker_a_reminder_comes_late_before_its_end_or_is_written_down_as_missed(
    workers: Workers, smtp: Mailbox, head: Letterhead
) -> None:
    starts_at = datetime(2027, 3, 28, 16, 0, tzinfo=UTC)
    smtp.clock = workers.clock
    await a_session(head, starts_at, "Europe/Berlin", "Ana", "Ben")
    await workers.do_what_is_due(starts_at - 7 * 24 * HOUR)

    await workers.do_what_is_due(starts_at - 2 * HOUR - MINUTE, workers=2)  # a day late, and just in time
    late = await came(smtp), await reminded()
    await workers.do_what_is_due(starts_at - 9 * MINUTE)  # too late to be of use, too early to be sure of it
    too_late = await reminded()
    for hours in (4, 5):
        await workers.do_what_is_due(starts_at + hours * HOUR, workers=2)

    assert late == (
        {"ana": Counter(invitation=1, reminder=1), "ben": Counter(invitation=1, nudge=1)},
        [("day_before", True), ("nudge", True)],
    )
    assert too_late == late[1]
    assert (await came(smtp), await reminded()) == (late[0], [late[1][0], ("hour_before", False), late[1][1]])
    missed = [line for line in workers.said.read_text().splitlines() if "reminders were missed" in line]
    assert len(missed) == 1
    await assert_invariants(smtp, Happened(told=2 * ["ana@example.org", "ben@example.org"], logs=[workers.said]))


# Zones that change


@pytest.fixture
def zones_change(tmp_path: Path) -> Path:
    """Zone files in which Berlin has given up summer time."""
    newer = tmp_path / "newer" / "tzdata"
    shutil.copytree(str(files("tzdata")), newer)
    shutil.copy(newer / "zoneinfo" / "Africa" / "Lagos", newer / "zoneinfo" / "Europe" / "Berlin")
    return newer


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("PYTHONPATH", "15 June, 17:00 to 18:00 (Berlin, UTC+1)"),  # the package tzdata was brought up to date
        ("PYTHONTZPATH", "15 June, 18:00 to 19:00 (Berlin, UTC+2)"),  # the system's files were, which are not used
    ],
)
async def test_when_a_zone_changes_between_planning_and_sending_page_letters_and_calendars_agree(
    how: str, words: str, zones_change: Path, workers: Workers, smtp: Mailbox, head: Letterhead
) -> None:
    starts_at = datetime(2027, 6, 15, 16, 0, tzinfo=UTC)
    smtp.clock = workers.clock
    ana, _ = await a_session(head, starts_at, "Europe/Berlin", "Ana", "Ben")  # and their invitations wait

    with newly_started(workers, {how: str(zones_change.parent if how == "PYTHONPATH" else zones_change / "zoneinfo")}):
        for before in (7 * 24, 24, 23, 1):
            await workers.do_what_is_due(starts_at - before * HOUR + MINUTE)
        with a_web(workers) as web:
            said = await everything_said(head, web, smtp, ana, starts_at - HOUR + MINUTE)

    assert said == ({starts_at}, {words})
    assert (await came(smtp))["ana"] == Counter(invitation=1, reminder=2)
    assert [kind for kind, _ in await reminded()] == ["day_before", "hour_before", "nudge"]
    await assert_invariants(smtp, Happened(logs=[workers.said]))


@contextmanager
def newly_started(workers: Workers, environment: Mapping[str, str]) -> Iterator[None]:
    """From now on, workers and webs are started with these variables."""
    path = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), os.environ.get("PYTHONPATH")]))
    nursery = Nursery({**environment, "PYTHONPATH": path})
    before, workers.nursery = workers.nursery, nursery
    try:
        yield
    finally:
        workers.end_all()
        workers.nursery = before
        nursery.close()
