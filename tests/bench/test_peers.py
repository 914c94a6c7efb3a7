"""The peers measured beside us keep the rules, and count as the preferences count."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.judge import judge
from bench.peers.crowd import NOBODY, Crowd
from bench.peers.donut import donut
from bench.peers.genetic import crossed, genetic
from bench.peers.greedy import greedy
from bench.people import lines
from peerhub.domain.comfort import Comfort
from peerhub.domain.programs import Kind, MatchOn
from peerhub.matching.preferences import hour_points, points_of
from peerhub.matching.problem import Meeting, Problem
from peerhub.matching.problem_file import problem_from_json
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.rules import broken_rules_of_sessions

TEAMS = 8_000
Peer = Callable[[Problem], tuple[PlannedSession, ...]]


def a_round(people: int, kind: str = "sessions", seed: int = 1) -> Problem:
    return problem_from_json("".join(lines(people, seed, kind)))


def by_genes(problem: Problem) -> tuple[PlannedSession, ...]:
    return [sessions for _, sessions in genetic(problem, 0.5)][-1]


def strict(problem: Problem) -> Problem:
    """The same people with two facilitators, every facet required, and room for two sessions at a time."""
    required = dict.fromkeys(("topics", "languages", "mediums", "roles"), MatchOn.REQUIREMENT)
    program = replace(problem.program, facilitators_per_session=2, match_on=required, sessions_at_once=2)
    people = (replace(p, facilitates=3) if n % 4 == 0 else p for n, p in enumerate(problem.participants))
    return replace(problem, program=program, participants=tuple(people))


def divided(problem: Problem) -> Problem:
    """The same people, half of them on a clock of odd quarters, everyone keeping apart from a third of the others."""
    ids = [person.id for person in problem.participants]
    people = (
        replace(
            person,
            time_zone="Asia/Kathmandu" if n % 2 else "Asia/Kolkata",
            hours=tuple(
                replace(hours, opens=(18 if n % 2 else 8) * 60 + 15, closes=(21 if n % 2 else 11) * 60 + 15)
                for hours in person.hours
            ),
            keep_apart=frozenset(ids[(n + 1) % 3 :: 3]) - {person.id},
        )
        for n, person in enumerate(problem.participants)
    )
    return replace(problem, participants=tuple(people))


@pytest.mark.parametrize("peer", [greedy, donut, by_genes])
@pytest.mark.parametrize(
    "problem",
    [a_round(80), a_round(60, "buddies"), strict(a_round(80)), divided(a_round(80)), divided(a_round(60, "buddies"))],
)
def test_peers_obey_the_rules(peer: Peer, problem: Problem) -> None:
    sessions = peer(problem)

    assert broken_rules_of_sessions(problem, sessions) == []


@pytest.mark.parametrize("peer", [greedy, by_genes])
@pytest.mark.parametrize("problem", [a_round(80), a_round(60, "buddies")])
def test_peers_that_look_at_hours_seat_people(peer: Peer, problem: Problem) -> None:
    verdict = judge(problem, peer(problem))

    assert verdict.matched >= 20
    assert verdict.dropped == 0


@pytest.mark.parametrize("kind", list(Kind))
def test_a_team_that_meets_is_worth_what_the_preferences_say(kind: Kind) -> None:
    problem = a_round(120, kind.value)
    crowd = Crowd(problem)
    draw = np.random.default_rng(3)
    teams = draw.permuted(np.tile(crowd.peers, (TEAMS, 1)), axis=1)[:, : problem.program.largest]
    leaders = draw.choice(crowd.leader_seats, (TEAMS, 1)) if kind is Kind.SESSIONS else np.zeros((TEAMS, 0), np.int64)

    met = crowd.meet(teams, leaders)

    sessions = {
        team: crowd.session(met.people[team][: met.size[team]], leaders[team], met.cell[team], met.medium[team])
        for team in np.flatnonzero(met.size)
    }
    assert len(sessions) > 20
    assert [int(met.points[team]) for team in sessions] == [points_of(problem, one) for one in sessions.values()]
    assert [broken_rules_of_sessions(problem, [one]) for one in sessions.values()] == [[]] * len(sessions)


def test_hours_are_worth_what_the_preferences_say() -> None:
    problem = a_round(30)
    crowd = Crowd(problem)

    worth = [
        (int(crowd.hours[person, place]), hour_points(problem, problem.participants[person], int(crowd.cells[place])))
        for person, place in zip(*np.nonzero(crowd.can_start), strict=True)
    ]

    assert [ours for ours, _ in worth] == [theirs for _, theirs in worth]


def test_large_rounds_look_up_what_two_people_share_as_small_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = a_round(60)
    groups = np.random.default_rng(0).choice(Crowd(problem).peers, (500, 4))
    table = Crowd(problem).points_of(groups)

    monkeypatch.setattr("bench.peers.crowd.DENSE", 0)

    assert Crowd(problem).points_of(groups).tolist() == table.tolist()


def test_a_team_of_all_or_none_meets_whole_or_not_at_all() -> None:
    problem = a_round(80, "buddies")
    crowd = Crowd(problem)
    teams = np.column_stack([crowd.peers[:40], crowd.peers[40:], np.full(40, NOBODY)])

    met = crowd.meet(teams, np.zeros((40, 0), np.int64), all_or_none=True)

    assert set(met.size.tolist()) == {0, 2}


def test_a_team_leaves_out_whom_its_facilitator_keeps_apart_from() -> None:
    problem = a_round(80)
    crowd = Crowd(problem)
    leader, team = int(crowd.leader_seats[0]), crowd.peers[:5]
    friendly = replace(problem, participants=tuple(replace(p, keep_apart=frozenset()) for p in problem.participants))
    at_once = tuple(replace(p, hours=problem.participants[leader].hours) for p in friendly.participants)
    like_leader = tuple(
        replace(p, time_zone=at_once[leader].time_zone, comfort=Comfort(), away=frozenset(), busy=frozenset())
        for p in at_once
    )
    apart = list(like_leader)
    apart[leader] = replace(apart[leader], keep_apart=frozenset({apart[int(team[0])].id}))

    sizes = [
        Crowd(replace(problem, participants=tuple(people))).meet(team[None, :], np.array([[leader]])).size.tolist()
        for people in (like_leader, apart)
    ]

    assert sizes == [[5], [4]]


def test_children_take_a_run_from_one_parent_and_the_rest_in_the_order_of_the_other() -> None:
    mom, dad = np.array([[1, 2, 3, 4, 5, 6]]), np.array([[6, 5, 4, 3, 2, 1]])

    child = crossed(mom, dad, np.array([[2, 4]]))

    assert child.tolist() == [[6, 5, 3, 4, 2, 1]]


def test_children_keep_everybody_as_often_as_they_stand_there() -> None:
    draw = np.random.default_rng(0)
    genomes = draw.permuted(np.tile([7, 7, 8, 9, 9, 9], (2, 50, 1)), axis=2)

    children = crossed(genomes[0], genomes[1], np.sort(draw.integers(0, 7, (50, 2)), axis=1))

    assert np.sort(children, axis=1).tolist() == [[7, 7, 8, 9, 9, 9]] * 50


def test_the_judge_leaves_out_who_breaks_a_rule() -> None:
    problem = a_round(80)
    good = greedy(problem)
    kept = [session for session in good if not set(good[0].everyone) & set(session.everyone)]

    verdict = judge(problem, (*good, good[0]))

    assert judge(problem, good).dropped == 0
    assert verdict.sessions == len(kept)
    assert verdict.dropped == len(good) + 1 - len(kept)
    assert verdict.points == sum(points_of(problem, session) for session in kept)


def test_the_judge_counts_pairs_who_had_met_before() -> None:
    problem = a_round(80)
    sessions = greedy(problem)
    one, other = sessions[0].people[:2]

    met = replace(problem, history=(Meeting(problem.history[0].week, frozenset((one, other))),))

    assert judge(met, sessions).repeats == 1
