"""The pages on which an organizer seats someone in a published session, or calls a whole round off."""

from datetime import datetime
from uuid import UUID

from peerhub.actions import rounds
from peerhub.mail.letterhead import Letterhead
from peerhub.store import sessions
from tests.community import a_member, a_round_of, propose, together
from tests.web.conftest import Browser


async def a_published_round(now: datetime, head: Letterhead) -> UUID:
    """Ana and Ben sit together; Cat takes part too."""
    ana, ben, cat = [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]
    round_id = await a_round_of(now, ana, ben, cat)
    await rounds.publish(round_id, await propose(round_id, now, together(ana, ben)), head, ana, now)
    return round_id


async def test_someone_who_takes_part_is_seated_in_a_published_session(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    (session,) = await sessions.of_round(await a_published_round(now, letterhead))
    here = f"/organize/sessions/{session.id}"
    await olu.get(here)
    offered = [option.text for option in olu.soup().select("#person option")]

    answer = await olu.submit(f"{here}/seats", person=str(olu.soup().select("#person option")[1]["value"]))

    assert offered == ["Please choose", "Cat"]
    assert (answer.status_code, answer.headers["location"]) == (303, f"{here}#seats")
    await olu.get(here)
    assert sorted(one.text for one in olu.soup().select("ul.people li > span")) == [
        f"{name} No answer yet" for name in ("Ana", "Ben", "Cat")
    ]
    assert olu.soup().select("#person") == []


async def test_whoever_does_not_fit_is_refused_in_words(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    ana, ben, dora = (
        await a_member("Ana", now),
        await a_member("Ben", now),
        await a_member("Dora", now, "mon 8:00-9:00"),
    )
    round_id = await a_round_of(now, ana, ben, dora)
    await rounds.publish(round_id, await propose(round_id, now, together(ana, ben)), letterhead, ana, now)
    (session,) = await sessions.of_round(round_id)
    await olu.get(f"/organize/sessions/{session.id}")

    answer = await olu.submit(f"/organize/sessions/{session.id}/seats", person=str(dora))

    assert answer.status_code == 422
    assert "Dora is not free for the whole session." in olu.text()
    assert len((await sessions.by_id(session.id)).seats) == 2


async def test_a_round_is_called_off_with_one_button(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    round_id = await a_published_round(now, letterhead)
    await olu.get(f"/organize/rounds/{round_id}")

    answer = await olu.submit(f"/organize/rounds/{round_id}/cancel")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/organize/rounds/{round_id}")
    assert [one.stage for one in await sessions.of_round(round_id)] == ["cancelled"]
    await olu.get(f"/organize/rounds/{round_id}")
    assert [form["action"] for form in olu.soup().select("main form")] == [f"/organize/rounds/{round_id}/close"]
    again = await olu.post(f"/organize/rounds/{round_id}/cancel", {})
    assert again.status_code == 422
