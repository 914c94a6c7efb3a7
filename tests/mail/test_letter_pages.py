"""Each letter has a page in the docs, which shows what is sent."""

import re
from datetime import datetime

import pytest

from docs import draw_letters
from peerhub.domain.wording import Worded
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from tests.mail.cast import ANA
from tests.mail.test_letters import ALL

PAGES = draw_letters.PAGES


def test_every_letter_has_a_page_and_a_picture_and_stands_in_the_list() -> None:
    listed = re.findall(r"\]\((\w+)\.md\)", (PAGES / "README.md").read_text())

    assert sorted(listed) == sorted(ALL)
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == set(ALL)
    assert {path.stem for path in (PAGES / "pictures").glob("*.png")} == set(ALL)


def test_the_list_is_drawn_from_what_is_known_of_each_letter() -> None:
    assert (PAGES / "README.md").read_text() == draw_letters.index()


@pytest.mark.parametrize("kind", ALL)
def test_a_page_says_what_the_letter_says(kind: str, letterhead: Letterhead, now: datetime) -> None:
    page = " ".join((PAGES / f"{kind}.md").read_text().split())
    letter = ALL[kind](letterhead, ANA, now)

    assert f"| Can one do without it | {draw_letters.without(kind)} |" in page
    assert f"| Calendar entry | {letter.method or 'none'} |" in page
    shared = [
        " ".join(part.split()) for part in letter.text.split("\n\n") if not re.search(r"\d|https|maybe|might", part)
    ]
    assert [part for part in shared if part not in page] == []


@pytest.mark.parametrize("kind", Worded)
def test_the_original_words_are_on_the_page(kind: Worded) -> None:
    page = " ".join((PAGES / f"{kind}.md").read_text().split())

    assert [one for one in letters.original(kind).closing if one not in page] == []
