"""What every letter says, and what it keeps to itself."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from bs4 import BeautifulSoup
from css_inline import CSSInliner

from peerhub.domain.wording import Worded, Wording
from peerhub.mail import letters
from peerhub.mail.facts import facts_of, letter_from
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter, Recipient
from tests.mail.cast import ANA, BEN, TUESDAY, a_seat, an_offer

WEEK = date(2026, 11, 30)
LINK = "https://peerhub.example/sign-in/token"
ALL: dict[str, Callable[[Letterhead, Recipient, datetime], Letter]] = {
    "confirm_address": lambda head, to, now: letters.confirm_address(head, to, LINK, now),
    "sign_in": lambda head, to, now: letters.sign_in(head, to, LINK, now),
    "already_a_member": lambda head, to, now: letters.already_a_member(head, to, LINK, now),
    "round_opens": lambda head, to, now: letters.round_opens(head, to, "Evening circle", WEEK, LINK, now),
    "not_matched": lambda head, to, now: letters.not_matched(head, to, "Evening circle", WEEK, UUID(int=9), now),
    "invitation": lambda head, to, now: letters.invitation(head, to, a_seat(), now),
    "changed_invitation": lambda head, to, now: letters.changed_invitation(head, to, a_seat(sequence=1), now),
    "cancelled_invitation": lambda head, to, now: letters.cancelled_invitation(head, to, a_seat(sequence=1), now),
    "removed_from_session": lambda head, to, now: letters.removed_from_session(head, to, a_seat(sequence=1), now),
    "invitation_again": lambda head, to, now: letters.invitation_again(head, to, a_seat(sequence=1), now),
    "seat_taken": lambda head, to, now: letters.seat_taken(head, to, a_seat(), now),
    "seat_offered": lambda head, to, now: letters.seat_offered(head, to, an_offer()),
    "reminder": lambda head, to, now: letters.reminder(head, to, a_seat(rsvp="maybe"), UUID(int=3), TUESDAY),
    "nudge": lambda head, to, now: letters.nudge(head, to, a_seat(), UUID(int=4), TUESDAY),
    "check_in_request": lambda head, to, now: letters.check_in_request(head, to, a_seat(), now),
}
every_letter = pytest.mark.parametrize("kind", ALL)


def test_every_template_has_its_letter_here() -> None:
    shared = {"base", "button", "foot", "head", "letter", "originals", "paragraphs", "seat", "test_notice"}

    templates = {path.stem for path in letters.TEMPLATES.iterdir()} - shared

    assert templates == set(ALL)


def words_of(html: str) -> str:
    page = BeautifulSoup(html, "html.parser")
    for hidden in page.select("style, title, .preheader"):
        hidden.decompose()
    return " ".join(page.get_text(" ").split())


@every_letter
def test_the_text_says_no_less_than_the_page_and_the_other_way_round(
    kind: str, letterhead: Letterhead, now: datetime
) -> None:
    letter = ALL[kind](letterhead, BEN, now)

    page = BeautifulSoup(letter.html, "html.parser")
    links = " ".join(str(link["href"]) for link in page("a"))
    buttons = " ".join(link.get_text() for link in page("a"))
    text, shown = set(re.findall(r"\w+", letter.text)), set(re.findall(r"\w+", words_of(letter.html)))
    assert text - shown - set(re.findall(r"\w+", links)) == set()
    assert shown - text - set(re.findall(r"\w+", buttons)) == set()


@every_letter
def test_every_letter_says_what_this_is_not_and_where_help_is(kind: str, letterhead: Letterhead, now: datetime) -> None:
    letter = ALL[kind](letterhead, ANA, now)

    for said in (letter.text, letter.html):
        assert said.count("This is peer support, not an emergency service.") == 1
        assert said.count("https://peerhub.example/crisis") == 1


@every_letter
def test_a_discreet_letter_names_no_topic_and_nobody_else(kind: str, letterhead: Letterhead, now: datetime) -> None:
    letter = ALL[kind](letterhead, ANA, now)

    everything = " ".join([letter.subject, letter.text, letter.html, (letter.calendar or b"").decode()])
    assert [word for word in ("Evening circle", "Ben", "Cat", "Harbour Lights") if word in everything] == []
    assert "Ana" not in letter.subject


@every_letter
def test_the_page_is_one_that_mail_programs_can_show(kind: str, letterhead: Letterhead, now: datetime) -> None:
    html = ALL[kind](letterhead, ANA, now).html

    page = BeautifulSoup(html, "html.parser")
    assert page.html is not None
    assert page.html["lang"] == "en"
    assert {table["role"] for table in page("table")} == {"presentation"}
    assert page(["img", "script", "link", "iframe", "form"]) == []
    assert {size for size in map(int, re.findall(r"font-size:\s*(\d+)px", html)) if size < 16} == set()
    assert "prefers-color-scheme: dark" in html
    assert page.find("p", style=True) is not None  # inlined, for programs that drop the style sheet
    assert re.findall(r"url\(|@import|src=", html) == []
    assert len(html) < 100_000


@every_letter
def test_every_link_leads_to_our_own_pages(kind: str, letterhead: Letterhead, now: datetime) -> None:
    letter = ALL[kind](letterhead, BEN, now)

    links = set(re.findall(r"https?://[^\s\"<>]+", letter.text + letter.html))

    assert {link for link in links if not link.startswith("https://peerhub.example/")} == set()


@every_letter
def test_letters_are_calm(kind: str, letterhead: Letterhead, now: datetime) -> None:
    letter = ALL[kind](letterhead, BEN, now)

    assert "!" not in letter.subject + letter.text + words_of(letter.html)
    assert re.findall(r"(?i)\b(ghost|score|patient|case|infeasible|reject\w*)\b", letter.text) == []


def test_markup_in_a_name_stays_text(letterhead: Letterhead, now: datetime) -> None:
    to = replace(BEN, name="<script>alert(1)</script> {{7*7}} {0.__class__}")

    letter = letters.invitation(letterhead, to, a_seat(others=("<b>Cat</b>",)), now)

    page = BeautifulSoup(letter.html, "html.parser")
    assert page(["script", "b"]) == []
    assert "Hello <script>alert(1)</script> {{7*7}} {0.__class__}," in letter.text
    assert "Hello <script>alert(1)</script> {{7*7}} {0.__class__}," in words_of(letter.html)


def test_an_invitation_tells_when_how_and_with_whom(letterhead: Letterhead, now: datetime) -> None:
    text = letters.invitation(letterhead, BEN, a_seat(others=("Ana", "Cat", "Dan"), place="Room 2"), now).text

    assert text.split("\n\n")[2].splitlines() == [
        "When: Tuesday 1 December, 18:00 to 19:00 (Lisbon, UTC+0)",
        "How: Video call",
        "What: Evening circle",
        "With: Ana, Cat and Dan",
        "Where: Room 2",
    ]


@every_letter
def test_the_text_reads_well_in_72_columns(kind: str, letterhead: Letterhead, now: datetime) -> None:
    to = replace(BEN, name="Maximiliana-Theodora " * 5)
    letter = ALL[kind](letterhead, to, now)

    lines = letter.text.splitlines()
    assert [line for line in lines if len(line) > 72 and not line.startswith("https://")] == []
    assert "\n\n\n" not in letter.text
    assert lines[lines.index("-- ") - 1] == ""  # by which mail programs set the foot apart


@every_letter
def test_what_a_list_of_mails_shows_is_the_same_for_every_letter(
    kind: str, letterhead: Letterhead, now: datetime
) -> None:
    page = BeautifulSoup(ALL[kind](letterhead, BEN, now).html, "html.parser")

    assert page.body is not None
    first = page.body.find(True)
    assert first is not None
    assert "display: none" in str(first["style"])
    assert first.get_text().rstrip("\u2007\u034f") == "A letter for you. Please open it to read it."


def test_a_facilitator_is_told_so(letterhead: Letterhead, now: datetime) -> None:
    text = letters.invitation(letterhead, ANA, a_seat(part="facilitator"), now).text

    assert text.splitlines().count("Your part: you lead this session") == 1


def test_not_being_matched_reads_the_same_for_everyone(letterhead: Letterhead, now: datetime) -> None:
    one, other = (ALL["not_matched"](letterhead, to, now) for to in (ANA, replace(ANA, name="Cat")))

    assert one.text.replace("Ana", "Cat") == other.text
    assert one.html.replace("Ana", "Cat") == other.html


def test_letters_live_as_long_as_they_are_of_use(letterhead: Letterhead, now: datetime) -> None:
    lives = {kind: letter(letterhead, ANA, now).expires_at for kind, letter in ALL.items()}

    asked_for = {"sign_in": 15, "already_a_member": 15, "confirm_address": 24 * 60}
    until_it_starts = ("invitation", "changed_invitation", "invitation_again", "seat_taken", "reminder", "nudge")
    assert lives == {
        **{kind: now + timedelta(minutes=minutes) for kind, minutes in asked_for.items()},
        **dict.fromkeys(("round_opens", "not_matched", "check_in_request"), now + timedelta(days=3)),
        **dict.fromkeys(until_it_starts, TUESDAY),
        **dict.fromkeys(("cancelled_invitation", "removed_from_session"), TUESDAY + timedelta(hours=1)),
        "seat_offered": an_offer().expires_at,
    }


def test_only_letters_that_somebody_waits_for_go_first(letterhead: Letterhead, now: datetime) -> None:
    first = {kind for kind, letter in ALL.items() if letter(letterhead, ANA, now).lane == 0}

    assert first == {"confirm_address", "sign_in", "already_a_member"}


def test_the_same_fact_has_one_cause_and_another_fact_another(letterhead: Letterhead, now: datetime) -> None:
    later = now + timedelta(hours=1)

    causes = [
        letter(letterhead, to, when).cause for letter in ALL.values() for to in (ANA, BEN) for when in (now, later)
    ]

    assert len(set(causes)) == 2 * len(ALL)
    assert letters.sign_in(letterhead, ANA, LINK + "2", now).cause not in causes
    assert letters.changed_invitation(letterhead, ANA, a_seat(sequence=2), now).cause not in causes
    assert [cause for cause in causes if "token" in cause or len(cause) > 200] == []


def test_odd_signs_in_a_wording_and_in_names_make_no_other_line_and_no_markup(
    letterhead: Letterhead, now: datetime
) -> None:
    odd = "a\r\nBcc: x@example.org\x00\u202e\u2028<b>{display_name}</b>"
    wording = Wording(odd, (odd,), (odd,))
    to = replace(BEN, name="Ben\r\n{when}\x00" + "n" * 10_000)
    seat = a_seat(program_name="\u202eEvening\r\n" + "e" * 10_000, others=("<i>Cat</i>\x00",))

    letter = letters.as_test(letters.example(Worded.INVITATION, wording, letterhead, to, seat, now))

    odd_signs = {sign for sign in letter.subject + letter.text + letter.html if sign in "\x00\r\u2028\u202e"}
    assert (odd_signs, "\n" in letter.subject) == (set(), False)
    assert BeautifulSoup(letter.html, "html.parser")(["b", "i"]) == []
    assert letter.text.split("\n\n")[1].replace("\n", " ").startswith("a Bcc: x@example.org <b>Ben {when} nnn")
    assert len(letter.text) < 4000


def test_a_discreet_letter_keeps_program_and_people_out_of_its_wording(letterhead: Letterhead, now: datetime) -> None:
    wording = Wording("Hi", ("{program}, with {people}, {how}.",))
    said = {
        to.name: letters.invitation(
            letterhead, to, a_seat(wordings={Worded.INVITATION: wording}, others=("Cat", "Dan")), now
        ).text.split("\n\n")[1]
        for to in (ANA, BEN)
    }

    assert said == {
        "Ana": "our program, with the others, by video call.",
        "Ben": "Evening circle, with Cat and Dan, by video call.",
    }


def test_a_wording_is_kept_once_in_the_facts_of_a_letter(letterhead: Letterhead, now: datetime) -> None:
    own = {Worded.INVITATION: Wording("Hi", ("Good to have you.",)), Worded.CHANGED: Wording("Hi", ("Not this one.",))}

    facts = facts_of(letters.invitation(letterhead, ANA, a_seat(wordings=own), now))

    assert (facts.count(b"Good to have you."), facts.count(b"Not this one.")) == (1, 0)


def test_words_that_an_earlier_version_kept_without_a_wording_are_still_told(
    letterhead: Letterhead, now: datetime
) -> None:
    kept = json.loads(facts_of(letters.invitation(letterhead, ANA, a_seat(), now)))
    del kept["entry"]["seat"]["wordings"]

    letter = letter_from(json.dumps(kept).encode(), letterhead)

    assert letter.text == letters.invitation(letterhead, ANA, a_seat(), now).text
    assert letter.calendar == letters.invitation(letterhead, ANA, a_seat(), now).calendar


def test_what_a_letter_names_is_told_as_the_zone_has_it_when_it_is_written(letterhead: Letterhead) -> None:
    """It was put before a release of time zones, in which Lisbon has left Central European Time."""
    offered = letters.seat_offered(letterhead, ANA, an_offer())
    kept = json.loads(facts_of(offered))
    before = {"when": "Tuesday 1 December, 19:00 to 20:00", "until": "Monday 30 November, 19:00"}
    assert before.keys() <= kept["words"].keys()
    kept["words"] |= before

    letter = letter_from(json.dumps(kept).encode(), letterhead)

    assert (letter.text, letter.html) == (offered.text, offered.html)
    assert "please say so by Monday 30 November, 18:00 (Lisbon, UTC+0)" in " ".join(letter.text.split())


def test_times_that_an_earlier_version_kept_in_words_alone_are_told_in_those_words(letterhead: Letterhead) -> None:
    offered = letters.seat_offered(letterhead, ANA, an_offer())
    kept = json.loads(facts_of(offered))
    del kept["words"]["until_at"]
    kept["words"]["until"] = "Monday evening"

    letter = letter_from(json.dumps(kept).encode(), letterhead)

    assert "please say so by Monday evening." in " ".join(letter.text.split())
    assert letter.html.count("Monday evening") == 1


@every_letter
@pytest.mark.parametrize("name", ["Ana", "</td><b> &amp; \"x\" &lt \u00a0 ~gap~ 'y'"], ids=["plain", "odd"])
def test_the_style_of_a_page_is_what_an_inliner_makes_of_the_whole(
    kind: str, name: str, letterhead: Letterhead, now: datetime
) -> None:
    letter = ALL[kind](replace(letterhead, community=name), replace(BEN, name=name), now)
    page = letter._page(alone=False)

    assert letter.html == CSSInliner(keep_style_tags=True, load_remote_stylesheets=False).inline(page)
    assert letter.html != page
