"""Why people were brought together, what would help who was not matched, and what is never told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from random import Random
from typing import Any

import pytest

from peerhub.domain.availability import Span, cells_in
from peerhub.domain.comfort import Comfort
from peerhub.matching import reasons
from peerhub.matching.hours import grid_of, possible_starts, span_at, start_of
from peerhub.matching.match import match
from peerhub.matching.problem import Meeting, Participant, Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.reasons import why, why_unmatched
from peerhub.matching.rules import broken_rules_of_sessions
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


@pytest.mark.parametrize(
    ("sizes", "mediums", "helps"),
    [
        ({}, {}, ""),
        ({"pair": 0, "trio": 0}, {}, "sessions of two"),
        ({}, {"video": 0, "voice": 0}, "meeting by video"),
        ({}, {"video": 0}, ""),
        ({"pair": 0, "trio": 0}, {"video": 0, "voice": 0}, ""),
    ],
)
def test_a_little_more_comfort_is_suggested_where_it_alone_would_help(
    sizes: dict[str, int], mediums: dict[str, int], helps: str
) -> None:
    ana = person("ana", EVENING, sizes=sizes, mediums=mediums)
    others = [person(f"m{n}", EVENING) for n in range(6)]

    told = why_unmatched(buddies(ana, *others), [])[0]

    assert told.if_comfortable == (
        f"being a little comfortable with {helps} would bring 6 more people within reach" if helps else ""
    )


def test_a_pair_is_suggested_where_too_few_are_free_at_once_for_three() -> None:
    ana = person("ana", "mon 18:00-19:00", "tue 18:00-18:30", sizes={"pair": 0})
    others = [person(f"m{n}", "tue 18:00-18:30") for n in range(1)]

    told = why_unmatched(buddies(ana, *others), [])[0]

    assert told.if_comfortable == (
        "being a little comfortable with sessions of two would bring a few more people within reach"
    )


@pytest.mark.parametrize(
    "answers",
    [
        {"comfort": Comfort({"pair": 0, "trio": 0, "small": 0})},
        {"comfort": Comfort(mediums={"video": 0, "voice": 0})},
        {"comfort": Comfort(topics={"grief": 4})},
        {"languages": frozenset({"de"})},
        {"keep_apart": frozenset({"ana"})},
        {"prefers": frozenset({"ana"})},
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("led", [False, True])
def test_nothing_that_the_others_said_about_themselves_changes_what_is_told(led: bool, answers: dict[str, Any]) -> None:
    """In one world everyone else gave these answers, in the other none: what Ana and the organizer read is the same."""
    ana = person("ana", EVENING, sizes={"pair": 0, "trio": 0, "small": 0}, mediums={"video": 0}, languages=["en"])
    others = [
        person(f"m{n}", *hours, facilitates=int(led)) for n, hours in enumerate([[EVENING], ["sat 9:00-10:00"]] * 6)
    ]
    making = sessions if led else buddies
    worlds = [making(ana, *others), making(ana, *(replace(other, **answers) for other in others))]

    told = [why_unmatched(world, [])[0] for world in worlds]

    assert told[0].if_comfortable and told[0].would_help
    assert told[0] == told[1]


def test_what_organizers_read_does_not_depend_on_the_comfort_of_who_was_not_matched() -> None:
    shy = person("ana", EVENING, sizes={"pair": 0, "trio": 0}, mediums={"video": 0, "voice": 0})
    others = [person(f"m{n}", "sat 9:00-10:00") for n in range(6)]

    told = [why_unmatched(buddies(ana, *others), [])[0] for ana in (ANA, shy)]

    assert told[1] == replace(told[0], if_comfortable="")  # neither size nor medium would help alone
    assert told[0].would_help


@pytest.mark.parametrize("seed", range(12))
def test_what_would_help_is_counted_as_the_rules_count_it(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "SMALLEST_COUNT", 1)
    problem = drawn(Random(seed))

    told = {one.id: one for one in why_unmatched(problem, [])}

    for somebody in problem.participants:
        if somebody.most_sessions > 0:
            assert counted(told[somebody.id].would_help) == most_by_one_hour(problem, somebody), somebody
            assert counted(told[somebody.id].if_comfortable) == most_by_one_level(problem, somebody), somebody


def counted(text: str) -> int:
    return int(text.split("would bring ")[1].split()[0]) if text else 0


def drawn(draw: Random) -> Problem:
    """Five people with a few hours around one evening, on clocks that do not agree on the grid."""
    people = [
        person(
            name,
            *{f"mon {hour}:{draw.choice(('00', '15'))}-{hour + draw.choice((1, 1, 2))}:00" for hour in hours},
            zone=draw.choice(("UTC", "UTC", "Africa/Abidjan", "Asia/Kathmandu")),
            facilitates=draw.choice((0, 0, 1)),
            most_sessions=draw.choice((0, 1, 1, 1)),
            sizes={size: draw.choice((0, 0, 2)) for size in ("pair", "trio", "small")},
            mediums={medium: draw.choice((0, 0, 2)) for medium in ("video", "voice")},
            busy=frozenset({Span(MONDAY_18, MONDAY_18 + timedelta(minutes=30))} if draw.random() < 0.2 else ()),
        )
        for name, hours in (
            (name, draw.sample((17, 18, 20), draw.choice((1, 2)))) for name in ("a", "b", "c", "d", "e")
        )
    ]
    smallest = draw.choice((2, 2, 3))
    return sessions(
        *people, smallest=smallest, ideal=smallest, largest=4, facilitators_per_session=draw.choice((0, 0, 1, 2))
    )


def most_by_one_hour(problem: Problem, me: Participant) -> int:
    """How many more people one more free session brings at most, trying each."""
    plain = replace(me, comfort=Comfort())
    before = reach(problem, plain, problem.free[me.id])
    always = replace(plain, hours=reasons.ALWAYS)
    everyone = seen_from(problem, always)
    anyone = 0
    for other in problem.participants:
        anyone |= possible_starts(problem, other) if other is not me else 0
    cells = possible_starts(everyone, always) & grid_of(problem, me) & ~possible_starts(problem, me)
    near = cells & (anyone | anyone << 1 | anyone >> 1)
    counts = [len(reach(problem, plain, problem.free[me.id] | 0b11 << cell) - before) for cell in cells_in(near)]
    return max(counts, default=0)


def most_by_one_level(problem: Problem, me: Participant) -> int:
    """How many more people a level of 1 instead of 0 brings at most, trying each."""
    free = problem.free[me.id]
    before = reach(problem, me, free)
    sizes = [{**me.comfort.sizes, size: 1} for size, level in me.comfort.sizes.items() if level == 0]
    mediums = [{**me.comfort.mediums, medium: 1} for medium, level in me.comfort.mediums.items() if level == 0]
    more = [replace(me.comfort, sizes=some) for some in sizes] + [replace(me.comfort, mediums=some) for some in mediums]
    return max((len(reach(problem, replace(me, comfort=one), free) - before) for one in more), default=0)


def reach(problem: Problem, me: Participant, free: int) -> set[str]:
    """With whom I could be in a session by the rules, were the others open to all; on the grid of one of us two."""
    seen = seen_from(problem, me)
    seen.__dict__["free"] = {**seen.free, me.id: free}
    reached: set[str] = set()
    for one in sessions_with(seen, me):
        start = 1 << start_of(seen, one.span)
        on_grid = {other for other in one.people if grid_of(seen, seen.by_id[other]) & start}
        if on_grid and not broken_rules_of_sessions(seen, (one,)):
            reached |= set(one.people) if me.id in on_grid else on_grid
    return reached - {me.id}


def seen_from(problem: Problem, me: Participant) -> Problem:
    """As if everyone else had only said when they are free, and whether they come and lead."""
    others = (
        me
        if other.id == me.id
        else replace(other, comfort=Comfort(), languages=frozenset(), keep_apart=frozenset(), prefers=frozenset())
        for other in problem.participants
    )
    return replace(problem, participants=tuple(others))


def sessions_with(problem: Problem, me: Participant) -> Iterator[PlannedSession]:
    program = problem.program
    for cell in cells_in(possible_starts(problem, me)):
        here = [other for other in problem.participants if possible_starts(problem, other) >> cell & 1]
        peers = [other.id for other in here if other.most_sessions and other.id != me.id]
        leaders = [other.id for other in here if other.facilitates and other.id != me.id]
        for size in range(program.smallest, program.largest + 1):
            for some in combinations(peers, size - 1):
                for led in combinations([one for one in leaders if one not in some], program.facilitators_per_session):
                    for medium in program.mediums:
                        yield PlannedSession((me.id, *some), span_at(problem, cell), medium, led)


def test_two_share_an_hour_only_where_it_is_on_the_grid_of_one_of_them() -> None:
    """At a quarter past six in UTC it is midnight in Kathmandu: Ana could meet those there, nobody on her own clock."""
    ana = person("ana", "mon 18:15-18:45", sizes={"pair": 0, "trio": 0})
    alike = [person(f"b{n}", "mon 18:15-18:45") for n in range(3)]
    afar = [person(f"k{n}", "tue 0:00-0:30", zone="Asia/Kathmandu") for n in range(5)]

    told = why_unmatched(buddies(ana, *alike, *afar), [])[0]

    assert (
        told.if_comfortable == "being a little comfortable with sessions of two would bring 5 more people within reach"
    )
