"""What organizers may know of the outbox: kinds, states, times and reasons, never an address or what a letter says.

Letters that members ask for themselves, such as links to sign in, are counted and never listed: nobody sees who is
about. Whom a letter is for is told only of letters that come from what an organizer did.
"""

# ruff: noqa: S608 - statements are put together from this module's own pieces, values always travel apart from them

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from peerhub.domain.letters import BY_A_PERSON, Standing, State
from peerhub.domain.refusals import NotFound
from peerhub.mail.letters import IN_TURN
from peerhub.store import members
from peerhub.store.tables import Installation, Letter

ON_A_PAGE: Final = 50
NAMED: Final = (
    "invitation", "changed_invitation", "invitation_again", "cancelled_invitation", "removed_from_session",
    "seat_taken", "not_matched",
)  # fmt: skip
_STALLED: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class KeptLetter:
    """A letter as its row on the page; ``to`` is a display name, or empty where organizers are not told."""

    id: UUID
    number: int
    kind: str
    to: str
    created_at: datetime
    ended_at: datetime | None
    standing: Standing


@dataclass(frozen=True)
class Counts:
    """How many letters of each kind are in each state; ``asked_for`` those that members ask for themselves."""

    listed: Mapping[tuple[State, str], int]
    asked_for: Mapping[State, int]

    def of(self, state: State) -> int:
        return sum(letters for (one, _), letters in self.listed.items() if one is state)

    @property
    def kinds(self) -> list[str]:
        return sorted({kind for _, kind in self.listed})


async def counts() -> Counts:
    rows = await Letter.raw("SELECT state, lane, kind, count(*) AS letters FROM letter GROUP BY state, lane, kind")
    asked_for = dict.fromkeys(State, 0)
    for row in rows:
        if row["lane"] != IN_TURN:
            asked_for[State(row["state"])] += row["letters"]
    listed = {(State(row["state"]), row["kind"]): row["letters"] for row in rows if row["lane"] == IN_TURN}
    return Counts(listed, asked_for)


async def newest(state: State | None, kind: str | None, before: int | None) -> tuple[list[KeptLetter], bool]:
    """A page of letters, the newest first, and whether there are older ones."""
    rows = await Letter.raw(
        f"SELECT {_COLUMNS} FROM letter l WHERE l.lane = {IN_TURN} AND ({{}}::text IS NULL OR l.state = {{}})"
        " AND ({}::text IS NULL OR l.kind = {}) AND ({}::bigint IS NULL OR l.number < {})"
        " ORDER BY l.number DESC LIMIT {}",
        list(NAMED), state, state, kind, kind, before, before, ON_A_PAGE + 1,
    )  # fmt: skip
    names = await members.names_of({row["named"] for row in rows if row["named"]})
    return [_kept(row, names.get(row["named"], "")) for row in rows[:ON_A_PAGE]], len(rows) > ON_A_PAGE


async def standing_of(letter_id: UUID) -> tuple[str, Standing]:
    """A letter's kind and how it stands; nobody changes it until the transaction ends.

    Raises:
        NotFound: there is none, or it is one that a member asked for.
    """
    rows = await Letter.raw(
        f"SELECT {_COLUMNS} FROM letter l WHERE l.lane = {IN_TURN} AND l.id = {{}} FOR UPDATE OF l", [], letter_id
    )
    if not rows:
        raise NotFound("there is no such letter")
    return rows[0]["kind"], _kept(rows[0], "").standing


async def try_again(letter_id: UUID, now: datetime) -> None:
    """It is due now, and as often as a new one."""
    await Letter.raw(
        "UPDATE letter SET state = 'pending', due_at = {}, attempts = 0, lost = 0, ended_at = NULL WHERE id = {}",
        now, letter_id,
    )  # fmt: skip


async def call_off(letter_id: UUID, now: datetime) -> None:
    await Letter.raw(
        "UPDATE letter SET state = 'cancelled', ended_at = {}, lease = NULL, lease_until = NULL, trouble = {}"
        " WHERE id = {}",
        now, BY_A_PERSON, letter_id,
    )  # fmt: skip


async def is_copy() -> bool:
    """Whether this database is known to be a copy, whose letters wait."""
    return await Installation.exists().where(Installation.copied_at.is_not_null())


async def stalled_since(now: datetime) -> datetime | None:
    """Since when letters are due and none leaves: the mail server cannot be used, or nobody works."""
    rows = await Letter.raw(
        f"SELECT min(l.due_at) AS since FROM letter l WHERE l.state = 'pending' AND l.due_at <= {{}}"
        f" AND l.expires_at > {{}} AND NOT {_IS_BEHIND} AND NOT {_IS_OUT_OF_REACH} AND NOT EXISTS"
        " (SELECT 1 FROM letter gone WHERE gone.state = 'sent' AND gone.ended_at > {}"
        " AND gone.sealed_body IS NOT NULL)",  # as it is for a week; so an index leads to them
        now - _STALLED, now, now - _STALLED,
    )  # fmt: skip
    since: datetime | None = rows[0]["since"]
    return since


def _kept(row: Mapping[str, Any], to: str) -> KeptLetter:
    standing = Standing(
        State(row["state"]), row["due_at"], row["expires_at"], row["trouble"], row["attempts"], row["ambiguous"],
        row["fenced"], row["has_body"], row["is_behind"], row["is_superseded"], row["is_out_of_reach"],
    )  # fmt: skip
    return KeptLetter(row["id"], row["number"], row["kind"], to, row["created_at"], row["ended_at"], standing)


_IS_BEHIND = (
    "EXISTS (SELECT 1 FROM letter o WHERE o.about = l.about AND o.number < l.number"
    " AND o.state IN ('pending', 'sending', 'held'))"
)
_IS_OUT_OF_REACH = (
    f"(l.lane = {IN_TURN} AND EXISTS"
    " (SELECT 1 FROM unreached u WHERE u.member = l.member AND u.out_of_reach_at IS NOT NULL))"
)
_COLUMNS = (
    "l.id, l.number, l.kind, l.state, l.due_at, l.expires_at, l.created_at, l.ended_at, l.attempts, l.ambiguous,"
    " l.trouble, l.fenced_at IS NOT NULL AS fenced, l.sealed_body IS NOT NULL AS has_body,"
    f" {_IS_BEHIND} AS is_behind, {_IS_OUT_OF_REACH} AS is_out_of_reach,"
    " EXISTS (SELECT 1 FROM letter n WHERE n.about = l.about AND n.number > l.number) AS is_superseded,"
    " CASE WHEN l.kind = ANY({}) AND EXISTS"
    " (SELECT 1 FROM enrolment e WHERE e.member = l.member AND e.left_at IS NULL) THEN l.member END AS named"
)
