"""The outbox: letters that are on disk with the fact that caused them, and that leave in order, once.

The way of a letter: put (pending) -> claim (sending, under a lease) -> fence -> sent. The fence is committed just
before the body is sent. A lease that ran out before it was certainly not delivered; one that ran out behind it may
have been, so that letter is sent again under the same Message-ID, and counted as ambiguous.
"""

# ruff: noqa: S608 - statements are put together from this module's own pieces, values always travel apart from them

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from peerhub.mail import message
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import AT_ONCE, IN_TURN
from peerhub.mail.letters import Letter as Composed
from peerhub.store import sealing
from peerhub.store.database import transaction
from peerhub.store.tables import Letter

LEASE = timedelta(minutes=2)
MOST_ATTEMPTS = 5
BODIES_ARE_KEPT = timedelta(days=7)
BACK_OFF = (
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4)
)  # fmt: skip
_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Claimed:
    """A letter that one worker may try to post while its lease lasts."""

    id: UUID
    to: str
    mail: bytes
    lease_until: datetime

    def __repr__(self) -> str:
        return f"Claimed({self.id})"


async def put(head: Letterhead, letters: Sequence[Composed], now: datetime, *, to_nobody: bool = False) -> None:
    """Write letters down with the fact they tell of, in the caller's transaction.

    ``to_nobody`` is for a caller who takes them back, so that it costs as much time to write to nobody as to a member.

    A fact that was told before is not told again. A letter about a calendar UID takes the place of older ones about it
    that have not left; hold the seat's row, so that two letters about one seat come one after the other.
    """
    async with transaction():
        for at in range(0, len(letters), _ROWS_AT_ONCE):
            rows = await asyncio.to_thread(_rows, head, letters[at : at + _ROWS_AT_ONCE], now)
            if to_nobody:
                for row in rows:
                    row.member = None
            await Letter.insert(*rows).on_conflict(target=Letter.cause, action="DO NOTHING")
        if uids := [letter.about for letter in letters if letter.about]:
            await _drop_superseded(uids, now)


async def cancel_about(uids: Iterable[str], now: datetime) -> None:
    """Send nothing more about these calendar UIDs; what is behind the fence cannot be called back."""
    await Letter.raw(
        f"UPDATE letter SET {_END} state = 'cancelled' WHERE about = ANY({{}}) AND {_NOT_LEFT}", now, list(uids)
    )


async def claim(
    worker: UUID, now: datetime, most: int, lease: timedelta = LEASE, lanes: Sequence[int] = (AT_ONCE, IN_TURN)
) -> list[Claimed]:
    """Take the letters of these lanes that are due, those that somebody waits for first, and count the attempt.

    Of the letters about one calendar UID only the oldest is taken, and none while another is on its way.
    """
    await _rescue(now)
    taken = await Letter.raw(_CLAIM, worker, now + lease, now, list(lanes), now, now, most)
    claimed = []
    for row in sorted(taken, key=lambda row: (row["lane"], row["number"])):
        if (opened := _opened(row)) is not None:
            claimed.append(Claimed(row["id"], *opened, row["lease_until"]))
        else:
            await fail(worker, row["id"], now, "it cannot be opened: its key is missing, or it was changed")
    return claimed


async def fence(worker: UUID, letter: UUID, now: datetime, lease: timedelta = LEASE) -> bool:
    """Commit that the body is about to be sent; False where this worker may not send it, or no longer.

    The member's row is held meanwhile, so that a suspension comes either before the fence or behind it.
    """
    return bool(await Letter.raw(_FENCE, letter, now, now + lease, letter, worker, now, now))


async def sent(letter: UUID, now: datetime) -> None:
    """The mail server has accepted it; that is so whoever has the lease by now."""
    await Letter.raw(
        f"UPDATE letter SET {_END} state = 'sent', trouble = ''"
        " WHERE id = {} AND state NOT IN ('sent', 'cancelled')",
        now, letter,
    )  # fmt: skip


async def delay(worker: UUID, letter: UUID, now: datetime, jitter: float, trouble: str) -> None:
    """Try again later: after a minute, then longer and longer, and not beyond its expiry.

    ``jitter``, from 0 to 1, lengthens the wait by up to a fifth. ``trouble`` is read by organizers: no personal data.
    """
    waits = [wait * (1 + jitter / 5) for wait in BACK_OFF]
    await Letter.raw(
        f"UPDATE letter SET {_FREE} state = 'pending', trouble = {{}},"
        " due_at = LEAST(expires_at, {}::timestamptz + ({}::interval[])[LEAST(GREATEST(attempts, 1), {})])"
        f" WHERE id = {{}} AND {_MINE}",
        trouble, now, waits, len(waits), letter, worker,
    )  # fmt: skip


async def fail(worker: UUID, letter: UUID, now: datetime, trouble: str) -> None:
    """It was refused for good; held instead where an earlier copy of it may have been accepted."""
    await Letter.raw(
        f"UPDATE letter SET {_FREE} trouble = {{}}, state = CASE WHEN ambiguous = 0 THEN 'failed' ELSE 'held' END,"
        f" ended_at = CASE WHEN ambiguous = 0 THEN {{}}::timestamptz END WHERE id = {{}} AND {_MINE}",
        trouble, now, letter, worker,
    )  # fmt: skip


async def release(worker: UUID, letters: Iterable[UUID]) -> None:
    """Give letters back that were not tried; what is behind the fence is left to its lease."""
    await Letter.raw(
        f"UPDATE letter SET {_FREE} state = 'pending', attempts = attempts - 1"
        f" WHERE id = ANY({{}}) AND {_MINE} AND fenced_at IS NULL",
        list(letters), worker,
    )  # fmt: skip


async def expire_due(now: datetime) -> int:
    """End the letters that nobody needs any more, and those to suspended members; how many there were."""
    expired = await Letter.raw(
        f"UPDATE letter SET {_END} state = 'expired' WHERE id IN (SELECT id FROM letter"
        " WHERE state IN ('pending', 'held') AND expires_at <= {} FOR UPDATE SKIP LOCKED) RETURNING id",
        now, now,
    )  # fmt: skip
    unwanted = await Letter.raw(
        f"UPDATE letter SET {_END} state = 'cancelled', trouble = 'the member is suspended' WHERE id IN"
        " (SELECT letter.id FROM letter JOIN member ON member.id = letter.member"
        " WHERE member.stage = 'suspended' AND letter.state IN ('pending', 'held')"
        " FOR UPDATE OF letter SKIP LOCKED) RETURNING id",
        now,
    )  # fmt: skip
    return len(expired) + len(unwanted)


async def purge_bodies(now: datetime) -> int:
    """Forget what ended letters said, a week after; how many there were."""
    purged = await Letter.raw(
        "UPDATE letter SET sealed_body = NULL WHERE id IN (SELECT id FROM letter"
        " WHERE sealed_body IS NOT NULL AND ended_at <= {} LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING id",
        now - BODIES_ARE_KEPT,
    )
    return len(purged)


async def counts_by_state() -> dict[str, int]:
    rows = await Letter.raw("SELECT state, count(*) AS letters FROM letter GROUP BY state")
    return {row["state"]: row["letters"] for row in rows}


async def _rescue(now: datetime) -> None:
    """Take back the letters whose worker died or froze, and set aside those that it happens to again and again."""
    trouble = f"{MOST_ATTEMPTS} attempts ended without an answer"
    await Letter.raw(_RESCUE, MOST_ATTEMPTS, now, now, now, trouble)


async def _drop_superseded(uids: list[str], now: datetime) -> None:
    await Letter.raw(
        f"UPDATE letter SET {_END} state = 'cancelled' WHERE about = ANY({{}}) AND {_NOT_LEFT} AND EXISTS"
        " (SELECT 1 FROM letter newer WHERE newer.about = letter.about AND newer.number > letter.number)",
        now, uids,
    )  # fmt: skip


def _rows(head: Letterhead, letters: Sequence[Composed], now: datetime) -> list[Letter]:
    """Some milliseconds of work for each letter, so this runs beside the loop that answers requests."""
    return [_row(head, letter, now) for letter in letters]


def _row(head: Letterhead, letter: Composed, now: datetime) -> Letter:
    row, host = uuid4(), head.mail_from.rpartition("@")[2]
    message_id = f"<{secrets.token_hex(16)}@{host}>"
    mail = message.compose(letter, head, message_id, now)
    body = sealing.seal(letter.to.address.encode() + b"\n" + mail, Letter.sealed_body, row)
    return Letter(
        id=row, member=letter.to.member_id, kind=letter.kind, cause=letter.cause, about=letter.about, lane=letter.lane,
        sealed_body=body, message_id=message_id, due_at=now, expires_at=letter.expires_at, created_at=now,
    )  # fmt: skip


def _opened(row: dict[str, Any]) -> tuple[str, bytes] | None:
    """The envelope's address and the mail, or nothing where the row cannot be opened."""
    try:
        address, _, mail = sealing.open_bytes(row["sealed_body"], Letter.sealed_body, row["id"]).partition(b"\n")
    except sealing.CannotOpen:
        return None
    return address.decode(), mail


# Pieces of SQL; {} takes the next value.
_END = "lease = NULL, lease_until = NULL, fenced_at = NULL, ended_at = {},"
_FREE = "lease = NULL, lease_until = NULL, fenced_at = NULL,"
_MINE = "state = 'sending' AND lease = {}"
_NOT_LEFT = "state IN ('pending', 'held', 'sending') AND fenced_at IS NULL"

_CLAIM = """
UPDATE letter SET state = 'sending', attempts = attempts + 1, lease = {}, lease_until = {}, claimed_at = {}
WHERE id = ANY(ARRAY(
    SELECT due.id FROM letter due
    WHERE due.state = 'pending' AND due.lane = ANY({}) AND due.due_at <= {} AND due.expires_at > {}
    AND NOT EXISTS (
        SELECT 1 FROM letter older
        WHERE older.about = due.about AND older.number < due.number AND older.state IN ('pending', 'sending', 'held')
    )
    AND NOT EXISTS (SELECT 1 FROM member WHERE member.id = due.member AND member.stage = 'suspended')
    ORDER BY due.lane, due.number
    LIMIT {}
    FOR UPDATE OF due SKIP LOCKED
))
RETURNING id, number, lane, sealed_body, lease_until
"""

_FENCE = """
WITH addressee AS (
    SELECT member.id FROM member JOIN letter ON letter.member = member.id
    WHERE letter.id = {} AND member.stage <> 'suspended'
    FOR SHARE OF member
)
UPDATE letter SET fenced_at = {}, lease_until = {}
WHERE id = {} AND state = 'sending' AND lease = {} AND lease_until > {} AND expires_at > {} AND fenced_at IS NULL
AND (member IS NULL OR member = (SELECT id FROM addressee))
RETURNING id
"""

_RESCUE = """
WITH lost AS (
    SELECT lost.id, CASE
        WHEN EXISTS (SELECT 1 FROM letter newer WHERE newer.about = lost.about AND newer.number > lost.number)
        THEN 'cancelled'
        WHEN lost.attempts < {} THEN 'pending'
        WHEN lost.ambiguous = 0 AND lost.fenced_at IS NULL THEN 'failed'
        ELSE 'held'
    END AS becomes
    FROM letter lost WHERE lost.state = 'sending' AND lost.lease_until <= {}
    FOR UPDATE OF lost SKIP LOCKED
)
UPDATE letter SET
    state = lost.becomes,
    ambiguous = letter.ambiguous + (letter.fenced_at IS NOT NULL)::int,
    lease = NULL, lease_until = NULL, fenced_at = NULL,
    due_at = {},
    ended_at = CASE WHEN lost.becomes IN ('cancelled', 'failed') THEN {}::timestamptz END,
    trouble = CASE WHEN lost.becomes IN ('failed', 'held') THEN {} ELSE letter.trouble END
FROM lost WHERE letter.id = lost.id
"""
