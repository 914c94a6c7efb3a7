"""From a problem to a proposal: choose the solver, account for everyone, and check the answer against the rules.

What the numbers of a proposal mean:

- ``matched`` is how many people have a seat as a peer. Who leads a session is seated too and never listed as unmatched,
  but leading does not add to ``matched``: facilitators are there for the others.
- The *matched weight* is the sum, over the people matched, of 1 and their ``owed``. The search puts the highest matched
  weight first, then the most people, then the most points.
- ``matched_bound``: no proposal whose matched weight is at least as high matches more people. Proven.
- ``bound``: no proposal with the same matched weight and number of people has more points. Proven.
- ``cut``: the time limit or a stop ended the search before its work was done, so another run may answer differently. A
  search that ends by its own measure of work, which runs alike on every machine, is not cut, but may leave a gap.

This module imports OR-Tools only when it matches: the web may import it for its types.
"""

from collections.abc import Callable, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from peerhub.domain.availability import CELL_MINUTES
from peerhub.domain.refusals import Refusal
from peerhub.matching import reasons
from peerhub.matching.preferences import points_of
from peerhub.matching.problem import Pin, Problem
from peerhub.matching.proposal import PlannedSession, Progress, Proposal
from peerhub.matching.rules import broken_rules, broken_rules_beside, describe, keeps
from peerhub.matching.stopping import BrokenOff, NotInTime

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from peerhub.matching.search import Found, Search


SEATS_OF_A_SMALL_ROUND: Final = 2_000
PEOPLE_OF_A_SMALL_ROUND_OF_SESSIONS: Final = 100
ROUNDS_FOR_A_GOOD_SEATING: Final = 3  # of improvement, before the best is sought
PEOPLE_OF_A_SMALL_ROUND: Final = 60  # of buddies: so many are proven best within seconds whatever the program asks
SESSIONS_FINISHED_AT_A_STOP: Final = 5_000  # more are weighed and checked as soon as they are known


class PinsClash(Refusal):
    """Pins that cannot all be kept; ``pins`` are as few of them as make it impossible."""

    def __init__(self, problem: Problem, pins: tuple[Pin, ...]) -> None:
        self.pins = pins
        named = "; ".join(describe(problem, pin) for pin in pins)
        one = f"this pin cannot be kept: {named}. Unpin it, or pin another time or other people"
        super().__init__(one if len(pins) == 1 else f"these pins cannot all be kept: {named}. Unpin one of them")


class MatcherBroken(AssertionError):
    """The matcher's own answer breaks a rule: a mistake in this program, never in the input."""


def match(
    problem: Problem,
    *,
    time_limit: float = 60,
    processes: int = 1,
    seed: int = 0,
    executor: "Executor | None" = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Proposal:
    """The best proposal that was found within the time; everyone in the problem is in it.

    A handler of a signal may raise ``BrokenOff`` until the phase is "explaining": the best so far is the answer then.

    Raises:
        Refusal: pins that clash (PinsClash), or that the time was too short for (NotInTime); or more people than fit
            into memory.
    """
    check(problem)
    if should_stop() and not problem.pinned:
        on_progress(Progress("matching", 0))
        return nobody_yet(problem)
    from peerhub.matching.search import Search  # noqa: PLC0415  (takes a second, and the web must not)

    kept = _Kept(problem)
    search = Search(time_limit, processes, seed, on_progress, should_stop, executor=executor, keep=kept.keep)
    try:
        search.report(Progress("reading", search.seconds))
        found = _best(problem, search)
        search.explain()
    except BrokenOff:
        search.explain()
        return kept.proposal()
    return proposal_of(problem, found, search.may_explain)


class _Kept:
    """The best so far of a search that may be broken off."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._found: Found | None = None
        self._proposal: Proposal | None = None

    def keep(self, found: "Found") -> None:
        if len(found.sessions) > SESSIONS_FINISHED_AT_A_STOP:
            self._proposal = self._finished(found)
        else:
            self._found = found

    def proposal(self) -> Proposal:
        """What was kept, as there is no time for more.

        Raises:
            NotInTime: nothing was, and nothing keeps the pins.
        """
        if self._proposal is not None:
            return self._proposal
        return nobody_yet(self._problem) if self._found is None else self._finished(self._found)

    def _finished(self, found: "Found") -> Proposal:
        return proposal_of(self._problem, replace(found, cut=True), may_explain=lambda: False)


def nobody_yet(problem: Problem) -> Proposal:
    """The best that is known before anything is: nobody is matched.

    Raises:
        NotInTime: there are pins, and so this is no answer.
    """
    if problem.pinned:
        raise NotInTime
    unmatched = reasons.why_unmatched(problem, (), may_explain=lambda: False)
    asked = sum(person.most_sessions > 0 for person in problem.participants)
    return _checked(problem, Proposal((), unmatched, points=0, bound=0, matched=0, matched_bound=asked, cut=True))


def check(problem: Problem) -> None:
    """Refuse what no file and no form lets through, before it does harm."""
    if problem.week.weekday() != 0:
        raise Refusal(f"the week must begin on a Monday; {problem.week} is another day")
    if problem.slot_minutes <= 0 or problem.slot_minutes % CELL_MINUTES:
        raise Refusal(f"the slot must be a multiple of {CELL_MINUTES} minutes")
    if problem.program.session_minutes <= 0:
        raise Refusal("a session must last at least a minute")
    if len(problem.by_id) < len(problem.participants):
        raise Refusal("each participant must have an id of their own")


def _best(problem: Problem, search: "Search") -> "Found":
    from peerhub.matching.search import CannotHold  # noqa: PLC0415

    try:
        return _best_pairs(problem, search) if are_pairs(problem) else _best_groups(problem, search)
    except CannotHold:
        raise PinsClash(problem, _clash(problem, search)) from None


def _best_pairs(problem: Problem, search: "Search") -> "Found":
    """By choosing among all pairs and trios where these are few, and otherwise by flow, where that way is open."""
    from peerhub.matching import many, packing  # noqa: PLC0415
    from peerhub.matching.pairs import Pairs  # noqa: PLC0415

    if _are_many_pairs(problem):
        return many.best(problem, search)
    return packing.best(Pairs(problem).packing, search)


def _best_groups(problem: Problem, search: "Search") -> "Found":
    """By one exact model where it is small, by column generation where it is not large, and otherwise part by part."""
    from peerhub.matching import assembly  # noqa: PLC0415
    from peerhub.matching.groups import Groups, seats_of  # noqa: PLC0415
    from peerhub.matching.search import best  # noqa: PLC0415

    if is_matched_in_parts(problem):
        return assembly.best(problem, search)
    if seats_of(problem) > SEATS_OF_A_SMALL_ROUND:
        return _best_by_columns(problem, search)
    found = best(problem, Groups(problem).model(), search)
    if _is_proven(problem, found) or search.is_over(search.time_limit):
        return found
    search.know(*_rank(problem, found)[1:], found)
    return _better(problem, found, assembly.best(problem, search))


def _best_by_columns(problem: Problem, search: "Search") -> "Found":
    """A good seating first, part by part; then the best and its proof, as far as time allows."""
    from peerhub.matching import assembly, columns  # noqa: PLC0415

    good = assembly.best(problem, search, ROUNDS_FOR_A_GOOD_SEATING)
    if _is_proven(problem, good) or search.is_over(search.time_limit):
        return good
    search.know(*_rank(problem, good)[1:], good)
    try:
        return _better(problem, good, columns.best(problem, search))
    except columns.NotFound:
        return good


def _is_proven(problem: Problem, found: "Found") -> bool:
    _, people, points = _rank(problem, found)
    return points >= found.bound and people >= found.matched_bound


def _better(problem: Problem, one: "Found", other: "Found") -> "Found":
    """The seating of higher rank; of two of one rank, what both prove together."""
    *ranks, points = _rank(problem, one)
    *other_ranks, other_points = _rank(problem, other)
    if ranks != other_ranks:
        return max(one, other, key=lambda found: _rank(problem, found))
    best = one if points >= other_points else other
    bounds = min(one.bound, other.bound), min(one.matched_bound, other.matched_bound)
    return replace(best, bound=bounds[0], matched_bound=bounds[1], cut=one.cut or other.cut)


def _rank(problem: Problem, found: "Found") -> tuple[int, int, int]:
    """What a search puts first, second and third: the matched weight, the people, the points."""
    from peerhub.matching.search import weights_of  # noqa: PLC0415

    matched = {person for session in found.sessions for person in session.people}
    weights = weights_of(problem)
    points = sum(points_of(problem, session) for session in found.sessions)
    return sum(weights[person] for person in matched), len(matched), points


def is_matched_in_parts(problem: Problem) -> bool:
    """Whether the round is improved part by part, so that more processes or machines have something to do."""
    is_large = len(problem.participants) > PEOPLE_OF_A_SMALL_ROUND_OF_SESSIONS
    return is_large and not are_pairs(problem)


def are_pairs(problem: Problem) -> bool:
    """Whether the round is one of pairs and trios that nobody leads."""
    return problem.program.largest <= 3 and problem.program.facilitators_per_session == 0


def _are_many_pairs(problem: Problem) -> bool:
    from peerhub.matching import many  # noqa: PLC0415

    return are_pairs(problem) and len(problem.participants) > PEOPLE_OF_A_SMALL_ROUND and many.can_match(problem)


def _clash(problem: Problem, search: "Search") -> tuple[Pin, ...]:
    """As few pins as cannot all be kept, found by halving: each step finds one that the ones before it need."""
    from peerhub.matching import assembly, many  # noqa: PLC0415
    from peerhub.matching.groups import Groups  # noqa: PLC0415
    from peerhub.matching.pairs import Pairs  # noqa: PLC0415
    from peerhub.matching.search import can_hold  # noqa: PLC0415

    def possible(pins: tuple[Pin, ...]) -> bool:
        fewer = replace(problem, pinned=pins)
        if _are_many_pairs(problem):
            return many.can_hold(fewer)
        if is_matched_in_parts(problem):
            return assembly.can_hold(fewer)
        return can_hold(Pairs(fewer).cp if are_pairs(problem) else Groups(fewer).cp, search)

    clash: tuple[Pin, ...] = ()
    rest = problem.pinned
    while possible(clash):
        low, high = 1, len(rest)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if possible(clash + rest[:middle]) else (low, middle)
        clash, rest = (*clash, rest[low - 1]), rest[: low - 1]
    return clash


def proposal_of(
    problem: Problem,
    found: "Found",
    may_explain: Callable[[], bool] = lambda: True,
    checked: Set[PlannedSession] = frozenset(),
) -> Proposal:
    """The proposal with these sessions: points and reasons, everyone else told why, and checked against the rules.

    Those that were ``checked`` together already are taken at that.
    """
    sessions = tuple(_finished(problem, session) for session in _in_order(found.sessions))
    points = sum(session.points for session in sessions)
    proposal = Proposal(
        sessions,
        reasons.why_unmatched(problem, sessions, may_explain),
        points=points,
        bound=max(points, found.bound),
        matched=len({person for session in sessions for person in session.people}),
        matched_bound=found.matched_bound,
        cut=found.cut,
    )
    return _checked(problem, proposal, checked)


def _in_order(sessions: tuple[PlannedSession, ...]) -> list[PlannedSession]:
    return sorted(sessions, key=lambda session: (session.starts_at, session.people))


def _finished(problem: Problem, session: PlannedSession) -> PlannedSession:
    pinned = any(keeps(session, pin) for pin in problem.pinned)
    session = reasons.weighed(problem, session)
    return session if pinned == session.pinned else replace(session, pinned=pinned)


def _checked(problem: Problem, proposal: Proposal, checked: Set[PlannedSession] = frozenset()) -> Proposal:
    if broken := broken_rules_beside(problem, proposal, checked) if checked else broken_rules(problem, proposal):
        raise MatcherBroken("; ".join(f"{one.rule}: {len(one.people)} people" for one in broken[:10]))
    return proposal
