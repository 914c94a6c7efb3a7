"""Why people were brought together, what would help who was not matched, and what is never told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from peerhub.matching import reasons
from peerhub.matching.match import match
from peerhub.matching.problem import Meeting, Problem
from peerhub.matching.reasons import why, why_unmatched
from tests.matching.cast import MONDAY_18, WEEK, buddies, person, session, sessions

EVENING = "mon 18:00-20:00"
ANA, BEN = person("ana", EVENING), person("ben", EVENING)


def texts(problem: Problem, *people: str) -> list[str]:
    half_past_six = session(*people, at=MONDAY_18 + timedelta(minutes=30))
    return [reason.text for reason in why(problem, half_past_six)]


def test_the_hour_is_told_as_each_ones_own_clock_shows_it() -> None:
    afar = person("kit", "mon 23:00-24:00", "tue 0:00-2:00", zone="Asia/Kathmandu")

    assert texts(buddies(ANA, BEN), "ana", "ben")[0] == "both free Monday evening"
    assert texts(buddies(ANA, afar), "ana", "kit")[0] == "an hour that everyone offered, each on their own clock"


def test_a_topic_is_named_in_the_detail_alone() -> None:
    problem = buddies(
        person("ana", EVENING, topics={"grief": 4}), person("ben", EVENING, topics={"grief": 3, "sleep": 4})
    )

    [topic] = [reason for reason in why(problem, session("ana", "ben")) if reason.preference == "topics"]

    assert (topic.text, topic.detail) == ("a topic in common", "grief")


def test_at_most_three_reasons_are_given() -> None:
    assert len(why(buddies(ANA, BEN), session("ana", "ben"))) == 3


def test_a_wish_to_meet_somebody_is_never_told() -> None:
    weights = {"overlap": 0, "comfort": 0, "new_people": 0, "roles": 0, "ideal_size": 0, "trust": 9}
    wished = buddies(person("ana", EVENING, prefers=["ben"]), person("ben", EVENING, prefers=["ana"]), weights=weights)
    met = Meeting(WEEK - timedelta(weeks=4), frozenset({"ana", "ben"}), "well")

    assert texts(wished, "ana", "ben") == ["both free Monday evening"]
    assert texts(replace(wished, history=(met,)), "ana", "ben")[1] == "they have met before"


@pytest.mark.parametrize(
    ("problem", "cause"),
    [
        (buddies(person("ana"), BEN), reasons.NO_HOURS),
        (buddies(person("ana", "mon 18:00-18:15"), BEN), reasons.NO_HOURS),
        (buddies(person("ana", "sat 18:00-19:00"), BEN), reasons.NOBODY_FREE),
        (buddies(ANA, BEN, smallest=3, ideal=3), reasons.TOO_FEW_FREE),
        (sessions(ANA, BEN, person("olu", "tue 18:00-19:00", facilitates=1)), reasons.NO_FACILITATOR),
        (buddies(person("ana", EVENING, keep_apart=["ben"]), BEN), reasons.NO_PLACE),
        (buddies(ANA, person("ben", EVENING, keep_apart=["ana"])), reasons.NO_PLACE),
        (buddies(ANA, person("ben", EVENING, mediums={"video": 0, "voice": 0})), reasons.NO_PLACE),
        (buddies(person("ana", EVENING, languages=["en"]), person("ben", EVENING, languages=["de"])), reasons.NO_PLACE),
        (buddies(person("ana", EVENING, sizes={"pair": 0}), BEN), reasons.NO_PLACE),
        (buddies(person("ana", EVENING, most_sessions=0), BEN), reasons.NOT_ASKED),
        (sessions(person("ana", EVENING, most_sessions=0, facilitates=1), BEN), reasons.NOT_NEEDED),
    ],
)
def test_the_cause_is_the_true_one_and_private_ones_read_alike(problem: Problem, cause: str) -> None:
    proposal = match(problem)

    assert proposal.unmatched[0].why == cause


def test_what_would_help_is_the_hour_with_most_people_who_are_out_of_reach() -> None:
    others = [person(f"m{n}", "tue 19:00-20:00") for n in range(6)] + [
        person(f"n{n}", "sat 9:00-10:00") for n in range(3)
    ]

    told = why_unmatched(buddies(person("ana", "sun 9:00-10:00"), *others, session_minutes=60), [])

    assert told[0].would_help == "one more evening hour on Mon-Thu would bring 6 more people within reach"


@pytest.mark.parametrize("count", [1, 4])
def test_small_numbers_are_not_told(count: int) -> None:
    others = [person(f"m{n}", "sat 9:00-10:00") for n in range(count)]

    told = why_unmatched(buddies(person("ana", "sun 19:00-20:00"), *others, session_minutes=60), [])

    assert told[0].would_help == "one more morning hour at the weekend would bring a few more people within reach"


def test_two_worlds_that_differ_in_one_keep_apart_tell_the_same() -> None:
    """Ana cannot be matched in either world; whether Ben keeps apart from her makes no difference to what is told."""
    ana = person("ana", "tue 18:00-19:00", sizes={"pair": 0, "trio": 0})
    others = [person(name, EVENING, "tue 18:00-19:00") for name in ("ben", "cat", "dan", "eve")]
    apart = [replace(others[0], keep_apart=frozenset({"ana"})), *others[1:]]

    worlds = [match(buddies(ana, *people)) for people in (others, apart)]

    assert worlds[0] == worlds[1]
