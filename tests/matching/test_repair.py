"""When somebody drops out, declines, arrives or is pinned: every seating is tried, and no change is smaller."""

from collections.abc import Iterator, Set
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from peerhub.matching import repair as repairing
from peerhub.matching.match import PinsClash, match
from peerhub.matching.problem import Pin, Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.repair import declined, people_told, repair
from peerhub.matching.rules import broken_rules, broken_rules_of_sessions, keeps
from peerhub.matching.search import weights_of
from tests.matching.cast import MONDAY_18, buddies, person, session, sessions
from tests.matching.test_every_seating import BUDDIES, EVENING, SESSIONS, Seating, every_allowed_seating, worth

ROUNDS = {f"{problem.program.kind}: {name}": problem for of in (BUDDIES, SESSIONS) for name, problem in of.items()}

Change = tuple[Problem, tuple[PlannedSession, ...], frozenset[str]]


def drop_outs(problem: Problem) -> Iterator[Change]:
    """Each seated person leaves."""
    standing = match(problem).sessions
    for gone in sorted({one for meeting in standing for one in meeting.everyone}):
        yield without(problem, gone), standing, frozenset()


def declines(problem: Problem) -> Iterator[Change]:
    """The first person of each session says that they cannot come then, and each leader that they cannot lead."""
    standing = match(problem).sessions
    for one in standing:
        for who in (one.people[0], *one.facilitators):
            after = declined(problem, who, one.span)
            if can_be(after):
                yield after, standing, frozenset()


def new_pins(problem: Problem) -> Iterator[Change]:
    """Two people are pinned who are not together."""
    standing = match(problem).sessions
    peers = [one.id for one in problem.participants if one.most_sessions > 0]
    for one, other in pairwise(peers):
        pinned = replace(problem, pinned=(Pin(frozenset((one, other))),))
        if can_be(pinned):
            yield pinned, standing, frozenset()


def arrivals(problem: Problem) -> Iterator[Change]:
    """The first person comes late."""
    late = problem.participants[0].id
    yield problem, match(without(problem, late)).sessions, frozenset((late,))


def drop_outs_of_others(problem: Problem) -> Iterator[Change]:
    """Each leaves who has a seat where an organizer chose hours and mediums that nobody would."""
    standing = tuple(min(every_allowed_seating(problem), key=partial(least_liked, problem)))
    for gone in sorted({one for meeting in standing for one in meeting.everyone}):
        yield without(problem, gone), standing, frozenset()


def least_liked(problem: Problem, seating: Seating) -> tuple[int, int, list[str]]:
    _, matched, points = worth(problem, seating)
    return -matched, points, sorted(map(str, seating))


CHANGES = {
    "drop-outs": drop_outs,
    "drop-outs of others": drop_outs_of_others,
    "declines": declines,
    "new pins": new_pins,
    "arrivals": arrivals,
}


MOST_CHANGES = 2  # of a kind, for each round
SLOW = ("sessions: two lead", "sessions: different topics, and they met before")
ALL = [(name, change) for name in ROUNDS for change in CHANGES if name not in SLOW or change == "drop-outs"]


@pytest.mark.parametrize(("name", "change"), ALL)
def test_no_seating_is_a_smaller_change(name: str, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everything may move; and where only a neighbourhood may, which is all there is in such small rounds."""
    most = MOST_CHANGES - ROUNDS[name].program.facilitators_per_session
    for problem, standing, newcomers in islice(CHANGES[change](ROUNDS[name]), max(1, most)):
        best = max(wishes(problem, standing, newcomers, seating) for seating in every_allowed_seating(problem))

        found = repair(problem, standing, newcomers=newcomers)
        with monkeypatch.context() as only_near:
            only_near.setattr(repairing, "PAIRS_THAT_MAY_ALL_MOVE", 0)
            only_near.setattr(repairing, "SEATS_THAT_MAY_ALL_MOVE", 0)
            near = repair(problem, standing, newcomers=newcomers)

        assert found.proven
        assert wishes(problem, standing, newcomers, frozenset(found.proposal.sessions)) == best
        assert len(found.told) == -best[2]
        assert broken_rules(problem, near.proposal) == []
        assert wishes(problem, standing, newcomers, frozenset(near.proposal.sessions)) == best


HALF_HOURS = {"mon 18:00-18:30": 0, "mon 18:30-19:00": 30, "tue 18:00-18:30": 24 * 60}
NAMES = ("ana", "ben", "cat", "dan", "eve")


@st.composite
def rounds_after_something(draw: st.DrawFn) -> Change:
    """Five people at most, some of whom were told of sessions with each other or with Zoe, who has left."""
    led = draw(st.booleans())
    names = NAMES[: draw(st.integers(3, 4 if led else 5))]
    people = [
        person(
            name,
            *draw(st.lists(st.sampled_from(sorted(HALF_HOURS)), min_size=1, unique=True)),
            sizes={draw(st.sampled_from(("pair", "trio"))): draw(st.sampled_from((0, 1, 4)))},
            mediums={"video": draw(st.sampled_from((0, 1, 4)))},
            keep_apart=draw(st.lists(st.sampled_from([one for one in names if one != name]), max_size=1)),
            owed=draw(st.sampled_from((0, 0, 1, 3))),
        )
        for name in names
    ]
    olu = person("olu", *HALF_HOURS, facilitates=2, most_sessions=0)
    largest = draw(st.sampled_from((2, 3)))
    problem = sessions(*people, olu, ideal=2, largest=largest) if led else buddies(*people, largest=largest)
    told: dict[str | None, list[str]] = {}
    for one in draw(st.permutations([*names, "zoe"])):
        told.setdefault(draw(st.sampled_from((None, *HALF_HOURS))), []).append(one)
    standing = tuple(
        session(
            *some[:3],
            at=MONDAY_18 + timedelta(minutes=HALF_HOURS[when]),
            medium=draw(st.sampled_from(("video", "voice"))),
            facilitators=("olu",) if led else (),
        )
        for when, some in told.items()
        if when and len(some) > 1
    )
    return problem, standing, frozenset(told.get(None, ())[:1]) - {"zoe"}


@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
@given(rounds_after_something())
def test_whatever_happened_no_seating_is_a_smaller_change(change: Change) -> None:
    problem, standing, newcomers = change
    best = max(wishes(problem, standing, newcomers, seating) for seating in every_allowed_seating(problem))

    found = repair(problem, standing, newcomers=newcomers)

    assert found.proven
    assert wishes(problem, standing, newcomers, frozenset(found.proposal.sessions)) == best


@pytest.mark.parametrize("kind", ["buddies", "sessions"])
@pytest.mark.parametrize("all_move", [True, False])
def test_nobody_loses_a_seat_because_somebody_else_has_lost_theirs(
    kind: str, all_move: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even to somebody who was left out three times."""
    if not all_move:
        monkeypatch.setattr(repairing, "PAIRS_THAT_MAY_ALL_MOVE", 0)
        monkeypatch.setattr(repairing, "SEATS_THAT_MAY_ALL_MOVE", 0)
    size = 2 if kind == "buddies" else 3
    names = [f"m{n}" for n in range(2 * size)]
    hours = ("mon 18:00-19:00", "tue 18:00-19:00")
    people = [person(name, *hours, owed=3 * (name in names[:size])) for name in names]
    if kind == "buddies":
        problem = buddies(*people, largest=2)
    else:
        problem = sessions(*people, smallest=3, ideal=3, largest=3, facilitators_per_session=0)
    standing = (session(*names[:size]), session(*names[size:], at=MONDAY_18 + timedelta(days=1)))

    found = repair(without(problem, names[0]), standing)

    assert [one.people for one in found.proposal.sessions] == [tuple(names[size:])]
    assert (set(found.told), found.proven) == (set(names[1:size]), all_move)


@pytest.mark.parametrize("led", [False, True])
def test_who_hears_something_anyway_keeps_the_hour_and_the_medium_that_they_said_yes_to(led: bool) -> None:
    """Though everybody would like another hour and another medium better."""
    told, better = MONDAY_18 + timedelta(days=1), "mon 18:00-19:00"
    likes: dict[str, Any] = {"mediums": {"video": 1, "voice": 4}}
    people = [person(name, better, if_needed=("tue 18:00-19:00",), **likes) for name in ("ana", "ben", "cat", "dan")]
    olu = person("olu", better, "tue 18:00-19:00", facilitates=1, most_sessions=0)
    problem = sessions(*people, olu, smallest=3, ideal=3) if led else buddies(*people)
    leaders = ("olu",) if led else ()
    some = ("ana", "ben", "cat") if led else ("ana", "ben")
    standing = (session(*some, at=told, medium="video", facilitators=leaders),)

    found = repair(without(problem, some[-1]), standing)

    (goes_on,) = found.proposal.sessions
    assert (goes_on.starts_at, goes_on.medium) == (told, "video")
    assert set(found.told) == {*goes_on.everyone}


def test_an_hour_that_was_told_counts_more_than_a_medium() -> None:
    """Ana can meet Cat at her hour or Dan by her medium; Dan would be worth more points."""
    ana, ben = (person(name, "mon 18:00-18:30", "tue 18:00-18:30", prefers=["dan"]) for name in ("ana", "ben"))
    cat = person("cat", if_needed=("tue 18:00-18:30",), mediums={"video": 0})
    dan = person("dan", "mon 18:00-18:30", mediums={"voice": 0, "video": 4})
    standing = (session("ana", "ben", at=MONDAY_18 + timedelta(days=1), medium="video"),)

    found = repair(without(buddies(ana, ben, cat, dan, largest=2), "ben"), standing)

    assert [(one.people, one.medium) for one in found.proposal.sessions] == [(("ana", "cat"), "voice")]


def test_who_leads_was_told_a_medium_too() -> None:
    """Ana was told video, Olu voice, which Ana and Eve like better."""
    likes: dict[str, Any] = {"mediums": {"video": 1, "voice": 4}}
    people = [person(name, EVENING, **likes) for name in ("ana", "ben", "cat", "dan", "eve")]
    leaders = [person(name, EVENING, facilitates=1, most_sessions=0) for name in ("olu", "pat")]
    problem = sessions(*people, *leaders)
    standing = (
        session("ana", "ben", facilitators=("pat",), medium="video"),
        session("cat", "dan", facilitators=("olu",), medium="voice"),
    )
    for gone in ("ben", "cat", "dan", "pat"):
        problem = without(problem, gone)

    found = repair(problem, standing)

    assert [(one.people, one.medium) for one in found.proposal.sessions] == [(("ana", "eve"), "voice")]


def test_news_is_what_a_letter_would_tell() -> None:
    before = (session("ana", "ben"), session("cat", "dan", facilitators=("olu",)))

    def told(*after: PlannedSession) -> list[str]:
        return sorted(people_told(before, after))

    later = MONDAY_18 + timedelta(minutes=30)
    assert told(*before) == []
    assert told(before[1], session("ben", "ana", points=3)) == []
    assert told(session("ana", "ben", at=later), before[1]) == ["ana", "ben"]
    assert told(session("ana", "ben", medium="voice"), before[1]) == ["ana", "ben"]
    assert told(session("ana", "ben", "eve"), before[1]) == ["ana", "ben", "eve"]
    assert told(before[0], session("cat", "dan", facilitators=("pat",))) == ["cat", "dan", "olu", "pat"]
    assert told(before[0], session("cat", "olu", facilitators=("dan",))) == ["cat", "dan", "olu"]
    assert told(before[1]) == ["ana", "ben"]


def chunks(people: list[int], size: int) -> list[list[int]]:
    """Groups of that size; who is left over joins the last."""
    groups = [people[first : first + size] for first in range(0, len(people) - size + 1, size)]
    groups[-1].extend(people[len(groups) * size :])
    return groups


@pytest.mark.parametrize("led", [False, True])
def test_in_a_large_round_only_what_is_near_moves(led: bool) -> None:
    """Who is alone after somebody left is taken in nearby, and everybody else stays where they are."""
    hours = ("mon 18:00-19:00", "tue 18:00-19:00", "wed 18:00-19:00")
    people = [person(f"m{n:02}", hours[n % 3], hours[(n + 1) % 3]) for n in range(66)]
    leaders = [person(f"f{n}", *hours, facilitates=3, most_sessions=0) for n in range(8)]
    problem = sessions(*people, *leaders, smallest=3) if led else buddies(*people)
    size = 3 if led else 2
    standing = tuple(
        session(
            *(f"m{n:02}" for n in some),
            at=MONDAY_18 + timedelta(days=day),
            facilitators=(f"f{place}",) if led else (),
        )
        for day in range(3)
        for place, some in enumerate(chunks(list(range(day, 66, 3)), size))
    )
    gone = standing[0].people[0]

    found = repair(without(problem, gone), standing)

    assert broken_rules(without(problem, gone), found.proposal) == []
    assert found.proposal.matched == 65
    assert len(found.told) == (2 + 5 + 1 if led else 3)  # a group of four passes one on; a pair becomes a trio
    assert set(found.told) == people_told(standing, found.proposal.sessions) - {gone}


def test_what_nobody_could_have_proposed_is_repaired_from_what_still_holds() -> None:
    evening = "mon 18:00-19:00"
    problem = buddies(*(person(name, evening) for name in ("ana", "ben", "cat", "dan", "eve")))
    odd = (
        session("ana", "ben"),
        session("ana", "cat"),
        session("dan", "dan"),
        session("eve", "nobody"),
        session("eve", "dan", at=MONDAY_18 + timedelta(minutes=7)),
        session("eve", "dan", at=MONDAY_18 + timedelta(days=400)),
        session("eve", "dan", minutes=500),
        session("eve", "dan", medium="telepathy"),
        session(),
    )

    found = repair(problem, odd)

    assert broken_rules(problem, found.proposal) == []
    assert found.proposal.matched == 5


def test_pins_that_clash_are_named() -> None:
    problem = buddies(person("ana", "mon 18:00-19:00"), person("ben", "tue 18:00-19:00"))

    with pytest.raises(PinsClash):
        repair(replace(problem, pinned=(Pin(frozenset({"ana", "ben"})),)), ())


def test_the_same_change_is_repaired_alike() -> None:
    problem = BUDDIES["sizes, mediums and wishes differ"]
    standing = match(problem).sessions
    after = without(problem, standing[0].people[0])

    assert repair(after, standing) == repair(after, standing)


def can_be(problem: Problem) -> bool:
    """Whether anything keeps all pins."""
    return any(True for _ in every_allowed_seating(problem))


def without(problem: Problem, gone: str) -> Problem:
    left = tuple(one for one in problem.participants if one.id != gone)
    pinned = tuple(pin for pin in problem.pinned if gone not in pin.people | pin.facilitators)
    return replace(problem, participants=left, pinned=pinned)


def wishes(
    problem: Problem, standing: tuple[PlannedSession, ...], newcomers: frozenset[str], seating: Seating
) -> tuple[int, ...]:
    """By the words of the module: claims held, people not told, most matched, most as they were told, then points."""
    stand = [one for one in standing if stands(problem, one, standing)]
    settled = {person for one in stand for person in one.people}
    claims = newcomers | {person for one in standing for person in one.people}
    held = [claims_held(problem, some, seating) for some in (settled, claims)]
    told = len(people_told(standing, seating) & problem.by_id.keys())
    weight, matched, points = worth(problem, seating)
    return *held, -told, weight, matched, *as_told(standing, seating), points


def stands(problem: Problem, session: PlannedSession, standing: tuple[PlannedSession, ...]) -> bool:
    """Whether the rules allow it on its own, and no pin wants somebody elsewhere who has no other session."""
    possible = [one for one in standing if is_allowed(problem, one)]
    unkept = [pin for pin in problem.pinned if not any(keeps(one, pin) for one in possible)]
    elsewhere = {one for pin in unkept for one in pin.people if problem.by_id[one].most_sessions <= 1}
    return session in possible and elsewhere.isdisjoint(session.people)


def is_allowed(problem: Problem, session: PlannedSession) -> bool:
    known = problem.by_id.keys() >= set(session.everyone)
    return known and all(one.rule == "pins_are_kept" for one in broken_rules_of_sessions(problem, (session,)))


def claims_held(problem: Problem, claims: Set[str], seating: Seating) -> int:
    seated = {person for meeting in seating for person in meeting.people}
    return sum(weights_of(problem).get(person, 0) for person in claims & seated)


def as_told(standing: tuple[PlannedSession, ...], seating: Seating) -> tuple[int, int]:
    """How many seats are at an hour that their people were told, and how many by a medium."""
    hours = {(person, one.span) for one in standing for person in one.everyone}
    mediums = {(person, one.medium) for one in standing for person in one.everyone}
    seats = [(person, one) for one in seating for person in one.everyone]
    return sum((who, one.span) in hours for who, one in seats), sum((who, one.medium) in mediums for who, one in seats)
