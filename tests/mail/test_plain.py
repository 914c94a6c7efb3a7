"""What others typed becomes one plain line, and stays what they meant."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerhub.mail.plain import is_one_address, one_address, one_line

BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(st.text(st.characters(), max_size=300), st.integers(1, 150))
def test_any_text_becomes_one_plain_line(text: str, longest: int) -> None:
    line = one_line(text, longest)

    assert len(line) <= longest
    assert {unicodedata.category(sign) for sign in line} & {"Cc", "Cs", "Zl", "Zp"} == set()
    assert set(line) & BIDI == set()
    assert one_line(line, longest) == line


@pytest.mark.parametrize(
    "name", ["Ana", "José Núñez", "李小龍", "شیرین\u200cدخت", "👩\u200d👧 Family", "O'Neill-Smith", "e\u0301"]
)
def test_names_of_every_language_stay_as_they_are(name: str) -> None:
    assert one_line(name) == name


def test_breaks_and_runs_of_space_become_one_space() -> None:
    assert one_line("  Ana\r\n\tMaria\x00\u2028Lu ") == "Ana Maria Lu"


@pytest.mark.parametrize("address", ["a@example.org", "a.b+c@sub.example.org", "o'neill_1@x-y.org", "a@localhost"])
def test_an_address_is_an_address(address: str) -> None:
    assert is_one_address(address) is True


@given(st.one_of(st.emails(), st.builds("{}@{}.org".format, st.text(max_size=20), st.text(max_size=20))))
def test_whatever_address_is_taken_can_be_written_to(typed: str) -> None:
    try:
        taken = one_address(typed)
    except ValueError:
        return

    assert is_one_address(taken) is True
    assert one_address(taken) == taken


@pytest.mark.parametrize(
    ("typed", "taken"),
    [("ana@bücher.example", "ana@xn--bcher-kva.example"), ("ana@xn--bcher-kva.example", "ana@xn--bcher-kva.example"),
     ("Ana@Example.ORG", "Ana@example.org")],
)  # fmt: skip
def test_an_address_is_taken_as_every_mail_server_knows_it(typed: str, taken: str) -> None:
    assert one_address(typed) == taken


def test_a_hostile_address_is_told_quickly() -> None:
    assert is_one_address("a." * 50_000 + "@") is False
    assert is_one_address("a@" + "a-" * 120) is False
