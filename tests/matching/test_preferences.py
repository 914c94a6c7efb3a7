"""Golden examples: what each preference gives, counted by hand."""

from datetime import timedelta

import pytest

from peerhub.domain.programs import WEIGHTS
from peerhub.matching import preferences
from peerhub.matching.preferences import points_by_preference, points_of
from peerhub.matching.problem import Meeting
from tests.matching.cast import MONDAY_18, WEEK, buddies, person, session, sessions

EVENING = "mon 18:00-20:00"


def test_overlap_counts_the_quarters_before_and_after_in_which_each_is_free() -> None:
    problem = buddies(person("ana", "mon 17:30-19:00"), person("ben", "mon 17:45-18:30"))

    assert preferences.overlap(problem, session("ana", "ben")) == 4 * 25 + 25


def test_comfort_is_half_the_size_and_half_the_medium() -> None:
    problem = buddies(
        person("ana", EVENING, sizes={"pair": 4}, mediums={"video": 3}), person("ben", EVENING, mediums={"voice": 1})
    )

    assert preferences.comfort(problem, session("ana", "ben")) == (4 + 3) * 25 // 2 + (2 + 2) * 25 // 2


@pytest.mark.parametrize(("how", "points"), [("similar", 100 + 75), ("different", 300 - 175), ("ignore", 0)])
def test_topics_are_those_of_the_one_topic_that_matters_most(how: str, points: int) -> None:
    problem = sessions(
        person("ana", EVENING, topics={"grief": 4, "sleep": 1}),
        person("ben", EVENING, topics={"grief": 2}),
        person("cat", EVENING, topics={"sleep": 3, "grief": 0}),
        match_on={"topics": how},
    )

    assert preferences.topics(problem, session("ana", "ben", "cat")) == points


@pytest.mark.parametrize(
    ("weeks", "went", "points"),
    [(1, None, 0), (2, "well", 2 * 4), (14, "okay", 2 * 52), (26, None, 200), (60, None, 200), (60, "badly", 0)],
)
def test_new_people_forget_a_meeting_within_half_a_year_unless_it_went_badly(
    weeks: int, went: str | None, points: int
) -> None:
    met = Meeting(WEEK - timedelta(weeks=weeks), frozenset({"ana", "ben"}), went)
    problem = buddies(person("ana", EVENING), person("ben", EVENING), history=(met,))

    assert preferences.new_people(problem, session("ana", "ben")) == points


def test_trust_counts_the_last_meeting_and_each_ones_own_wish() -> None:
    history = (
        Meeting(WEEK - timedelta(weeks=2), frozenset({"ana", "ben"}), "okay"),
        Meeting(WEEK - timedelta(weeks=3), frozenset({"ana", "ben"}), "well"),
        Meeting(WEEK - timedelta(weeks=3), frozenset({"ana", "cat"}), "well"),
    )
    problem = buddies(
        person("ana", EVENING), person("ben", EVENING), person("cat", EVENING, prefers=["ben"]), history=history
    )

    assert preferences.trust(problem, session("ana", "ben")) == 0
    assert preferences.trust(problem, session("ben", "cat")) == 100
    assert preferences.trust(problem, session("ana", "ben", "cat")) == 200


@pytest.mark.parametrize(
    ("ana", "ben", "points"),
    [("share", "listen", 200), ("both", "both", 200), ("share", "both", 100), ("share", "share", 0)],
)
def test_roles_are_a_balance(ana: str, ben: str, points: int) -> None:
    problem = buddies(person("ana", EVENING, role=ana), person("ben", EVENING, role=ben))

    assert preferences.roles(problem, session("ana", "ben")) == points


def test_preferred_hours_are_the_share_of_the_session_in_good_hours() -> None:
    problem = buddies(person("ana", EVENING), person("ben", "mon 18:15-19:00", if_needed=("mon 18:00-18:15",)))

    assert preferences.preferred_hours(problem, session("ana", "ben")) == 100 + 50


@pytest.mark.parametrize(("people", "points"), [(("ana", "ben"), 2 * 75), (("ana", "ben", "cat"), 3 * 100)])
def test_the_ideal_size_gives_all_its_points_and_its_neighbours_three_quarters(
    people: tuple[str, ...], points: int
) -> None:
    problem = sessions(*(person(name, EVENING) for name in ("ana", "ben", "cat")))

    assert preferences.ideal_size(problem, session(*people)) == points


def test_buddies_of_any_size_but_the_ideal_one_forgo_more_than_all_else_can_give() -> None:
    problem = buddies(*(person(name, EVENING) for name in ("ana", "ben", "cat")))
    full = {name: preferences.weight(problem.program, name) for name in (*WEIGHTS, "ideal_size")}

    assert preferences.ideal_size(problem, session("ana", "ben")) == 2 * 100
    assert preferences.ideal_size(problem, session("ana", "ben", "cat")) == 0
    assert full.pop("ideal_size") > sum(full.values())


def test_points_are_the_sum_of_weights_times_preferences() -> None:
    weights = {"overlap": 1, "comfort": 10, "topics": 0, "new_people": 2, "trust": 7, "roles": 1, "ideal_size": 0}
    problem = buddies(person("ana", EVENING, prefers=["ben"]), person("ben", EVENING), weights=weights)

    counted = points_by_preference(problem, session("ana", "ben", at=MONDAY_18))

    assert counted == [
        ("overlap", 1 * 2 * 50),
        ("comfort", 10 * 2 * 50),
        ("topics", 0),
        ("new_people", 2 * 200),
        ("trust", 7 * 100),
        ("roles", 200),
        ("preferred_hours", 2 * 200),  # the weight is not said, and is the usual one
        ("ideal_size", 0),
    ]
    assert points_of(problem, session("ana", "ben", at=MONDAY_18)) == 100 + 1000 + 400 + 700 + 200 + 400
