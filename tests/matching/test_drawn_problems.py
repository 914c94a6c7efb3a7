"""Drawn problems: whatever people answer, the proposal keeps the rules, accounts for all and stays within bounds."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from peerhub.domain.availability import Liking, WeeklyHours
from peerhub.domain.comfort import Comfort, Role
from peerhub.domain.programs import Kind, MatchOn, Program
from peerhub.matching.match import match
from peerhub.matching.preferences import PREFERENCES, points_of
from peerhub.matching.problem import Meeting, Participant, Problem
from peerhub.matching.problem_file import problem_from_json, problem_to_json
from peerhub.matching.proposal_file import differences, proposal_to_json
from peerhub.matching.rules import broken_rules
from peerhub.matching.search import most_people
from tests.matching.cast import WEEK

NAMES = ("ana", "ben", "cat", "dan", "eve", "fay", "gil")
ZONES = ("UTC", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe", "America/New_York")


@st.composite
def hours(draw: st.DrawFn) -> WeeklyHours:
    opens = draw(st.sampled_from((17 * 60, 17 * 60 + 45, 18 * 60)))
    return WeeklyHours(
        draw(st.integers(0, 1)), opens, opens + draw(st.sampled_from((30, 60, 90, 120))), draw(st.sampled_from(Liking))
    )


@st.composite
def participants(draw: st.DrawFn, name: str, zones: tuple[str, ...]) -> Participant:
    levels = st.integers(0, 4)
    facilitates = draw(st.sampled_from((0, 0, 1, 2)))
    return Participant(
        id=name,
        time_zone=draw(st.sampled_from(zones)),
        hours=tuple(draw(st.lists(hours(), max_size=3))),
        comfort=Comfort(
            draw(st.dictionaries(st.sampled_from(("pair", "trio", "small")), levels, max_size=2)),
            draw(st.dictionaries(st.sampled_from(("video", "voice")), levels, max_size=2)),
            draw(st.dictionaries(st.sampled_from(("grief", "sleep", "work")), levels, max_size=2)),
        ),
        languages=draw(st.frozensets(st.sampled_from(("en", "de")), max_size=2)),
        role=draw(st.sampled_from(Role)),
        facilitates=facilitates,
        keep_apart=draw(st.frozensets(st.sampled_from(NAMES), max_size=1)) - {name},
        prefers=draw(st.frozensets(st.sampled_from(NAMES), max_size=1)) - {name},
        owed=draw(st.integers(0, 2)),
        most_sessions=draw(st.sampled_from((0, 1, 1, 1, 2))),
    )


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    count = draw(st.integers(0, len(NAMES)))
    zones = draw(st.sampled_from((("UTC",), ZONES)))
    smallest = draw(st.integers(2, 3))
    program = Program(
        kind=draw(st.sampled_from(Kind)),
        session_minutes=draw(st.sampled_from((30, 50, 60))),
        smallest=smallest,
        ideal=smallest,
        largest=draw(st.integers(smallest, 5)),
        facilitators_per_session=draw(st.sampled_from((0, 0, 1, 2))),
        sessions_at_once=draw(st.sampled_from((None, None, 1))),
        mediums=("video", "voice"),
        match_on={
            "topics": draw(st.sampled_from(MatchOn)),
            "languages": draw(st.sampled_from(MatchOn)),
            "roles": draw(st.sampled_from(MatchOn)),
        },
    )
    together = st.frozensets(st.sampled_from(NAMES), min_size=2, max_size=3)
    weeks = st.integers(1, 30).map(lambda number: WEEK - timedelta(weeks=number))
    went = st.sampled_from((None, "well", "okay", "badly"))
    return Problem(
        program,
        WEEK,
        tuple(draw(participants(name, zones)) for name in NAMES[:count]),
        tuple(draw(st.lists(st.builds(Meeting, weeks, together, went), max_size=3))),
        slot_minutes=draw(st.sampled_from((15, 30, 60))),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems())
def test_a_proposal_keeps_the_rules_and_its_own_word(problem: Problem) -> None:
    proposal = match(problem, time_limit=20)

    assert broken_rules(problem, proposal) == []
    assert differences(problem, proposal_to_json(proposal, problem)) == []
    assert proposal.bound >= proposal.points
    assert proposal.matched_bound >= proposal.matched
    assert proposal.gap == 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems())
def test_a_problem_reads_back_as_it_was_written(problem: Problem) -> None:
    again = problem_from_json(problem_to_json(problem))

    assert again.free == problem.free
    assert again.free_and_good == problem.free_and_good
    assert problem_to_json(problem_from_json(problem_to_json(again))) == problem_to_json(again)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems())
def test_each_preference_gives_each_peer_0_to_100_points(problem: Problem) -> None:
    for session in match(problem, time_limit=20).sessions:
        for preference in PREFERENCES:
            assert 0 <= preference(problem, session) <= 100 * len(session.people)
        assert session.points == points_of(problem, session)


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=8), st.integers(0, 3))
def test_the_bound_on_people_holds_for_every_proposal_that_weighs_as_much(
    people: list[tuple[int, bool]], slack: int
) -> None:
    """Anyone might be matched or not: nobody who weighs at least as much has more people than the bound says."""
    step = len(people) + 1
    ranks = [
        sum((weight * step + 1) * bool(which >> n & 1) for n, (weight, _) in enumerate(people))
        for which in range(2 ** len(people))
    ]
    rank = sum((weight * step + 1) for weight, seated in people if seated)
    allowed = [other for other in ranks if other <= rank + slack * step]

    most = most_people(rank + slack * step, rank, step, [weight for weight, _ in people])

    assert all(other % step <= most for other in allowed if other // step >= rank // step)
