"""The organizers' pages, from opening a round to the answers: for organizers only, every refusal in plain words."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from litestar import Litestar

from peerhub.actions import matching, rounds
from peerhub.actions.proposals import CANNOT_BE_TOGETHER
from peerhub.domain.comfort import Comfort
from peerhub.domain.invitations import AsksFor
from peerhub.domain.programs import Kind
from peerhub.domain.rounds import Stage
from peerhub.mail.letterhead import Letterhead
from peerhub.matching.proposal import Proposal, Reason
from peerhub.store import members, programs, proposals, remarks
from peerhub.store import rounds as stored
from peerhub.store import sessions as held
from peerhub.store.tables import Audit, Letter, Round, Seat, Session
from peerhub.web.organizers import heat
from tests.community import (
    THURSDAY,
    WEEK,
    a_member,
    a_program,
    a_round,
    a_round_of,
    change_hours,
    enrol,
    propose,
    together,
)
from tests.web.conftest import Browser, sign_in

Open = Callable[[], Browser]


def page_of(round_id: UUID) -> str:
    return f"/organize/rounds/{round_id}"


async def five(now: datetime) -> list[UUID]:
    return [await a_member(name, now) for name in ("Ana", "Ben", "Cat", "Dan", "Eli")]


# Programs and opening a round


async def test_a_program_begins_from_its_preset(olu: Browser) -> None:
    await olu.get("/organize")
    await olu.get("/organize/programs/new?kind=sessions")

    answer = await olu.submit(name="Evening circle", topics="grief\nwork\ngrief\n")

    assert answer.status_code == 303
    (program,) = await programs.every()
    assert (program.name, program.rules.kind, program.topics) == ("Evening circle", "sessions", ("grief", "work"))
    assert (program.rules.smallest, program.rules.ideal, program.rules.facilitators_per_session) == (3, 4, 1)


BAD_PROGRAMS: dict[str, dict[str, str | list[str]]] = {
    "name": {"name": " "},
    "ideal": {"ideal": "9"},
    "smallest": {"smallest": "1"},
    "session_minutes": {"session_minutes": "50"},
    "sessions_at_once": {"sessions_at_once": "0"},
    "mediums": {"mediums": []},
    "topics": {"topics": "x" * 41},
    "place": {"place": "x" * 401},
    "facilitators_per_session": {"facilitators_per_session": "\u0664"},
}


@pytest.mark.parametrize(("field", "typed"), BAD_PROGRAMS.items(), ids=BAD_PROGRAMS)
async def test_a_mistake_in_a_program_keeps_what_was_typed(
    field: str, typed: dict[str, str | list[str]], olu: Browser
) -> None:
    await olu.get("/organize/programs/new?kind=buddies")

    answer = await olu.submit(None, **({"name": "Harbour buddies"} | typed))

    assert answer.status_code == 422
    assert [one["href"] for one in olu.soup().select("#mistakes a")] == [f"#{field}"]
    if field not in ("name", "mediums"):
        assert "Harbour buddies" in answer.text
        assert str(typed[field]) in answer.text
    assert await programs.every() == []


async def test_two_programs_cannot_have_one_name(olu: Browser) -> None:
    for status in (303, 422):
        await olu.get("/organize/programs/new")
        assert (await olu.submit(name="Harbour buddies")).status_code == status


async def test_a_program_can_be_changed_and_given_facilitators(olu: Browser, now: datetime) -> None:
    program_id, ana = await a_program(now, Kind.SESSIONS), await a_member("Ana", now)
    await enrol(program_id, now, ana)
    here = f"/organize/programs/{program_id}"
    await olu.get(here)

    changed = await olu.submit(here, name="Circle at night", largest="6", place=" https://meet.example/circle ")
    await olu.get(here)
    named = await olu.submit(f"{here}/facilitators", facilitates="2")
    await olu.get(here)
    too_many = await olu.submit(f"{here}/facilitators", facilitates="21")
    mistake = olu.soup().select_one("#facilitates-mistake")

    program = await programs.by_id(program_id)
    assert (changed.status_code, program.name, program.rules.largest) == (303, "Circle at night", 6)
    assert program.place == "https://meet.example/circle"
    assert (named.status_code, too_many.status_code) == (303, 422)
    assert mistake is not None
    assert mistake.text == "Please give a number of sessions from 0 to 20."
    assert await programs.enrolled_in(program_id) == [programs.Enrolled(ana, 2)]


async def test_a_round_opens_for_a_monday_ahead_and_invites(olu: Browser, now: datetime) -> None:
    program_id, ana = await a_program(now), await a_member("Ana", now)
    await enrol(program_id, now, ana)
    here = f"/organize/programs/{program_id}"
    tries: dict[str, list[int]] = {}
    for week in ("2026-12-01", "2026-11-16", "nonsense", "2026-11-30", "2026-11-30"):
        await olu.get(here)
        tries[week] = [*tries.get(week, []), (await olu.submit(f"{here}/rounds", week=week)).status_code]

    assert tries == {"2026-12-01": [422], "2026-11-16": [422], "nonsense": [422], "2026-11-30": [303, 422]}
    assert [row["kind"] for row in await Letter.select(Letter.kind)] == ["round_opens"]


async def test_the_week_that_is_offered_leaves_people_days_to_join(olu: Browser, now: datetime) -> None:
    program_id = await a_program(now)

    await olu.get(f"/organize/programs/{program_id}")

    assert olu.soup().select("#week")[0]["value"] == "2026-11-30"  # not tomorrow, since this is a Sunday


async def test_another_round_is_the_second_choice_while_one_is_under_way(olu: Browser, now: datetime) -> None:
    program_id = await a_program(now)
    here = f"/organize/programs/{program_id}"

    def is_quiet() -> bool:
        return "quiet" in olu.soup().select("form[action$='/rounds'] button")[0]["class"]

    await olu.get(here)
    before = is_quiet()
    await a_round(program_id, now)
    await olu.get(here)

    assert (before, is_quiet()) == (False, True)


# Who is in, and when


@pytest.mark.parametrize("many", [0, 1, 2])
async def test_a_round_without_two_people_says_what_it_waits_for(olu: Browser, now: datetime, many: int) -> None:
    program_id, people = await a_program(now), (await five(now))[:many]
    await enrol(program_id, now, *people)

    await olu.get(page_of(await a_round(program_id, now, *people)))

    says = ["Nobody takes part in this program so far", "One person is in yet", "2 people are in"]
    assert [words in olu.text() for words in says] == [one == many for one in range(3)]
    assert [bool(olu.soup().select(one)) for one in ("#shared", "form .quiet")] == [many > 1, many < 2]


async def test_readiness_names_who_is_in_and_who_is_not_and_why(olu: Browser, now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    program_id = await a_program(now)
    await enrol(program_id, now, ana, ben, cat, dan, eli)
    round_id = await a_round(program_id, now, ana, cat, dan)
    await members.move(cat, "active", "paused")
    await change_hours(dan, now)

    await olu.get(page_of(round_id))

    lists = [
        [" ".join(one.get_text(" ").split()) for one in part.select("li")] for part in olu.soup().select(".people")
    ]
    assert lists == [
        ["Ana 4 hours this week", "Dan no hours this week"],
        ["Ben has not joined this round", "Cat is taking a pause", "Eli has not joined this round"],
    ]


async def test_fewer_than_five_people_are_never_counted_out(olu: Browser, now: datetime) -> None:
    few = await a_round_of(now, *(await five(now))[:4])
    many = await a_round_of(now, *[await a_member(f"M{n}", now) for n in range(6)])
    words = {}
    for round_id in (few, many):
        await olu.get(page_of(round_id))
        words[round_id] = {one.text for one in olu.soup().select("rect title, td")}

    assert {one.rpartition(": ")[2] for one in words[few]} == {"under 5"}
    assert {one.rpartition(": ")[2] for one in words[many]} == {"under 5", "6"}
    assert "Tuesday 18:00: 6" in words[many]


def test_the_heat_map_reads_the_wall_of_the_organizer() -> None:
    everyone = {str(n): 1 << cell | 2 << cell for n in range(5) for cell in [4 * 24 + 4 * 13]}  # Monday 13:00 UTC

    lisbon, kolkata = (heat.heat_of(everyone, WEEK, zone) for zone in ("Europe/Lisbon", "Asia/Kolkata"))

    assert lisbon.counts[0][26] == 5
    assert (kolkata.counts[0][37], sum(map(sum, kolkata.counts))) == (5, 5)


# Matching


async def test_the_whole_way_from_a_button_to_invitations(olu: Browser, now: datetime) -> None:
    round_id = await a_round_of(now, *(await five(now)))
    here = page_of(round_id)

    await olu.get(here)
    await olu.submit(f"{here}/match")
    waiting = (await olu.get(here)).text
    claim = await stored.claim(now, now + timedelta(seconds=30))
    assert claim is not None
    await matching.run(claim, lambda: now, asyncio.Event())
    await olu.get(here)
    proposed = olu.text()
    await olu.get(f"{here}/publish")
    said = olu.text()
    sent = await olu.submit(f"{here}/publish")
    await olu.get(here)

    assert "Waiting for a worker to begin" in waiting
    assert "People matched 5 Not matched 0 Sessions 2" in proposed
    assert "5 invitations to 2 sessions" in said
    assert "not matched this time" not in said
    assert sent.status_code == 303
    assert "No answer yet 5" in olu.text()
    assert await Letter.count().where(Letter.kind == "invitation") == 5


async def test_too_few_people_are_told_in_words(olu: Browser, now: datetime) -> None:
    round_id = await a_round_of(now, await a_member("Ana", now))
    await olu.get(page_of(round_id))

    answer = await olu.submit(f"{page_of(round_id)}/match")

    assert answer.status_code == 422
    assert "At least 2 people who are ready are needed" in olu.text()


async def test_progress_is_told_as_it_happens_until_the_end(olu: Browser, now: datetime) -> None:
    round_id = await a_round_of(now, *(await five(now)))
    await matching.start(round_id, uuid4(), now)
    claim = await stored.claim(now, now + timedelta(seconds=30))
    assert claim is not None
    progress = {"phase": "improving", "points": 1200, "bound": 1500, "gap": 0.2, "matched": 4, "matched_bound": 5}
    await stored.renew(claim, now + timedelta(seconds=30), progress)

    listening = asyncio.create_task(olu.get(f"{page_of(round_id)}/progress"))
    await asyncio.sleep(0.3)
    await stored.move_round(round_id, Stage.MATCHING, Stage.OPEN)
    answer = await listening

    first, end = answer.text.replace("\r\n", "\n").strip().split("\n\n")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert json.loads(first.split("data: ")[1]) == {
        "phase": "Making good matches better",
        "points": "1,200",
        "bound": "1,500",
        "gap": "20.0%",
        "matched": "4 of at most 5",
        "stopping": False,
    }
    assert end.split("\n") == ["event: ended", "data: open"]


async def test_a_stop_before_any_worker_began_goes_back(olu: Browser, now: datetime) -> None:
    round_id = await a_round_of(now, *(await five(now)))
    await matching.start(round_id, uuid4(), now)
    await olu.get(page_of(round_id))

    stopped = await olu.submit(f"{page_of(round_id)}/stop")
    twice = await olu.post(f"{page_of(round_id)}/stop", {})

    assert (stopped.status_code, twice.status_code) == (303, 303)
    assert (await stored.by_id(round_id)).stage is Stage.OPEN


# The proposal


async def a_proposal(now: datetime) -> tuple[UUID, list[UUID]]:
    people = await five(now)
    round_id = await a_round_of(now, *people)
    await propose(round_id, now, together(people[0], people[1]), together(people[2], people[3]))
    return round_id, people


async def test_before_publishing_stands_who_is_told_that_they_have_no_match(olu: Browser, now: datetime) -> None:
    round_id, _ = await a_proposal(now)

    await olu.get(f"{page_of(round_id)}/publish")

    assert "4 invitations to 2 sessions" in olu.text()
    assert "1 letter saying “not matched this time”, in the same words for everyone" in olu.text()


async def test_someone_is_moved_without_javascript_and_the_move_undone(olu: Browser, now: datetime) -> None:
    round_id, people = await a_proposal(now)
    here = page_of(round_id)
    await olu.get(here)

    moved = await olu.submit(f"{here}/move", who=f"-:{people[4]}", to="0")
    await olu.get(here)
    titles = [chips.get_text("/", strip=True) for chips in olu.soup().select(".chips")]
    await olu.submit(f"{here}/undo")
    await olu.get(here)

    assert moved.status_code == 303
    assert titles == ["Ana/Ben/Eli", "Cat/Dan"]
    assert [chips.get_text("/", strip=True) for chips in olu.soup().select(".chips")] == ["Ana/Ben", "Cat/Dan"]


async def test_a_move_that_breaks_rules_is_refused_with_every_rule_and_keeps_the_choice(
    olu: Browser, now: datetime
) -> None:
    round_id, people = await a_proposal(now)
    await change_hours(people[4], now, "sat 09:00-11:00")
    here = page_of(round_id)
    await olu.get(here)

    answer = await olu.submit(f"{here}/move", who=f"-:{people[4]}", to="1")

    assert answer.status_code == 422
    assert [one.text for one in olu.soup().select("#refused li")] == [
        "Eli is not free for the whole session.",
        CANNOT_BE_TOGETHER,
    ]
    assert [one["value"] for one in olu.soup().select("#move option[selected]")] == [f"-:{people[4]}", "1"]


async def test_choosing_nobody_or_something_that_is_not_there_is_answered(olu: Browser, now: datetime) -> None:
    round_id, people = await a_proposal(now)
    here = page_of(round_id)
    statuses = {}
    for who, to in [
        ("", "1"),
        (f"0:{people[0]}", "99"),
        ("0:x", "1"),
        (f"x:{people[0]}", "1"),
        (f"0:{people[0]}", "1:y"),
    ]:
        await olu.get(here)
        statuses[who.replace(str(people[0]), "ana"), to] = (
            await olu.submit(f"{here}/move", who=who, to=to)
        ).status_code

    assert statuses == {
        ("", "1"): 422,
        ("0:ana", "99"): 404,
        ("0:x", "1"): 404,
        ("x:ana", "1"): 404,
        ("0:ana", "1:y"): 404,
    }


async def test_a_session_is_pinned_and_unpinned(olu: Browser, now: datetime) -> None:
    round_id, _ = await a_proposal(now)
    pins = []
    for _ in range(2):
        await olu.get(page_of(round_id))
        await olu.submit(f"{page_of(round_id)}/pin")
        version = await proposals.newest(round_id)
        assert version is not None
        pins.append([session.pinned for session in version.proposal.sessions])

    assert pins == [[True, False], [False, False]]


async def test_no_private_detail_is_on_the_page(olu: Browser, now: datetime) -> None:
    comfort = Comfort({"pair": 1, "trio": 0}, {"video": 0}, {"canary-topic": 4})
    ana, ben = await a_member("Ana", now, comfort=comfort), await a_member("Ben", now, comfort=comfort)
    cat = await a_member("Cat", now)
    await members.put_wish(cat, "ana@example.org", "canary-wish", now)
    round_id = await a_round_of(now, ana, ben, cat)
    session = together(ana, ben)
    reason = Reason("topics", "a topic in common", "canary-topic")
    plan = Proposal((session.__class__(session.people, session.span, "voice", why=(reason,)),))
    await proposals.keep(round_id, plan, "matcher", now)
    pages = {}
    for stage in ("open", "proposed"):
        await Round.update({Round.stage: stage}).where(Round.id == round_id)
        pages[stage] = (await olu.get(page_of(round_id))).text

    assert "a topic in common" in pages["proposed"]
    assert [stage for stage, text in pages.items() if "canary" in text or "example.org" in text] == []


async def test_names_with_html_are_shown_as_they_are(olu: Browser, now: datetime) -> None:
    mal, ben = await a_member("<b>Mal</b>", now), await a_member("Ben", now)
    round_id = await a_round_of(now, mal, ben)
    await propose(round_id, now, together(mal, ben))

    await olu.get(page_of(round_id))

    assert {chip.text for chip in olu.soup().select(".chip")} == {"<b>Mal</b>", "Ben"}


# Publishing, and after


async def test_a_proposal_edited_meanwhile_is_not_published_unseen(olu: Browser, now: datetime) -> None:
    round_id, _ = await a_proposal(now)
    here = page_of(round_id)
    await olu.get(here)
    await olu.submit(f"{here}/pin")
    await olu.get(f"{here}/publish")
    stale = {"version": str(uuid4())}

    answer = await olu.submit(f"{here}/publish", **stale)

    assert answer.status_code == 409
    assert "has changed since this page was shown" in olu.text()
    assert [str(link["href"]) for link in olu.soup().select("main .button")] == [here]
    assert await Session.count() == 0


async def test_going_back_after_publishing_leads_to_the_answers(olu: Browser, now: datetime) -> None:
    round_id, _ = await a_proposal(now)
    here = page_of(round_id)
    await olu.get(f"{here}/publish")
    await olu.submit(f"{here}/publish")

    answer = await olu.get(f"{here}/publish")

    assert (answer.status_code, answer.headers["location"]) == (303, here)


async def test_a_proposal_that_no_longer_fits_is_not_published(olu: Browser, now: datetime) -> None:
    round_id, people = await a_proposal(now)
    here = page_of(round_id)
    await olu.get(f"{here}/publish")
    await change_hours(people[0], now, "sat 09:00-11:00")

    answer = await olu.submit(f"{here}/publish")

    assert answer.status_code == 409
    assert [one.text for one in olu.soup().select("#refused li")] == [
        "Ana is not free for the whole session.",
        CANNOT_BE_TOGETHER,
    ]
    assert [await Session.count(), await Letter.count()] == [0, 0]


async def test_publishing_twice_at_once_is_done_once(olu: Browser, now: datetime) -> None:
    round_id, _ = await a_proposal(now)
    here = page_of(round_id)
    await olu.get(f"{here}/publish")
    fields = {"version": str(olu.form(f"{here}/publish").select_one("[name=version]")["value"])}  # type: ignore[index]

    answers = await asyncio.gather(*(olu.post(f"{here}/publish", dict(fields)) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [303, 409, 409]
    assert await Letter.count().where(Letter.kind == "invitation") == 4


async def published(now: datetime, head: Letterhead) -> held.StoredSession:
    people = (await five(now))[:3]
    round_id = await a_round_of(now, *people)
    version_id = await propose(round_id, now, together(*people))
    await rounds.publish(round_id, version_id, head, uuid4(), now)
    return (await held.of_round(round_id))[0]


async def test_answers_are_shown_as_they_come_in(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    session = await published(now, letterhead)
    for seat, answer in zip(session.seats, ("yes", "no"), strict=False):
        await Seat.update({Seat.rsvp: answer, Seat.answered_at: now}).where(Seat.id == seat.id)

    await olu.get(page_of(session.round_id))

    assert sorted(tag.text for tag in olu.soup().select(".people .tag")) == ["No", "No answer yet", "Yes"]


async def test_a_session_is_changed_someone_taken_out_and_cancelled(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    session = await published(now, letterhead)
    here = f"/organize/sessions/{session.id}"
    await olu.get(here)

    changed = await olu.submit(here, day="2026-12-03", time="18:00", medium="video", place="The call opens at five to.")
    await olu.get(here)
    removed = await olu.submit(f"/organize/seats/{session.seats[0].id}/remove")
    await olu.get(here)
    cancelled = await olu.submit(f"{here}/cancel")

    kept = await held.by_id(session.id)
    assert [changed.status_code, removed.status_code, cancelled.status_code] == [303, 303, 303]
    assert (kept.span, kept.medium, kept.stage, len(kept.seats)) == (THURSDAY, "video", "cancelled", 2)
    assert (await olu.post(f"{here}/cancel", {})).status_code == 409


async def test_what_cannot_be_undone_takes_two_taps(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    session = await published(now, letterhead)
    finals = {
        f"/organize/sessions/{session.id}": ["/remove", "/remove", "/remove", "/cancel"],
        f"/organize/rounds/{session.round_id}": ["/cancel"],
    }

    for page, ends in finals.items():
        await olu.get(page)
        forms = olu.soup().select("main form[action$='/remove'], main form[action$='/cancel']")
        around = [one.find_parent("details") for one in forms]
        assert [f"/{str(one['action']).rpartition('/')[2]}" for one in forms] == ends
        assert [one.summary is not None and not one.has_attr("open") for one in around if one] == [True] * len(ends)


BAD_CHANGES = {
    "a time nobody has": {"time": "18:00", "day": "2026-12-05"},
    "no day": {"day": ""},
    "an odd time": {"time": "18:07"},
    "the past": {"day": "2026-11-17"},
    "a place with control characters": {"place": "here\u202ethere"},
}


@pytest.mark.parametrize("typed", BAD_CHANGES.values(), ids=BAD_CHANGES)
async def test_a_change_that_cannot_be_keeps_what_was_typed(
    typed: dict[str, str], olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    session = await published(now, letterhead)
    here = f"/organize/sessions/{session.id}"
    await olu.get(here)

    answer = await olu.submit(here, **typed)

    assert answer.status_code == 422
    form = olu.form(here)
    assert {name: form.select_one(f"[name={name}]")["value"] for name in typed} == typed  # type: ignore[index]
    assert (await held.by_id(session.id)).span == session.span


# Who may


Address = tuple[str, str]


async def every_address(app: Litestar, now: datetime, head: Letterhead) -> list[Address]:
    """Every organizer address with ids of things that exist."""
    session = await published(now, head)
    round_ = await stored.by_id(session.round_id)
    await remarks.put(session.seats[0].id, AsksFor.NEWS, None, now)
    ids = {
        "program_id": round_.program.id, "round_id": round_.id, "session_id": session.id,
        "seat_id": session.seats[0].id, "remark_id": (await remarks.of_sessions([session.id]))[session.id][0].id,
        "letter_id": (await Letter.select(Letter.id))[0]["id"], "kind": "invitation",
    }  # fmt: skip
    found = []
    for route in app.routes:
        if not route.path.startswith("/organize"):
            continue
        path = route.path_format
        for name, one in ids.items():
            path = path.replace(f"{{{name}}}", str(one))
        found += [(method, path) for method in sorted(route.methods - {"OPTIONS", "HEAD"})]
    return sorted(found)


async def test_members_and_strangers_reach_no_organizer_page(
    app: Litestar, browser: Open, now: datetime, letterhead: Letterhead
) -> None:
    addresses = await every_address(app, now, letterhead)
    member, stranger = browser(), browser()
    await sign_in(member, await a_member("Mia", now), now)
    before = [await Audit.count(), await Letter.count()]

    async def asked(one: Browser, method: str, path: str) -> int:
        answer: Awaitable[object] = one.get(path) if method == "GET" else one.post(path, {})
        await answer
        return one.page.status_code

    assert len(addresses) == 37
    assert {await asked(member, *address) for address in addresses} == {404}
    assert {await asked(stranger, *address) for address in addresses} == {303}
    assert stranger.page.headers["location"] == "/sign-in"
    assert [await Audit.count(), await Letter.count()] == before


async def test_a_form_without_its_token_changes_nothing(
    app: Litestar, olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    addresses = await every_address(app, now, letterhead)
    before = [await Audit.count(), await Letter.count()]

    posts = [path for method, path in addresses if method == "POST"]
    statuses = {(await olu.http.post(path)).status_code for path in posts}

    assert (len(posts), statuses) == (24, {403})
    assert [await Audit.count(), await Letter.count()] == before


async def test_an_unknown_id_is_not_found(app: Litestar, olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    unknown = []
    for method, path in await every_address(app, now, letterhead):
        parts = [str(uuid4()) if part.count("-") == 4 else part for part in path.split("/")]
        if "/".join(parts) != path:
            unknown.append((method, "/".join(parts)))
    statuses = set()
    for method, path in unknown:
        answer = await (olu.get(path) if method == "GET" else olu.post(path, {"version": str(uuid4()), "place": "0",
                        "who": f"0:{uuid4()}", "to": "1", "week": "2026-12-07"}))  # fmt: skip
        statuses.add((answer.status_code, method, path.rpartition("/")[2] if answer.status_code != 404 else ""))

    assert statuses == {(404, "GET", ""), (404, "POST", "")}
    assert (await olu.get("/organize/rounds/nonsense")).status_code == 404


async def test_a_page_takes_the_same_statements_for_ten_and_for_sixty(
    olu: Browser, now: datetime, letterhead: Letterhead, statements: list[str]
) -> None:
    taken: dict[str, list[int]] = {"open": [], "proposed": [], "publish": [], "published": []}
    for size in (10, 60):
        people = [await a_member(f"S{size}x{n}", now) for n in range(size)]
        await members.put_wish_about(people[0], people[-1], now)
        round_id = await a_round_of(now, *people)
        taken["open"].append(await statements_of(olu, page_of(round_id), statements))
        pairs = zip(people[::2], people[1::2], strict=True)
        version_id = await propose(round_id, now, *(together(*two) for two in pairs))
        taken["proposed"].append(await statements_of(olu, page_of(round_id), statements))
        taken["publish"].append(await statements_of(olu, f"{page_of(round_id)}/publish", statements))
        await rounds.publish(round_id, version_id, letterhead, uuid4(), now)
        taken["published"].append(await statements_of(olu, page_of(round_id), statements))

    assert {page: two[0] - two[1] for page, two in taken.items()} == dict.fromkeys(taken, 0)
    assert max(max(two) for two in taken.values()) <= 12, taken


async def statements_of(one: Browser, path: str, statements: list[str]) -> int:
    before = len(statements)
    answer = await one.get(path)
    assert answer.status_code == 200
    return len(statements) - before


SERVES = """
import asyncio, sys, httpx
from datetime import datetime
from peerhub.app import create_app
from peerhub.mail.letterhead import Letterhead
from peerhub.store import database, sealing
from tests.conftest import KEYRING
from tests.web.conftest import settings

async def serve(url, cookie, now, *paths):
    database.lead_to(url)
    sealing.use(KEYRING)
    async with database.pool(2):
        app = create_app(settings(), Letterhead("H", "h@peerhub.example", "https://peerhub.example", b"k" * 32),
                         clock=lambda: datetime.fromisoformat(now))
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://peerhub.example")
        http.cookies.set("__Host-login", cookie)
        return [(await http.get(path)).status_code for path in paths], "ortools" in sys.modules

print(asyncio.run(serve(*sys.argv[1:])))
"""


async def test_the_process_that_serves_never_imports_the_solver(olu: Browser, now: datetime, database_url: str) -> None:
    round_id, _ = await a_proposal(now)
    cookie = olu.http.cookies["__Host-login"]
    paths = "/organize", page_of(round_id), f"{page_of(round_id)}/publish"

    run = [sys.executable, "-c", SERVES, database_url, cookie, now.isoformat(), *paths]
    answer = await asyncio.to_thread(subprocess.run, run, capture_output=True, text=True, check=False)

    assert answer.stdout.strip() == "([200, 200, 200], False)", answer.stderr
