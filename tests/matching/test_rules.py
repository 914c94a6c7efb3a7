"""Each rule, by one seating that breaks it and nothing else."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from peerhub.matching.problem import Pin, Problem
from peerhub.matching.proposal import PlannedSession, Proposal, Unmatched
from peerhub.matching.rules import (
    NOT_POSSIBLE,
    RULES_OF_SESSIONS,
    RULES_OF_THE_WHOLE,
    broken_rules,
    broken_rules_beside,
    broken_rules_of_sessions,
)
from tests.matching.cast import MONDAY_18, buddies, person, session, sessions, span

EVENING = "mon 18:00-20:00"
HALF = timedelta(minutes=30)
ANA, BEN, CAT = (person(name, EVENING) for name in ("ana", "ben", "cat"))
OLU = person("olu", EVENING, facilitates=1, most_sessions=0)
REQUIRED = {"topics": "requirement", "roles": "requirement"}

BROKEN: dict[str, tuple[Problem, tuple[PlannedSession, ...], tuple[str, ...]]] = {
    "everyone_is_known": (buddies(ANA, BEN), (session("ana", "ben", "zoe"),), ("zoe",)),
    "everyone_is_free": (buddies(ANA, person("ben", "mon 18:00-18:15")), (session("ana", "ben"),), ("ben",)),
    "nobody_is_crowded": (
        buddies(ANA, BEN, person("cat", EVENING, sizes={"trio": 0})), (session("ana", "ben", "cat"),), ("cat",),
    ),
    "nobody_is_in_a_medium_they_never_use": (
        sessions(ANA, BEN, person("olu", EVENING, facilitates=1, mediums={"video": 0})),
        (session("ana", "ben", facilitators=("olu",)),), ("olu",),
    ),
    "the_medium_is_offered": (buddies(ANA, BEN), (session("ana", "ben", medium="in_person"),), ("ana", "ben")),
    "everyone_shares_a_language": (
        buddies(person("ana", EVENING, languages=["en"]), person("ben", EVENING, languages=["de"])),
        (session("ana", "ben"),), ("ana", "ben"),
    ),
    "everyone_shares_a_topic": (
        buddies(person("ana", EVENING, topics={"grief": 1, "sleep": 0}), person("ben", EVENING, topics={"sleep": 4}),
                match_on=REQUIRED),
        (session("ana", "ben"),), ("ana", "ben"),
    ),
    "someone_shares_and_someone_listens": (
        buddies(person("ana", EVENING, role="share"), person("ben", EVENING, role="share"), match_on=REQUIRED),
        (session("ana", "ben"),), ("ana", "ben"),
    ),
    "nobody_meets_who_they_keep_apart_from": (
        sessions(ANA, BEN, person("olu", EVENING, facilitates=1, keep_apart=["ben"])),
        (session("ana", "ben", facilitators=("olu",)),), ("ben", "olu"),
    ),
    "nobody_has_too_many_sessions": (
        buddies(ANA, person("ben", EVENING, most_sessions=2), CAT),
        (session("ana", "ben"), session("ana", "ben", at=MONDAY_18 + HALF)), ("ana",),
    ),
    "nobody_leads_too_many_sessions": (
        sessions(ANA, BEN, CAT, person("dan", EVENING), OLU),
        (
            session("ana", "ben", facilitators=("olu",)),
            session("cat", "dan", at=MONDAY_18 + HALF, facilitators=("olu",)),
        ),
        ("olu",),
    ),
    "nobody_is_in_two_places": (
        sessions(ANA, BEN, CAT, person("dan", EVENING), replace(OLU, facilitates=2), slot_minutes=15),
        (
            session("ana", "ben", facilitators=("olu",)),
            session("cat", "dan", at=MONDAY_18 + HALF / 2, facilitators=("olu",)),
        ),
        ("olu",),
    ),
    "every_session_has_its_size": (buddies(ANA, BEN), (session("ana"),), ("ana",)),
    "every_session_has_its_facilitators": (sessions(ANA, BEN, OLU), (session("ana", "ben"),), ("ana", "ben")),
    "every_session_has_its_length": (buddies(ANA, BEN), (session("ana", "ben", minutes=45),), ("ana", "ben")),
    "every_session_starts_on_the_grid": (
        buddies(ANA, BEN), (session("ana", "ben", at=MONDAY_18 + HALF / 2),), ("ana", "ben"),
    ),
    "not_too_many_at_once": (
        buddies(ANA, BEN, CAT, person("dan", EVENING), sessions_at_once=1, slot_minutes=15),
        (session("ana", "ben"), session("cat", "dan", at=MONDAY_18 + HALF / 2)), ("ana", "ben", "cat", "dan"),
    ),
    "pins_are_kept": (
        buddies(ANA, BEN, pinned=(Pin(frozenset({"ana", "ben"}), span(MONDAY_18 + HALF)),)),
        (session("ana", "ben"),), ("ana", "ben"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", [rule.__name__ for rule in RULES_OF_SESSIONS])
def test_a_seating_that_breaks_one_rule_breaks_that_rule_alone(rule: str) -> None:
    problem, planned, people = BROKEN[rule]

    broken = broken_rules_of_sessions(problem, planned)

    assert [(one.rule, one.people) for one in broken] == [(rule, people)]


@pytest.mark.parametrize("rule", [rule.__name__ for rule in RULES_OF_SESSIONS])
def test_an_organizer_never_reads_what_a_member_told_in_confidence(rule: str) -> None:
    problem, planned, _ = BROKEN[rule]
    private = {
        "nobody_is_crowded",
        "nobody_is_in_a_medium_they_never_use",
        "everyone_shares_a_language",
        "everyone_shares_a_topic",
        "someone_shares_and_someone_listens",
        "nobody_meets_who_they_keep_apart_from",
    }

    [broken] = broken_rules_of_sessions(problem, planned)

    assert (broken.for_organizer == NOT_POSSIBLE) == (rule in private)


@pytest.mark.parametrize(
    "unmatched",
    [
        (),
        (Unmatched("cat", ""),),
        (Unmatched("cat", "no place"),) * 2,
        (Unmatched("ana", "no"), Unmatched("cat", "no")),
    ],
)
def test_everyone_is_seated_or_told_why_exactly_once(unmatched: tuple[Unmatched, ...]) -> None:
    problem = buddies(ANA, BEN, CAT)

    broken = broken_rules(problem, Proposal((session("ana", "ben"),), unmatched))

    assert {one.rule for one in broken} == {"everyone_is_seated_or_told_why"}


def test_a_time_outside_of_the_week_breaks_rules_and_nothing_else_happens() -> None:
    problem = buddies(ANA, BEN)

    broken = broken_rules_of_sessions(problem, [session("ana", "ben", at=MONDAY_18 + timedelta(days=3000))])

    assert {one.rule for one in broken} == {"everyone_is_free", "every_session_starts_on_the_grid"}


def test_a_session_starts_on_the_grid_of_somebodys_own_clock() -> None:
    utc, kathmandu = person("ana", "mon 13:00-15:00"), person("kit", "mon 18:00-22:00", zone="Asia/Kathmandu")
    seven_in_kathmandu = MONDAY_18.replace(hour=13, minute=15)

    with_kit = broken_rules_of_sessions(buddies(utc, kathmandu), [session("ana", "kit", at=seven_in_kathmandu)])
    without = broken_rules_of_sessions(
        buddies(utc, replace(utc, id="ben")), [session("ana", "ben", at=seven_in_kathmandu)]
    )

    assert with_kit == []
    assert [one.rule for one in without] == ["every_session_starts_on_the_grid"]


def drawn_sessions(problem: Problem, seed: int) -> list[PlannedSession]:
    """Sessions of anybody at a few hours, most of which break some rule, alone or together."""
    draw = random.Random(seed)
    ids = [one.id for one in problem.participants]
    starts = [MONDAY_18 + n * HALF for n in range(4)]
    return [
        session(*draw.sample(ids, draw.randint(2, 4)), at=draw.choice(starts), medium=draw.choice(("video", "voice")))
        for _ in range(12)
    ]


def checked_together(problem: Problem, planned: list[PlannedSession]) -> set[PlannedSession]:
    """As many of them as break no rule that two sessions could break."""
    checked: set[PlannedSession] = set()
    for one in planned:
        broken = broken_rules_of_sessions(problem, [*checked, one])
        if all(rule.rule in {whole.__name__ for whole in RULES_OF_THE_WHOLE} for rule in broken):
            checked.add(one)
    return checked


def test_a_look_at_what_is_new_finds_all_that_a_look_at_everything_finds() -> None:
    found, were_checked = Counter[str](), 0
    for seed in range(150):
        apart = {0: ["p1"], 5: ["p6"]}
        free = [person(f"p{n}", EVENING, most_sessions=1 + n % 3, keep_apart=apart.get(n, ())) for n in range(9)]
        pinned = (Pin(frozenset({"p1", "p2"})),) if seed % 2 else ()
        problem = buddies(*free, ANA, session_minutes=30, sessions_at_once=1 + seed % 3, pinned=pinned)
        planned = drawn_sessions(problem, seed)
        checked = checked_together(problem, planned[:8])
        proposal = Proposal(tuple(planned), (Unmatched("p1", "why"),))

        near, everywhere = broken_rules_beside(problem, proposal, checked), broken_rules(problem, proposal)

        assert Counter(near) == Counter(everywhere)
        found.update(one.rule for one in everywhere)
        were_checked += len(checked)
    assert were_checked > 200
    assert len(found) >= 7
