"""Names, languages and zones that can be."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerhub.domain.availability import is_zone
from peerhub.domain.members import MOST_LETTERS, RENAMED, BadName, tidy_languages, tidy_name, zone_from_text


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("  Ana ", "Ana"),
        ("Ana  Lu\u0301cia", "Ana Lúcia"),
        ("Nguyễn", "Nguyễn"),
        ("अना", "अना"),
        ("O'Neil-Çelik", "O'Neil-Çelik"),
        ("🌿", "🌿"),
        ("B", "B"),
        ("J. R.", "J. R."),
        ("J.R.", "J.R."),
    ],
)
def test_names_are_kept_as_people_write_them(typed: str, name: str) -> None:
    assert tidy_name(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "A" * 41,
        "A" * 10_000,
        "A\0",
        "A\nB",
        "A\u202eB",
        "A\u200b",
        "A\u2028B",
        "...",
        "evil.example",
        "see //x",
        "ana@x",
        "Z" + "\u0301" * 30,
        "\ud800",
    ],
)
def test_names_that_hide_or_climb_or_are_none_are_refused(typed: str) -> None:
    with pytest.raises(BadName):
        tidy_name(typed)


@given(st.text(max_size=60))
def test_whatever_is_typed_a_kept_name_is_visible_short_and_stays_the_same(typed: str) -> None:
    try:
        name = tidy_name(typed)
    except BadName:
        return

    assert 1 <= len(name) <= MOST_LETTERS
    assert [one for one in name if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")] == []
    assert tidy_name(name) == name


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Europe/Lisbon", "Europe/Lisbon"),
        ("lisbon", "Europe/Lisbon"),
        (" New York ", "America/New_York"),
        ("Kathmandu (UTC+5:45)", "Asia/Kathmandu"),
        ("Asia/Katmandu", "Asia/Kathmandu"),
        ("Kiev", "Europe/Kyiv"),
        ("UTC", "UTC"),
        ("Atlantis", None),
        ("Etc/GMT+5", None),
        ("../../etc/passwd", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_a_zone_is_found_by_its_name_or_its_city(typed: str, zone: str | None) -> None:
    assert zone_from_text(typed) == zone


def test_a_renamed_zone_is_the_same_place_under_a_name_that_exists() -> None:
    assert [before for before, today in RENAMED.items() if not (is_zone(before) and is_zone(today))] == []


def test_languages_are_kept_once_in_the_order_given() -> None:
    assert tidy_languages(["pt", "EN", "pt", " "]) == ("pt", "en")


def test_what_is_no_language_is_refused() -> None:
    for texts in (["english please"], ["<b>"], [f"a{letter}" for letter in "abcdefghijk"]):
        with pytest.raises(BadName):
            tidy_languages(texts)
