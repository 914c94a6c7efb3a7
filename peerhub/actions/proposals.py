"""An organizer changes a proposal: moves and swaps people, pins sessions, and undoes it.

Every change makes a new version, and none is kept that breaks a rule which held before.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from peerhub.domain.refusals import NotFound, Refusal, WrongStage
from peerhub.domain.rounds import Stage
from peerhub.matching import preferences, reasons, rules
from peerhub.matching.problem import Problem
from peerhub.matching.proposal import PlannedSession, Proposal
from peerhub.matching.rules import BrokenRule
from peerhub.store import audit, members, proposals, quotas, rounds
from peerhub.store.database import transaction
from peerhub.store.proposals import Version
from peerhub.store.rounds import StoredRound

CANNOT_BE_TOGETHER: Final = "This session does not fit these people."
SHORT_OF_TIME_OR_ROOM: Final = frozenset(
    {
        "everyone_is_free",
        "every_session_has_its_size",
        "nobody_has_too_many_sessions",
        "nobody_is_in_two_places",
        "not_too_many_at_once",
    }
)
REFUSED_AN_HOUR: Final = 60
TAKEN_OUT: Final = "an organizer took them out of a session"


class RulesWouldBreak(Refusal):
    """Rules stand against it, each named in a sentence fit for an organizer."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = tuple(sentences)
        super().__init__(" ".join(self.sentences))


@dataclass(frozen=True)
class Move:
    """Someone goes from one session to another, by their place in the proposal; None is not matched.

    With ``swap_with``, that person goes the other way.
    """

    person: str
    here: int | None
    there: int | None
    swap_with: str | None = None


async def move(round_id: UUID, version_id: UUID, step: Move, organizer: UUID, now: datetime) -> None:
    """Move or swap people.

    Raises:
        NotFound: there is no such round, person or session.
        WrongStage: the proposal has changed since the page was shown.
        RulesWouldBreak: every rule that would break, at once.
        TooOften: so many were refused that it looks like searching for what members keep to themselves.
    """
    async with refusals_counted(round_id, organizer, now), transaction():
        await rounds.hold(round_id, Stage.PROPOSED)
        version = await current(round_id, version_id)
        problem = await rounds.problem_of(await rounds.by_id(round_id), version)
        names = await members.names_of(version.people)
        moved = moved_by(problem, version.proposal.sessions, step)
        who = {step.person, step.swap_with or step.person}
        refuse_new_breaks(problem, version.proposal.sessions, moved, who, names)
        await proposals.keep(round_id, anew(problem, version.proposal, moved), "organizer", now)
        await audit.note("proposal changed", organizer, round_id, now, version=version.number + 1)


@asynccontextmanager
async def refusals_counted(about: UUID, organizer: UUID, now: datetime) -> AsyncIterator[None]:
    """Write down each change that rules stood against, and end it where there are many.

    Each refusal tells a little of what members said in confidence, and an organizer may be a member as well.

    Raises:
        TooOften: in place of the refusal.
    """
    try:
        yield
    except RulesWouldBreak:
        await quotas.count("change refused", str(organizer), REFUSED_AN_HOUR, timedelta(hours=1), now)
        await audit.note("change refused", organizer, about, now)
        raise


async def pin(round_id: UUID, version_id: UUID, place: int, organizer: UUID, now: datetime, *, pinned: bool) -> None:
    """Keep a session as it is when the round is matched again, or let it go.

    Raises:
        NotFound: there is no such round or session.
        WrongStage: the proposal has changed since the page was shown.
    """
    async with transaction():
        await rounds.hold(round_id, Stage.PROPOSED)
        version = await current(round_id, version_id)
        session = _session_at(version.proposal.sessions, place)
        pinned_sessions = _with(version.proposal.sessions, {place: replace(session, pinned=pinned)})
        await proposals.keep(round_id, replace(version.proposal, sessions=pinned_sessions), "organizer", now)
        await audit.note("session pinned" if pinned else "session unpinned", organizer, round_id, now)


async def undo(round_id: UUID, version_id: UUID, organizer: UUID, now: datetime) -> None:
    """Go back to the version before this one.

    Raises:
        NotFound: there is no such round.
        WrongStage: this is the first version, or it has changed since the page was shown.
    """
    async with transaction():
        await rounds.hold(round_id, Stage.PROPOSED)
        version = await current(round_id, version_id)
        if version.number == 1:
            raise WrongStage("There is nothing left to undo.")
        await proposals.take_away(version)
        await audit.note("proposal change undone", organizer, round_id, now, version=version.number)


async def troubles_of(round_: StoredRound, version: Version, names: Mapping[UUID, str]) -> list[str]:
    """What no longer fits since this version was made, because someone changed their hours or left."""
    problem = await rounds.problem_of(round_, version)
    return sentences(rules.broken_rules(problem, version.proposal), names)


async def current(round_id: UUID, version_id: UUID) -> Version:
    """The round's proposal, as long as it is the version that the page has shown.

    Raises:
        WrongStage: it has changed since, or there is none.
    """
    version = await proposals.newest(round_id)
    if version is None or version.id != version_id:
        raise WrongStage("The proposal has changed since this page was shown. Please look at it once more.")
    return version


# Moving people, without a database


def moved_by(problem: Problem, sessions: tuple[PlannedSession, ...], step: Move) -> tuple[PlannedSession, ...]:
    """The sessions after a step; a session in which one person would be left alone is taken apart.

    Raises:
        NotFound: the person is not where the step says, or one of the sessions does not exist.
    """
    if step.here is None and step.person in rules.seated_in(sessions) and not step.swap_with:
        raise NotFound("this person is in a session already")
    if step.person not in problem.by_id and step.there is not None:
        raise NotFound("this person does not take part")
    leaders = {person.id for person in problem.participants if person.most_sessions == 0 and person.facilitates}
    for out, here, there in _ways(step):
        if there is not None:
            sessions = _with(sessions, {there: _joined(_session_at(sessions, there), out, out in leaders)})
        if here is not None:
            sessions = _with(sessions, {here: _left(_session_at(sessions, here), out)})
    return tuple(session for session in sessions if len(session.people) > 1)


def _ways(step: Move) -> list[tuple[str, int | None, int | None]]:
    ways = [(step.person, step.here, step.there)]
    if step.swap_with:
        ways.append((step.swap_with, step.there, step.here))
    return ways


def _joined(session: PlannedSession, person: str, leads: bool) -> PlannedSession:
    if leads:
        return replace(session, facilitators=(*session.facilitators, person))
    return replace(session, people=(*session.people, person))


def _left(session: PlannedSession, person: str) -> PlannedSession:
    if person not in session.everyone:
        raise NotFound("this person is not in that session")
    return replace(
        session,
        people=tuple(one for one in session.people if one != person),
        facilitators=tuple(one for one in session.facilitators if one != person),
    )


def _with(sessions: tuple[PlannedSession, ...], changed: Mapping[int, PlannedSession]) -> tuple[PlannedSession, ...]:
    return tuple(changed.get(place, session) for place, session in enumerate(sessions))


def _session_at(sessions: tuple[PlannedSession, ...], place: int) -> PlannedSession:
    if not 0 <= place < len(sessions):
        raise NotFound("there is no such session")
    return sessions[place]


def refuse_new_breaks(
    problem: Problem,
    before: Iterable[PlannedSession],
    after: Iterable[PlannedSession],
    moved: Iterable[str],
    names: Mapping[UUID, str],
) -> None:
    """Let nothing through that breaks a rule; only what was broken before and concerns nobody who moves may stay so.

    Raises:
        RulesWouldBreak: every rule that would break, at once.
    """
    theirs = set(moved)
    known = {one for one in rules.broken_rules_of_sessions(problem, before) if theirs.isdisjoint(one.people)}
    broken = [one for one in rules.broken_rules_of_sessions(problem, after) if one not in known]
    if broken:
        raise RulesWouldBreak(sentences(broken, names))


def sentences(broken: Iterable[BrokenRule], names: Mapping[UUID, str]) -> list[str]:
    """Broken rules for an organizer; what is private is one constant sentence, which want of time or room brings."""
    broken = list(broken)
    told = [_sentence(one, names) for one in broken if not one.private]
    if any(one.private or one.rule in SHORT_OF_TIME_OR_ROOM for one in broken):
        told.append(CANNOT_BE_TOGETHER)
    return list(dict.fromkeys(told))


def _sentence(broken: BrokenRule, names: Mapping[UUID, str]) -> str:
    called = {person: names.get(UUID(person), "someone who has left") for person in broken.people}
    if broken.rule == "pins_are_kept":
        return f"The session of {', '.join(sorted(called.values()))} is pinned. Please unpin it first."
    text = broken.text
    for person, name in called.items():
        text = text.replace(person, name)
    return (text[0].upper() + text[1:] if text.startswith(("a ", "this ")) else text) + "."


def anew(problem: Problem, before: Proposal, sessions: tuple[PlannedSession, ...]) -> Proposal:
    """The proposal with these sessions: points and reasons counted again, and everyone without a seat told why."""
    weighed = tuple(weigh(problem, session) for session in sessions)
    known = {one.id: one for one in before.unmatched}
    unmatched = rules.unmatched_of(problem, weighed, TAKEN_OUT)
    matched = len({person for session in weighed for person in session.people})
    return replace(
        before,
        sessions=weighed,
        unmatched=tuple(known.get(one.id, one) for one in unmatched),
        points=sum(session.points for session in weighed),
        bound=before.bound if matched == before.matched else 0,  # the bound was proven for that many people
        matched=matched,
    )


def weigh(problem: Problem, session: PlannedSession) -> PlannedSession:
    """The session with the points and reasons that it has in this round."""
    known = set(problem.by_id)
    if not known.issuperset(session.everyone):
        return replace(session, points=0, why=())  # someone has left; the page says so
    return replace(session, points=preferences.points_of(problem, session), why=reasons.why(problem, session))
