"""A member changes what they said, keeps apart from someone, takes their data along, and leaves."""

import json
from collections.abc import Callable
from datetime import date, datetime

import pytest

from peerhub.domain.availability import WeeklyHours
from peerhub.store import members
from peerhub.store.tables import TABLES, Audit, Consent, KeepApart, Member, Program
from tests.community import a_member, a_program, at, enrol, who_keeps_apart
from tests.web.conftest import Browser, a_seat, sign_in
from tests.web.test_signup import values_of

Open = Callable[[], Browser]
BEFORE = at("2026-11-18T18:00")


async def test_saving_an_untouched_profile_changes_nothing(browser: Open, now: datetime) -> None:
    ana = await a_member("Ana", now, "mon 18:00-24:00", "sun 00:00-01:15")
    program = await a_program(now)
    await enrol(program, now, ana)
    before = await members.profile_of(ana)
    one = browser()
    await sign_in(one, ana, now)
    await one.get("/profile")

    answer = await one.submit("/profile")

    assert answer.status_code == 303
    after = await members.profile_of(ana)
    assert (after.hours, after.programs, after.languages) == (before.hours, frozenset({program}), before.languages)
    assert (after.name, after.time_zone, after.role) == (before.name, before.time_zone, before.role)


async def test_saving_keeps_a_program_that_takes_nobody_new(browser: Open, now: datetime) -> None:
    ana = await a_member("Ana", now)
    closed = await a_program(now)
    await enrol(closed, now, ana)
    await Program.update({Program.is_open: False}, force=True)
    one = browser()
    await sign_in(one, ana, now)
    await one.get("/profile")

    await one.submit("/profile", topic_grief="0")

    profile = await members.profile_of(ana)
    assert (profile.programs, profile.comfort.topics["grief"]) == (frozenset({closed}), 0)


async def test_a_changed_profile_is_kept_whole(browser: Open, now: datetime) -> None:
    ana = await a_member("Ana", now)
    left, joined = await a_program(now), await a_program(now)
    await enrol(left, now, ana)
    one = browser()
    await sign_in(one, ana, now)
    await one.get("/profile")

    await one.submit(
        "/profile", name="Anna", zone="kathmandu", day="fri", opens="09:00", closes="10:00", liking="good",
        programs=[str(joined)], size_pair="0",
    )  # fmt: skip

    profile = await members.profile_of(ana)
    assert (profile.name, profile.time_zone) == ("Anna", "Asia/Kathmandu")
    assert profile.hours == (WeeklyHours(4, 9 * 60, 10 * 60),)
    assert (profile.programs, profile.comfort.sizes["pair"]) == (frozenset({joined}), 0)


async def test_a_mistake_in_the_profile_keeps_what_was_typed_and_what_is_stored(browser: Open, now: datetime) -> None:
    ana = await a_member("Ana", now)
    before = await members.profile_of(ana)
    one = browser()
    await sign_in(one, ana, now)
    await one.get("/profile")

    answer = await one.submit("/profile", name="New name", zone="nowhere")

    assert answer.status_code == 422
    assert (values_of(one.form("/profile"), "name"), values_of(one.form("/profile"), "zone")) == (
        ["New name"],
        ["nowhere"],
    )
    assert await members.profile_of(ana) == before


async def test_keep_apart_says_the_same_of_members_and_strangers(browser: Open, now: datetime) -> None:
    ana, dan = await a_member("Ana", now), await a_member("Dan", now)
    one = browser()
    await sign_in(one, dan, now)
    answers = []
    for address in ("ana@example.org", "nobody@example.org"):
        answer = await one.post("/profile/apart", {"address": address})
        page = await one.get(answer.headers["location"].partition("#")[0])
        wish = (await members.wishes_of(dan))[0]
        answers.append((answer.status_code, answer.headers, page.text.replace(address, "").replace(str(wish.id), "")))
        if address == "ana@example.org":
            assert await who_keeps_apart(ana, dan) == {dan: {ana}}
        await one.post(f"/profile/apart/{wish.id}/remove", {})

    assert answers[0] == answers[1]
    assert await who_keeps_apart(ana, dan) == {}


async def test_a_wish_about_someone_met_and_one_about_their_address_stay_two(browser: Open, now: datetime) -> None:
    """Were they one, the list would tell whose address it is."""
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    await a_seat(now, ana, ben, span=BEFORE)
    one = browser()
    await sign_in(one, ana, now)

    for fields in ({"person": str(ben)}, {"address": "ben@example.org"}, {"address": "BEN@example.org"}):
        assert (await one.post("/profile/apart", fields)).status_code == 303

    assert sorted(wish.called for wish in await members.wishes_of(ana)) == ["Ben", "ben@example.org"]
    rows = await KeepApart.select()
    assert [b"ben" in row["sealed_wish"].lower() for row in rows] == [False, False]


async def test_nobody_can_name_a_stranger_by_id(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    one = browser()
    await sign_in(one, ana, now)

    answers = [(await one.post("/profile/apart", {"person": who})).status_code for who in (str(ben), "Ben", "")]

    assert answers == [404, 422, 422]
    assert await KeepApart.count() == 0


async def test_a_wish_holds_when_the_other_leaves_and_comes_back(now: datetime, db: None) -> None:
    dan, ana = await a_member("Dan", now), await a_member("Ana", now)
    await members.put_wish(dan, "ana@example.org", "ana@example.org", now)

    await members.erase(ana)
    back = await a_member("Ana", now)

    assert await who_keeps_apart(dan, back) == {dan: {back}}


async def test_somebody_elses_wish_cannot_be_removed(browser: Open, now: datetime) -> None:
    dan, ana = await a_member("Dan", now), await a_member("Ana", now)
    await members.put_wish(dan, "ana@example.org", "ana@example.org", now)
    wish = (await members.wishes_of(dan))[0]
    one = browser()
    await sign_in(one, ana, now)

    await one.post(f"/profile/apart/{wish.id}/remove", {})

    assert await members.wishes_of(dan) == [wish]


@pytest.mark.parametrize("kind", ["size", "medium"])
async def test_who_closes_every_size_or_medium_is_told_that_nobody_can_be_matched(
    kind: str, browser: Open, now: datetime
) -> None:
    one = browser()
    await sign_in(one, await a_member("Ana", now), now)
    await one.get("/profile")
    offered = [str(field["name"]) for field in one.soup().select(f"select[name^={kind}_]")]
    told = []

    for level in ("0", "1"):
        await one.get("/profile")
        answer = await one.submit("/profile", **dict.fromkeys(offered, "0") | {offered[0]: level})
        await one.get(answer.headers["location"])
        told += ["nobody can be matched with you" in one.text()]

    assert told == [True, False]


async def test_a_consent_taken_back_is_kept_as_taken_back(browser: Open, now: datetime) -> None:
    ana = await a_member("Ana", now)
    one = browser()
    await sign_in(one, ana, now)

    await one.post("/profile/consents", {"consents": ["agreement", "adult", "check_ins", "nonsense"]})

    assert sorted(await members.consents_of(ana)) == ["adult", "agreement", "check_ins"]
    rows = {row["purpose"]: row["withdrawn_at"] for row in await Consent.select()}
    assert rows == {"agreement": None, "adult": None, "check_ins": None, "matching": now}
    assert "A consent is missing" in (await one.get("/home")).text


async def test_days_away_are_kept_and_removed(browser: Open, now: datetime) -> None:
    ana = await a_member("Ana", now)
    one = browser()
    await sign_in(one, ana, now)

    kept = await one.post("/profile/away", {"first": "2026-12-24", "last": "2026-12-26"})
    await one.get(kept.headers["location"])
    told = [notice.text for notice in one.soup().select("section[aria-labelledby=away] .notice")]
    await one.post("/profile/away/2026-12-25/remove", {})
    wrong = [
        await one.post("/profile/away", fields)
        for fields in (
            {"first": "2026-12-26", "last": "2026-12-24"},
            {"first": "yesterday"},
            {"first": "2020-01-01"},
            {"first": "2026-12-01", "last": "9999-12-31"},
        )
    ]

    assert told == ["Your days away are kept."]
    assert await members.days_away_of(ana, date(2026, 1, 1)) == [date(2026, 12, 24), date(2026, 12, 26)]
    assert [answer.status_code for answer in wrong] == [422] * 4


async def test_the_export_holds_what_is_ours_and_nothing_that_others_wish(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    await a_seat(now, ana, ben, span=BEFORE)
    await members.put_wish(ana, "loud@example.org", "loud@example.org", now)
    await members.put_wish_about(ben, ana, now)
    one = browser()
    await sign_in(one, ana, now)

    answer = await one.get("/profile/export")

    everything = json.loads(answer.text)
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert sorted(everything) == [
        "address", "busy_times", "calendar_feeds", "comfort", "consents", "days_away", "discreet", "exported_at",
        "hours", "keep_apart", "languages", "letters", "letters_come_back", "most_sessions", "name", "programs",
        "reminders", "role", "seats_offered", "sessions", "time_zone", "trust",
    ]  # fmt: skip
    assert (everything["address"], everything["keep_apart"]) == ("ana@example.org", ["loud@example.org"])
    assert everything["sessions"][0]["with"] == ["Ben"]
    assert "ben@example.org" not in answer.text


async def test_erasing_takes_one_more_tick_and_leaves_nothing(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    await a_seat(now, ana, ben, span=BEFORE)
    await members.put_wish(ana, "loud@example.org", "loud@example.org", now)
    one = browser()
    await sign_in(one, ana, now)
    await one.get("/profile/erase")

    assert (await one.submit()).status_code == 422
    assert await Member.count() == 2
    answer = await one.submit(sure="yes")

    assert (answer.status_code, answer.headers["location"]) == (303, "/erased")
    left = {table._meta.tablename for table in TABLES for row in await table.select() if str(ana) in repr(row)}
    assert left == set()
    assert (await Audit.select(Audit.action))[-1]["action"] == "member erased"
    assert (await one.get("/home")).headers["location"] == "/sign-in"


async def test_a_pause_is_kept_until_coming_back(browser: Open, now: datetime) -> None:
    ana = await a_member("Ana", now)
    one = browser()
    await sign_in(one, ana, now)

    await one.post("/pause", {})
    assert (await Member.select(Member.stage))[0]["stage"] == "paused"
    assert "You are taking a pause" in (await one.get("/home")).text
    await one.post("/come-back", {})

    assert (await Member.select(Member.stage))[0]["stage"] == "active"


async def test_a_round_is_joined_and_left_on_home(browser: Open, now: datetime) -> None:
    from peerhub.store.tables import Joining
    from tests.community import a_round

    ana = await a_member("Ana", now)
    program = await a_program(now)
    await enrol(program, now, ana)
    round_id = await a_round(program, now)
    one = browser()
    await sign_in(one, ana, now)
    await one.get("/home")

    await one.submit(f"/rounds/{round_id}/join")
    assert await Joining.count() == 1
    await one.get("/home")
    await one.submit(f"/rounds/{round_id}/not-this-time")

    assert await Joining.count() == 0


async def test_no_page_of_a_member_asks_more_than_twelve_times(
    browser: Open, now: datetime, statements: list[str]
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    met = await a_seat(now, ana, ben, span=BEFORE)
    one = browser()
    await sign_in(one, ana, now)
    asked = {}

    for path in ("/home", "/profile", f"/sessions/{met}", f"/check-ins/{met}", "/signup", "/crisis"):
        statements.clear()
        assert (await one.get(path)).status_code == 200
        asked[path] = len(statements)

    assert [path for path, times in asked.items() if times > 12] == []
    assert asked["/crisis"] == 0
