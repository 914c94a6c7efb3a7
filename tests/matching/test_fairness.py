"""Who was left out comes first the next time, compared with every seating; and what both kinds of program share."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from peerhub.matching.match import match
from peerhub.matching.problem import Meeting, Participant, Pin, Problem
from peerhub.matching.proposal import PlannedSession
from tests.matching.cast import WEEK, buddies, person, sessions
from tests.matching.test_every_seating import every_allowed_seating

HOURS = ("mon 18:00-18:30", "mon 18:30-19:00", "mon 19:00-19:30")
EVENING = "mon 18:00-19:30"
NAMES = ("ana", "ben", "cat", "dan", "eve")
LEADER = person("olu", EVENING, facilitates=2, most_sessions=0)


def of_buddies(*people: Participant, **more: object) -> Problem:
    return buddies(*people, **{"largest": 2, "mediums": ("voice",), **more})


def of_sessions(*people: Participant, **more: object) -> Problem:
    return sessions(*people, LEADER, **{"ideal": 2, "largest": 2, "mediums": ("voice",), **more})


KINDS = {"buddies": of_buddies, "sessions": of_sessions}
Kind = Callable[..., Problem]


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    """How a problem of either kind is made: pairs, of which two can meet, and whoever leads them."""
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", range(8))
def test_nobody_is_left_out_twice_where_as_many_people_could_be_matched_otherwise(kind: Kind, seed: int) -> None:
    """In the second round no seating matches as many people and leaves out fewer of those who are owed."""
    draw = Random(seed)
    first = kind(*drawn(draw), largest=draw.choice((2, 3)))
    matched_first = seated(match(first).sessions)
    again = tuple(
        replace(other, owed=int(other.most_sessions > 0 and other.id not in matched_first))
        for other in drawn(draw, first)
    )
    second = replace(first, participants=again)

    matched = seated(match(second).sessions)

    for seating in every_allowed_seating(second):
        if len(seated(seating)) >= len(matched):
            assert owed(second, matched) >= owed(second, seated(seating))


def test_who_is_owed_is_matched_where_somebody_must_be_left_out(kind: Kind) -> None:
    """Ben and Eve can only meet Ana: one of them is left out, and it is not Eve when she is owed."""
    people = [
        person("ana", HOURS[0], HOURS[1], keep_apart=["cat"]), person("ben", HOURS[0]), person("cat", HOURS[2]),
        person("dan", HOURS[2], keep_apart=["ana"]), person("eve", HOURS[1]),
    ]  # fmt: skip

    before, after = (kind(*(replace(one, owed=much * (one.id == "eve")) for one in people)) for much in (0, 1))

    assert len(seated(match(before).sessions)) == 4
    assert "eve" in seated(match(after).sessions)


def drawn(draw: Random, before: Problem | None = None) -> tuple[Participant, ...]:
    """Five people with an hour or two each; whoever led the round before leads again."""
    people = tuple(person(name, *draw.sample(HOURS, draw.choice((1, 1, 2)))) for name in NAMES)
    leaders = () if before is None else tuple(other for other in before.participants if other.most_sessions == 0)
    return people + leaders


def seated(plan: tuple[PlannedSession, ...] | frozenset[PlannedSession]) -> set[str]:
    return {one for session in plan for one in session.people}


def owed(problem: Problem, matched: set[str]) -> int:
    return sum(problem.by_id[one].owed for one in matched)


# What both kinds share


def together(problem: Problem) -> set[frozenset[str]]:
    return {frozenset(session.people) for session in match(problem).sessions}


def four(**answers: dict[str, Any]) -> list[Participant]:
    """Ana, Ben, Cat and Dan with the same hours, and these answers."""
    return [person(name, EVENING, **answers.get(name, {})) for name in NAMES[:4]]


def two(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_people_who_met_not_long_ago_meet_others(kind: Kind) -> None:
    met = tuple(Meeting(WEEK - timedelta(weeks=1), two(*pair)) for pair in (("ana", "ben"), ("ana", "cat")))

    assert two("ana", "dan") in together(kind(*four(), history=met))


def test_people_between_whom_it_went_well_meet_again(kind: Kind) -> None:
    met = (Meeting(WEEK - timedelta(weeks=40), two("ana", "cat"), "well"),)

    assert two("ana", "cat") in together(kind(*four(), history=met))


def test_people_between_whom_it_went_badly_do_not_meet_again(kind: Kind) -> None:
    met = tuple(Meeting(WEEK - timedelta(weeks=40), two("ana", other), "badly") for other in ("ben", "cat"))

    assert two("ana", "dan") in together(kind(*four(), history=met))


def test_a_wish_counts(kind: Kind) -> None:
    assert two("ana", "dan") in together(kind(*four(ana={"prefers": ["dan"]})))


def test_who_is_owed_is_seated_before_others(kind: Kind) -> None:
    people = [person(name, EVENING, owed=int(name == "cat")) for name in NAMES[:3]]

    assert "cat" in seated(match(kind(*people)).sessions)


def test_who_shares_meets_who_listens(kind: Kind) -> None:
    people = four(ana={"role": "share"}, ben={"role": "share"}, cat={"role": "listen"}, dan={"role": "listen"})

    assert together(kind(*people)).isdisjoint({two("ana", "ben"), two("cat", "dan")})


def test_nobody_is_matched_in_a_week_away(kind: Kind) -> None:
    people = four(ana={"away": [WEEK]})

    assert "ana" not in seated(match(kind(*people)).sessions)


def test_a_pin_is_kept(kind: Kind) -> None:
    assert two("ana", "dan") in together(kind(*four(), pinned=(Pin(two("ana", "dan")),)))


def test_people_without_a_language_in_common_do_not_meet(kind: Kind) -> None:
    people = four(
        ana={"languages": ["en"]}, ben={"languages": ["de"]}, cat={"languages": ["de"]}, dan={"languages": ["en"]}
    )

    assert together(kind(*people)) == {two("ana", "dan"), two("ben", "cat")}


def test_who_would_like_two_sessions_makes_room_for_a_third_person(kind: Kind) -> None:
    people = [person(name, EVENING, most_sessions=2 if name == "ana" else 1) for name in NAMES[:3]]

    assert seated(match(kind(*people)).sessions) == {"ana", "ben", "cat"}
