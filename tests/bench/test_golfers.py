"""The Social Golfer Problem through the matcher: what is counted is what was asked."""

from bench.golfers import golfers, meet_again, tour
from peerhub.matching.match import match
from peerhub.matching.preferences import FULL


def week(*groups: str) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(group) for group in groups)


def test_two_who_are_in_a_group_twice_meet_again() -> None:
    weeks = [week("abc", "def"), week("adg", "bce")]

    assert meet_again(weeks) == [frozenset("bc")]


def test_a_week_in_which_nobody_meets_again_has_all_points() -> None:
    problem = golfers(3, 3)

    assert match(problem, time_limit=10).points == FULL * 9


def test_nine_golfers_never_meet_twice_until_no_week_is_left() -> None:
    found = tour(3, 3, seconds=10)

    assert meet_again(list(found.weeks)) == []
    assert [len(groups) for groups in found.weeks] == [3] * len(found.weeks)
    assert 1 <= len(found.weeks) <= 4  # eight others to meet, two a week


def test_a_tour_ends_before_anybody_meets_again() -> None:
    found = tour(2, 3, seconds=10)

    assert len(found.weeks) == 1  # of three, two must come from the same group of the first week
    assert (found.seated, found.proven) == (6, True)
    assert found.again > 0
