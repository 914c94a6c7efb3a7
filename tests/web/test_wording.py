"""Organizers put letters in their own words: shown, tried, kept and taken back, and never more than words."""

import re
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest
from bs4 import BeautifulSoup

from peerhub.actions import rounds, wording
from peerhub.domain.refusals import TooOften
from peerhub.domain.wording import Worded, Wording
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, programs
from peerhub.store import rounds as stored_rounds
from peerhub.store.tables import Audit, Letter
from tests.community import a_member, a_program, a_round, an_organizer, enrol, propose, together
from tests.letters import letters_to_show
from tests.mail.test_letters import words_of
from tests.web.conftest import Browser, a_seat, sign_in

OWN = Wording(
    "Dear {display_name},", ("We kept a place for you {when}.", "Nothing is asked of you."), ("See you soon.",)
)


def path(program_id: UUID, kind: str = "invitation") -> str:
    return f"/organize/programs/{program_id}/letters/{kind}"


async def publish(program_id: UUID, now: datetime, head: Letterhead) -> UUID:
    """Ana and Ben, who say openly what letters are about, are invited."""
    ana, ben = [await a_member(name, now) for name in ("Ana", "Ben")]
    await enrol(program_id, now, ana, ben)
    round_id = await a_round(program_id, now, ana, ben)
    version = await propose(round_id, now, together(ana, ben))
    await rounds.publish(round_id, version, head, ana, now)
    return round_id


async def text_to_ana() -> str:
    (text,) = [one.reading.text for one in await letters_to_show() if one.reading.to == "ana@example.org"]
    return text.replace("\r\n", "\n")


async def test_an_invitation_is_sent_in_the_words_that_were_kept(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    program_id = await a_program(now)
    await olu.get(path(program_id))

    answer = await olu.submit(
        path(program_id), do="keep", greeting="Dear {display_name},\r\n",
        opening="We kept a place\x00 for you {when}.\r\n\r\nNothing is\u202e asked of you.", closing="See you soon.",
    )  # fmt: skip
    await publish(program_id, now, letterhead)

    text = await text_to_ana()
    assert (answer.status_code, (await programs.by_id(program_id)).wordings) == (303, {Worded.INVITATION: OWN})
    assert text.split("\n\n")[:3] == [
        "Dear Ana,", "We kept a place for you Tuesday 1 December, 18:00 to 19:00 (Lisbon,\nUTC+0).",
        "Nothing is asked of you.",
    ]  # fmt: skip
    assert "See you soon." in text.splitlines()
    assert [kind["detail"] for kind in await Audit.select(Audit.detail).where(Audit.action == "letter worded")] == [
        '{"letter": "invitation"}'
    ]


@pytest.mark.parametrize("kind", Worded)
def test_no_wording_leaves_out_what_must_be_said(kind: Worded, letterhead: Letterhead, now: datetime) -> None:
    from tests.mail.cast import BEN
    from tests.mail.cast import a_seat as an_invitation

    letter = letters.example(kind, Wording("Hi", ("Hm.",)), letterhead, BEN, an_invitation(), now)

    for said in (letter.text, words_of(letter.html)):
        assert "This is peer support, not an emergency service." in said
        assert kind is Worded.CHECK_IN or "Tuesday 1 December, 18:00 to 19:00 (Lisbon, UTC+0)" in " ".join(said.split())
    links = {str(link["href"]) for link in BeautifulSoup(letter.html, "html.parser")("a")}
    assert "https://peerhub.example/crisis" in links & set(letter.text.split())
    assert kind is Worded.CANCELLED or "https://peerhub.example/sign-in" in links & set(letter.text.split())
    assert any("/unsubscribe/" in link for link in links) == bool(letter.words["unsubscribe"])


async def test_what_is_in_the_outbox_keeps_the_words_that_it_was_put_with(
    db: None, now: datetime, letterhead: Letterhead
) -> None:
    program_id, olu = await a_program(now), await an_organizer(now)
    await wording.change(program_id, Worded.INVITATION, OWN, letterhead, olu, now)
    await publish(program_id, now, letterhead)

    await wording.put_back(program_id, Worded.INVITATION, olu, now)

    assert {shown.reading.text.splitlines()[0] for shown in await letters_to_show()} == {"Dear Ana,", "Dear Ben,"}
    assert (await programs.by_id(program_id)).wordings == {}


async def test_a_wording_is_kept_for_its_own_kind_of_letter_alone(
    db: None, now: datetime, letterhead: Letterhead
) -> None:
    program_id, olu = await a_program(now), await an_organizer(now)
    for kind in (Worded.CHANGED, Worded.CANCELLED):
        await wording.change(program_id, kind, OWN, letterhead, olu, now)

    await wording.put_back(program_id, Worded.CANCELLED, olu, now)
    await wording.change(program_id, Worded.REMINDER, letters.original(Worded.REMINDER), letterhead, olu, now)
    await publish(program_id, now, letterhead)

    assert (await programs.by_id(program_id)).wordings == {Worded.CHANGED: OWN}
    assert [one.program.wordings for one in await stored_rounds.every()] == [{Worded.CHANGED: OWN}]
    assert (await text_to_ana()).startswith("Hello Ana,\n\nThere is an invitation for you.")


async def test_mistakes_are_told_and_what_was_typed_stays(olu: Browser, now: datetime) -> None:
    program_id = await a_program(now)
    await olu.get(path(program_id))
    typed = {"greeting": "Hi {nme} <b>", "opening": "About\ngrief", "closing": "}"}

    answer = await olu.submit(path(program_id), do="keep", **typed)

    form = olu.form(path(program_id))
    assert answer.status_code == 422
    assert [str(form.select_one("#greeting")["value"]), form.select_one("#opening").text.lstrip("\n")] == [  # type: ignore[index,union-attr]
        "Hi {nme} <b>", "About\ngrief"
    ]  # fmt: skip
    assert [link["href"] for link in olu.soup().select(".mistakes a")] == ["#greeting", "#opening", "#closing"]
    assert (await programs.by_id(program_id)).wordings == {}


async def test_the_page_shows_text_and_html_of_a_real_seat_with_initials_only(olu: Browser, now: datetime) -> None:
    ana, ben = await a_member("Anastasia", now), await a_member("Benedikt", now)
    await a_seat(now, ana, ben)
    program_id = (await stored_rounds.every())[0].program.id
    await olu.get(path(program_id))

    for look, others in (("discreet", set()), ("open", {"A.", "B."})):
        await olu.submit(path(program_id), do="show", look=look, opening="Come, {display_name}: {people}, {program}.")

        text, html = olu.soup().select_one(".both pre"), olu.soup().select_one(".as-mail")
        assert text is not None and html is not None
        shown = " ".join(text.text.split())
        assert "18:00 to 19:00 (Lisbon, UTC+0)" in shown
        assert "18:00 to 19:00 (Lisbon, UTC+0)" in html.text
        assert [name for name in ("Anastasia", "Benedikt", "example.org") if name in olu.page.text] == []
        assert {name for name in ("A.", "B.") if name in shown} >= others
        assert olu.soup().select("style, [style]") == []
    assert (await programs.by_id(program_id)).wordings == {}


async def test_markup_in_a_wording_stays_text(olu: Browser, now: datetime) -> None:
    program_id = await a_program(now)
    await olu.get(path(program_id))

    await olu.submit(path(program_id), do="show", opening="<img src=x> & <b>bold</b> &amp;")

    html = olu.soup().select_one(".as-mail")
    assert html is not None
    assert html.select("img, b") == []
    assert "<img src=x> & <b>bold</b> &amp;" in html.text


async def test_a_test_goes_to_the_organizer_alone_and_says_so(olu: Browser, now: datetime) -> None:
    ana = await a_member("Anastasia", now)
    await a_seat(now, ana, await a_member("Ben", now))
    program_id = (await stored_rounds.every())[0].program.id
    await olu.get(path(program_id))

    await olu.submit(path(program_id), do="test", opening="Only a try, {display_name}.")

    (sent,) = await letters_to_show()
    assert (sent.reading.to, sent.reading.subject, sent.reading.calendar) == (
        "olu@example.org", "Test: You have a new invitation", "",
    )  # fmt: skip
    assert sent.reading.text.startswith("This is a test of how a letter reads, sent to you alone.")
    assert len(re.findall(r"^Only a try, [AB]\.\.\r$", sent.reading.text, re.MULTILINE)) == 1
    assert "This is a test of how a letter reads" in words_of(sent.reading.html)
    assert (await programs.by_id(program_id)).wordings == {}
    assert (await Letter.select(Letter.about))[0]["about"] is None


async def test_tests_are_few_within_an_hour(olu: Browser, now: datetime, letterhead: Letterhead) -> None:
    program_id = await a_program(now)
    organizer = (await members.by_address("olu@example.org")).id  # type: ignore[union-attr]
    for _ in range(wording.TESTS_AN_HOUR):
        await wording.send_test(program_id, Worded.OFFER, OWN, letterhead, organizer, now)

    with pytest.raises(TooOften):
        await wording.send_test(program_id, Worded.OFFER, OWN, letterhead, organizer, now)
    await olu.get(path(program_id))
    answer = await olu.submit(path(program_id), do="test", greeting="Still here")

    assert answer.status_code == 429
    assert str(olu.form(path(program_id)).select_one("#greeting")["value"]) == "Still here"  # type: ignore[index]


async def test_the_original_words_come_back_with_one_button(
    olu: Browser, now: datetime, letterhead: Letterhead
) -> None:
    program_id = await a_program(now)
    await wording.change(program_id, Worded.INVITATION, OWN, letterhead, await a_member("Eli", now), now)
    await olu.get(path(program_id))

    await olu.submit(f"{path(program_id)}/original")
    await olu.get(path(program_id))

    assert olu.form(path(program_id)).select_one("#greeting")["value"] == "Hello {display_name},"  # type: ignore[index]
    assert len(olu.soup().select(f"form[action='{path(program_id)}/original']")) == 0


async def test_only_organizers_word_letters_and_only_those_that_can_be_worded(
    browser: Callable[[], Browser], olu: Browser, now: datetime
) -> None:
    program_id = await a_program(now)
    ana = browser()
    await sign_in(ana, await a_member("Ana", now), now)

    seen = [(await one.get(path(program_id, kind))).status_code for one, kind in (
        (ana, "invitation"), (olu, "sign_in"), (olu, "../foot"), (olu, "invitation"),
    )]  # fmt: skip
    assert seen == [404, 404, 404, 200]
    assert (await ana.post(path(program_id), {"do": "keep", "greeting": "x", "opening": "x"})).status_code == 404
    assert (await programs.by_id(program_id)).wordings == {}
