"""What a wording may say: a fixed list of placeholders, and nothing that a bystander must not read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerhub.domain.wording import MEANINGS, PLACEHOLDERS, Worded, Wording, filled_in, mistakes_in
from peerhub.mail import letters

NEVER_SAID = ("Evening circle", "Harbour Lights", "loss of a parent", "work")
LISTED = "These can be used, just as they stand here: {display_name}, {when}, {how}, {program}, {people}."


def mistake(opening: str, kind: Worded = Worded.INVITATION) -> str | None:
    return mistakes_in(Wording("Hello,", (opening,)), kind, NEVER_SAID).get("opening")


@pytest.mark.parametrize("kind", Worded)
def test_the_original_words_have_no_mistake(kind: Worded) -> None:
    assert mistakes_in(letters.original(kind), kind, NEVER_SAID) == {}


@pytest.mark.parametrize("kind", Worded)
def test_every_placeholder_of_a_letter_is_explained_and_can_be_used(kind: Worded) -> None:
    every = " ".join(f"{{{name}}}" for name in PLACEHOLDERS[kind])

    assert mistake(every, kind) is None
    assert set(PLACEHOLDERS[kind]) - MEANINGS.keys() == set()


@pytest.mark.parametrize(
    ("opening", "said"),
    [
        ("See you {wen}.", f"{{wen}} means nothing in this letter. Did you mean {{when}}? {LISTED}"),
        ("{Display_Name}", f"{{Display_Name}} means nothing in this letter. Did you mean {{display_name}}? {LISTED}"),
        ("{address}", f"{{address}} means nothing in this letter. {LISTED}"),
        ("until {until}", f"{{until}} means nothing in this letter. {LISTED}"),
        ("{{ 7 * 7 }}", f"Near “{{{{ 7 * 7 }}}}” a curly bracket does not belong to a placeholder. {LISTED}"),
        ("{% raw %}", f"Near “{{% raw %}}” a curly bracket does not belong to a placeholder. {LISTED}"),
        ("See you {when", f"Near “See you {{when” a curly bracket does not belong to a placeholder. {LISTED}"),
        ("{0.__class__}", f"Near “{{0.__class__}}” a curly bracket does not belong to a placeholder. {LISTED}"),
        ("{display_name!r}", f"Near “{{display_name!r}}” a curly bracket does not belong to a placeholder. {LISTED}"),
    ],
)  # fmt: skip
def test_any_other_placeholder_is_refused_with_what_was_expected(opening: str, said: str) -> None:
    assert mistake(opening) == said


@pytest.mark.parametrize(
    "opening", ["Your EVENING CIRCLE meets.", "We lost: loss of a parent.", "About work,", "From Harbour Lights"]
)
def test_what_would_tell_a_bystander_is_refused(opening: str) -> None:
    assert "would tell a bystander what this is about" in (mistake(opening) or "")


@pytest.mark.parametrize("opening", ["We were working on it.", "No homework.", "It works.", "An evening in a circle."])
def test_other_words_are_not(opening: str) -> None:
    assert mistake(opening) is None


@pytest.mark.parametrize(
    "opening", ["https://meet.example/x", "See www.example.org", "mailto:a@example.org", "HTTP://x"]
)
def test_links_are_left_to_the_letter(opening: str) -> None:
    assert mistake(opening) == (
        "Please leave addresses and links out. The letter has its own, and how to join is seen after signing in."
    )


@pytest.mark.parametrize(
    ("wording", "fields"),
    [
        (Wording("", ("x",)), {"greeting"}),
        (Wording("x" * 121, ("x",)), {"greeting"}),
        (Wording("x" * 120, ("x" * 600,) * 8, ("x" * 600,) * 8), set()),
        (Wording("x", ()), {"opening"}),
        (Wording("x", ("x" * 601,), ("x",) * 9), {"opening", "closing"}),
        (Wording("x", ("x",), ()), set()),
    ],
)
def test_each_part_has_its_length(wording: Wording, fields: set[str]) -> None:
    assert set(mistakes_in(wording, Worded.INVITATION, ())) == fields


@given(st.text(max_size=60), st.dictionaries(st.sampled_from(["when", "how"]), st.text(max_size=20)))
def test_filling_in_changes_nothing_but_placeholders(text: str, values: dict[str, str]) -> None:
    assert filled_in(text.replace("{", "("), values) == text.replace("{", "(")


def test_a_value_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    values = {"display_name": "{when}", "when": "today"}

    assert filled_in("{display_name} {when} {other}", values) == "{when} today {other}"
