"""The mail that leaves, parsed back: its tree, its headers, its one recipient."""

import email
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from peerhub.mail import letters, message
from peerhub.mail.letterhead import Letterhead
from tests.mail.cast import ANA, BEN, a_seat
from tests.mail.test_calendar import NASTY

ID = "<0123456789abcdef@peerhub.example>"
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version",
    "Content-Type", "Content-Language",
]  # fmt: skip


def parsed(mail: bytes) -> EmailMessage:
    return email.message_from_bytes(mail, policy=SMTP)


def an_invitation(head: Letterhead, now: datetime, to: letters.Recipient = ANA) -> EmailMessage:
    return parsed(message.compose(letters.invitation(head, to, a_seat(), now), head, ID, now))


def test_an_invitation_is_mixed_of_alternatives_and_an_attachment(letterhead: Letterhead, now: datetime) -> None:
    mail = an_invitation(letterhead, now)

    tree = [part.get_content_type() for part in mail.walk()]
    assert tree == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics",
    ]  # fmt: skip
    *_, inline, attached = mail.walk()
    assert dict(inline["Content-Type"].params) == {"method": "REQUEST", "charset": "UTF-8"}
    assert attached.get_filename() == "invite.ics"
    assert inline.get_payload(decode=True) == attached.get_payload(decode=True)
    assert inline.get_payload(decode=True) == letters.invitation(letterhead, ANA, a_seat(), now).calendar


def test_a_cancel_says_so_in_its_type(letterhead: Letterhead, now: datetime) -> None:
    letter = letters.cancelled_invitation(letterhead, ANA, a_seat(sequence=1), now)

    *_, inline, _ = parsed(message.compose(letter, letterhead, ID, now)).walk()

    assert inline["Content-Type"].params["method"] == "CANCEL"


def test_a_letter_without_a_date_has_no_calendar(letterhead: Letterhead, now: datetime) -> None:
    letter = letters.confirm_address(letterhead, ANA, "https://peerhub.example/confirm/x", now)

    tree = [part.get_content_type() for part in parsed(message.compose(letter, letterhead, ID, now)).walk()]

    assert tree == ["multipart/alternative", "text/plain", "text/html"]


def test_the_headers_are_neutral_and_stable(letterhead: Letterhead, now: datetime) -> None:
    mail = an_invitation(letterhead, now)

    assert mail.keys() == HEADERS
    assert {name: str(mail[name]) for name in HEADERS if name not in ("Content-Type", "MIME-Version")} == {
        "From": "hello@peerhub.example",
        "To": "ana@example.org",
        "Subject": "You have a new invitation",
        "Date": "Sun, 22 Nov 2026 09:00:00 +0000",
        "Message-ID": ID,
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        "Content-Language": "en",
    }


@pytest.mark.parametrize("sender", ["hello@peerhub.example", "circle@elsewhere.example"])
def test_who_organizes_is_who_writes(sender: str, letterhead: Letterhead, now: datetime) -> None:
    """Some calendars drop a cancellation otherwise."""
    head = replace(letterhead, mail_from=sender)
    written = [letters.invitation, letters.cancelled_invitation, letters.removed_from_session]

    mails = [parsed(message.compose(write(head, ANA, a_seat(), now), head, ID, now)) for write in written]

    entries = [message.read(mail.as_bytes()).calendar.replace("\r\n ", "").splitlines() for mail in mails]
    assert [str(mail["From"]) for mail in mails] == [sender] * 3
    assert [[line for line in one if line.startswith("ORGANIZER")] for one in entries] == [
        [f"ORGANIZER:mailto:{sender}"]
    ] * 3


def test_a_long_link_to_leave_is_one_plain_line(letterhead: Letterhead, now: datetime) -> None:
    """An encoded word in it, and no mail program would know where to ask."""
    head = replace(letterhead, base_url=f"https://{'community-' * 12}.example")

    mail = message.compose(letters.nudge(head, ANA, a_seat(), 1, now), head, ID, now)

    (line,) = [line for line in mail.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")]
    assert line.startswith(f"List-Unsubscribe: <{head.base_url}/unsubscribe/".encode())
    assert (line[-1:], len(line) > 200) == (b">", True)


def test_every_line_ends_and_none_is_too_long(letterhead: Letterhead, now: datetime) -> None:
    letter = letters.invitation(letterhead, BEN, a_seat(others=("Ünï " * 200, "x" * 5000)), now)

    mail = message.compose(letter, letterhead, ID, now)

    lines = mail.split(b"\r\n")
    assert [line for line in lines if b"\n" in line or b"\r" in line or len(line) > 998] == []
    assert mail.isascii()


@pytest.mark.parametrize("nasty", NASTY, ids=lambda text: ascii(text)[:24])
def test_no_name_reaches_a_header_or_adds_one(nasty: str, letterhead: Letterhead, now: datetime) -> None:
    letter = letters.invitation(letterhead, replace(BEN, name=nasty), a_seat(program_name=nasty, others=(nasty,)), now)

    mail = parsed(message.compose(letter, letterhead, ID, now))

    assert mail.keys() == HEADERS
    subject = str(mail["Subject"])
    assert [sign for sign in subject if not sign.isprintable()] == []
    assert len(subject) <= 200
    assert str(mail["To"]) == "ben@example.org"


@pytest.mark.parametrize(
    "address",
    [
        "", "ana", "ana@", "a..b@example.org", "a@b..c",
        "a@example.org, b@example.org", "a@example.org\r\nBcc: b@example.org", "a@example.org\n",
        "Ana <a@example.org>", "ü@example.org", "a b@example.org", "a\x00@example.org", f"{'a' * 300}@example.org",
    ],
)  # fmt: skip
def test_what_is_not_one_address_is_not_written_to(address: str, letterhead: Letterhead, now: datetime) -> None:
    letter = letters.confirm_address(letterhead, replace(ANA, address=address), "https://peerhub.example/x", now)

    with pytest.raises(ValueError):
        message.compose(letter, letterhead, ID, now)


def test_a_mail_is_read_back_as_it_was_meant(letterhead: Letterhead, now: datetime) -> None:
    letter = letters.invitation(letterhead, BEN, a_seat(program_name="Círculo 🌱"), now)

    reading = message.read(message.compose(letter, letterhead, ID, now))

    assert (reading.to, reading.subject) == ("ben@example.org", letter.subject)
    assert reading.text.replace("\r\n", "\n") == letter.text
    assert reading.html.replace("\r\n", "\n").strip() == letter.html.strip()
    assert letter.calendar is not None
    assert reading.calendar == letter.calendar.decode()
