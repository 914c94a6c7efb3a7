"""Mails that come in: what a calendar answered, what came back, and what strangers try."""

import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerhub.domain.invitations import AsksFor, Rsvp
from peerhub.mail import calendar
from peerhub.mail.bounces import Bounce, letter_returned_to, return_address
from peerhub.mail.incoming import MOST_BYTES, Ignored, read
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.replies import Reply
from tests.mail.cast import ANA, TUESDAY, a_seat
from tests.replies import a_mail, a_report, an_answer

UID = "0123456789abcdef0123456789abcdef@peerhub.example"
LETTER = UUID(int=77)
WRAPPED = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
HEAD = Letterhead("Harbour Lights", "hello@peerhub.example", "https://peerhub.example", b"k" * 32)
RETURNS = replace(HEAD, bounce_domain="bounces.peerhub.example")


def reply_of(mail: bytes) -> Reply:
    content = read(mail, [], HEAD).content
    assert isinstance(content, Reply), content
    return content


def why_ignored(mail: bytes) -> str:
    content = read(mail, [], RETURNS).content
    assert isinstance(content, Ignored), content
    return content.why


@pytest.mark.parametrize(("said", "rsvp"), [("ACCEPTED", Rsvp.YES), ("declined", Rsvp.NO), ("TENTATIVE", Rsvp.MAYBE)])
def test_an_answer_says_who_to_what_in_which_version_and_when(said: str, rsvp: Rsvp) -> None:
    reply = reply_of(an_answer(UID, "MAILTO:Ana%40example.org", AT, said, sequence=3, starts_at=TUESDAY))

    assert reply == Reply(UID, "Ana@example.org", 3, AT, rsvp, None, TUESDAY)


def test_a_calendar_that_is_only_attached_is_read_too() -> None:
    assert reply_of(an_answer(UID, "mailto:ana@example.org", AT, name="application/ics")).rsvp == Rsvp.YES


def test_without_a_sequence_it_is_the_first_version() -> None:
    assert reply_of(an_answer(UID, "mailto:ana@example.org", AT, sequence=None)).sequence == 0


@pytest.mark.parametrize(
    ("line", "starts_at"),
    [
        ("DTSTART;TZID=Europe/Lisbon:20261201T180000", TUESDAY),
        ("DTSTART;TZID=Asia/Kathmandu:20261201T234500", TUESDAY),
        ("DTSTART;TZID=A wall of my own:20261201T180000", None),
        ("DTSTART;TZID=../../etc/passwd:20261201T180000", None),
        ("DTSTART:20261201T180000", None),
        ("DTSTART;VALUE=DATE:20261201", None),
        ("DTSTART:99999999T999999Z", None),
    ],
)
def test_the_time_is_understood_where_it_is_a_moment(line: str, starts_at: datetime | None) -> None:
    assert reply_of(an_answer(UID, "mailto:ana@example.org", AT, more=(line,))).starts_at == starts_at


@pytest.mark.parametrize(
    ("mail", "asks_for"),
    [
        (an_answer(UID, "mailto:ana@example.org", AT, method="COUNTER", starts_at=TUESDAY), AsksFor.OTHER_TIME),
        (an_answer(UID, "mailto:ana@example.org", AT, method="REFRESH"), AsksFor.NEWS),
        (an_answer(UID, "mailto:ana@example.org", AT, "DELEGATED"), AsksFor.STAND_IN),
        (an_answer(UID, "mailto:ana@example.org", AT, 'ACCEPTED;DELEGATED-FROM="mailto:b@example.org"'),
         AsksFor.STAND_IN),
    ],
)  # fmt: skip
def test_what_a_person_must_decide_is_no_answer(mail: bytes, asks_for: AsksFor) -> None:
    reply = reply_of(mail)

    assert (reply.rsvp, reply.asks_for) == (None, asks_for)


@pytest.mark.parametrize(
    "mail",
    [
        an_answer(UID, "mailto:ana@example.org", AT, more=("ATTENDEE:mailto:ben@example.org",)),
        an_answer(UID, "mailto:ana@example.org", AT, more=(f"UID:{UID}",)),
        an_answer(UID, "mailto:ana@example.org", AT, more=("RECURRENCE-ID:20261201T180000Z",)),
        an_answer(UID, "mailto:ana@example.org", AT, more=("END:VEVENT", "BEGIN:VEVENT", "UID:other")),
        an_answer(UID, "mailto:ana@example.org", AT, sequence=-1),
        an_answer(UID, "mailto:ana@example.org", AT, sequence=10**12),
        an_answer(UID, "mailto:ana@example.org", AT, "NEEDS-ACTION"),
        an_answer(f"{UID}\0", "mailto:ana@example.org", AT),
        an_answer("x" * 10_000, "mailto:ana@example.org", AT),
        an_answer(UID, "mailto:ana@example.org", AT, more=("BEGIN:VALARM",) * 100),
        a_mail("BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n"),
        a_mail("METHOD:REPLY\r\nUID\x00:\x07\r\n"),
    ],
    ids=range(12),
)
def test_an_answer_that_is_not_one_answer_of_one_person_is_none(mail: bytes) -> None:
    assert why_ignored(mail)


def test_our_own_invitation_that_comes_back_is_no_answer() -> None:
    ours = calendar.request(a_seat(), HEAD, ANA, AT).decode()

    assert why_ignored(a_mail(ours, method="REQUEST")) == "it is nothing that we read"


def test_an_answer_within_an_enclosed_mail_was_not_said_by_its_sender() -> None:
    enclosed = an_answer(UID, "mailto:ana@example.org", AT).decode()
    forwarded = f"From: x@example.org\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n{enclosed}"

    assert why_ignored(forwarded.encode()) == "it is nothing that we read"


def test_recurrences_and_zones_are_never_worked_out() -> None:
    """A second by second zone without an end would keep a calendar library busy for ever."""
    bomb = (
        "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VTIMEZONE\r\nTZID:Boom\r\nBEGIN:STANDARD\r\nDTSTART:00010101T000000\r\n"
        "RRULE:FREQ=SECONDLY\r\nTZOFFSETFROM:+0000\r\nTZOFFSETTO:+0000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
        f"BEGIN:VEVENT\r\nUID:{UID}\r\nDTSTAMP:20261122T083000Z\r\nDTSTART;TZID=Boom:20261201T180000\r\n"
        "RRULE:FREQ=SECONDLY\r\nATTENDEE;PARTSTAT=DECLINED:mailto:ana@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )

    assert reply_of(a_mail(bomb)).rsvp == Rsvp.NO


@pytest.mark.parametrize(
    "mail",
    [
        b"x" * (MOST_BYTES + 1),
        b"\0" * 1000,
        WRAPPED + (b"--a\r\n" + WRAPPED) * 5000,
        b"Content-Type: message/rfc822\r\n\r\n" * 5000,
        b"Content-Type: text/calendar\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"!" * 10_000,
        b"Content-Type: text/calendar\r\n\r\n" + b"METHOD:REPLY\r\n" * 30_000,
        b"Content-Type: text/calendar\r\n\r\nMETHOD:REPLY\r\n" + b" fold\r\n" * 90_000,
        b"Content-Type: text/calendar\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"0" * 10**7),
        b"Content-Type: multipart/report\r\n\r\n",
        b"Message-ID: " + b"<" * 100_000,
    ],
    ids=range(10),
)  # fmt: skip
def test_nothing_that_strangers_send_is_more_than_ignored(mail: bytes) -> None:
    assert why_ignored(mail)


@given(st.binary(max_size=2000))
@settings(max_examples=200, deadline=None)
def test_no_bytes_at_all_raise(noise: bytes) -> None:
    fine = an_answer(UID, "mailto:ana@example.org", AT)
    middle = len(fine) // 2 + (noise[0] if noise else 0)

    read(noise, [], RETURNS)
    read(fine[:middle] + noise + fine[middle:], [], RETURNS)


# Letters that come back


def test_a_return_address_names_its_letter_and_nobody() -> None:
    address = return_address(RETURNS, LETTER)

    assert letter_returned_to(RETURNS, f"<{address.upper()}>") == LETTER
    assert len(address.partition("@")[0]) <= 64
    assert "example.org" not in address


@pytest.mark.parametrize("change", [lambda a: a.replace("4d", "4e", 1), lambda a: f"x{a}", lambda a: f"{a}.net"])
def test_a_return_address_that_we_did_not_make_names_nothing(change: object) -> None:
    address = return_address(RETURNS, LETTER)
    changed = change(address)  # type: ignore[operator]

    assert changed != address
    assert letter_returned_to(RETURNS, changed) is None
    assert letter_returned_to(replace(RETURNS, signing_key=b"x" * 32), address) is None


def test_without_a_bounce_domain_letters_return_to_the_sender() -> None:
    assert return_address(HEAD, LETTER) == "hello@peerhub.example"
    assert letter_returned_to(HEAD, f"{return_address(RETURNS, LETTER).partition('@')[0]}@") is None


@pytest.mark.parametrize("whole", [True, False])
def test_a_report_says_which_letter_and_why(whole: bool) -> None:
    to = return_address(RETURNS, LETTER)

    report = read(a_report(to, "5.2.2", given_back="<77@peerhub.example>", whole=whole), [to], RETURNS)

    assert report.content == Bounce(LETTER, "<77@peerhub.example>", "5.2.2")


@pytest.mark.parametrize(
    ("action", "status"), [("delayed", "4.4.1"), ("delivered", "2.0.0"), ("failed", "2.0.0"), ("failed", "oops")]
)
def test_a_delay_and_a_success_are_no_failure(action: str, status: str) -> None:
    assert why_ignored(a_report("x@example.org", status, action=action)) == "it is nothing that we read"


def test_who_is_away_has_not_sent_anything_back() -> None:
    away = b"Subject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nI am away until " + str(AT + timedelta(9)).encode()

    assert why_ignored(away) == "it is nothing that we read"
