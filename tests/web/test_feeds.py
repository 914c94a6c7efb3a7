"""The private calendar feed: made, shown, renewed and ended on a page, read at a secret address."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from peerhub.actions import invitations
from peerhub.domain.invitations import Rsvp
from peerhub.store import feeds, members, sessions
from peerhub.store.feeds import Kind
from peerhub.store.tables import Feed, Member, Seat
from tests.calendars.readers import READERS, Told
from tests.community import THURSDAY, TUESDAY, a_member, an_organizer, at
from tests.web.conftest import BASE, Browser, Clock, a_seat, sign_in, talk_to
from tests.web.test_dump import everything

Open = Callable[[], Browser]


async def ana_with_a_feed(browser: Open, now: datetime) -> tuple[Browser, str]:
    """Ana's browser, and the path of the feed that she has just made."""
    one = browser()
    await sign_in(one, (await members_called("ana")) or await a_member("Ana", now), now)
    await one.get("/profile/calendar")
    await one.submit("/profile/calendar")
    await one.get("/profile/calendar")
    return one, feed_path(one)


async def members_called(name: str) -> Any:
    known = await members.by_address(f"{name}@example.org")
    return known.id if known else None


def feed_path(one: Browser) -> str:
    return one.soup().select("main textarea[readonly]")[0].text.removeprefix(BASE)


def read(feed: httpx.Response) -> list[Told]:
    """The entries of a feed, which both parsers read alike."""
    readings = [reader([feed.content]) for reader in READERS.values()]
    assert readings[0] == readings[1]
    return readings[0][0]


def lines(feed: httpx.Response) -> list[str]:
    return feed.text.replace("\r\n ", "").split("\r\n")


async def test_a_feed_shows_ones_sessions_under_the_uids_of_the_mail(
    app: Litestar, browser: Open, now: datetime
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    tuesday, thursday = await a_seat(now, ana, ben), await a_seat(now, ana, ben, span=THURSDAY)
    await a_seat(now, ben, await a_member("Cat", now))
    await invitations.answer(thursday, Rsvp.YES, now)
    _, path = await ana_with_a_feed(browser, now)

    feed = await talk_to(app).get(path)

    assert (feed.status_code, feed.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    uids = {row["id"]: row["uid"] for row in await Seat.select(Seat.id, Seat.uid)}
    assert [(one.uid, one.status, one.zone) for one in read(feed)] == [
        (uids[tuesday], "TENTATIVE", "Europe/Lisbon"), (uids[thursday], "CONFIRMED", "Europe/Lisbon"),
    ]  # fmt: skip
    assert [one.starts for one in read(feed)] == [TUESDAY.starts_at.timestamp(), THURSDAY.starts_at.timestamp()]


async def test_a_feed_names_nobody_and_invites_nobody(app: Litestar, browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    await a_seat(now, ana, ben)
    await Member.update({Member.discreet: False}, force=True)
    _, path = await ana_with_a_feed(browser, now)

    feed = await talk_to(app).get(path)

    assert {one.summary for one in read(feed)} == {"Appointment"}
    assert {(one.method, one.organizer, one.attendees, one.alarms) for one in read(feed)} == {("", "", (), 0)}
    told = feed.text.casefold()
    assert [word for word in ("ana", "ben", "program", "grief", "harbour", "example.org") if f"{word}" in told] == []
    assert [line for line in lines(feed) if line.startswith("X-WR")] == ["X-WR-CALNAME:Appointments"]


async def test_a_feed_is_on_the_members_own_clock(app: Litestar, browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now, zone="Asia/Kathmandu"), await a_member("Ben", now)
    await a_seat(now, ana, ben, span=at("2026-12-01T12:15"))
    _, path = await ana_with_a_feed(browser, now)

    feed = await talk_to(app).get(path)

    assert [line for line in lines(feed) if line.startswith(("DTSTART;", "TZID"))] == [
        "TZID:Asia/Kathmandu", "DTSTART;TZID=Asia/Kathmandu:20261201T180000",
    ]  # fmt: skip
    assert [one.starts for one in read(feed)] == [at("2026-12-01T12:15").starts_at.timestamp()]


async def test_what_is_declined_cancelled_or_taken_away_leaves_the_feed(
    app: Litestar, browser: Open, now: datetime
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seats = [await a_seat(now, ana, ben, span=at(f"2026-12-0{day}T18:00")) for day in (1, 2, 3, 4)]
    _, path = await ana_with_a_feed(browser, now)
    await invitations.answer(seats[0], Rsvp.NO, now)
    await sessions.cancel(await sessions.of_seat(seats[1]))
    await sessions.remove_seat(seats[2], now)

    feed = await talk_to(app).get(path)

    assert [one.starts for one in read(feed)] == [at("2026-12-04T18:00").starts_at.timestamp()]


async def test_a_feed_reaches_a_month_back_and_a_year_ahead(
    app: Litestar, browser: Open, clock: Clock, now: datetime
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    for day in ("2026-10-20", "2026-10-28", "2027-11-20", "2027-11-24"):
        await a_seat(now, ana, ben, span=at(f"{day}T18:00"))
    _, path = await ana_with_a_feed(browser, now)

    feed = await talk_to(app).get(path)

    days = [datetime.fromtimestamp(one.starts, now.tzinfo).date().isoformat() for one in read(feed)]
    assert days == ["2026-10-28", "2027-11-20"]


async def test_a_calendar_program_that_knows_it_all_is_told_so(
    app: Litestar, browser: Open, clock: Clock, now: datetime
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat_id = await a_seat(now, ana, ben)
    _, path = await ana_with_a_feed(browser, now)
    program = talk_to(app)

    first = await program.get(path)
    clock.forward(timedelta(hours=6))
    mark = first.headers["etag"]
    same = await program.get(path, headers={"if-none-match": mark})
    among_others = await program.get(path, headers={"if-none-match": f'"x", {mark}'})
    head = await program.head(path)
    await invitations.answer(seat_id, Rsvp.YES, clock.now)
    changed = await program.get(path, headers={"if-none-match": mark})

    assert [one.status_code for one in (first, same, among_others, head, changed)] == [200, 304, 304, 200, 200]
    assert (same.content, same.headers["etag"], head.headers["etag"]) == (b"", mark, mark)
    assert first.headers["cache-control"] == same.headers["cache-control"] == "private, no-cache"
    assert changed.headers["etag"] != mark
    assert same.headers["referrer-policy"] == "no-referrer"


async def test_a_new_address_ends_the_old_one_and_ending_ends_both(app: Litestar, browser: Open, now: datetime) -> None:
    one, old = await ana_with_a_feed(browser, now)

    await one.submit("/profile/calendar")
    await one.get("/profile/calendar")
    new = feed_path(one)
    after_renewing = [(await talk_to(app).get(path)).status_code for path in (old, new)]
    await one.submit("/profile/calendar/end")
    after_ending = [(await talk_to(app).get(path)).status_code for path in (old, new)]

    assert after_renewing == [404, 200]
    assert after_ending == [404, 404]
    await one.get("/profile/calendar")
    assert one.soup().select("main textarea[readonly]") == []


async def test_the_page_says_what_a_button_has_done(browser: Open, now: datetime) -> None:
    one = browser()
    await sign_in(one, await a_member("Ana", now), now)
    said = []

    await one.get("/profile/calendar")
    for action in ("/profile/calendar", "/profile/calendar", "/profile/calendar/end"):
        answer = await one.submit(action)
        await one.get(answer.headers["location"])
        said.append([notice.text for notice in one.soup().select("[role=status]")])

    assert said == [
        ["This is your address."],
        ["There is a new address. The old one no longer works."],
        ["This calendar is ended. Its address no longer works."],
    ]


@pytest.mark.parametrize("name", ["x", "x.ics", ".ics", "a" * 5000, "%00", "%C3%A9.ics", "..%2f"])
async def test_a_guess_opens_nothing(app: Litestar, browser: Open, now: datetime, name: str) -> None:
    await ana_with_a_feed(browser, now)

    answer = await talk_to(app).get(f"/feeds/{name}")

    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("stage", "status"), [("paused", 200), ("suspended", 404)])
async def test_a_suspended_members_feed_is_closed(
    app: Litestar, browser: Open, now: datetime, stage: str, status: int
) -> None:
    _, path = await ana_with_a_feed(browser, now)
    await Member.update({Member.stage: stage}, force=True)

    assert (await talk_to(app).get(path)).status_code == status


async def test_reading_a_feed_writes_nothing(app: Litestar, browser: Open, now: datetime, database_url: str) -> None:
    _, path = await ana_with_a_feed(browser, now)
    before = await everything(database_url)

    program = talk_to(app)
    statuses = {(await program.request(method, path)).status_code for _ in range(50) for method in ("GET", "HEAD")}

    assert statuses == {200}
    assert await everything(database_url) == before


async def test_an_organizer_counts_and_learns_no_names(app: Litestar, browser: Open, now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    seat_id = await a_seat(now, ana, ben)
    await a_seat(now, cat, await a_member("Dora", now), await a_member("Eli", now))
    await a_seat(now, ana, ben, span=THURSDAY)
    await invitations.answer(seat_id, Rsvp.YES, now)
    olu = browser()
    await sign_in(olu, await an_organizer(now), now)
    await olu.post("/profile/calendar", {"kind": "counts"})
    await olu.get("/profile/calendar")
    path = feed_path(olu)

    feed = await talk_to(app).get(path)

    assert [(one.summary, one.starts) for one in read(feed)] == [
        ("2 sessions", TUESDAY.starts_at.timestamp()), ("1 session", THURSDAY.starts_at.timestamp()),
    ]  # fmt: skip
    assert [line for line in lines(feed) if line.startswith("DESCRIPTION")] == [
        "DESCRIPTION:5 people\\, 1 said yes", "DESCRIPTION:2 people\\, 0 said yes",
    ]  # fmt: skip
    uids = {row["uid"] for row in await Seat.select(Seat.uid)}
    assert {one.uid for one in read(feed)} & uids == set()
    assert [one.uid for one in read(await talk_to(app).get(path))] == [one.uid for one in read(feed)]
    await Member.update({Member.is_organizer: False}, force=True)
    assert (await talk_to(app).get(path)).status_code == 404


async def test_counts_are_for_organizers(browser: Open, now: datetime) -> None:
    one, _ = await ana_with_a_feed(browser, now)

    answers = [await one.post("/profile/calendar", {"kind": kind}) for kind in ("counts", "names", "")]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert await Feed.count() == 1
    await one.get("/profile/calendar")
    assert [heading.text for heading in one.soup().select("h2")] == ["Your sessions"]


async def test_nobody_makes_addresses_all_day(browser: Open, now: datetime) -> None:
    one, _ = await ana_with_a_feed(browser, now)

    statuses = [(await one.post("/profile/calendar", {"kind": "own"})).status_code for _ in range(10)]

    assert statuses == [303] * 9 + [429]


async def test_the_address_stands_nowhere_but_on_its_members_page(
    app: Litestar, browser: Open, now: datetime, database_url: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    _, path = await ana_with_a_feed(browser, now)
    token = path.removeprefix("/feeds/").removesuffix(".ics")

    async def breaks(_: str) -> None:
        raise RuntimeError(f"something about {token}")

    await talk_to(app).get(path)
    monkeypatch.setattr(feeds, "behind", breaks)
    broken = await talk_to(app).get(path)

    assert broken.status_code == 500
    said = capsys.readouterr()
    assert "unexpected" in said.out + said.err
    assert token not in said.out + said.err + broken.text
    assert [table for table, text in (await everything(database_url)).items() if token.casefold() in text] == []
    assert len(token) >= 43


async def test_a_feed_takes_two_statements_however_much_is_in_it(
    app: Litestar, browser: Open, now: datetime, statements: list[str]
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    _, path = await ana_with_a_feed(browser, now)
    asked = []
    for day in (1, 2, 3, 4):
        await a_seat(now, ana, ben, span=at(f"2026-12-0{day}T18:00"))
        statements.clear()
        await talk_to(app).get(path)
        asked.append(len(statements))

    assert asked == [2, 2, 2, 2]


async def test_erasing_oneself_ends_the_feed(app: Litestar, browser: Open, now: datetime) -> None:
    one, path = await ana_with_a_feed(browser, now)
    await one.get("/profile/erase")

    await one.submit("/profile/erase", sure="yes")

    assert (await talk_to(app).get(path)).status_code == 404
    assert await Feed.count() == 0


def test_a_feed_is_shown_without_its_token(now: datetime) -> None:
    shown = repr(feeds.StoredFeed(Kind.OWN, "secret", now))

    assert shown == "StoredFeed(own)"
