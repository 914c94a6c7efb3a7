"""Whatever people call themselves, their programs and places: no calendar and no header says more than it should."""

import email
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from email.policy import SMTP
from unicodedata import category

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerhub.mail import calendar, letters, message
from peerhub.mail.calendar import Entry
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.recipient import Recipient, SeatInvitation
from tests.calendars.readers import READERS
from tests.mail.cast import ANA, BEN, a_seat
from tests.mail.test_calendar import NASTY, names_of

ID = "<0123456789abcdef@peerhub.example>"
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
BREAKS = ["\r\n", "\n", "\r", "\0", "\x0b", "\x85", "\u2028", "\u2029", *BIDI]
ODD = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(), max_size=60),
    st.lists(
        st.sampled_from([*BREAKS, *':;,\\" é🌱', "BEGIN:VEVENT", "END:VCALENDAR", "ATTENDEE:mailto:eve@example.org"]),
        max_size=30,
    ).map("".join),
)
Spoilt = tuple[SeatInvitation, Letterhead, Recipient]


def with_word(word: str, head: Letterhead) -> Spoilt:
    """A seat, a letterhead and a recipient in which everything that somebody typed is the word."""
    seat = a_seat(program_name=word, medium=word, place=word, others=(word, word), part="peer")
    return seat, replace(head, community=word), replace(BEN, name=word)


def calendars(seat: SeatInvitation, head: Letterhead, to: Recipient, word: str, now: datetime) -> list[bytes]:
    """Every kind of calendar that we write."""
    entry = Entry("1@peerhub.example", seat.span, summary=word or "x", description=word)
    return [
        calendar.request(seat, head, to, now),
        calendar.cancel(seat, head, to, now),
        calendar.cancel(seat, head, to, now, session_goes_on=True),
        calendar.feed([entry], word, "Asia/Kathmandu", head, now),
        calendar.person_calendar([("1@peerhub.example", seat.span, word)], now),
    ]


def test_odd_words_are_read_by_others_as_one_event_for_one_person(letterhead: Letterhead, now: datetime) -> None:
    written = [one for word in NASTY for one in calendars(*with_word(word, letterhead), word, now)]
    plain = calendars(*with_word("Ana", letterhead), "Ana", now)

    for reader in READERS.values():
        read = reader(written)
        expected = [replace(event, summary="") for (event,) in reader(plain)] * len(NASTY)
        assert [replace(event, summary="") for (event,) in read] == expected
        shown = "".join(event.summary for (event,) in read)
        assert [sign for sign in shown if not sign.isprintable() or sign in BIDI] == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=ODD)
def test_no_word_adds_a_line_to_a_calendar(word: str, letterhead: Letterhead, now: datetime) -> None:
    plain = calendars(*with_word("Ana", letterhead), "Ana", now)

    written = calendars(*with_word(word, letterhead), word, now)

    for one, other in zip(written, plain, strict=True):
        assert [name for name in names_of(one) if name != "DESCRIPTION"] == [
            name for name in names_of(other) if name != "DESCRIPTION"
        ]
        lines = one.split(b"\r\n")
        assert max(map(len, lines)) <= 75
        text = one.decode().replace("\r\n", "")
        assert [sign for sign in text if sign in BIDI or category(sign) in {"Cc", "Cs", "Zl", "Zp"}] == []
        assert len(one) < 4_000


SEAT_LETTERS: list[Callable[..., letters.Letter]] = [
    letters.invitation, letters.changed_invitation, letters.cancelled_invitation, letters.removed_from_session,
    letters.check_in_request,
]  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=ODD)
def test_no_word_adds_a_header_or_a_recipient_to_a_mail(word: str, letterhead: Letterhead, now: datetime) -> None:
    seat, head, to = with_word(word, letterhead)

    for write in SEAT_LETTERS:
        usual = message.compose(write(letterhead, BEN, a_seat(), now), letterhead, ID, now)
        odd = message.compose(write(head, to, seat, now), head, ID, now)
        plain, mail = (email.message_from_bytes(one, policy=SMTP) for one in (usual, odd))
        assert list(mail.keys()) == list(plain.keys())
        assert (mail["To"], mail["From"], mail.get_all("Bcc")) == (BEN.address, head.mail_from, None)
        assert [part.get_content_type() for part in mail.walk()] == [part.get_content_type() for part in plain.walk()]
        assert set(b"\r\n") & set(odd.replace(b"\r\n", b"")) == set()


@pytest.mark.parametrize(
    "address", ["ana@example.org\r\nBcc: eve@example.org", "a@b.example,c@d.example", "x" * 10_000]
)
def test_an_address_that_is_not_one_address_is_not_written_to(
    address: str, letterhead: Letterhead, now: datetime
) -> None:
    letter = letters.invitation(letterhead, replace(ANA, address=address), a_seat(), now)

    with pytest.raises(ValueError, match="one plain address"):
        message.compose(letter, letterhead, ID, now)
    assert names_of(calendar.request(a_seat(), letterhead, replace(ANA, address=address), now)).count("ATTENDEE") == 1
