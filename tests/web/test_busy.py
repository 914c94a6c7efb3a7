"""Busy times: a calendar is uploaded for the coming round, becomes dates and hours away, and nothing else is kept."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from peerhub.actions import busy as act
from peerhub.actions import profile
from peerhub.actions.busy import TOO_MUCH, CannotRead, Limits
from peerhub.domain.members import Member
from peerhub.jobs.duties import DUTIES, forget_busy_times
from peerhub.mail.letterhead import Letterhead
from peerhub.matching import rules
from peerhub.store import busy, logins, quotas, rounds
from peerhub.store.tables import BusyTime
from peerhub.web.members.busy import days_of
from tests.community import THURSDAY, TUESDAY, WEEK, a_member, a_program, a_round, at, enrol, together
from tests.mail.test_busy_times import PLAIN, a_calendar
from tests.web.conftest import Browser, Clock, sign_in
from tests.web.test_dump import everything

Open = Callable[[], Browser]
TUESDAY_EVENING = "UID:1\nDTSTART;TZID=Europe/Lisbon:20261201T173000\nDTEND;TZID=Europe/Lisbon:20261201T190000"


@pytest.fixture
async def ana(db: None, now: datetime) -> UUID:
    return await a_member("Ana", now)


@pytest.fixture
async def round_id(ana: UUID, now: datetime) -> UUID:
    """A round that is open to Ana and Ben, and that both have joined."""
    ben, program_id = await a_member("Ben", now), await a_program(now)
    await enrol(program_id, now, ana, ben)
    return await a_round(program_id, now, ana, ben)


@pytest.fixture
async def page(browser: Open, ana: UUID, round_id: UUID, now: datetime) -> Browser:
    """Ana's browser, on the page of busy times."""
    one = browser()
    await sign_in(one, ana, now)
    await one.get("/profile/busy")
    return one


async def upload(one: Browser, content: bytes, name: str = "calendar.ics") -> int:
    """Choose the file and press the button; the answer's status, and where it leads is followed."""
    token = one.token() or await one.fetch_token()
    answer = await one.http.post("/profile/busy", data={"form_token": token}, files={"calendar": (name, content)})
    one.page = answer
    if answer.status_code == 303:
        await one.get(answer.headers["location"])
    return answer.status_code


async def test_a_calendar_becomes_dates_and_hours_away(page: Browser, ana: UUID) -> None:
    status = await upload(page, a_calendar(TUESDAY_EVENING, "UID:2\nDTSTART;VALUE=DATE:20261204"))

    assert status == 303
    assert [one.get_text(" ", strip=True) for one in page.soup().select("li.listed")] == [
        "Tuesday 1 December 17:30 to 19:00", "Friday 4 December all day",
    ]  # fmt: skip
    assert page.soup().select(".notice")[0].text == "Your busy times are kept."
    assert {row["week"] for row in await BusyTime.select()} == {WEEK}


async def test_nobody_is_matched_while_they_are_busy(page: Browser, round_id: UUID, ana: UUID) -> None:
    (ben,) = {UUID(one.id) for one in (await rounds.problem_of(await rounds.by_id(round_id))).participants} - {ana}
    before = await rounds.problem_of(await rounds.by_id(round_id))

    await upload(page, a_calendar(TUESDAY_EVENING))

    after = await rounds.problem_of(await rounds.by_id(round_id))
    meetings = [together(ana, ben), together(ana, ben, span=THURSDAY)]
    assert [list(rules.broken_rules_of_sessions(before, [one])) for one in meetings] == [[], []]
    assert [len(list(rules.broken_rules_of_sessions(after, [one]))) for one in meetings] == [1, 0]
    assert after.by_id[str(ana)].busy == {type(TUESDAY)(TUESDAY.starts_at - timedelta(minutes=30), TUESDAY.ends_at)}


async def test_busy_times_count_for_their_own_week_alone(
    page: Browser, round_id: UUID, ana: UUID, now: datetime
) -> None:
    program_id = (await rounds.by_id(round_id)).program.id
    await upload(page, a_calendar(TUESDAY_EVENING))

    later = await a_round(program_id, now, ana, week=WEEK + timedelta(days=7))

    assert (await rounds.problem_of(await rounds.by_id(later))).by_id[str(ana)].busy == frozenset()


async def test_a_new_file_takes_the_place_of_the_one_before(page: Browser, ana: UUID) -> None:
    await upload(page, a_calendar(TUESDAY_EVENING))
    await upload(page, a_calendar("UID:9\nDTSTART:20261203T090000Z\nDURATION:PT1H"))

    assert await busy.of(ana) == {WEEK: [at("2026-12-03T09:00")]}


async def test_busy_times_can_be_deleted(page: Browser, ana: UUID) -> None:
    await upload(page, a_calendar(TUESDAY_EVENING))

    await page.submit("/profile/busy/delete")

    assert await busy.of(ana) == {}
    await page.get("/profile/busy")
    assert page.soup().select("li.listed") == []


async def test_busy_times_of_others_are_left_alone(page: Browser, ana: UUID, now: datetime) -> None:
    cat = await a_member("Cat", now)
    await busy.put(cat, {WEEK: [TUESDAY]})
    await upload(page, a_calendar(PLAIN))

    await page.submit("/profile/busy/delete")

    assert await busy.of(cat) == {WEEK: [TUESDAY]}


async def test_busy_times_are_forgotten_when_their_week_is_over(ana: UUID) -> None:
    await busy.put(ana, {WEEK: [TUESDAY], WEEK + timedelta(days=7): [TUESDAY]})

    assert await busy.forget(datetime.fromisoformat("2026-12-08T23:00:00+00:00")) == 0
    assert await busy.forget(datetime.fromisoformat("2026-12-09T01:00:00+00:00")) == 1
    assert list(await busy.of(ana)) == [WEEK + timedelta(days=7)]
    assert forget_busy_times in DUTIES


async def test_no_title_place_or_person_of_the_file_is_kept_or_said(
    page: Browser, ana: UUID, database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    private = (
        "SUMMARY:chemotherapy\nLOCATION:ward seven\nDESCRIPTION:bring the scans"
        "\nORGANIZER;CN=Zoe:mailto:zoe@clinic.example\nATTENDEE;CN=Zoe:mailto:zoe@clinic.example\nCATEGORIES:oncology\nX-ROOM:lilac"
    )

    statuses = [
        await upload(page, a_calendar(f"{TUESDAY_EVENING}\n{private}", f"UID:zoe-uid\n{private}"), "oncology.ics"),
        await upload(page, f"chemotherapy {private}".encode(), "oncology.ics"),
    ]

    said = capfd.readouterr()
    dump = "\n".join((await everything(database_url)).values())
    shown = page.page.text + (await page.get("/profile/busy")).text + str(await profile.export(ana, TUESDAY.starts_at))
    told = f"{dump}\n{said.out}\n{said.err}\n{shown}".casefold()
    words = ("chemo", "ward seven", "scans", "zoe", "clinic", "oncology", "lilac")
    assert statuses == [303, 422]
    assert [word for word in words if word in told] == []
    assert "2026-12-01 17:30:00+00:00" in dump


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"\0" * 200, b"\x1f\x8b\x08", b"hello"], ids=ascii)
async def test_what_is_no_calendar_is_refused_in_words_and_keeps_what_was_there(
    page: Browser, ana: UUID, content: bytes
) -> None:
    await upload(page, a_calendar(TUESDAY_EVENING))

    status = await upload(page, content)

    assert status == 422
    words = page.soup().select("#mistakes p")[0].text
    assert words == (act.NOT_A_CALENDAR if content else "Please choose a file first.")
    assert len(await busy.of(ana)) == 1


@pytest.mark.parametrize(("bytes_more", "status"), [(0, 303), (1, 422), (20_000, 413), (3_000_000, 413)])
async def test_a_megabyte_is_the_most(page: Browser, bytes_more: int, status: int) -> None:
    content = a_calendar(PLAIN)
    content += b"\n" * (1024 * 1024 + bytes_more - len(content))

    assert await upload(page, content) == status


@pytest.mark.parametrize("bytes_more", [1, 3_000_000])
async def test_who_sends_too_much_reads_what_to_do_and_is_a_click_from_trying_again(
    page: Browser, bytes_more: int
) -> None:
    await upload(page, b"\n" * (1024 * 1024 + bytes_more))

    assert act.TOO_LARGE in page.text()
    assert page.soup().select("main a[href='/profile/busy'], main form[action='/profile/busy']") != []


BOMBS = {
    "years of days": "DTSTART:00010101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY",
    "a day that never comes": "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
async def test_a_series_that_never_ends_is_given_up_and_nothing_is_kept(
    ana: UUID, round_id: UUID, letterhead: Letterhead, now: datetime, bomb: str
) -> None:
    content = a_calendar(*(f"UID:{n}\n{bomb}" for n in range(2_000)))
    member = await _member(ana, now)

    with pytest.raises(CannotRead) as refusal:
        await act.take(member, content, letterhead, now, Limits(seconds=2))

    assert str(refusal.value) == TOO_MUCH
    assert await busy.of(ana) == {}


async def test_a_reader_that_dies_is_answered_in_words(
    ana: UUID, round_id: UUID, letterhead: Letterhead, now: datetime
) -> None:
    kills_itself = Limits(command=("sh", "-c", "kill -9 $$"))

    with pytest.raises(CannotRead) as refusal:
        await act.take(await _member(ana, now), a_calendar(PLAIN), letterhead, now, kills_itself)

    assert str(refusal.value) == TOO_MUCH


async def test_the_reader_is_told_no_keys(
    ana: UUID, round_id: UUID, letterhead: Letterhead, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEERHUB_KEYS", "secret")
    tells_all = Limits(command=("sh", "-c", "env | grep -qE 'DATABASE|PEERHUB|KEY' && exit 2; exit 1"))

    with pytest.raises(CannotRead) as refusal:
        await act.take(await _member(ana, now), a_calendar(PLAIN), letterhead, now, tells_all)

    assert str(refusal.value) == TOO_MUCH


async def test_without_an_open_round_there_is_nothing_to_upload(browser: Open, ana: UUID, now: datetime) -> None:
    one = browser()
    await sign_in(one, ana, now)
    await one.get("/profile/busy")

    assert one.soup().select("input[type=file]") == []
    assert await upload(one, a_calendar(PLAIN)) == 422
    assert one.soup().select("#mistakes p")[0].text == act.NO_ROUND


async def test_a_round_whose_week_is_over_is_not_asked_about(
    page: Browser, ana: UUID, clock: Clock, now: datetime
) -> None:
    clock.now = datetime.fromisoformat("2026-12-08T09:00:00+00:00")
    await sign_in(page, ana, clock.now)

    await page.get("/profile/busy")

    assert page.soup().select("input[type=file]") == []


async def test_nobody_uploads_all_day(ana: UUID, now: datetime, page: Browser) -> None:
    for _ in range(act.UPLOADS_A_DAY):
        await quotas.count("busy times", str(ana), act.UPLOADS_A_DAY, timedelta(days=1), now)

    assert await upload(page, a_calendar(PLAIN)) == 429
    assert page.soup().select("#mistakes p")[0].text == (
        "You have uploaded many files today. Please try again tomorrow."
    )


async def test_a_file_that_cannot_be_read_is_marked_where_it_was_chosen(page: Browser) -> None:
    await upload(page, b"hello")

    field = page.soup().select("#calendar")[0]
    assert (field["aria-invalid"], field["aria-describedby"]) == ("true", "calendar-hint mistakes")


async def test_a_calendar_without_a_busy_hour_says_so(page: Browser) -> None:
    await upload(page, a_calendar("UID:1\nDTSTART:20270301T090000Z\nDURATION:PT1H"))

    assert [one.text for one in page.soup().select(".notice")] == [
        "Your calendar was read. You are busy at no time of that week, so there is nothing to keep."
    ]


async def test_what_was_kept_is_said_where_the_page_opens(page: Browser) -> None:
    answer = await page.http.post(
        "/profile/busy",
        data={"form_token": page.token() or ""},
        files={"calendar": ("calendar.ics", a_calendar(TUESDAY_EVENING))},
    )

    leads_to = answer.headers["location"].partition("#")[2]
    await page.get(answer.headers["location"])
    section = page.soup().select(f"section:has(#{leads_to})")[0]
    assert [one.text for one in section.select(".notice")] == ["Your busy times are kept."]


async def test_what_could_not_be_understood_is_said(page: Browser) -> None:
    await upload(page, a_calendar(TUESDAY_EVENING, "UID:2", "UID:3\nDTSTART:soon"))

    assert page.soup().select(".notice")[0].text == (
        "Your busy times are kept. 2 entries could not be understood, so please look at the times below."
    )


async def test_ones_busy_times_are_part_of_ones_own_data(page: Browser, ana: UUID, now: datetime) -> None:
    await upload(page, a_calendar(TUESDAY_EVENING))

    taken_along = await profile.export(ana, now)

    assert taken_along["busy_times"] == [
        {"starts_at": "2026-12-01T17:30:00+00:00", "ends_at": "2026-12-01T19:00:00+00:00"}
    ]


def test_days_are_those_of_the_members_wall() -> None:
    night = type(TUESDAY)(at("2026-12-01T17:00").starts_at, at("2026-12-03T18:15").starts_at)

    assert list(days_of([night], "Asia/Kathmandu")) == [
        (date(2026, 12, 1), "22:45 to 00:00"), (date(2026, 12, 2), "all day"), (date(2026, 12, 3), "all day"),
    ]  # fmt: skip


async def _member(member_id: UUID, now: datetime) -> Member:
    signed_in = await logins.who(await logins.begin_login(member_id, now), now)
    assert signed_in
    return signed_in.member
