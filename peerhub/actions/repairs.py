"""Life gets in the way of a published round: an organizer asks for the smallest change, looks at it, and publishes it.

A worker finds it with the matcher, in a process of its own. Nobody hears of it before the organizer uses it, and then
only those for whom something changes. If anything that it touches has changed meanwhile, it is found anew instead.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from tempfile import NamedTemporaryFile
from typing import Any, Final
from uuid import UUID

from peerhub.actions.matching import (
    MOST_ATTEMPTS,
    Clock,
    Hold,
    Limits,
    MatcherFailed,
    ToldToGo,
    Work,
    ask_the_matcher,
)
from peerhub.actions.rounds import domain_of, invitation_of
from peerhub.actions.standing import AsItStands, as_it_stands
from peerhub.domain.refusals import WrongStage
from peerhub.domain.rounds import Stage
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter
from peerhub.matching.change import Change, Step, change_between
from peerhub.matching.proposal import PlannedSession, Proposal
from peerhub.matching.proposal_file import proposal_to_json
from peerhub.matching.rules import unmatched_of
from peerhub.store import audit, members, outbox, reminders, repairs, rounds, sessions
from peerhub.store.database import transaction
from peerhub.store.repairs import Claim, RepairStage
from peerhub.store.rounds import StoredRound
from peerhub.store.sessions import StoredSeat, StoredSession

LIMITS: Final = Limits(seconds=30)
OUTDATED: Final = (
    "Somebody has answered, or something else has changed, since this change was found. Nothing was sent, and the"
    " smallest change is being looked for once more."
)
_ANOTHER: Final = "Another change was asked for since this page was shown. Please look at that one."


class Outdated(WrongStage):
    """The change no longer fits what stands; another one is being looked for."""


async def ask(round_id: UUID, organizer: UUID, now: datetime) -> None:
    """Have the smallest change looked for; to ask twice is to ask once.

    Raises:
        NotFound: there is no such round.
        WrongStage: it is not published, or closed already.
    """
    async with transaction():
        await rounds.hold(round_id, Stage.PUBLISHED)
        if await repairs.ask(round_id, now):
            await audit.note("smallest change asked for", organizer, round_id, now)


async def drop(round_id: UUID, repair_id: UUID, organizer: UUID, now: datetime) -> None:
    """Leave everything as it is; what was used already stays so.

    Raises:
        NotFound: there is no such round.
        WrongStage: it is not published, or closed already.
    """
    async with transaction():
        await rounds.hold(round_id, Stage.PUBLISHED)
        if await repairs.drop(repair_id):
            await audit.note("smallest change left alone", organizer, round_id, now)


# A worker finds it


async def run(claim: Claim, clock: Clock, ends: asyncio.Event, limits: Limits | None = None) -> None:
    """Find the change that this worker has claimed, and keep it for the organizer to look at."""
    if claim.attempt > MOST_ATTEMPTS:
        await repairs.fail(claim)
        return
    stands = await as_it_stands(await rounds.by_id(claim.round_id), clock())
    try:
        change = await _found(stands, Work(_holding(claim), clock, ends, limits or LIMITS))
    except MatcherFailed:
        await repairs.fail(claim)
    except ToldToGo:
        await repairs.let_go(claim)
    except WrongStage:
        return  # our lease ran out, or nobody wants it any more
    else:
        await _keep(claim, change, clock())


def _holding(claim: Claim) -> Hold:
    async def hold(until: datetime, _: Mapping[str, Any]) -> bool:
        await repairs.renew(claim, until)
        return False  # it takes seconds; nobody stops it

    return hold


async def _found(stands: AsItStands, work: Work) -> Change:
    with _written_down(stands) as file:
        return change_to(await ask_the_matcher(stands.problem, work, "--repair", file), stands)


def change_to(proposal: Proposal, stands: AsItStands) -> Change:
    """What would be different if this were published.

    Raises:
        MatcherFailed: the sessions beside it, of which the matcher was not told, stand against it.
    """
    change = change_between(stands.may_change, proposal.sessions, stands.seated_elsewhere)
    if stands.broken_by(change):
        raise MatcherFailed("the sessions beside it stand against it")
    return change


@contextmanager
def _written_down(stands: AsItStands) -> Iterator[str]:
    """What everybody was told so far, for the matcher to read; nobody in it is new."""
    told = tuple(stands.may_change.values())
    standing = Proposal(told, unmatched_of(stands.problem, told, ""))
    with NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        file.write(proposal_to_json(standing, stands.problem))
        file.flush()
        yield file.name


async def _keep(claim: Claim, change: Change, now: datetime) -> None:
    async with transaction():
        await rounds.hold(claim.round_id, *Stage)
        if await repairs.keep(claim, change):
            detail = {"sessions": len(change.steps), "people": len(change.told)}
            await audit.note("smallest change found", None, claim.round_id, now, **detail)
        else:
            await repairs.let_go(claim)


# An organizer publishes it


async def use(round_id: UUID, repair_id: UUID, head: Letterhead, organizer: UUID, now: datetime) -> None:
    """Publish exactly this change: sessions, seats and letters, all of it or nothing, and once.

    To use it again changes nothing.

    Raises:
        NotFound: there is no such round.
        WrongStage: the round is not published, or another change was asked for meanwhile.
        Outdated: something that it touches has changed, or a rule stands against it by now; it is looked for anew.
    """
    try:
        async with transaction():
            await sessions.hold_ahead(round_id, now)
            await rounds.hold(round_id, Stage.PUBLISHED)
            found = await repairs.hold(round_id)
            if found is None:
                raise Outdated(OUTDATED)  # somebody in it was erased, or an organizer left everything as it was
            if found.id == repair_id and found.stage is RepairStage.USED:
                return
            if found.id != repair_id or found.change is None:
                raise WrongStage(_ANOTHER)
            await _publish(found.change, await rounds.by_id(round_id), head, organizer, now)
            await repairs.put_used(repair_id)
    except Outdated:
        await ask(round_id, organizer, now)
        raise


async def _publish(change: Change, round_: StoredRound, head: Letterhead, organizer: UUID, now: datetime) -> None:
    await members.hold(*map(UUID, change.told))
    stands = await as_it_stands(round_, now)
    if not stands.is_what_was(change) or stands.broken_by(change):
        raise Outdated(OUTDATED)
    await _leave(change, stands, now)
    for step in change.steps:
        await _take(step, stands, round_, head, now)
    new = [step.after for step in change.steps if step.after and not step.session]
    if new:
        await sessions.put(round_.id, new, domain_of(head), place=round_.program.place)
    after = {session.id: session for session in await sessions.of_round(round_.id)}
    written = await _letters(change, round_, stands.sessions, after, head, now)
    await outbox.put(head, written, now)
    changed = [step.session for step in change.steps if step.session]
    await reminders.call_off(now, [seat.id for one in changed for seat in stands.sessions[one].seats])
    detail = {"sessions": len(change.steps), "people": len(change.told), "letters": len(written)}
    await audit.note("smallest change published", organizer, round_.id, now, **detail)


async def _leave(change: Change, stands: AsItStands, now: datetime) -> None:
    """Call off what does not take place; who had said no before hears nothing, and can no longer say yes."""
    off = [step.session for step in change.steps if step.session and not step.after]
    changed = [stands.sessions[step.session] for step in change.steps if step.session]
    silent = [seat.uid for session in changed for seat in _not_coming(session, stands)]
    await outbox.cancel_about(silent, now)
    await sessions.cancel(*off)
    await sessions.raise_sequence(*off)


def _not_coming(session: StoredSession, stands: AsItStands) -> list[StoredSeat]:
    comes = stands.may_change[session.id].everyone
    return [seat for seat in session.seats if str(seat.member_id) not in comes]


async def _take(step: Step, stands: AsItStands, round_: StoredRound, head: Letterhead, now: datetime) -> None:
    """Let a session that goes on become what it will be: when, how, and who."""
    if not (step.session and step.after):
        return
    session, after = stands.sessions[step.session], step.after
    for seat in session.seats:
        if str(seat.member_id) not in after.everyone:
            await sessions.remove_seat(seat.id, now)
    if (after.span, after.medium) != (session.span, session.medium):
        place = session.place if after.medium == session.medium else round_.program.place
        await sessions.change(session.id, after.span, after.medium, place)
    if after.span != session.span:
        await sessions.ask_again(session.id)
    await sessions.raise_sequence(session.id)
    there = {str(seat.member_id) for seat in session.seats}
    parts = [(one, "peer") for one in after.people] + [(one, "facilitator") for one in after.facilitators]
    for person, part in parts:
        if person not in there:
            await sessions.add_seat(session.id, UUID(person), part, domain_of(head))


async def _letters(  # noqa: PLR0917
    change: Change,
    round_: StoredRound,
    before: Mapping[UUID, StoredSession],
    after: Mapping[UUID, StoredSession],
    head: Letterhead,
    now: datetime,
) -> list[Letter]:
    """One for each seat that is new, changed or gone."""
    told = _said(change, before, after)
    to = await members.recipients_of(UUID(person) for person in change.told)
    return [
        _WRITE[one.kind](head, to[one.seat.member_id], invitation_of(round_, one.session, one.seat, to), now)
        for one in told
        if one.seat.member_id in to
    ]


_WRITE: Final = {
    "invited": letters.invitation,
    "changed": letters.changed_invitation,
    "removed": letters.removed_from_session,
    "cancelled": letters.cancelled_invitation,
}


@dataclass(frozen=True)
class _Said:
    """What one seat's member is told of their session."""

    kind: str
    session: StoredSession
    seat: StoredSeat


def _said(change: Change, before: Mapping[UUID, StoredSession], after: Mapping[UUID, StoredSession]) -> Iterable[_Said]:
    for step in change.steps:
        if step.session and step.before:
            yield from _said_of(step, step.before, before[step.session], after[step.session])
    for id_ in after.keys() - before.keys():
        yield from (_Said("invited", after[id_], seat) for seat in after[id_].seats)


def _said_of(step: Step, planned: PlannedSession, was: StoredSession, will_be: StoredSession) -> Iterator[_Said]:
    if step.after is None:
        yield from (_Said("cancelled", will_be, one) for one in will_be.seats if str(one.member_id) in planned.everyone)
        return
    there = {seat.id for seat in was.seats}
    yield from (_Said("changed" if seat.id in there else "invited", will_be, seat) for seat in will_be.seats)
    left = set(planned.everyone) - set(step.after.everyone)
    for seat in was.seats:
        if str(seat.member_id) in left:
            yield _Said("removed", was, replace(seat, sequence=seat.sequence + 1))
