"""Every hard rule in plain Python, with its human reason: the specification that every proposal is checked against.

Read ``RULES`` at the end as a table of contents. A rule is a function from a problem and a proposal to what it breaks.
The solvers keep the same rules under the same names in their own way, and a test tries every seating to see that both
agree. Nothing here needs a solver, so the web asks these rules at every move of an organizer.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import combinations
from typing import Final

from peerhub.domain.availability import CELL, Span, cell_of, wall_of_week
from peerhub.domain.comfort import Role
from peerhub.domain.programs import MatchOn
from peerhub.matching.problem import Participant, Pin, Problem
from peerhub.matching.proposal import PlannedSession, Proposal, Unmatched

NOT_POSSIBLE: Final = "these people cannot be in one session this time"


@dataclass(frozen=True)
class BrokenRule:
    """One rule that a proposal breaks, and the people whom it concerns.

    ``text`` is exact and may reveal what a member told us in confidence when ``private``: comfort, topics, languages,
    roles or a keep-apart. An organizer reads ``for_organizer``, which is one constant sentence then.
    """

    rule: str
    text: str
    people: tuple[str, ...] = ()
    private: bool = False

    @property
    def for_organizer(self) -> str:
        return NOT_POSSIBLE if self.private else self.text


Rule = Callable[[Problem, Proposal], Iterator[BrokenRule]]


def broken_rules(problem: Problem, proposal: Proposal) -> list[BrokenRule]:
    """Everything that is wrong with a proposal; an empty list when it may be published."""
    return [broken for rule in RULES for broken in rule(problem, proposal)]


def broken_rules_of_sessions(problem: Problem, sessions: Iterable[PlannedSession]) -> list[BrokenRule]:
    """Everything that is wrong with the sessions alone, whoever is left over: for an organizer who moves people."""
    seating = Proposal(tuple(sessions))
    return [broken for rule in RULES_OF_SESSIONS for broken in rule(problem, seating)]


def broken_rules_beside(problem: Problem, proposal: Proposal, checked: Set[PlannedSession]) -> list[BrokenRule]:
    """The same where some sessions were ``checked`` together, for this problem, and broke none: a look at the others.

    Whatever a session breaks, but for the ``RULES_OF_THE_WHOLE``, it breaks by itself or with one that shares people.
    """
    others = [session for session in proposal.sessions if session not in checked]
    people = {person for session in others for person in session.everyone}
    near = replace(proposal, sessions=tuple(one for one in proposal.sessions if not people.isdisjoint(one.everyone)))
    return [broken for rule in RULES for broken in rule(problem, proposal if rule in RULES_OF_THE_WHOLE else near)]


# Who may be in a session


def everyone_is_known(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Each name in a session belongs to one participant, who sits there once."""
    for session in proposal.sessions:
        for person, seats in Counter(session.everyone).items():
            if person not in problem.by_id:
                yield BrokenRule("everyone_is_known", f"{person} does not take part in this round", (person,))
            elif seats > 1:
                text = f"{_name(problem, person)} is more than once in the same session"
                yield BrokenRule("everyone_is_known", text, (person,))


def everyone_is_free(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Everyone in a session, facilitators too, is free for its whole length on their own clock."""
    for session in proposal.sessions:
        cells = cells_of(problem, session.span)
        for person in everyone_in(problem, session):
            if cells is None or cells & ~problem.free[person.id]:
                text = f"{_name(problem, person.id)} is not free for the whole session"
                yield BrokenRule("everyone_is_free", text, (person.id,))


def nobody_is_crowded(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Each peer is comfortable in a session of that size."""
    for session in proposal.sessions:
        size = len(session.people)
        for person in peers_in(problem, session):
            if not person.comfort.allows_size(size):
                text = f"{_name(problem, person.id)} is not comfortable in a session of {size}"
                yield BrokenRule("nobody_is_crowded", text, (person.id,), private=True)


def nobody_is_in_a_medium_they_never_use(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """The way of meeting is possible for everyone in it, facilitators too."""
    for session in proposal.sessions:
        for person in everyone_in(problem, session):
            if not person.comfort.allows_medium(session.medium):
                text = f"{_name(problem, person.id)} never meets by {session.medium}"
                yield BrokenRule("nobody_is_in_a_medium_they_never_use", text, (person.id,), private=True)


def the_medium_is_offered(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """The way of meeting is one that the program offers."""
    for session in proposal.sessions:
        if session.medium not in problem.program.mediums:
            text = f"this program does not offer to meet by {session.medium}"
            yield BrokenRule("the_medium_is_offered", text, session.everyone)


def everyone_shares_a_language(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Where languages are a requirement, one language is spoken by everyone who named any, facilitators too."""
    if not requires(problem, "languages"):
        return
    for session in proposal.sessions:
        if not share_one([person.languages for person in everyone_in(problem, session)]):
            text = f"{_names(problem, session.everyone)} have no language in common"
            yield BrokenRule("everyone_shares_a_language", text, session.everyone, private=True)


def everyone_shares_a_topic(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Where topics are a requirement, one topic matters to every peer who named any."""
    if not requires(problem, "topics"):
        return
    for session in proposal.sessions:
        if not share_one([topics_of(person) for person in peers_in(problem, session)]):
            text = f"{_names(problem, session.people)} have no topic in common"
            yield BrokenRule("everyone_shares_a_topic", text, session.people, private=True)


def someone_shares_and_someone_listens(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Where roles are a requirement, not all peers only share and not all only listen."""
    if not requires(problem, "roles"):
        return
    for session in proposal.sessions:
        roles = {person.role for person in peers_in(problem, session)}
        if roles in ({Role.SHARE}, {Role.LISTEN}):
            text = f"{_names(problem, session.people)} all come to {roles.pop()}"
            yield BrokenRule("someone_shares_and_someone_listens", text, session.people, private=True)


def nobody_meets_who_they_keep_apart_from(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Nobody, facilitators included, is with someone whom they keep apart from."""
    for session in proposal.sessions:
        for two in combinations(sorted(set(session.everyone)), 2):
            if frozenset(two) in problem.apart:
                text = f"{_names(problem, two)} are kept apart"
                yield BrokenRule("nobody_meets_who_they_keep_apart_from", text, two, private=True)


# How often, and where


def nobody_has_too_many_sessions(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Nobody comes as a peer more often than they asked for."""
    seats = Counter(person for session in proposal.sessions for person in session.people)
    for person in problem.participants:
        if seats[person.id] > person.most_sessions:
            text = f"{_name(problem, person.id)} has {seats[person.id]} sessions but asked for {person.most_sessions}"
            yield BrokenRule("nobody_has_too_many_sessions", text, (person.id,))


def nobody_leads_too_many_sessions(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Nobody leads more sessions than they can, and nobody leads who does not facilitate."""
    led = Counter(person for session in proposal.sessions for person in session.facilitators)
    for person in problem.participants:
        if led[person.id] > person.facilitates:
            text = f"{_name(problem, person.id)} leads {led[person.id]} sessions but can lead {person.facilitates}"
            yield BrokenRule("nobody_leads_too_many_sessions", text, (person.id,))


def nobody_is_in_two_places(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Nobody's sessions overlap, as a peer or as a facilitator."""
    spans: dict[str, list[Span]] = {}
    for session in proposal.sessions:
        for person in sorted(set(session.everyone)):
            spans.setdefault(person, []).append(session.span)
    for person, theirs in spans.items():
        if any(one.overlaps(other) for one, other in combinations(theirs, 2)):
            text = f"{_name(problem, person)} is in two sessions at the same time"
            yield BrokenRule("nobody_is_in_two_places", text, (person,))


# What a session is


def every_session_has_its_size(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """The number of peers is one that the program allows; facilitators are not counted."""
    program = problem.program
    for session in proposal.sessions:
        size = len(session.people)
        if not program.smallest <= size <= program.largest:
            text = f"a session of {size} was planned, but this program has {program.smallest} to {program.largest}"
            yield BrokenRule("every_session_has_its_size", text, session.everyone)


def every_session_has_its_facilitators(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Each session is led by exactly as many people as the program says."""
    expected = problem.program.facilitators_per_session
    for session in proposal.sessions:
        if len(session.facilitators) != expected:
            text = f"a session has {len(session.facilitators)} facilitators instead of {expected}"
            yield BrokenRule("every_session_has_its_facilitators", text, session.everyone)


def every_session_has_its_length(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """A session lasts as long as the program says."""
    expected = timedelta(minutes=problem.program.session_minutes)
    for session in proposal.sessions:
        if session.span.length != expected:
            text = f"a session lasts {_minutes(session.span.length)} minutes instead of {_minutes(expected)}"
            yield BrokenRule("every_session_has_its_length", text, session.everyone)


def every_session_starts_on_the_grid(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """On the wall clock of at least one person in it, a session starts on the slot grid, unless a pin says when."""
    for session in proposal.sessions:
        cells = cells_of(problem, session.span)
        if cells is not None and (
            any(is_on_the_grid(problem, person, _lowest(cells)) for person in everyone_in(problem, session))
            or any(pin.span is not None and keeps(session, pin) for pin in problem.pinned)
        ):
            continue
        text = f"a session starts on nobody's clock at a full {problem.slot_minutes} minutes"
        yield BrokenRule("every_session_starts_on_the_grid", text, session.everyone)


# The round as a whole


def not_too_many_at_once(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """At no moment run more sessions than the program can hold."""
    most = problem.program.sessions_at_once
    if most is None:
        return
    for moment in sorted({session.starts_at for session in proposal.sessions}):
        running = [s for s in proposal.sessions if s.span.starts_at <= moment < s.span.ends_at]
        if len(running) > most:
            people = tuple(person for session in running for person in session.everyone)
            text = f"{len(running)} sessions run at {moment:%a %H:%M} UTC, but at most {most} can"
            yield BrokenRule("not_too_many_at_once", text, people)


def pins_are_kept(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """What an organizer pinned is so."""
    for pin in problem.pinned:
        if not any(keeps(session, pin) for session in proposal.sessions):
            people = tuple(sorted(pin.people | pin.facilitators))
            yield BrokenRule("pins_are_kept", f"{describe(problem, pin)} was pinned, but is not so", people)


def everyone_is_seated_or_told_why(problem: Problem, proposal: Proposal) -> Iterator[BrokenRule]:
    """Each participant has a seat, as a peer or as a facilitator, or stands among the unmatched with a reason; once."""
    told = Counter(unmatched.id for unmatched in proposal.unmatched)
    seated = {person for session in proposal.sessions for person in session.everyone}
    for person in problem.participants:
        if told[person.id] + (person.id in seated) != 1:
            problem_is = (
                "has a seat and is listed as unmatched" if person.id in seated else "is not listed exactly once"
            )
            text = f"{_name(problem, person.id)} {problem_is}"
            yield BrokenRule("everyone_is_seated_or_told_why", text, (person.id,))
    for unmatched in proposal.unmatched:
        if unmatched.id not in problem.by_id:
            text = f"{unmatched.id} does not take part in this round"
            yield BrokenRule("everyone_is_seated_or_told_why", text, (unmatched.id,))
        elif not unmatched.why:
            text = f"{_name(problem, unmatched.id)} is not told why"
            yield BrokenRule("everyone_is_seated_or_told_why", text, (unmatched.id,))


RULES_OF_SESSIONS: Final[tuple[Rule, ...]] = (
    everyone_is_known,
    everyone_is_free,
    nobody_is_crowded,
    nobody_is_in_a_medium_they_never_use,
    the_medium_is_offered,
    everyone_shares_a_language,
    everyone_shares_a_topic,
    someone_shares_and_someone_listens,
    nobody_meets_who_they_keep_apart_from,
    nobody_has_too_many_sessions,
    nobody_leads_too_many_sessions,
    nobody_is_in_two_places,
    every_session_has_its_size,
    every_session_has_its_facilitators,
    every_session_has_its_length,
    every_session_starts_on_the_grid,
    not_too_many_at_once,
    pins_are_kept,
)
RULES: Final[tuple[Rule, ...]] = (*RULES_OF_SESSIONS, everyone_is_seated_or_told_why)
RULES_OF_THE_WHOLE: Final[tuple[Rule, ...]] = (not_too_many_at_once, pins_are_kept, everyone_is_seated_or_told_why)


# What the rules are made of


def peers_in(problem: Problem, session: PlannedSession) -> list[Participant]:
    return list(filter(None, map(problem.by_id.get, session.people)))


def everyone_in(problem: Problem, session: PlannedSession) -> list[Participant]:
    return list(filter(None, map(problem.by_id.get, session.everyone)))


def seated_in(sessions: Iterable[PlannedSession]) -> frozenset[str]:
    """Who has a seat, as a peer or as a facilitator."""
    return frozenset(person for session in sessions for person in session.everyone)


def cells_of(problem: Problem, span: Span) -> int | None:
    """The cells that a stretch of time touches, as bits; None when it does not begin on a quarter hour of the week."""
    return _cells_of(span, problem.week)


@lru_cache(maxsize=4096)
def _cells_of(span: Span, week: date) -> int | None:
    try:
        first = cell_of(span.starts_at, week)
    except ValueError:
        return None
    length = -(-span.length // CELL)
    if first < 0 or first + length > len(wall_of_week("UTC", week)):
        return None
    return ((1 << length) - 1) << first


def is_on_the_grid(problem: Problem, person: Participant, cell: int) -> bool:
    """Whether the person's wall clock shows a multiple of the slot when the cell begins."""
    wall = wall_of_week(person.time_zone, problem.week)[cell]
    return wall >= 0 and wall % problem.slot_minutes == 0


def keeps(session: PlannedSession, pin: Pin) -> bool:
    """Whether the session is what the pin asks for."""
    return (
        pin.people <= set(session.people)
        and pin.facilitators <= set(session.facilitators)
        and pin.span in (None, session.span)
    )


def requires(problem: Problem, facet: str) -> bool:
    return problem.program.match_on.get(facet) is MatchOn.REQUIREMENT


def topics_of(person: Participant) -> frozenset[str]:
    """The topics that matter to the person."""
    return frozenset(topic for topic, level in person.comfort.topics.items() if level > 0)


def share_one(answers: Iterable[frozenset[str]]) -> bool:
    """Whether all who answered have one answer in common; who said nothing stands in nobody's way."""
    said = [answer for answer in answers if answer]
    return not said or bool(frozenset.intersection(*said))


def describe(problem: Problem, pin: Pin) -> str:
    """The pin in words, for the organizer who set it."""
    text = _names(problem, sorted(pin.people)) or "a session"
    if pin.facilitators:
        text += f", led by {_names(problem, sorted(pin.facilitators))},"
    return text + (f" at {pin.span.starts_at:%a %Y-%m-%d %H:%M} UTC" if pin.span else " together")


def unmatched_of(problem: Problem, sessions: Iterable[PlannedSession], why: str) -> tuple[Unmatched, ...]:
    """Everyone who has no seat, with one reason for all."""
    seated = seated_in(sessions)
    return tuple(Unmatched(person.id, why) for person in problem.participants if person.id not in seated)


def _name(problem: Problem, person: str) -> str:
    return (problem.by_id[person].name if person in problem.by_id else "") or person


def _names(problem: Problem, people: Iterable[str]) -> str:
    return " and ".join(_name(problem, person) for person in people)


def _minutes(length: timedelta) -> int:
    return length // timedelta(minutes=1)


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
