"""When somebody drops out, declines, arrives or is pinned: every seating is tried, and no change is smaller."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise

import pytest

from peerhub.matching import repair as repairing
from peerhub.matching.match import match
from peerhub.matching.problem import Pin, Problem
from peerhub.matching.proposal import PlannedSession
from peerhub.matching.repair import declined, people_told, repair
from peerhub.matching.rules import broken_rules
from peerhub.matching.search import weights_of
from tests.matching.test_every_seating import BUDDIES, SESSIONS, Seating, every_allowed_seating, worth

ROUNDS = {f"{problem.program.kind}: {name}": problem for of in (BUDDIES, SESSIONS) for name, problem in of.items()}

Change = tuple[Problem, tuple[PlannedSession, ...], frozenset[str]]


def drop_outs(problem: Problem) -> Iterator[Change]:
    """Each seated person leaves."""
    standing = match(problem).sessions
    for gone in sorted({person for session in standing for person in session.everyone}):
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
    peers = [person.id for person in problem.participants if person.most_sessions > 0]
    for one, other in pairwise(peers):
        pinned = replace(problem, pinned=(Pin(frozenset((one, other))),))
        if can_be(pinned):
            yield pinned, standing, frozenset()


def arrivals(problem: Problem) -> Iterator[Change]:
    """The first person comes late."""
    late = problem.participants[0].id
    yield problem, match(without(problem, late)).sessions, frozenset((late,))


CHANGES = {"drop-outs": drop_outs, "declines": declines, "new pins": new_pins, "arrivals": arrivals}


MOST_CHANGES = 2  # of a kind, for each round


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ROUNDS)
def test_no_seating_is_a_smaller_change(name: str, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everything may move; and where only a neighbourhood may, as far as it says that it is proven."""
    for problem, standing, newcomers in islice(CHANGES[change](ROUNDS[name]), MOST_CHANGES):
        best = max(wishes(problem, standing, newcomers, seating) for seating in every_allowed_seating(problem))

        found = repair(problem, standing, newcomers=newcomers)
        with monkeypatch.context() as only_near:
            only_near.setattr(repairing, "PAIRS_THAT_MAY_ALL_MOVE", 0)
            only_near.setattr(repairing, "SEATS_THAT_MAY_ALL_MOVE", 0)
            near = repair(problem, standing, newcomers=newcomers)

        assert found.proven
        assert wishes(problem, standing, newcomers, frozenset(found.proposal.sessions)) == best
        assert len(found.told) == -best[1]
        assert broken_rules(problem, near.proposal) == []
        if near.proven:
            assert wishes(problem, standing, newcomers, frozenset(near.proposal.sessions))[:2] == best[:2]


def can_be(problem: Problem) -> bool:
    """Whether anything keeps all pins."""
    return any(True for _ in every_allowed_seating(problem))


def without(problem: Problem, gone: str) -> Problem:
    left = tuple(person for person in problem.participants if person.id != gone)
    pinned = tuple(pin for pin in problem.pinned if gone not in pin.people | pin.facilitators)
    return replace(problem, participants=left, pinned=pinned)


def wishes(
    problem: Problem, standing: tuple[PlannedSession, ...], newcomers: frozenset[str], seating: Seating
) -> tuple[int, ...]:
    """Claims held, people not told, then as ever: by the words of the module."""
    claims = newcomers | {person for session in standing for person in session.people}
    seated = {person for session in seating for person in session.people}
    held = sum(weights_of(problem).get(person, 0) for person in claims & seated)
    return held, -len(people_told(standing, seating) & problem.by_id.keys()), *worth(problem, seating)
