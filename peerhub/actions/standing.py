"""A published round as it stands now: who comes, which sessions are short of people, and what can still change.

What somebody was told, and everybody comes to, stands, whatever their hours or wishes are by now: only a change that
people can see leads to another one. So a repair tells an organizer nothing that a member keeps to themselves.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.domain.invitations import Rsvp
from peerhub.domain.offers import LAST_CALL
from peerhub.domain.programs import Program
from peerhub.domain.rounds import Standing
from peerhub.matching import rules
from peerhub.matching.change import Change
from peerhub.matching.problem import Participant, Problem
from peerhub.matching.proposal import PlannedSession, Proposal
from peerhub.matching.rules import BrokenRule
from peerhub.store import repairs, rounds, sessions
from peerhub.store.rounds import StoredRound
from peerhub.store.sessions import StoredSession

_LONGER_THAN_A_WEEK: Final = timedelta(days=10)


@dataclass(frozen=True)
class AsItStands:
    """The sessions that may change, as those who come make them up, and the problem that all others leave."""

    problem: Problem
    may_change: Mapping[UUID, PlannedSession]
    stays: tuple[PlannedSession, ...]
    sessions: Mapping[UUID, StoredSession]

    @property
    def seated_elsewhere(self) -> frozenset[str]:
        """Who has a seat that nothing takes away."""
        return frozenset(person for one in self.stays for person in one.people)

    def is_what_was(self, change: Change) -> bool:
        """Whether every session that would change still is as it was when the change was found."""
        return all(self.may_change.get(step.session) == step.before for step in change.steps if step.session)

    def broken_by(self, change: Change) -> list[BrokenRule]:
        """The rules that it would break, beside all that it leaves as it is."""
        steps = {step.session for step in change.steps}
        left = [one for id_, one in self.may_change.items() if id_ not in steps]
        after = [replace(step.after, pinned=False) for step in change.steps if step.after]
        near = [one for one in left if not change.told.isdisjoint(one.everyone)]
        known = set(self._too_many_at_once(list(self.may_change.values())))
        at_once = [one for one in self._too_many_at_once(left + after) if one not in known]
        return rules.broken_rules_of_sessions(replace(self.problem, pinned=()), near + after) + at_once

    def _too_many_at_once(self, may_change: list[PlannedSession]) -> list[BrokenRule]:
        return list(rules.not_too_many_at_once(self.problem, Proposal((*self.stays, *may_change))))


def coming(session: StoredSession, gone: Set[UUID] = frozenset()) -> PlannedSession:
    """The session as it would be held: without who said no, or is gone."""
    seats = [seat for seat in session.seats if seat.rsvp != Rsvp.NO and seat.member_id not in gone]
    return replace(
        session.as_planned,
        people=tuple(str(seat.member_id) for seat in seats if seat.part == "peer"),
        facilitators=tuple(str(seat.member_id) for seat in seats if seat.part == "facilitator"),
    )


def is_short(session: PlannedSession, program: Program) -> bool:
    """Whether fewer come than a session needs, or fewer lead it."""
    return len(session.people) < program.smallest or len(session.facilitators) < program.facilitators_per_session


def can_still_change(session: StoredSession, now: datetime) -> bool:
    """Whether it is far enough ahead that nobody has to hurry."""
    return session.stage == "planned" and session.span.starts_at >= now + LAST_CALL


async def as_it_stands(round_: StoredRound, now: datetime) -> AsItStands:
    """All that a repair is told; the number of statements does not grow with the round."""
    standings, problem = await rounds.readiness_of(round_)
    held = await sessions.of_round(round_.id)
    return await asyncio.to_thread(  # ten thousand people take most of a second
        settled,
        problem,
        {session.id: session for session in held},
        gone={member for member, standing in standings.items() if standing is Standing.SUSPENDED},
        not_again=await repairs.who_is_not_asked_again(round_.id, now),
        being_filled=await repairs.sessions_being_filled(round_.id, now),
        taken_out=await repairs.who_was_taken_out(round_.id),
        now=now,
    )


def settled(
    problem: Problem,
    held: Mapping[UUID, StoredSession],
    *,
    gone: Set[UUID] = frozenset(),
    not_again: Set[UUID] = frozenset(),
    being_filled: Set[UUID] = frozenset(),
    taken_out: Mapping[UUID, Set[UUID]] = MappingProxyType({}),
    now: datetime,
) -> AsItStands:
    """What can still change, and what everybody's week is beside all that cannot.

    ``gone`` never come. ``not_again`` said no once this week, or are being asked just now: they keep what they have,
    and get nothing new. Sessions that are ``being_filled`` wait for an answer first. Whoever said no to a session, or
    was ``taken_out`` of it, is not put back at that time; who was taken out and has no seat is left to organizers.
    """
    not_then = {(str(one), held[id_].span) for id_, people in taken_out.items() if id_ in held for one in people}
    not_then |= {(str(seat.member_id), one.span) for one in held.values() for seat in one.seats if seat.rsvp == Rsvp.NO}
    problem = _never_at(problem, not_then)
    planned = {one.id: coming(one, gone) for one in held.values() if one.stage == "planned"}
    open_ones = {
        id_: one
        for id_, one in planned.items()
        if one.everyone and can_still_change(held[id_], now) and id_ not in being_filled
    }
    stands = _stands_by_the_word(problem, open_ones, held)
    may_change = {id_: one for id_, one in open_ones.items() if id_ not in stands}
    stays = tuple(one for id_, one in planned.items() if id_ not in may_change)
    seated = {UUID(person) for one in planned.values() for person in one.everyone}
    left_out = {member for people in taken_out.values() for member in people} - seated
    left = _beside(problem, may_change, stays, not_again | left_out, now)
    return AsItStands(left, may_change, stays, held)


def _stands_by_the_word(
    problem: Problem, sessions_: Mapping[UUID, PlannedSession], held: Mapping[UUID, StoredSession]
) -> set[UUID]:
    """Sessions that nobody sees in need, but that would not be proposed today: they stay as they were told."""
    whole = {id_ for id_, one in sessions_.items() if set(one.everyone) == set(held[id_].as_planned.everyone)}
    in_need = {id_ for id_, one in sessions_.items() if is_short(one, problem.program)}
    quiet = {id_: sessions_[id_] for id_ in whole - in_need}
    broken = rules.broken_rules_of_sessions(replace(problem, pinned=()), quiet.values())
    bent = {person for one in broken for person in one.people}
    stands = {id_ for id_, one in quiet.items() if not bent.isdisjoint(one.everyone)}
    unknown = {id_ for id_, one in sessions_.items() if not problem.by_id.keys() >= set(one.everyone)}
    return stands | (unknown - in_need)


def _never_at(problem: Problem, taken: Set[tuple[str, Span]]) -> Problem:
    """The problem in which these people are not free then."""
    if not taken:
        return problem
    spans: dict[str, set[Span]] = defaultdict(set)
    for person, span in taken:
        spans[person].add(span)
    people = (replace(one, busy=one.busy | spans[one.id]) if one.id in spans else one for one in problem.participants)
    return replace(problem, participants=tuple(people))


def _beside(
    problem: Problem,
    may_change: Mapping[UUID, PlannedSession],
    stays: tuple[PlannedSession, ...],
    not_again: Set[UUID],
    now: datetime,
) -> Problem:
    """The problem that is left: nobody can begin in a hurry, and what stays takes up its people's time."""
    soon = now + LAST_CALL
    over = Span(soon - _LONGER_THAN_A_WEEK, soon)
    seats = Counter(person for one in may_change.values() for person in one.people)
    leads = Counter(person for one in may_change.values() for person in one.facilitators)
    taken = Counter(person for one in stays for person in one.people)
    led = Counter(person for one in stays for person in one.facilitators)
    busy: dict[str, set[Span]] = defaultdict(set)
    for session in stays:
        for person in session.everyone:
            busy[person].add(session.span)

    def left_of(one: Participant) -> Participant:
        most, facilitates = one.most_sessions - taken[one.id], one.facilitates - led[one.id]
        if UUID(one.id) in not_again:
            most, facilitates = min(most, seats[one.id]), min(facilitates, leads[one.id])
        return replace(
            one,
            busy=one.busy | busy[one.id] | {over},
            most_sessions=max(0, most),
            facilitates=max(0, facilitates),
        )

    pins = (pin for pin in problem.pinned if any(rules.keeps(one, pin) for one in may_change.values()))
    return replace(problem, participants=tuple(map(left_of, problem.participants)), pinned=tuple(pins))
