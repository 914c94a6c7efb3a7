"""The matcher as a whole: odd rounds, pins, limits, the same answer twice."""

import sys
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from subprocess import run

import pytest

from peerhub.domain.refusals import Refusal
from peerhub.matching import reasons
from peerhub.matching.match import PinsClash, match
from peerhub.matching.problem import Meeting, Participant, Pin, Problem
from peerhub.matching.proposal import Progress, Unmatched
from peerhub.matching.proposal_file import proposal_to_json
from peerhub.matching.rules import broken_rules
from tests.matching.cast import MONDAY_18, WEEK, buddies, person, sessions, span

EVENING = "mon 18:00-20:00"
NAMES = ("ana", "ben", "cat", "dan", "eve", "fay", "gil")
OLU = person("olu", EVENING, facilitates=2, most_sessions=0)


def everyone(count: int) -> list[Participant]:
    return [person(name, EVENING) for name in NAMES[:count]]


@pytest.mark.parametrize("problem", [buddies(), sessions(), sessions(facilitators_per_session=0)])
def test_an_empty_round_has_an_empty_proposal(problem: Problem) -> None:
    proposal = match(problem)

    assert (proposal.sessions, proposal.unmatched, proposal.bound) == ((), (), 0)


@pytest.mark.parametrize("problem", [buddies(*everyone(1)), sessions(*everyone(1), OLU)])
def test_one_person_alone_is_told_that_nobody_shares_their_hours(problem: Problem) -> None:
    proposal = match(problem)

    assert proposal.unmatched[0] == Unmatched("ana", reasons.NOBODY_FREE)


def test_people_with_no_hour_in_common_are_all_told_so() -> None:
    proposal = match(buddies(person("ana", "mon 18:00-19:00"), person("ben", "tue 18:00-19:00")))

    assert [one.why for one in proposal.unmatched] == [reasons.NOBODY_FREE] * 2


def test_when_everyone_keeps_apart_nobody_is_matched_and_nobody_learns_why() -> None:
    proposal = match(buddies(*(replace(one, keep_apart=frozenset(NAMES) - {one.id}) for one in everyone(4))))

    assert proposal.sessions == ()
    assert {one.why for one in proposal.unmatched} == {reasons.NO_PLACE}


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7])
def test_nobody_is_the_odd_one_out(count: int) -> None:
    proposal = match(buddies(*everyone(count)))

    assert proposal.matched == proposal.matched_bound == count
    assert sorted(len(session.people) for session in proposal.sessions) == [2] * ((count - count % 2 * 3) // 2) + [
        3
    ] * (count % 2)


def test_a_trio_is_made_for_the_odd_one_out_only_however_well_three_would_suit() -> None:
    met = (Meeting(WEEK - timedelta(weeks=1), frozenset({"ana", "ben"})),)
    people = [person(name, EVENING, sizes={"pair": 1, "trio": 4}, prefers=["ana", "dan"]) for name in NAMES[:6]]

    proposal = match(buddies(*people, history=met))

    assert [len(session.people) for session in proposal.sessions] == [2, 2, 2]


def test_identical_people_are_matched_the_same_way_each_time() -> None:
    problem = sessions(*everyone(7), OLU)

    answers = {proposal_to_json(match(problem), problem) for _ in range(3)}

    assert len(answers) == 1


def test_who_was_left_out_before_comes_first() -> None:
    problem = buddies(*everyone(2), person("cat", EVENING, owed=1), largest=2)

    proposal = match(problem)

    assert "cat" in proposal.sessions[0].people


def test_an_owed_member_who_weighs_as_much_as_two_gives_way_to_the_larger_number() -> None:
    """Ben can meet Cat, who is owed one round, or Ana and Dan together: both weigh 3, and the trio is more people."""
    problem = buddies(
        person("ana", "mon 18:00-18:30"),
        person("ben", "mon 18:00-18:30", "tue 18:00-18:30"),
        person("cat", "tue 18:00-18:30", owed=1),
        person("dan", "mon 18:00-18:30", sizes={"pair": 0}),
    )

    proposal = match(problem)

    assert [session.people for session in proposal.sessions] == [("ana", "ben", "dan")]
    assert proposal.matched_bound == 3


def test_who_leads_is_seated_and_is_not_counted_as_matched() -> None:
    proposal = match(sessions(*everyone(2), OLU))

    assert (proposal.matched, proposal.matched_bound, proposal.unmatched) == (2, 2, ())


def test_pins_that_clash_are_both_named_and_no_other() -> None:
    pins = (
        Pin(frozenset({"eve", "fay"})),
        Pin(frozenset({"ana", "ben"}), span(MONDAY_18)),
        Pin(frozenset({"ana", "cat"}), span(MONDAY_18.replace(minute=30))),
        Pin(frozenset({"dan"})),
    )

    with pytest.raises(PinsClash) as refusal:
        match(buddies(*everyone(6), pinned=pins))

    assert set(refusal.value.pins) == set(pins[1:3])
    assert str(refusal.value).count("ana and ben at Mon 2026-11-30 18:00 UTC") == 1


@pytest.mark.parametrize("apart", [True, False], ids=["they keep apart", "they have no hour in common"])
def test_a_pin_that_cannot_be_kept_reads_the_same_whatever_the_cause(apart: bool) -> None:
    ben = person("ben", EVENING, keep_apart=["ana"]) if apart else person("ben", "tue 9:00-10:00")

    with pytest.raises(PinsClash, match="this pin cannot be kept: ana and ben together"):
        match(buddies(person("ana", EVENING), ben, pinned=(Pin(frozenset({"ana", "ben"})),)))


def test_a_pin_for_another_length_than_the_program_has_is_refused() -> None:
    pin = Pin(frozenset({"ana", "ben"}), span(MONDAY_18, minutes=45))

    with pytest.raises(PinsClash):
        match(buddies(*everyone(2), pinned=(pin,)))


def test_a_stop_before_the_search_still_gives_a_proposal_that_accounts_for_everyone() -> None:
    problem = sessions(*everyone(7), OLU)

    proposal = match(problem, should_stop=lambda: True)

    assert proposal.cut
    assert broken_rules(problem, proposal) == []


def test_progress_never_takes_back_what_it_proved() -> None:
    heard: list[Progress] = []

    match(sessions(*everyone(7), OLU), on_progress=heard.append)

    improving = [progress for progress in heard if progress.phase == "improving"]
    assert [progress.phase for progress in heard][:2] == ["reading", "matching"]
    assert all(later.bound <= earlier.bound for earlier, later in pairwise(improving))
    assert all(progress.points <= progress.bound for progress in improving)


def test_more_people_than_fit_are_refused_with_a_number_that_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peerhub.matching.groups.MOST_VARIABLES", 100)
    monkeypatch.setattr("peerhub.matching.pairs.MOST_VARIABLES", 20)

    with pytest.raises(Refusal, match="about 4 people with such hours fit"):
        match(sessions(*everyone(7), OLU))
    with pytest.raises(Refusal, match="5 people always fit"):
        match(buddies(*everyone(7)))


def test_the_types_of_the_matcher_do_not_bring_the_solver_along() -> None:
    lines = "import sys, peerhub.matching.match, peerhub.matching.proposal_file; print('ortools' in sys.modules)"

    printed = run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)

    assert printed.stdout == "False\n"


@pytest.mark.parametrize("problem", [sessions(*everyone(7), OLU), buddies(*everyone(7))])
def test_a_search_that_is_stopped_at_once_claims_nothing_that_it_did_not_prove(problem: Problem) -> None:
    best = match(problem)

    stopped = match(problem, should_stop=lambda: True)

    assert stopped.matched_bound >= best.matched
    assert stopped.bound >= stopped.points
    assert stopped.bound >= best.points or stopped.matched < best.matched
