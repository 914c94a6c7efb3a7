"""The outbox: letters that are on disk with the fact that caused them, and that leave in order, once.

The way of a letter: put (pending) -> claim (sending, under a lease) -> begin -> fence -> sent. The fence is committed
just before the body is sent. A lease that ran out before it was certainly not delivered; one that ran out behind it may
have been, so that letter is sent again under the same Message-ID, and counted as ambiguous.

What is kept are the facts that a letter tells. It is written when it leaves, so that a thousand letters cost the one
who publishes a round little, and a letter that cannot be written is set aside while the others flow.
"""

# ruff: noqa: S608 - statements are put together from this module's own pieces, values always travel apart from them

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any
from uuid import UUID, uuid4

from peerhub.mail import facts, message
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import AT_ONCE, IN_TURN
from peerhub.mail.letters import Letter as Composed
from peerhub.store import installation, sealing
from peerhub.store.database import transaction
from peerhub.store.tables import Letter

LEASE = timedelta(minutes=5)
MOST_LOST = 5
BODIES_ARE_KEPT = timedelta(days=7)
BACK_OFF = (
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4)
)  # fmt: skip
_ROWS_AT_ONCE = 2000
_FACTS = b"\x02"  # what a sealed body of facts begins with; one of version 0.1 begins with an address


class CannotBeWritten(Exception):
    """What was kept of a letter makes no mail; the message says why, and names nobody."""


@dataclass(frozen=True)
class Claimed:
    """A letter that one worker may try to post while its lease lasts; its ``lost`` attempts may have ended workers."""

    id: UUID
    lease_until: datetime
    lost: int
    message_id: str = field(repr=False)
    written_at: datetime = field(repr=False)
    sealed: bytes = field(repr=False)


@dataclass(frozen=True)
class Opened:
    """A letter out of its seal: the address it goes to, and the mail it makes, written when it is asked for."""

    to: str
    _write: Callable[[], bytes] = field(repr=False)

    def __repr__(self) -> str:
        return "Opened(...)"

    @cached_property
    def mail(self) -> bytes:
        """The same facts, the same Message-ID, the same date, every time.

        Raises:
            CannotBeWritten: its template does not know what to say.
        """
        with _writing():
            return self._write()


async def put(head: Letterhead, letters: Sequence[Composed], now: datetime, *, to_nobody: bool = False) -> None:
    """Write letters down with the fact they tell of, in the caller's transaction.

    ``to_nobody`` is for a caller who takes them back, so that it costs as much time to write to nobody as to a member.

    A fact that was told before is not told again. A letter about a calendar UID takes the place of those put before it
    that have not left; hold the seat's row, so that two letters about one seat come one after the other.
    """
    async with transaction():
        for at in range(0, len(letters), _ROWS_AT_ONCE):
            columns = await asyncio.to_thread(_columns, head, letters[at : at + _ROWS_AT_ONCE], to_nobody)
            await Letter.raw(_PUT, now, now, *columns, now)


async def cancel_about(uids: Iterable[str], now: datetime) -> None:
    """Send nothing more about these calendar UIDs; what is behind the fence cannot be called back."""
    await Letter.raw(
        f"UPDATE letter SET {_END} state = 'cancelled' WHERE about = ANY({{}}) AND {_NOT_LEFT}", now, list(uids)
    )


async def cancel_kinds(member: UUID, kinds: Iterable[str], now: datetime) -> None:
    """Send a member no more letters of these kinds; what is behind the fence cannot be called back."""
    await Letter.raw(
        f"UPDATE letter SET {_END} state = 'cancelled' WHERE member = {{}} AND kind = ANY({{}}) AND {_NOT_LEFT}",
        now, member, list(kinds),
    )  # fmt: skip


async def claim(  # noqa: PLR0917
    worker: UUID,
    now: datetime,
    most: int,
    lease: timedelta = LEASE,
    lanes: Sequence[int] = (AT_ONCE, IN_TURN),
    place: str = "",
) -> list[Claimed]:
    """Take the letters of these lanes that are due, those that somebody waits for first.

    Of the letters about one calendar UID only the oldest is taken, and none while another is on its way. Where the
    database is a copy that has come to another ``place``, only sign-in letters are taken that were asked for there.
    """
    copied_at = await installation.copied_at(place, now)
    await _rescue(now)
    taken = await Letter.raw(
        _CLAIM, worker, now + lease, now, list(lanes), now, now, copied_at, AT_ONCE, copied_at, most
    )
    in_order = sorted(taken, key=lambda row: (row["lane"], row["number"]))
    return [
        Claimed(row["id"], row["lease_until"], row["lost"], row["message_id"], row["created_at"], row["sealed_body"])
        for row in in_order
    ]


def opened(letter: Claimed, head: Letterhead) -> Opened:
    """A claimed letter, ready to be addressed and written.

    Raises:
        CannotBeWritten: its seal cannot be opened, or what is in it is not understood.
    """
    with _writing():
        kept = sealing.open_bytes(letter.sealed, Letter.sealed_body, letter.id)
        if not kept.startswith(_FACTS):  # version 0.1 kept the whole mail
            address, _, mail = kept.partition(b"\n")
            return Opened(address.decode(), lambda: mail)
        composed = facts.letter_from(kept.removeprefix(_FACTS), head)
        write = partial(message.compose, composed, head, letter.message_id, letter.written_at)
        return Opened(composed.to.address, write)


@contextmanager
def _writing() -> Iterator[None]:
    """Whatever a template does: one letter that cannot be written stops no other."""
    try:
        yield
    except sealing.CannotOpen:
        raise CannotBeWritten("it cannot be opened: its key is missing, or it was changed") from None
    except Exception as error:
        raise CannotBeWritten(f"it cannot be written ({type(error).__name__})") from None


async def begin(worker: UUID, letter: UUID, now: datetime) -> None:
    """Count the attempt that begins now, so that a letter which ends its workers is told from those beside it."""
    await Letter.raw(
        f"UPDATE letter SET {_BEGUN} WHERE id = {{}} AND {_MINE} AND tried_at IS NULL", now, letter, worker
    )


async def fence(
    worker: UUID,
    letter: UUID,
    now: datetime,
    lease: timedelta = LEASE,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
) -> bool:
    """Commit that the body is about to be sent; False where this worker may not send it, or no longer.

    The member's row is held meanwhile, so that a suspension comes either before the fence or behind it. The same
    commit marks the letter ``after`` which this one comes as sent, and counts the attempt of the one ``before`` which
    it goes: of one worker's letters at most one is ever between fence and mark. Asked again with the same ``now``, as
    after a commit that nobody knows the end of, it answers the same.
    """
    step = (letter, now, after, now, before, worker, now, now + lease, letter, worker, now, now, now)
    return bool(await Letter.raw(_FENCE, *step))


async def sent(letter: UUID, now: datetime) -> None:
    """The mail server has accepted it; that is so whoever has the lease by now."""
    await Letter.raw(f"UPDATE letter SET {_SENT} WHERE id = {{}} AND {_MAY_BE_SENT}", now, letter)


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


async def set_aside(worker: UUID, letter: UUID, trouble: str) -> None:
    """It cannot be written: a person has to look at it. The others flow."""
    await Letter.raw(
        f"UPDATE letter SET {_FREE} state = 'held', trouble = {{}} WHERE id = {{}} AND {_MINE}", trouble, letter, worker
    )


async def release(worker: UUID, letters: Iterable[UUID]) -> None:
    """Give letters back that were not tried to the end; what is behind the fence is left to its lease."""
    await Letter.raw(
        f"UPDATE letter SET {_FREE} state = 'pending', attempts = attempts - (tried_at IS NOT NULL)::int"
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


async def forget_expired(now: datetime) -> None:
    """Take out letters that nobody needs any more, as a past that is made up leaves them."""
    await Letter.delete().where(Letter.expires_at <= now)


async def counts_by_state() -> dict[str, int]:
    rows = await Letter.raw("SELECT state, count(*) AS letters FROM letter GROUP BY state")
    return {row["state"]: row["letters"] for row in rows}


async def _rescue(now: datetime) -> None:
    """Take back the letters whose worker died or froze, and set aside those that it happens to again and again."""
    await Letter.raw(_RESCUE, MOST_LOST, now, now, now, f"{MOST_LOST} attempts ended without an answer")


def _columns(head: Letterhead, letters: Sequence[Composed], to_nobody: bool) -> list[list[Any]]:
    """What is put of some letters, column by column."""
    host = head.mail_from.rpartition("@")[2]
    rows = [
        (
            row := uuid4(),
            None if to_nobody else letter.to.member_id,
            letter.kind,
            letter.cause,
            letter.about,
            letter.lane,
            sealing.seal(_FACTS + facts.facts_of(letter), Letter.sealed_body, row),
            f"<{secrets.token_hex(16)}@{host}>",
            letter.expires_at,
        )
        for letter in letters
    ]
    return [list(column) for column in zip(*rows, strict=True)]


# Pieces of SQL; {} takes the next value.
_FREE = "lease = NULL, lease_until = NULL, fenced_at = NULL,"
_END = f"{_FREE} ended_at = {{}},"
_SENT = f"{_END} state = 'sent', trouble = ''"
_MAY_BE_SENT = "state NOT IN ('sent', 'cancelled')"
_BEGUN = "tried_at = {}, attempts = attempts + 1"
_MINE = "state = 'sending' AND lease = {}"
_NOT_LEFT = "state IN ('pending', 'held', 'sending') AND fenced_at IS NULL"

_PUT = f"""
WITH put AS (
    INSERT INTO letter (due_at, created_at, id, member, kind, cause, about, lane, sealed_body, message_id, expires_at)
    SELECT {{}}, {{}}, id, member, kind, cause, about, lane, sealed_body, message_id, expires_at
    FROM unnest(
        {{}}::uuid[], {{}}::uuid[], {{}}::text[], {{}}::text[], {{}}::text[], {{}}::smallint[], {{}}::bytea[],
        {{}}::text[], {{}}::timestamptz[]
    ) WITH ORDINALITY AS one (id, member, kind, cause, about, lane, sealed_body, message_id, expires_at, nth)
    ORDER BY nth
    ON CONFLICT (cause) DO NOTHING
    RETURNING about
)
UPDATE letter SET {_END} state = 'cancelled'  -- what was put before, as the statement found it
WHERE about = ANY(ARRAY(SELECT about FROM put WHERE about IS NOT NULL)) AND {_NOT_LEFT}
"""

_CLAIM = """
UPDATE letter SET state = 'sending', lease = {}, lease_until = {}, claimed_at = {}, tried_at = NULL
WHERE id = ANY(ARRAY(
    SELECT due.id FROM letter due
    WHERE due.state = 'pending' AND due.lane = ANY({}) AND due.due_at <= {} AND due.expires_at > {}
    AND ({}::timestamptz IS NULL OR (due.lane = {} AND due.created_at >= {}))
    AND NOT EXISTS (
        SELECT 1 FROM letter older
        WHERE older.about = due.about AND older.number < due.number AND older.state IN ('pending', 'sending', 'held')
    )
    AND NOT EXISTS (SELECT 1 FROM member WHERE member.id = due.member AND member.stage = 'suspended')
    AND (due.lane = 0 OR NOT EXISTS (
        SELECT 1 FROM unreached WHERE unreached.member = due.member AND unreached.out_of_reach_at IS NOT NULL
    ))
    ORDER BY due.lane, due.number
    LIMIT {}
    FOR UPDATE OF due SKIP LOCKED
))
RETURNING id, number, lane, lost, sealed_body, message_id, created_at, lease_until
"""

_FENCE = f"""
WITH addressee AS (
    SELECT member.id FROM member JOIN letter ON letter.member = member.id
    WHERE letter.id = {{}} AND member.stage <> 'suspended'
    FOR SHARE OF member
), held AS (
    SELECT count(*) AS members FROM addressee  -- the member first, then letters: as whoever erases a member locks
), marked AS (
    UPDATE letter SET {_SENT} WHERE id = {{}} AND {_MAY_BE_SENT} AND (SELECT members FROM held) >= 0
), begun AS (
    UPDATE letter SET {_BEGUN} WHERE id = {{}} AND {_MINE} AND tried_at IS NULL AND (SELECT members FROM held) >= 0
)
UPDATE letter SET fenced_at = {{}}, lease_until = {{}}
WHERE id = {{}} AND {_MINE} AND lease_until > {{}} AND expires_at > {{}} AND (fenced_at IS NULL OR fenced_at = {{}})
AND (member IS NULL OR member = (SELECT id FROM addressee))
RETURNING id
"""

_RESCUE = """
WITH gone AS (
    SELECT gone.id, CASE
        WHEN EXISTS (SELECT 1 FROM letter newer WHERE newer.about = gone.about AND newer.number > gone.number)
        THEN 'cancelled'
        WHEN gone.lost + (gone.tried_at IS NOT NULL)::int < {} THEN 'pending'
        ELSE 'held'
    END AS becomes
    FROM letter gone WHERE gone.state = 'sending' AND gone.lease_until <= {}
    FOR UPDATE OF gone SKIP LOCKED
)
UPDATE letter SET
    state = gone.becomes,
    lost = letter.lost + (letter.tried_at IS NOT NULL)::int,
    ambiguous = letter.ambiguous + (letter.fenced_at IS NOT NULL)::int,
    lease = NULL, lease_until = NULL, fenced_at = NULL,
    due_at = {},
    ended_at = CASE WHEN gone.becomes = 'cancelled' THEN {}::timestamptz END,
    trouble = CASE WHEN gone.becomes = 'held' THEN {} ELSE letter.trouble END
FROM gone WHERE letter.id = gone.id
"""
