"""When life gets in the way: the smallest change after which a proposal holds again.

Somebody drops out, declines, arrives late, cannot lead after all, or an organizer pins people together: all of that is
said by the problem as it is now. *Standing* is what everyone was told so far. The new proposal is the best by these
wishes, in this order:

1. *Claims are held.* Who has a seat, and who is new, gets one: the highest matched weight first among those whose
   session stands, so that nobody loses a seat because somebody else has lost theirs, and then among all of them.
   Without this wish, calling everything off would tell fewest.
2. *The fewest people are told something new* (``people_told``).
3. The highest matched weight of all, and at that weight the most people.
4. *People meet when and how they were told*, whoever else has to hear something: the most are in a session at an hour
   that was theirs, and then by a medium that was.
5. The most points.

*How.* Sessions that the rules no longer allow are *open*, and their people loose. All other sessions stand. Where the
round is small, everything may move, and one exact model decides. Otherwise only a neighbourhood may: the loose people,
then who has no session, then sessions that a loose person could join or that can spare somebody, then sessions that
could pass somebody on. It is widened while somebody's claim is not held, and once more where a session taken apart
could tell fewer. The neighbourhood is a problem of its own, in which all other sessions make people busy; it is solved
by all wishes in ``neighbourhood``.

*Proven* says that nothing is better by the first two wishes in the whole round: everything could move; or all claims
are held, and nobody was told but who had to be, or at most as many more as the smallest session has that stands.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice, zip_longest
from typing import Final

from peerhub.domain.availability import Span
from peerhub.matching.change import told_of
from peerhub.matching.groups import seats_of
from peerhub.matching.hours import possible_starts, start_of
from peerhub.matching.match import are_pairs, check, match, proposal_of
from peerhub.matching.neighbourhood import MOST_PLACES, Neighbourhood, Solved, Told, by_person, places
from peerhub.matching.preferences import points_of
from peerhub.matching.problem import Participant, Pin, Problem
from peerhub.matching.proposal import PlannedSession, Progress, Proposal
from peerhub.matching.rules import broken_rules_of_sessions, cells_of, keeps, requires, share_one
from peerhub.matching.search import Found, Search, most_points

PAIRS_THAT_MAY_ALL_MOVE: Final = 30  # people in a round of buddies
PEOPLE_THAT_MAY_ALL_MOVE: Final = 100  # in a round of groups; and at most so many seats in its model
SEATS_THAT_MAY_ALL_MOVE: Final = 2_000
CORE: Final = 6  # loose people who are looked at together
LOOSE_AT_ONCE: Final = 24  # among themselves
MOST_NEAR: Final = 24  # people without a session
LEADERS_NEAR: Final = 4  # one leader for so many of them
SESSIONS_NEAR: Final = 10
SESSIONS_THAT_LEND: Final = 3
LOOKED_AT: Final = 60  # sessions that somebody could join, or that could pass somebody on


@dataclass(frozen=True)
class Repaired:
    """The proposal that holds again, and who would be told something new, in the problem's order."""

    proposal: Proposal
    told: tuple[str, ...]
    proven: bool


def people_told(before: Iterable[PlannedSession], after: Iterable[PlannedSession]) -> frozenset[str]:
    """Everyone for whom a letter would say something new.

    A letter tells the time, the medium and who else is there, and who leads is one of them. So it is news when any of
    these changes, also a companion who left or came, and a seat that is lost or new: everybody in a session is written
    to when it or one of its seats changes.
    """
    before, after = tuple(before), tuple(after)
    untouched = set(map(id, before)) & set(map(id, after))  # the most, where there are thousands
    one, other = (
        {(s.people, s.span, s.medium, s.facilitators): s for s in some if id(s) not in untouched}
        for some in (before, after)
    )
    was = frozenset(told_of(one[letter]) for letter in one.keys() - other.keys())
    will_be = frozenset(told_of(other[letter]) for letter in other.keys() - one.keys())
    return frozenset(person for _, _, people, leaders in was ^ will_be for person in people | leaders)


def declined(problem: Problem, person: str, span: Span) -> Problem:
    """The problem after somebody said that they cannot come at that time; they may have another session."""
    people = (replace(one, busy=one.busy | {span}) if one.id == person else one for one in problem.participants)
    return replace(problem, participants=tuple(people))


def repair(
    problem: Problem,
    standing: tuple[PlannedSession, ...],
    *,
    newcomers: frozenset[str] = frozenset(),
    time_limit: float = 60,
    processes: int = 1,
    seed: int = 0,
    on_progress: Callable[[Progress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Repaired:
    """The smallest change of what stands, after which it holds for the problem as it is now.

    What no longer fits is no mistake: people who are unknown now have left, and sessions that break a rule are open.

    Raises:
        Refusal: pins that clash (PinsClash), or that the time was too short for.
    """
    check(problem)
    search = Search(time_limit, processes, seed, on_progress, should_stop)
    search.report(Progress("matching", search.seconds))
    round_ = _Round(problem, standing, newcomers, search)
    sessions = round_.mended()
    matched = {person for session in sessions for person in session.people}
    search.report(Progress("explaining", search.seconds, matched=len(matched)))
    peers = sum(person.most_sessions > 0 for person in problem.participants)
    found = Found(sessions, most_points(problem), peers, search.stopped or search.seconds >= time_limit)
    proposal = proposal_of(problem, found, search.may_explain, checked=round_.before.unharmed)
    told = people_told(standing, proposal.sessions)
    proven = round_.proven or (told & problem.by_id.keys() <= round_.opened and round_.claims <= matched)
    return Repaired(proposal, tuple(person.id for person in problem.participants if person.id in told), proven)


# What still stands


@dataclass(frozen=True)
class _Standing:
    """Sessions that may stay as they are; those of them that stand in each other's way; and those that are open."""

    possible: tuple[PlannedSession, ...]
    contested: frozenset[PlannedSession]
    open: tuple[PlannedSession, ...]

    @property
    def unharmed(self) -> frozenset[PlannedSession]:
        """Those that break no rule, alone or together."""
        return frozenset(self.possible) - self.contested


def _standing(everyone: "_Everyone", sessions: Iterable[PlannedSession]) -> _Standing:
    problem = everyone.problem
    sessions = tuple(sessions)
    possible = [one for one in sessions if _is_known(problem, one)]
    doubtful = _people_in_trouble(problem, possible)
    possible = [one for one in possible if doubtful.isdisjoint(one.everyone) or everyone.may_be(one)]
    bound_to_move = _pulled_apart_by_pins(problem, possible)
    possible = [one for one in possible if one not in bound_to_move]
    doubtful_ones = [one for one in possible if not doubtful.isdisjoint(one.everyone)]
    clashing = _people_in_trouble(problem, doubtful_ones) | _people_of_unkept_pins(problem, possible)
    contested = frozenset(one for one in possible if not clashing.isdisjoint(one.everyone))
    stays = set(possible)
    return _Standing(tuple(possible), contested, tuple(one for one in sessions if one not in stays))


def _is_known(problem: Problem, session: PlannedSession) -> bool:
    everyone = session.everyone
    cells = cells_of(problem, session.span)
    return cells is not None and len(set(everyone)) == len(everyone) and all(one in problem.by_id for one in everyone)


def _people_in_trouble(problem: Problem, sessions: Sequence[PlannedSession]) -> set[str]:
    broken = broken_rules_of_sessions(problem, sessions)
    return set(chain.from_iterable(one.people for one in broken if one.rule != "pins_are_kept"))


class _Everyone:
    """The people of a round, and problems of some of them; quick even where there are many."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.places = {person.id: place for place, person in enumerate(problem.participants)}
        self._starts: dict[str, int] = {}

    def starts(self, person: Participant) -> int:
        if person.id not in self._starts:
            self._starts[person.id] = possible_starts(self.problem, person)
        return self._starts[person.id]

    def among(self, people: Iterable[str]) -> Problem:
        """The problem of these people alone."""
        ids = frozenset(people)
        some = sorted(ids & self.places.keys(), key=self.places.__getitem__)
        met = {place for person in some for place in self._meetings.get(person, ())}
        together = (self.problem.history[place] for place in sorted(met))
        return replace(
            self.problem,
            participants=tuple(self.problem.by_id[person] for person in some),
            history=tuple(meeting for meeting in together if len(meeting.together & ids) > 1),
        )

    @cached_property
    def _meetings(self) -> dict[str, list[int]]:
        meetings: dict[str, list[int]] = defaultdict(list)
        for place, meeting in enumerate(self.problem.history):
            for person in meeting.together:
                meetings[person].append(place)
        return meetings

    def may_be(self, session: PlannedSession) -> bool:
        """Whether the session breaks no rule on its own."""
        broken = broken_rules_of_sessions(self.among(session.everyone), (session,))
        return all(one.rule == "pins_are_kept" for one in broken)


def _people_of_unkept_pins(problem: Problem, sessions: Sequence[PlannedSession]) -> set[str]:
    return set(chain.from_iterable(pin.people | pin.facilitators for pin in _unkept(problem, sessions)))


def _unkept(problem: Problem, sessions: Sequence[PlannedSession]) -> list[Pin]:
    if not problem.pinned:
        return []
    with_person = by_person(sessions)

    def might_keep(pin: Pin) -> Sequence[PlannedSession]:
        anybody = min(pin.people | pin.facilitators, default=None)
        return sessions if anybody is None else with_person.get(anybody, [])

    return [pin for pin in problem.pinned if not any(keeps(one, pin) for one in might_keep(pin))]


def _pulled_apart_by_pins(problem: Problem, sessions: Sequence[PlannedSession]) -> set[PlannedSession]:
    """The sessions of people who have one session only, and whom a pin wants in another."""
    known = problem.by_id
    unkept = _unkept(problem, sessions)
    if not unkept:
        return set()
    with_person = by_person(sessions)
    pinned = chain.from_iterable(pin.people for pin in unkept)
    once = (person for person in pinned if person in known and known[person].most_sessions <= 1)
    return {one for person in once for one in with_person.get(person, ()) if person in one.people}


# The round


class _Round:
    """One round on its way from what stands to what holds again."""

    def __init__(
        self, problem: Problem, standing: tuple[PlannedSession, ...], newcomers: frozenset[str], search: Search
    ) -> None:
        self.problem = problem
        self.everyone = _Everyone(problem)
        self.standing = standing
        self.search = search
        self.before = _standing(self.everyone, standing)
        self.sessions = self.before.possible
        peers = frozenset(person.id for person in problem.participants if person.most_sessions > 0)
        self.claims = peers & (newcomers | {person for one in standing for person in one.people})
        self.settled = peers & {person for one in self.before.possible for person in one.people}
        self.told = Told(problem, standing, self.before.open, self.claims, self.settled)
        self.opened = self.told.hear_anyway
        self.loose = {p.id: None for p in problem.participants if p.id in self.opened | (newcomers & peers)}
        self.smallest = min((len(one.everyone) for one in self.before.possible), default=0)
        self.proven = False

    def mended(self) -> tuple[PlannedSession, ...]:
        contested = self.before.contested
        if not self.loose and not contested and not _unkept(self.problem, self.sessions):
            self.proven = True
            return self.sessions
        if self._may_all_move:
            solved = self._part(frozenset(self.problem.by_id), frozenset(self.sessions)).solved_or_nothing()
            self.proven = solved is not None and solved.proven
            return self._anew() if solved is None else solved.finished
        return self._mended_near()

    @property
    def _may_all_move(self) -> bool:
        if are_pairs(self.problem):
            return len(self.problem.participants) <= PAIRS_THAT_MAY_ALL_MOVE
        if len(self.problem.participants) > PEOPLE_THAT_MAY_ALL_MOVE:
            return False
        return seats_of(self.problem) <= SEATS_THAT_MAY_ALL_MOVE

    def _mended_near(self) -> tuple[PlannedSession, ...]:
        """Look around the loose people; where they are many, first among themselves, then around whoever is left."""
        must, loose = self.before.contested, list(self.loose)
        if len(loose) > CORE:
            for first in range(0, len(loose), LOOSE_AT_ONCE):
                self._mended_around(loose[first : first + LOOSE_AT_ONCE], frozenset(), widen=False)
        left = self._without_a_seat(loose) if len(loose) > CORE else loose
        self.proven = self._mended_around(left[:CORE], must) and len(loose) <= CORE
        for first in range(CORE, len(left), CORE):
            if self.search.is_over(self.search.time_limit):
                break
            self._mended_around(left[first : first + CORE], frozenset())
        if _unkept(self.problem, self.sessions) or not self._holds:
            return self._anew()
        return self.sessions

    def _without_a_seat(self, people: Iterable[str]) -> list[str]:
        seated = {person for one in self.sessions for person in one.people}
        return [person for person in people if person in self.claims and person not in seated]

    @property
    def _holds(self) -> bool:
        return not self.before.contested or not _people_in_trouble(self.problem, self.sessions)

    def _anew(self) -> tuple[PlannedSession, ...]:
        """Nothing near keeps the pins: the whole round is matched again, which also says which pins clash."""
        self.proven = False
        rest = max(1.0, self.search.time_limit - self.search.seconds)
        return match(self.problem, time_limit=rest, processes=self.search.processes, seed=self.search.seed).sessions

    def _mended_around(self, core: list[str], must: frozenset[PlannedSession], *, widen: bool = True) -> bool:
        """Widen the neighbourhood until the claims in it are held; whether that is proven to tell fewest."""
        pinned = _people_of_unkept_pins(self.problem, self.sessions) & self.problem.by_id.keys()
        middle = [*core, *sorted({person for one in must for person in one.everyone} | pinned)]
        near = _Near(self.everyone, self.sessions, middle)
        best: Solved | None = None
        for wider, more in enumerate((near.nothing, near.to_join, near.to_pass_on) if widen else (near.nothing,)):
            solved = self._solved_with(near.people, must, more())
            if solved and (best is None or self._holds_more(solved, best)):
                best = solved
            if best and (wider or best.told <= self.smallest) and self._are_seated_for_good(core, best):
                break
        if best is None:
            return False
        self.sessions = best.finished
        fewest = best.told == 0 or (best.told <= self.smallest and near.everyone_is_near and not must)
        return best.proven and fewest and self._are_seated(core, self.sessions)

    def _holds_more(self, one: Solved, other: Solved) -> bool:
        """Whether the one is better than the other by the first two wishes."""

        def lacks(solved: Solved) -> tuple[int, int, int]:
            seated = frozenset(chain.from_iterable(session.people for session in solved.sessions))
            settled, claims = (self._weight_of(some - seated) for some in (self.settled, self.claims))
            return settled, claims, len(people_told(self.standing, solved.sessions))

        return lacks(one) < lacks(other)

    def _weight_of(self, people: Iterable[str]) -> int:
        return sum(self.told.weights[person] for person in people)

    def _are_seated_for_good(self, people: Iterable[str], solved: Solved) -> bool:
        """Also by the last wishes, which may seat another one of them."""
        return self._are_seated(people, solved.sessions) and self._are_seated(people, solved.finished)

    def _are_seated(self, people: Iterable[str], sessions: Iterable[PlannedSession]) -> bool:
        return not self.claims.intersection(people).difference(chain.from_iterable(one.people for one in sessions))

    def _solved_with(
        self, people: frozenset[str], must: frozenset[PlannedSession], more: Sequence[PlannedSession]
    ) -> Solved | None:
        """The best where these sessions may change as well, or the first of them, as many as one model holds."""
        while True:
            movable = must.union(more)
            part = self._part(people | {person for one in movable for person in one.everyone}, movable)
            if part.fits or not more:
                return part.solved_or_nothing() if part.fits else None
            more = more[: len(more) // 2]

    def _part(self, people: frozenset[str], movable: frozenset[PlannedSession]) -> Neighbourhood:
        outside = tuple(one for one in self.sessions if one not in movable)
        beside = self._beside(people, outside)
        return Neighbourhood(
            self.told, beside, tuple(one for one in self.sessions if one in movable), outside, self.search
        )

    def _beside(self, people: frozenset[str], outside: Sequence[PlannedSession]) -> Problem:
        """The problem of these people, beside what the others do; but for how many sessions fit at once."""
        with_person = by_person(one for one in outside if not people.isdisjoint(one.everyone))
        few = self.everyone.among(people)
        left = tuple(_less(person, with_person.get(person.id, ())) for person in few.participants)
        program = replace(self.problem.program, sessions_at_once=None)
        return replace(few, participants=left, program=program, pinned=tuple(_unkept(self.problem, outside)))


def _less(person: Participant, sessions: Sequence[PlannedSession]) -> Participant:
    """What is left of somebody's week beside these sessions."""
    if not sessions:
        return person
    return replace(
        person,
        busy=person.busy | {one.span for one in sessions},
        most_sessions=max(0, person.most_sessions - sum(person.id in one.people for one in sessions)),
        facilitates=max(0, person.facilitates - sum(person.id in one.facilitators for one in sessions)),
    )


# Who and what is near


class _Near:
    """People and sessions around some who are loose."""

    def __init__(self, everyone: "_Everyone", sessions: tuple[PlannedSession, ...], core: Sequence[str]) -> None:
        self.everyone = everyone
        self.problem = everyone.problem
        self.sessions = sessions
        self.core = [self.problem.by_id[person] for person in dict.fromkeys(core) if person in self.problem.by_id]

    @cached_property
    def _free_to_come(self) -> list[str]:
        """Who has no session, or can lead one more, and could meet somebody of the core; the most promising first."""
        seats = Counter(person for one in self.sessions for person in one.people)
        leads = Counter(person for one in self.sessions for person in one.facilitators)
        led = self.problem.program.facilitators_per_session > 0
        core = {person.id for person in self.core}
        found: list[tuple[int, str]] = []
        for person in self.problem.participants:
            can_lead = led and person.facilitates > leads[person.id]
            can_come = person.most_sessions > 0 and not seats[person.id]
            if person.id not in core and (can_lead or can_come):
                friends = sum(self._could_meet(one, person) for one in self.core)
                if friends:
                    found.append((friends, person.id))
        return [person for _, person in sorted(found, key=lambda one: -one[0])]

    @cached_property
    def without_a_session(self) -> frozenset[str]:
        """Those of them who are looked at, as many as one model holds."""
        most = MOST_NEAR
        while most > 1 and not are_pairs(self.problem) and self._places_with(most) > MOST_PLACES // 2:
            most //= 2
        return self._first(most)

    def _first(self, most: int) -> frozenset[str]:
        known = self.problem.by_id
        peers = [person for person in self._free_to_come if known[person].most_sessions > 0]
        leaders = [person for person in self._free_to_come if known[person].most_sessions <= 0]
        return frozenset(peers[:most] + leaders[: most // LEADERS_NEAR])

    def _places_with(self, most: int) -> int:
        known = self.problem.by_id
        people = [known[person] for person in self._first(most) | {person.id for person in self.core}]
        return places(self.problem, {person.id: self.everyone.starts(person) for person in people})

    @property
    def people(self) -> frozenset[str]:
        return self.without_a_session | {person.id for person in self.core}

    @property
    def everyone_is_near(self) -> bool:
        """Whether nobody without a session who could be of use was left out."""
        return len(self.without_a_session) == len(self._free_to_come)

    def nothing(self) -> list[PlannedSession]:
        return []

    def to_join(self) -> list[PlannedSession]:
        """Sessions that somebody of the core could join as they stand, and some with more people than they need.

        Those with the fewest people, and the best of them, come first.
        """
        each = max(2, SESSIONS_NEAR // max(1, len(self.core)))
        lend = islice(self._could_pass_on(at_least=self.problem.program.smallest + 1), SESSIONS_THAT_LEND)
        ranks = zip_longest(*(self._best_to_join(person)[:each] for person in self.core), lend)
        return list(dict.fromkeys(session for rank in ranks for session in rank if session))

    def _best_to_join(self, person: Participant) -> list[PlannedSession]:
        found = list(islice(self._could_join(person), LOOKED_AT))
        smallest = min((len(session.everyone) for session in found), default=0)
        few = [session for session in found if len(session.everyone) == smallest]
        return sorted(few, key=lambda session: -self._gain(session, person))

    def _could_join(self, person: Participant) -> Iterator[PlannedSession]:
        known, starts = self.problem.by_id, self.everyone.starts(person)
        for session in self.sessions:
            size = len(session.people) + 1
            if (
                starts >> start_of(self.problem, session.span) & 1
                and size <= self.problem.program.largest
                and person.id not in session.everyone
                and all(one.comfort.allows_size(size) for one in (person, *(known[peer] for peer in session.people)))
                and person.comfort.allows_medium(session.medium)
                and self.everyone.may_be(replace(session, people=(*session.people, person.id)))
            ):
                yield session

    def _gain(self, session: PlannedSession, person: Participant) -> int:
        more = replace(session, people=(*session.people, person.id))
        few = self.everyone.among(more.everyone)
        return points_of(few, more) - points_of(few, session)

    def to_pass_on(self) -> list[PlannedSession]:
        """Those, and sessions where one could meet somebody of the core, and another somebody without a session."""
        found = list(islice(self._could_pass_on(), LOOKED_AT))
        others = [self.problem.by_id[person] for person in self.without_a_session]

        def usefulness(session: PlannedSession) -> tuple[int, int]:
            people = [self.problem.by_id[person] for person in session.people]
            return -sum(any(self._could_meet(one, person) for one in others) for person in people), len(people)

        return list(dict.fromkeys([*self.to_join(), *sorted(found, key=usefulness)[:SESSIONS_NEAR]]))

    def _could_pass_on(self, at_least: int = 0) -> Iterator[PlannedSession]:
        """Sessions of so many people in which somebody could meet one of the core."""
        known = self.problem.by_id
        large = (session for session in self.sessions if len(session.people) >= at_least)
        for session in large:
            if any(self._could_meet(one, known[person]) for one in self.core for person in session.people):
                yield session

    def _could_meet(self, one: Participant, other: Participant) -> bool:
        """A quick look: an hour, a language and a medium in common, and neither keeps apart."""
        problem = self.problem
        return (
            bool(self.everyone.starts(one) & self.everyone.starts(other))
            and other.id not in one.keep_apart
            and one.id not in other.keep_apart
            and (not requires(problem, "languages") or share_one([one.languages, other.languages]))
            and any(one.comfort.allows_medium(by) and other.comfort.allows_medium(by) for by in problem.program.mediums)
        )
