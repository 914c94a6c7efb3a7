"""Comfort levels, where 0 means never and saying nothing means 2."""

import pytest

from peerhub.domain.comfort import Comfort, size_name


@pytest.mark.parametrize(
    ("people", "name"), [(2, "pair"), (3, "trio"), (4, "small"), (5, "small"), (6, "large"), (40, "large")]
)
def test_sizes_have_the_names_that_members_answer_for(people: int, name: str) -> None:
    assert size_name(people) == name


def test_what_a_member_said_nothing_about_is_2() -> None:
    assert (Comfort().with_size(2), Comfort().with_medium("video")) == (2, 2)


def test_never_is_a_rule_and_any_other_level_is_not() -> None:
    comfort = Comfort(sizes={"trio": 0, "pair": 1}, mediums={"text": 0, "voice": 1})

    assert [comfort.allows_size(people) for people in (2, 3, 4)] == [True, False, True]
    assert [comfort.allows_medium(medium) for medium in ("voice", "text", "video")] == [True, False, True]
