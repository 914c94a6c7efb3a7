"""What somebody could try who means no good: each attempt gets a clear answer, and nobody learns or changes a thing."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from litestar import Litestar

from peerhub.app import create_app
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.store import logins, members, sessions
from peerhub.store.tables import Enrolment, Member, Program, Round, Seat, Session
from peerhub.web import browser as browsers
from peerhub.web.headers import ALWAYS
from peerhub.web.organizers import progress
from tests.community import a_member, a_program, a_round_of, enrol, propose, together
from tests.web.conftest import (
    BASE,
    Browser,
    Clock,
    a_seat,
    settings,
    sign_in,
    talk_to,
)
from tests.web.test_signup import ANA

Open = Callable[[], Browser]


async def a_session_page(now: datetime) -> str:
    seat = await a_seat(now, await a_member("Ana", now), await a_member("Ben", now))
    row = await Seat.select(Seat.session).where(Seat.id == seat).first()
    assert row
    return f"/organize/sessions/{row['session']}"


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_a_day_at_the_edge_of_time_is_answered(olu: Browser, now: datetime, day: str) -> None:
    page = await a_session_page(now)

    answer = await olu.post(page, {"day": day, "time": "24:00", "medium": "voice", "place": ""})

    assert answer.status_code == 422


async def test_a_number_of_five_thousand_digits_is_answered(olu: Browser, now: datetime) -> None:
    program_id, ana = await a_program(now), await a_member("Ana", now)
    await enrol(program_id, now, ana)

    answer = await olu.post(
        f"/organize/programs/{program_id}/facilitators", {"member": str(ana), "facilitates": "9" * 5000}
    )

    assert answer.status_code == 422


async def test_many_thousand_rows_come_back_as_a_page_of_a_usual_size(browser: Open) -> None:
    one = browser()
    token = await one.fetch_token()
    body = f"form_token={token}&" + "&".join(["day="] * 40_000)

    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await one.http.post("/signup", content=body, headers=headers)

    assert answer.status_code == 422
    assert len(answer.content) < 1_000_000


@pytest.mark.parametrize("field", ["programs", "consents", "languages", "liking", "topic_grief", "nothing"])
async def test_ten_thousand_fields_of_one_name_are_answered(browser: Open, now: datetime, field: str) -> None:
    await a_program(now)
    one = browser()
    token = await one.fetch_token()

    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await one.http.post("/signup", content=f"form_token={token}" + f"&{field}=x" * 10_000, headers=headers)

    assert answer.status_code == 422
    assert len(answer.content) < 1_000_000
    assert await Member.count() == 0


ODD_SIGNS = ["\u202e", "\u2066", "\u200b", "\x07", "\x00", "\x85", "\u2028", "\ue000", "\r\nBcc: mallory@example.com"]


@pytest.mark.parametrize("odd", ODD_SIGNS)
async def test_nothing_that_cannot_be_seen_is_kept_in_what_others_read(olu: Browser, now: datetime, odd: str) -> None:
    page = await a_session_page(now)
    program: dict[str, str | list[str]] = {
        "kind": "buddies", "smallest": "2", "ideal": "2", "largest": "3", "session_minutes": "60",
        "facilitators_per_session": "0", "mediums": ["video"],
    }  # fmt: skip

    await olu.post("/organize/programs", {**program, "name": f"Calm{odd}Circle"})
    await olu.post("/organize/programs", {**program, "name": "Topics", "topics": f"grief{odd}x"})
    await olu.post(page, {"day": "2026-12-01", "time": "18:00", "medium": "voice", "place": f"Room{odd}7"})
    await olu.post("/signup", {**ANA, "name": f"Zoe{odd}", "email": "zoe@example.org"})
    await olu.post("/signup", {**ANA, "email": f"zoe{odd}@example.org"})

    kept = [text for row in await Program.select() for text in (row["name"], *row["topics"])]
    kept += [one.place for one in [await sessions.by_id(UUID(page.rpartition("/")[2]))]]
    kept += (await members.names_of([row["id"] for row in await Member.select(Member.id)])).values()
    assert [text for text in kept if not text.isprintable()] == []


async def test_who_was_made_an_organizer_signs_in_anew_within_hours(browser: Open, clock: Clock, now: datetime) -> None:
    ana = browser()
    await sign_in(ana, await a_member("Ana", now), now)
    await members.make_organizer("ana@example.org")

    clock.forward(logins.ORGANIZER_IDLE_LIFE)
    assert (await ana.get("/organize")).status_code == 200
    for _ in range(4):
        clock.forward(logins.ORGANIZER_IDLE_LIFE - timedelta(minutes=1))
        await ana.get("/organize")

    assert ana.page.headers.get("location") == "/sign-in"


async def test_who_no_longer_organizes_is_out_at_once(olu: Browser) -> None:
    assert (await olu.get("/organize")).status_code == 200

    await Member.update({Member.is_organizer: False}).where(Member.is_organizer.eq(True))

    assert (await olu.get("/organize")).status_code == 404


async def test_the_link_of_a_suspended_member_tells_nothing_and_takes_no_answer(
    browser: Open, letterhead: Letterhead, now: datetime
) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    seat = await a_seat(now, ana, ben)
    link = links.rsvp_link(letterhead, seat).removeprefix(BASE)
    await members.move(ana, "active", "suspended")
    one = browser()

    page = await one.get(link)
    answer = await one.post(link, {"rsvp": "yes"})

    assert ("Ben" in page.text, "18:00" in page.text) == (False, False)
    assert answer.status_code in (404, 409)
    assert (await Seat.select(Seat.rsvp).where(Seat.id == seat).first() or {})["rsvp"] == "waiting"


async def test_others_no_longer_see_a_suspended_member(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    await a_seat(now, ana, ben)
    await members.move(ben, "active", "suspended")
    one = browser()
    await sign_in(one, ana, now)

    assert "Ben" not in (await one.get("/home")).text


async def test_who_was_taken_out_of_a_session_no_longer_reads_where_and_with_whom(browser: Open, now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    seat = await a_seat(now, ana, ben, cat)
    await Seat.update({Seat.removed_at: now}).where(Seat.id == seat)
    one = browser()
    await sign_in(one, ana, now)

    page = await one.get(f"/check-ins/{seat}")

    assert ("Ben" in page.text, page.status_code) == (False, 404)


async def test_a_body_that_never_ends_is_given_up(
    app: Litestar, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsers, "LONGEST_WAIT", 0.05, raising=False)
    one = browser()
    await one.fetch_token()

    async def trickle() -> AsyncIterator[bytes]:
        yield b"form_token="
        await asyncio.sleep(5)
        yield b"x"

    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await one.http.post("/sign-in", content=trickle(), headers=headers)

    assert answer.status_code == 408


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"a&" * 200_000),
        ("application/x-www-form-urlencoded", b"%" * 200_000),
        ("application/json", b"[" * 200_000),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 4000),
        ("application/x-www-form-urlencoded", gzip.compress(b"a=b&" * 10_000_000)),
    ],
)
async def test_a_body_made_to_be_costly_is_refused(browser: Open, kind: str, body: bytes) -> None:
    one = browser()
    await one.fetch_token()

    headers = {"content-type": kind, "content-encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {"content-type": kind}
    answer = await one.http.post("/signup", content=body[: 250 * 1024], headers=headers)

    assert answer.status_code in (400, 403, 413)


async def test_a_body_that_does_not_say_its_size_is_cut_off_too(browser: Open) -> None:
    one = browser()
    await one.fetch_token()

    async def much() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert (await one.http.post("/sign-in", content=much(), headers=headers)).status_code == 413


async def test_fields_that_nobody_asked_for_change_nothing(browser: Open, now: datetime) -> None:
    closed = await a_program(now)
    await Program.update({Program.is_open: False}).where(Program.id == closed)
    ana = browser()
    extra: dict[str, str | list[str]] = {
        "id": str(uuid4()), "stage": "active", "is_organizer": "true", "confirmed_at": now.isoformat(),
        "facilitates": "9", "member": str(uuid4()), "programs": [str(closed), str(uuid4())],
    }  # fmt: skip

    answer = await ana.post("/signup", {**ANA, **extra})

    assert answer.status_code == 303
    (row,) = await Member.select()
    assert (row["stage"], row["is_organizer"], row["confirmed_at"]) == ("unconfirmed", False, None)
    assert str(row["id"]) != extra["id"]
    assert await Enrolment.count() == 0


async def test_nobody_reaches_what_belongs_to_another_member(browser: Open, now: datetime) -> None:
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    seat = await a_seat(now, ana, ben)
    await members.put_wish(ana, "dan@example.org", "Dan", now)
    (wish,) = await members.wishes_of(ana)
    (held,) = await Session.select(Session.id)
    (round_,) = await Round.select(Round.id)
    one = browser()
    await sign_in(one, cat, now)
    paths = [
        f"/sessions/{seat}", f"/check-ins/{seat}", f"/check-ins/{seat}/steps/{ben}", f"/rounds/{round_['id']}/join",
        f"/organize/sessions/{held['id']}", f"/organize/seats/{seat}/remove", f"/organize/rounds/{round_['id']}/close",
    ]  # fmt: skip

    answers = [await one.post(path, {"rsvp": "no", "went": "badly", "step": "call"}) for path in paths]
    await one.post(f"/profile/apart/{wish.id}/remove", {})
    await one.post("/profile/away", {"first": "2026-12-01", "member": str(ana)})

    assert [answer.status_code for answer in answers[:3]] == [404] * 3
    assert {answer.status_code for answer in answers} <= {404, 409}
    assert [one.called for one in await members.wishes_of(ana)] == ["Dan"]
    assert (await Seat.select(Seat.rsvp).where(Seat.id == seat).first() or {})["rsvp"] == "waiting"
    assert "Dan" not in (await one.get("/profile/export")).text


async def test_two_processes_count_together(letterhead: Letterhead, clock: Clock, db: None, browser: Open) -> None:
    other = create_app(settings(), letterhead, clock=clock)
    async with talk_to(other, "198.51.100.9") as http:
        here, there = browser(), Browser(http)
        said = []
        for one in (here, there) * 3:
            said.append((await one.post("/sign-in", {"email": "ana@example.org"})).status_code)

    assert said == [303] * 5 + [429]


async def test_nobody_is_sent_more_than_a_dozen_sign_in_letters_a_day(browser: Open, clock: Clock) -> None:
    one = browser()
    said = []
    for _ in range(15):
        said.append((await one.post("/sign-in", {"email": "ana@example.org"})).status_code)
        clock.forward(timedelta(minutes=15))

    assert said == [303] * 12 + [429] * 3


async def test_a_stranger_who_asks_too_often_locks_nobody_out(browser: Callable[[str], Browser]) -> None:
    rude, ana = browser("198.51.100.9"), browser("192.0.2.7")
    for n in range(30):
        await rude.post("/sign-in", {"email": f"n{n}@example.org"})

    refused = [(await rude.post("/sign-in", {"email": "ana@example.org"})).status_code for _ in range(6)]
    answer = await ana.post("/sign-in", {"email": "ana@example.org"})

    assert (refused, answer.status_code) == ([429] * 6, 303)


@pytest.mark.parametrize("host", ["evil.example", "peerhub.example:1", "evil.example/peerhub.example", "", "[::1"])
async def test_no_host_header_reaches_an_answer(browser: Open, host: str) -> None:
    one = browser()
    fields = {"form_token": await one.fetch_token(), "email": "ana@example.org"}

    page = await one.http.get("/sign-in", headers={"host": host, "x-forwarded-host": "evil.example"})
    answer = await one.http.post("/sign-in", data=fields, headers={"host": host, "x-forwarded-host": "evil.example"})

    assert "evil" not in page.text + answer.text + str(answer.headers)


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/sign-in//evil.example", "/%2f%2fevil.example", "/static//evil.example", "/\\evil.example"],
)
async def test_no_odd_path_leads_away(browser: Open, path: str) -> None:
    answer = await browser().http.get(BASE + path)

    assert (answer.status_code, answer.headers.get("location")) in [(404, None), (410, None)]


async def test_the_search_tells_its_news_under_the_same_headers(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    round_id = await a_round_of(now, await a_member("Ana", now), await a_member("Ben", now))

    answer = await olu.get(f"/organize/rounds/{round_id}/progress")

    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("query", ["?who=a&who=b", "?who=" + "x" * 5000, "?who=%ff%00", "?kept=../../x", "?kind=%00"])
async def test_odd_words_behind_an_address_break_nothing(olu: Browser, now: datetime, query: str) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    await propose(round_id, now, together(ana, ben))

    pages = [f"/organize/rounds/{round_id}", "/organize/programs/new", "/profile", "/home"]

    assert {(await olu.get(page + query)).status_code for page in pages} == {200}


async def test_who_no_longer_organizes_hears_no_more_of_a_search(
    olu: Browser, now: datetime, monkeypatch: pytest.MonkeyPatch, statements: list[str]
) -> None:
    monkeypatch.setattr(progress, "_TELL_EVERY", 0.01)
    round_id = await a_round_of(now, await a_member("Ana", now), await a_member("Ben", now))
    await Round.update({Round.stage: "matching"}).where(Round.id == round_id)

    listening = asyncio.create_task(olu.http.get(f"/organize/rounds/{round_id}/progress"))
    while sum(one.startswith("SELECT r.*") for one in statements) < 5:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.01)
    await Member.update({Member.is_organizer: False}).where(Member.is_organizer.eq(True))

    assert (await asyncio.wait_for(listening, 10)).status_code == 200


async def test_the_export_holds_every_session_however_many_there_were(browser: Open, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    await a_seat(now, ana, ben)
    (round_,) = await Round.select(Round.id)
    await sessions.put(round_["id"], [together(ana, ben)] * 120, "peerhub.example")
    one = browser()
    await sign_in(one, ana, now)

    export = (await one.get("/profile/export")).json()

    assert len(export["sessions"]) == 121


ODD_VALUES = ["", "-", ":", "9" * 5000, "\x00", "²", "{nobody}:0", "0:{ana}"]


async def test_odd_values_about_what_is_there_break_nothing(olu: Browser, now: datetime) -> None:
    ana, ben = await a_member("Cat", now), await a_member("Dan", now)
    page = await a_session_page(now)
    seat = (await Seat.select(Seat.id))[0]["id"]
    round_id = await a_round_of(now, ana, ben)
    version = await propose(round_id, now, together(ana, ben))
    program = (await Round.select(Round.program).where(Round.id == round_id))[0]["program"]
    here = f"/organize/rounds/{round_id}"
    odd = [one.format(nobody=uuid4(), ana=ana) for one in ODD_VALUES]
    good: dict[str, dict[str, str | list[str]]] = {
        f"{here}/move": {"version": str(version), "who": f"0:{ana}", "to": "-"},
        f"{here}/pin": {"version": str(version), "place": "0", "pinned": "yes"},
        f"{here}/undo": {"version": str(version)},
        page: {"day": "2026-12-01", "time": "18:00", "medium": "voice", "place": ""},
        f"/organize/programs/{program}": {
            "name": "Calm", "smallest": "2", "ideal": "2", "largest": "3", "session_minutes": "60", "topics": "",
            "facilitators_per_session": "0", "sessions_at_once": "", "mediums": ["voice"],
        },
        f"/organize/programs/{program}/facilitators": {"member": str(ana), "facilitates": "1"},
        f"/organize/programs/{program}/rounds": {"week": "2026-12-07"},
        f"/organize/seats/{seat}/remove": {},
        "/profile/away": {"first": "2026-12-01", "last": "2026-12-02"},
        "/profile/apart": {"person": str(ana), "address": "x@example.org"},
        "/profile/consents": {"consents": "adult"},
    }  # fmt: skip

    broken = []
    for path, fields in good.items():
        for field in fields:
            for value in odd:
                answer = await olu.post(path, {**fields, field: value})
                if answer.status_code >= 500:
                    broken.append((path, field, value[:20]))

    assert broken == []
