"""Two worlds that differ in what one member told in confidence show an organizer the same, unless the match differs."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest

from peerhub.actions import proposals as acts
from peerhub.actions import rounds
from peerhub.actions.proposals import CANNOT_BE_TOGETHER
from peerhub.domain.comfort import Comfort
from peerhub.domain.refusals import TooOften
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, proposals
from peerhub.store import rounds as stored
from peerhub.store.tables import Audit, Round
from tests.community import THURSDAY, a_member, a_round_of, an_organizer, propose, together
from tests.letters import letters_to_show
from tests.web.conftest import Browser, sign_in

Open = Callable[[], Browser]
Whisper = Callable[[UUID, UUID, datetime], Awaitable[None]]


async def nothing(one: UUID, other: UUID, now: datetime) -> None:
    pass


async def keeps_apart(one: UUID, other: UUID, now: datetime) -> None:
    await members.put_wish_about(one, other, now)
    await members.put_wish(other, "secretive@example.org", "a secret", now)


async def never_by_voice(one: UUID, other: UUID, now: datetime) -> None:
    profile = await members.profile_of(one)
    comfort = Comfort(profile.comfort.sizes, {"voice": 0, "video": 3}, {"grief": 4})
    await members.save(one, replace(profile, comfort=comfort), now)


async def speaks_hindi(one: UUID, other: UUID, now: datetime) -> None:
    profile = await members.profile_of(one)
    await members.save(one, replace(profile, languages=("hi",)), now)


async def five(now: datetime) -> list[UUID]:
    """Ana and Ben, Cat and Dan could meet; Eli is left over."""
    return [await a_member(name, now) for name in ("Ana", "Ben", "Cat", "Dan", "Eli")]


async def test_a_wish_to_keep_apart_shows_on_no_page_of_organizers(browser: Open, now: datetime) -> None:
    olu = browser()
    await sign_in(olu, await an_organizer(now), now)
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    program = (await stored.by_id(round_id)).program.id
    await propose(round_id, now, together(ana, ben), together(cat, dan, span=THURSDAY))
    here = f"/organize/rounds/{round_id}"
    pages = [("open", here), ("matching", here), ("proposed", here), ("proposed", f"{here}/publish")]
    pages += [("proposed", "/organize"), ("proposed", f"/organize/programs/{program}"), ("published", here)]

    async def look() -> list[bytes]:
        seen = []
        for stage, page in pages:
            published_at = now if stage == "published" else None
            await Round.update({Round.stage: stage, Round.published_at: published_at}).where(Round.id == round_id)
            answer = await olu.get(page)
            assert answer.status_code == 200
            seen.append(answer.content)
        return seen

    await look()
    before = await look()
    await keeps_apart(ana, dan, now)
    await keeps_apart(eli, cat, now)

    assert await look() == before


@pytest.mark.parametrize("whisper", [keeps_apart, never_by_voice, speaks_hindi])
async def test_whatever_is_private_refuses_a_move_in_the_same_words(
    browser: Open, now: datetime, whisper: Whisper
) -> None:
    olu = browser()
    await sign_in(olu, await an_organizer(now), now)
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben), together(cat, dan, span=THURSDAY))
    await whisper(eli, cat, now)
    version = await proposals.newest(round_id)
    assert version

    move = {"who": f"-:{eli}", "to": "1", "version": str(version.id)}
    answer = await olu.post(f"/organize/rounds/{round_id}/move", move)

    assert answer.status_code == 422
    refused = olu.soup().select_one("#refused")
    assert refused
    assert [one.text for one in refused.select("li")] == [CANNOT_BE_TOGETHER]


async def test_trying_moves_to_find_a_secret_leaves_a_trace_and_comes_to_an_end(now: datetime, db: None) -> None:
    olu = await an_organizer(now)
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    version_id = await propose(round_id, now, together(ana, ben), together(cat, dan, span=THURSDAY))
    await keeps_apart(eli, cat, now)

    async def try_it() -> None:
        await acts.move(round_id, version_id, acts.Move(str(eli), None, 1), olu, now)

    for _ in range(acts.REFUSED_AN_HOUR):
        with pytest.raises(acts.RulesWouldBreak):
            await try_it()
    with pytest.raises(TooOften):
        await try_it()

    deeds = await Audit.select(Audit.actor, Audit.action, Audit.about, Audit.detail)
    assert deeds[0] == {"actor": olu, "action": "change refused", "about": round_id, "detail": "{}"}
    assert len(deeds) == acts.REFUSED_AN_HOUR


async def test_a_wish_to_keep_apart_changes_no_letter_of_a_round(
    db: None, now: datetime, letterhead: Letterhead
) -> None:
    async def letters_of_a_round(whisper: Whisper, week: int) -> list[tuple[str, ...]]:
        people = [await a_member(f"{name}{week}", now) for name in ("Ana", "Ben", "Cat", "Dan", "Eli")]
        ana, ben, cat, dan, eli = people
        round_id = await a_round_of(now, *people)
        await whisper(ana, eli, now)
        await whisper(eli, cat, now)
        version_id = await propose(round_id, now, together(ana, ben), together(cat, dan, span=THURSDAY))
        await rounds.publish(round_id, version_id, letterhead, people[0], now)
        written = [(one.kind, one.reading) for one in await letters_to_show(5)]
        parts = [(kind, one.to, one.subject, one.text, one.html, one.calendar) for kind, one in written]
        return sorted(tuple(without_what_is_drawn(part, week) for part in letter) for letter in parts)

    assert await letters_of_a_round(nothing, 1) == await letters_of_a_round(keeps_apart, 2)


def without_what_is_drawn(text: str, world: int) -> str:
    """The text without names of the world, ids and signatures, which differ from world to world anyway."""
    text = re.sub(r"(?<=Ana|Ben|Cat|Dan|Eli|ana|ben|cat|dan|eli)" + str(world), "", text)
    text = re.sub(r"/invitations/[\w.~-]+", "/invitations/link", text)
    return re.sub(r"Program [0-9a-f]{6}|[0-9a-f]{32}", "drawn", text)
