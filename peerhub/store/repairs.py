"""The smallest change of a published round: who looks for it, what was found, and whether it was used."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from peerhub.domain.refusals import WrongStage
from peerhub.matching.change import Change, Step
from peerhub.store.proposals import session_as_json, session_from_json
from peerhub.store.tables import Member, Offer, Seat
from peerhub.store.tables import Repair as Row

__all__ = ["Change", "Claim", "Repair", "RepairStage", "Step"]


class RepairStage(StrEnum):
    """``asked`` waits for a worker or is with one; what was ``used`` has been published."""

    ASKED = "asked"
    FOUND = "found"
    FAILED = "failed"
    USED = "used"


@dataclass(frozen=True)
class Repair:
    """What was asked for a round, and the change once it is found."""

    id: UUID
    round_id: UUID
    stage: RepairStage
    asked_at: datetime
    change: Change | None = None


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a repair; ``attempt`` counts the workers who took it up."""

    id: UUID
    round_id: UUID
    lease: UUID
    attempt: int


async def of_round(round_id: UUID) -> Repair | None:
    """The repair that was asked for last, if there is one."""
    row = await Row.select().where(Row.round == round_id).first()
    return _repair(row) if row else None


async def hold(round_id: UUID) -> Repair | None:
    """The same, and nobody else changes it until the transaction ends."""
    rows = await Row.raw("SELECT * FROM repair WHERE round = {} FOR UPDATE", round_id)
    return _repair(rows[0]) if rows else None


async def ask(round_id: UUID, now: datetime) -> bool:
    """Ask for a new one in place of what was found; false while one is being looked for anyway."""
    asked = await Row.raw(
        "INSERT INTO repair (id, round, stage, asked_at, attempts) VALUES ({}, {}, 'asked', {}, 0)"
        " ON CONFLICT (round) DO UPDATE SET id = EXCLUDED.id, stage = 'asked', asked_at = EXCLUDED.asked_at,"
        " attempts = 0, content = NULL WHERE repair.stage <> 'asked' RETURNING id",
        uuid4(), round_id, now,
    )  # fmt: skip
    return bool(asked)


async def drop(repair_id: UUID) -> bool:
    """Forget it, unless it was used; false when it is gone already."""
    return bool(await Row.delete().where(Row.id == repair_id, Row.stage != "used").returning(Row.id))


async def claim(now: datetime, until: datetime) -> Claim | None:
    """Take one that waits to be looked for, or whose worker's lease has run out; each goes to one worker."""
    lease = uuid4()
    rows = await Row.raw(
        "UPDATE repair SET lease = {}, lease_until = {}, attempts = attempts + 1 WHERE id = ("
        "SELECT id FROM repair WHERE stage = 'asked' AND (lease IS NULL OR lease_until <= {})"
        " ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, round, attempts",
        lease, until, now,
    )  # fmt: skip
    return Claim(rows[0]["id"], rows[0]["round"], lease, rows[0]["attempts"]) if rows else None


async def renew(claim: Claim, until: datetime) -> None:
    """Hold on a little longer.

    Raises:
        WrongStage: somebody else looks for it now, or it is no longer wanted.
    """
    held = await Row.update({Row.lease_until: until}).where(*_held_by(claim)).returning(Row.id)
    if not held:
        raise WrongStage("someone else looks for this change now")


async def let_go(claim: Claim) -> None:
    """Leave it to another worker, as if this one had never taken it up."""
    await Row.update({Row.lease: None, Row.lease_until: None, Row.attempts: claim.attempt - 1}).where(*_held_by(claim))


async def keep(claim: Claim, change: Change) -> bool:
    """What was found; false when the worker no longer holds it, or somebody in it was erased meanwhile."""
    if not await _are_all_known(change.told):
        return False
    content = json.dumps(_as_json(change))
    return bool(
        await Row.update({Row.stage: "found", Row.content: content, Row.lease: None, Row.lease_until: None})
        .where(*_held_by(claim))
        .returning(Row.id)
    )


async def fail(claim: Claim) -> None:
    """No worker could find one."""
    await Row.update({Row.stage: "failed", Row.lease: None, Row.lease_until: None}).where(*_held_by(claim))


async def put_used(repair_id: UUID) -> None:
    """It was published; what it said stands in the sessions now."""
    await Row.update({Row.stage: "used", Row.content: None}).where(Row.id == repair_id)


async def forget(member_id: UUID) -> None:
    """Drop every change that names this member."""
    await Row.raw("DELETE FROM repair WHERE position({} in content::text) > 0", str(member_id))


async def who_is_not_asked_again(round_id: UUID, now: datetime) -> set[UUID]:
    """Who said no to a seat of this round, in a session that stands or not, and who is being asked just now."""
    rows = await Seat.raw(
        "SELECT s.member FROM seat s JOIN session n ON n.id = s.session WHERE n.round = {} AND s.rsvp = 'no'"
        " UNION SELECT o.member FROM offer o JOIN session n ON n.id = o.session WHERE n.round = {}"
        " AND (o.state = 'declined' OR o.state = 'open' AND o.expires_at > {})",
        round_id, round_id, now,
    )  # fmt: skip
    return {row["member"] for row in rows}


async def who_was_taken_out(round_id: UUID) -> dict[UUID, set[UUID]]:
    """By session, whoever had a seat in it that was taken back."""
    rows = await Seat.raw(
        "SELECT s.session, s.member FROM seat s JOIN session n ON n.id = s.session"
        " WHERE n.round = {} AND s.removed_at IS NOT NULL",
        round_id,
    )  # fmt: skip
    taken_out = defaultdict(set)
    for row in rows:
        taken_out[row["session"]].add(row["member"])
    return dict(taken_out)


async def sessions_being_filled(round_id: UUID, now: datetime) -> set[UUID]:
    """Sessions with a free seat that somebody is being offered just now."""
    rows = await Offer.raw(
        "SELECT DISTINCT o.session FROM offer o JOIN session n ON n.id = o.session"
        " WHERE n.round = {} AND o.state = 'open' AND o.expires_at > {}"
        " AND EXISTS (SELECT 1 FROM seat s WHERE s.session = n.id AND s.part = 'peer' AND s.rsvp = 'no'"
        " AND s.removed_at IS NULL)",
        round_id, now,
    )  # fmt: skip
    return {row["session"] for row in rows}


def _held_by(claim: Claim) -> tuple[Any, ...]:
    return Row.id == claim.id, Row.lease == claim.lease


async def _are_all_known(people: Iterable[str]) -> bool:
    ids = [UUID(person) for person in people]
    return not ids or await Member.count().where(Member.id.is_in(ids)) == len(ids)


def _repair(row: Mapping[str, Any]) -> Repair:
    change = _from_json(json.loads(row["content"])) if row["content"] else None
    return Repair(row["id"], row["round"], RepairStage(row["stage"]), row["asked_at"], change)


def _as_json(change: Change) -> dict[str, Any]:
    steps = [
        {
            "session": str(step.session) if step.session else None,
            "before": session_as_json(step.before) if step.before else None,
            "after": session_as_json(step.after) if step.after else None,
        }
        for step in change.steps
    ]
    return {"steps": steps, "without": list(change.without)}


def _from_json(content: Mapping[str, Any]) -> Change:
    steps = (
        Step(
            session=UUID(one["session"]) if one["session"] else None,
            before=session_from_json(one["before"]) if one["before"] else None,
            after=session_from_json(one["after"]) if one["after"] else None,
        )
        for one in content["steps"]
    )
    return Change(tuple(steps), tuple(content["without"]))
