"""Signing up in a browser, with and without mistakes."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from bs4 import Tag

from peerhub.domain.availability import Liking, WeeklyHours
from peerhub.store import members, programs
from peerhub.store.tables import ComfortLevel, Consent, Enrolment, Letter, Member, WeeklyHour
from tests.community import a_member, a_program
from tests.letters import letters_to_show
from tests.web.conftest import Browser, Clock, link_of_newest_letter, newest_letter

Open = Callable[[], Browser]
ANA: dict[str, str | list[str]] = {
    "name": "Ana",
    "email": "ana@example.org",
    "zone": "Europe/Lisbon",
    "day": ["tue", "weekend", "mon"],
    "opens": ["18:00", "10:00", ""],
    "closes": ["20:30", "00:00", ""],
    "liking": ["good", "if_needed", "good"],
    "consents": ["agreement", "matching", "adult"],
}


async def test_a_sign_up_is_kept_whole_and_its_letter_confirms_the_address(browser: Open) -> None:
    ana = browser()
    await ana.get("/signup")

    answer = await ana.submit(**ANA)

    assert (answer.status_code, answer.headers["location"]) == (303, "/signup/check-your-mail")
    assert (await newest_letter()).reading.to == "ana@example.org"
    member = (await Member.select())[0]
    assert (member["stage"], member["time_zone"]) == ("unconfirmed", "Europe/Lisbon")
    profile = await members.profile_of(member["id"])
    assert profile.hours == (
        WeeklyHours(1, 18 * 60, 20 * 60 + 30),
        WeeklyHours(5, 10 * 60, 24 * 60, Liking.IF_NEEDED),
        WeeklyHours(6, 10 * 60, 24 * 60, Liking.IF_NEEDED),
    )

    link = await link_of_newest_letter()
    await ana.get(link)
    answer = await ana.submit()

    assert (answer.status_code, answer.headers["location"]) == (303, "/home?welcome=yes")
    assert (await Member.select(Member.stage))[0]["stage"] == "active"
    assert "Hello Ana" in (await ana.get("/home")).text


async def test_another_browser_confirms_the_address_but_is_not_signed_in(browser: Open) -> None:
    ana, scanner = browser(), browser()
    await ana.get("/signup")
    await ana.submit(**ANA)

    await scanner.get(await link_of_newest_letter())
    answer = await scanner.submit()

    assert answer.headers["location"] == "/confirmed"
    assert (await Member.select(Member.stage))[0]["stage"] == "active"
    assert (await scanner.get("/home")).headers["location"] == "/sign-in"


async def test_a_mistake_keeps_everything_typed_and_names_every_field(browser: Open) -> None:
    ana = browser()
    await ana.get("/signup")
    typed = ANA | {
        "name": " " * 3,
        "email": "not an address",
        "zone": "Nowhere/Atlantis",
        "opens": ["20:00", "10:07", ""],
        "closes": ["18:00", "12:00", ""],
        "consents": ["matching"],
        "size_pair": "0",
        "role": "listen",
    }

    answer = await ana.submit(**typed)

    assert answer.status_code == 422
    said = {str(one["id"]): one.text for one in ana.soup().select(".mistake")}
    assert said == {
        "name-mistake": "Please give a name that others may call you.",
        "email-mistake": "This does not look like a mail address. It should look like name@example.org.",
        "zone-mistake": "Please choose a city from the list, for example Lisbon or Europe/Lisbon.",
        "hours-mistake": "Row 1: 20:00-18:00 ends before it starts; for a night, give two ranges, one for each day."
        " Row 2: the time must be a multiple of 15 minutes, for example 18:00 or 18:15.",
        "consents-mistake": "Please agree to the first three; without them nobody can be matched.",
    }
    listed = [str(link["href"]) for link in ana.soup().select("#mistakes a")]
    assert listed == ["#name", "#email", "#zone", "#hours", "#consents"]
    assert all(ana.soup().select_one(target) for target in listed)
    again = ana.form()
    for name, value in typed.items():
        assert values_of(again, name)[: len(value) if isinstance(value, list) else 1] == (
            value if isinstance(value, list) else [value]
        )
    assert await Member.count() == 0
    assert await Letter.count() == 0


def values_of(form: Tag, name: str) -> list[str]:
    found = []
    for one in form.select(f"[name={name}]"):
        if one.get("type") in ("checkbox", "radio") and not one.has_attr("checked"):
            continue
        chosen = one.select_one("option[selected]") if one.name == "select" else one
        found.append(str(chosen["value"]) if chosen else "")
    return found


async def test_without_javascript_more_rows_are_added_and_nothing_is_lost(browser: Open) -> None:
    ana = browser()
    await ana.get("/signup")
    assert len(ana.soup().select(".week-row")) == 3

    answer = await ana.submit(**ANA, more_rows="yes")

    assert answer.status_code == 200
    assert len(ana.soup().select(".week-row")) == 6
    assert values_of(ana.form(), "opens") == ["18:00", "10:00", "", "", "", ""]
    assert ana.soup().select(".mistake") == []
    assert (await ana.submit(email="ana@example.org")).status_code == 303


async def test_201_ranges_are_too_many(browser: Open) -> None:
    ana = browser()
    await ana.get("/signup")
    rows = [("mon", "18:00", "19:00", "good")] * 201
    names = ("day", "opens", "closes", "liking")
    columns: dict[str, str | list[str]] = {name: [row[n] for row in rows] for n, name in enumerate(names)}

    answer = await ana.submit(**ANA | columns)

    assert answer.status_code == 422
    assert "201 ranges are more than 200" in ana.text()
    assert await Member.count() == 0


async def test_odd_names_and_addresses_are_named_and_not_kept(browser: Open) -> None:
    ana = browser()
    await ana.get("/signup")
    odd: list[dict[str, str | list[str]]] = [
        {"name": "A" * 10_000},
        {"name": "Ana\u202eleb"},
        {"name": "Ana\u200b"},
        {"name": "An\0a"},
        {"name": "Z" + "\u0301" * 30},
        {"email": "ana@example.org\r\nBcc: all@example.org"},
        {"email": "ana@example.org, ben@example.org"},
        {"email": '"Ana" <ana@example.org>'},
        {"programs": ["not-an-id"]},
        {"size_pair": "9"},
        {"role": "boss"},
        {"languages": ["<script>"]},
        {"most_sessions": "100"},
        {"liking": ["never", "good", "good"]},
        {"day": ["someday", "sat", "mon"]},
    ]

    answers = [(await ana.submit("/signup", **ANA | one)).status_code for one in odd]

    assert answers == [422] * len(odd)
    assert await Member.count() == 0


async def test_what_is_optional_is_kept_when_it_is_said(browser: Open, now: datetime) -> None:
    program = await a_program(now)
    ana = browser()
    await ana.get("/signup")

    await ana.submit(
        **ANA | {"programs": [str(program)], "size_large": "0", "medium_voice": "4", "topic_grief": "3",
                 "languages": ["pt", "en"], "role": "share", "most_sessions": "2", "discreet": "no"}
    )  # fmt: skip

    profile = await members.profile_of((await Member.select())[0]["id"])
    assert profile.programs == {program}
    assert (profile.comfort.sizes["large"], profile.comfort.mediums["voice"]) == (0, 4)
    assert profile.comfort.topics["grief"] == 3
    assert (profile.role, profile.languages, profile.most_sessions, profile.discreet) == (
        "share",
        ("pt", "en"),
        2,
        False,
    )
    assert len(await programs.enrolled_in(program)) == 1


@pytest.mark.parametrize("said", [{}, {"discreet": ""}, {"discreet": "perhaps"}], ids=str)
async def test_who_does_not_ask_for_open_letters_gets_discreet_ones(browser: Open, said: dict[str, str]) -> None:
    ana = browser()
    await ana.get("/signup")

    await ana.submit(**ANA | said)

    assert (await members.profile_of((await Member.select())[0]["id"])).discreet is True


async def test_a_name_with_html_stays_text(browser: Open) -> None:
    ana = browser()
    await ana.get("/signup")
    await ana.submit(**ANA | {"name": "<b>Ana<i> {{7*7}}"})
    await ana.get(await link_of_newest_letter())
    await ana.submit()

    await ana.get("/home")

    assert "Hello <b>Ana<i> {{7*7}}" in ana.text()
    assert ana.soup().select("main b") == []


async def test_known_and_unknown_addresses_get_the_same_answer(browser: Open, now: datetime) -> None:
    await a_member("Ben", now)
    answers = []
    for address in ("ben@example.org", "new@example.org"):
        one = browser()
        await one.get("/signup")
        answer = await one.submit(**ANA | {"email": address})
        cookies = [header.split("=")[0] for header in answer.headers.get_list("set-cookie")]
        page = await one.get("/signup/check-your-mail")
        code = page.text.split("<strong>")[1][:7]
        answers.append((answer.status_code, answer.content, cookies, page.text.replace(code, "")))

    assert answers[0] == answers[1]
    letters = {one.reading.to: one.kind for one in await letters_to_show()}
    assert letters == {"ben@example.org": "already_a_member", "new@example.org": "confirm_address"}
    assert await Member.count() == 2


async def test_the_member_whose_address_was_typed_keeps_what_they_said(browser: Open, now: datetime) -> None:
    ben = await a_member("Ben", now)
    before = await members.profile_of(ben)
    stranger = browser()
    await stranger.get("/signup")

    await stranger.submit(**ANA | {"email": "BEN@example.org"})

    assert await members.profile_of(ben) == before
    counted = [await table.count() for table in (Member, Consent, WeeklyHour, ComfortLevel, Enrolment)]
    assert counted == [1, 3, 2, 0, 0]


async def test_signing_up_again_before_confirming_keeps_the_newest_and_revokes_the_old_link(browser: Open) -> None:
    first, second = browser(), browser()
    links = []
    for one, name in ((first, "Ana"), (second, "Anna")):
        await one.get("/signup")
        await one.submit(**ANA | {"name": name})
        links.append(await link_of_newest_letter())

    answers = [(await one.get(link)).status_code for one, link in zip((first, second), links, strict=True)]

    assert answers == [410, 200]
    assert await Member.count() == 1
    confirmed = await second.submit()
    await second.get(confirmed.headers["location"])
    assert second.text().startswith("Hello Anna Welcome. Your address is confirmed.")


async def test_the_confirming_link_is_over_after_two_days(browser: Open, clock: Clock) -> None:
    ana = browser()
    await ana.get("/signup")
    await ana.submit(**ANA)
    link = await link_of_newest_letter()
    await ana.get(link)

    clock.forward(timedelta(days=2))
    answer = await ana.submit()

    assert answer.status_code == 410
    assert (await Member.select(Member.stage))[0]["stage"] == "unconfirmed"


async def test_the_same_address_is_written_to_five_times_an_hour_at_most(browser: Open, clock: Clock) -> None:
    ana = browser()
    await ana.get("/signup")
    form = ana.form()

    answers = [(await ana._send(form, await _fields(ana))).status_code for _ in range(6)]

    assert answers == [303] * 5 + [429]
    clock.forward(timedelta(hours=1))
    assert (await ana._send(form, await _fields(ana))).status_code == 303


async def _fields(one: Browser) -> dict[str, str | list[str]]:
    return {"form_token": one.token() or await one.fetch_token(), **ANA}
