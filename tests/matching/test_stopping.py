"""A search that is broken off answers with the best that it had kept; a signal breaks off what does not hear of it."""

import os
import signal
from collections.abc import Iterator

import pytest

from bench.people import lines
from peerhub.matching import assembly
from peerhub.matching import match as matching
from peerhub.matching.match import match
from peerhub.matching.problem import Pin, Problem
from peerhub.matching.problem_file import problem_from_json
from peerhub.matching.proposal import Progress, Proposal
from peerhub.matching.reasons import STOPPED
from peerhub.matching.rules import BrokenRule, broken_rules, keeps
from peerhub.matching.stopping import BrokenOff, NotInTime, on_signals
from tests.matching.cast import buddies, person, sessions

ROUNDS = {
    "buddies": problem_from_json("".join(lines(90, seed=2))),
    "sessions": problem_from_json("".join(lines(104, 0, "sessions"))),
}


def broken_off(problem: Problem, at: Progress) -> Proposal:
    """What is answered when the search is broken off as soon as it has told so much."""

    def hear(progress: Progress) -> None:
        if (progress.phase, progress.matched, progress.points) == (at.phase, at.matched, at.points):
            at_work.may_break = True
            at_work.break_off(signal.SIGALRM, None)

    with on_signals() as at_work:
        return match(problem, on_progress=hear)


@pytest.fixture(scope="module", params=sorted(ROUNDS))
def told(request: pytest.FixtureRequest) -> Iterator[tuple[Problem, list[Progress]]]:
    """A round, and each step that its search tells of."""
    heard: list[Progress] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "ROUNDS", 2)
        patch.setattr(assembly, "TRIES", 4)
        match(ROUNDS[request.param], on_progress=heard.append)
        yield ROUNDS[request.param], heard


def test_the_answer_is_what_was_told_before_it_was_broken_off(told: tuple[Problem, list[Progress]]) -> None:
    problem, heard = told
    steps = list({(one.phase, one.matched, one.points): one for one in heard if one.phase != "explaining"}.values())
    assert len({step.points for step in steps}) > 3

    for step in steps[:6]:
        proposal = broken_off(problem, step)

        assert broken_rules(problem, proposal) == []
        assert (proposal.matched, proposal.points) == (step.matched, step.points)
        assert proposal.points <= proposal.bound
        assert proposal.matched <= proposal.matched_bound
        assert proposal.cut
        assert {one.why for one in proposal.unmatched} <= {STOPPED}


def test_a_very_large_answer_is_weighed_and_checked_before_a_stop_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "SESSIONS_FINISHED_AT_A_STOP", 3)
    happened: list[str] = []

    def check(problem: Problem, proposal: Proposal) -> list[BrokenRule]:
        happened.append("checked")
        return broken_rules(problem, proposal)

    def hear(progress: Progress) -> None:
        happened.append("told")
        if "checked" in happened and progress.phase != "explaining":
            raise BrokenOff

    monkeypatch.setattr(f"{matching.__name__}.broken_rules", check)

    proposal = match(ROUNDS["buddies"], on_progress=hear)

    assert broken_rules(ROUNDS["buddies"], proposal) == []
    assert proposal.matched > 60
    assert happened[-3:] == ["checked", "told", "told"]  # the last tells that it is being explained


def test_a_solver_that_is_broken_off_shows_what_it_has_found() -> None:
    free = ("mon 18:00-20:00", "tue 18:00-20:00")
    problem = sessions(
        *(person(f"m{n}", *free, topics={f"t{n % 3}": 2}) for n in range(10)),
        person("olu", *free, facilitates=3, most_sessions=0),
    )
    told: list[Progress] = []

    def hear(progress: Progress) -> None:
        told.append(progress)
        if progress.phase != "explaining" and progress.matched:
            raise BrokenOff

    proposal = match(problem, on_progress=hear)

    assert broken_rules(problem, proposal) == []
    assert proposal.cut
    assert proposal.matched >= max(one.matched for one in told) > 0


def test_pins_are_kept_or_the_stop_says_that_it_came_too_early() -> None:
    problem = buddies(*(person(f"p{n}", "mon 18:00-20:00") for n in range(70)), pinned=(Pin(frozenset({"p3", "p9"})),))

    def at_once(progress: Progress) -> None:
        if progress.phase == "matching":
            raise BrokenOff

    def later(progress: Progress) -> None:
        if progress.phase == "improving" and progress.matched == 70:
            raise BrokenOff

    with pytest.raises(NotInTime, match="too short to find a proposal that keeps every pin"):
        match(problem, on_progress=at_once)
    kept = match(problem, on_progress=later)

    assert any(keeps(session, problem.pinned[0]) for session in kept.sessions)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_breaks_off_work_that_does_not_hear_of_it(number: signal.Signals) -> None:
    with pytest.raises(BrokenOff), on_signals() as stop:
        os.kill(os.getpid(), number)
        while True:
            assert stop.asked


def test_work_that_may_not_be_broken_off_goes_on_after_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_signals() as stop:
        stop.may_break = False
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGALRM)

        assert stop()


def test_a_second_ctrl_c_ends_the_program() -> None:
    with pytest.raises(KeyboardInterrupt), on_signals() as stop:
        stop.may_break = False
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_signals_mean_what_they_did_before() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGALRM)

    with on_signals():
        pass

    after = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGALRM)
    assert after == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
