"""The promise, as sixteen invariants that hold whatever went wrong (the numbers are those of the specification)."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peerhub.store.engine import DB
from tests.mail.cast import the_outbox
from tests.smtp import Copy, Mailbox

ENDS = ("sent", "failed", "expired", "cancelled", "held")  # held: set aside for a person, until its expiry ends it
_UID = re.compile(rb"^UID:(.+?)\r?$", re.MULTILINE)
_SEQUENCE = re.compile(rb"^SEQUENCE:([0-9]+)\r?$", re.MULTILINE)
_SECRETS = re.compile(r"[\w.+-]+@(?:example\.org|example\.com)|/(?:sign-in|confirm|invitations)/[\w.~-]{8,}")


@dataclass(frozen=True)
class Happened:
    """What a test did; everything else is read from the database and the mail server's journal."""

    told: Sequence[str] = ()  # the address of every letter whose fact was acknowledged
    kills: int = 0  # of workers, databases or connections, inside [fence, mark]
    erased: Sequence[str] = ()  # addresses of members who are no more
    logs: Iterable[Path] = ()
    has_ended: bool = True  # the faults are over, and there was time


async def assert_invariants(mailbox: Mailbox, happened: Happened) -> None:
    """Assert I1 to I16, of the whole database and of everything that the mail server was handed."""
    reminders = await written_down()
    rows, copies = await the_outbox(), mailbox.copies()
    by_id = Counter(copy.message_id for copy in copies)
    row_of = {row["message_id"]: row for row in rows}
    copied = [row for row in rows if by_id[row["message_id"]]]

    # I1, I10: what was acknowledged has one row for each recipient, and nothing else has any
    causes = Counter(row["cause"] for row in rows)
    assert [cause for cause, letters in causes.items() if letters > 1] == []
    if happened.told:
        assert len(rows) == len(happened.told) - len(happened.erased)
        said_yes_to = Counter(copy.to[0] for copy in first_of_each(copies))
        assert said_yes_to - Counter(happened.told) == Counter()
    # I2: sent, so the mail server has it
    assert [row["id"] for row in rows if row["state"] == "sent" and not by_id[row["message_id"]]] == []
    # I3: the mail server has it, so it did not fail
    assert [row["id"] for row in copied if row["state"] == "failed"] == []
    # I4: every letter came to an end
    if happened.has_ended:
        assert [(row["kind"], row["state"]) for row in rows if row["state"] not in ENDS] == []
    # I5: whatever went out went out under the one name of its row, to its recipient alone
    if not happened.erased:
        assert set(by_id) <= set(row_of)
    assert [copy.to for copy in copies if len(copy.to) != 1 or str(copy.message["To"]) != copy.to[0]] == []
    assert [name for name, to in addresses_by_id(copies).items() if len(to) != 1] == []
    # I6, I7: a second copy was counted as ambiguous, and every one is the fault of a kill in the window
    assert [row["id"] for row in copied if by_id[row["message_id"]] > 1 + row["ambiguous"]] == []
    assert sum(by_id.values()) - len(by_id) <= happened.kills
    # I8: a refusal for good got one attempt
    assert [row["attempts"] for row in rows if row["trouble"].startswith("5") and row["state"] == "failed"] == [
        1 for row in rows if row["trouble"].startswith("5") and row["state"] == "failed"
    ]
    # I9: nothing came after its end
    assert [copy.to for copy in copies if is_late(copy, row_of.get(copy.message_id))] == []
    assert [copy.to for copy in copies if copy.to[0] in happened.erased] == []
    # I11: nobody is behind a fence but who holds the lease
    assert [row["id"] for row in rows if row["fenced_at"] and not (row["state"] == "sending" and row["lease"])] == []
    # I12: what the clock asks for is written down with its letter, once for a seat and a time, and came under one name
    assert [row["id"] for row in rows if is_asked_by_the_clock(row) and row["cause"] not in reminders] == []
    assert await asked("SELECT seat FROM reminder GROUP BY seat, kind, occurrence HAVING count(*) > 1") == []
    assert await asked("SELECT cause FROM reminder WHERE cause IS NOT NULL GROUP BY cause HAVING count(*) > 1") == []
    # I13: a round was published once, and nobody sits twice in one session of it
    assert (
        await asked("SELECT about FROM audit WHERE action = 'round published' GROUP BY about HAVING count(*) > 1") == []
    )
    assert await asked("SELECT member FROM seat GROUP BY session, member HAVING count(*) > 1") == []
    assert await asked(IN_TWO_PLACES) == []
    # I14: one UID for a seat, for life, and its SEQUENCE never falls
    assert await asked("SELECT uid FROM seat GROUP BY uid HAVING count(*) > 1") == []
    assert [uid for uid, numbers in sequences_by_uid(copies).items() if numbers != sorted(numbers)] == []
    # I15: a copy of a database has sent nothing but what was asked for at the copy
    assert await asked(
        "SELECT letter.id FROM letter, installation WHERE copied_at IS NOT NULL AND state IN ('sending', 'sent')"
        " AND COALESCE(ended_at, claimed_at) > copied_at AND NOT (lane = 0 AND letter.created_at >= copied_at)"
    ) == []  # fmt: skip
    # I16: no address, no token and no word of a letter in what was said
    said = "\n".join(path.read_text() for path in happened.logs if path.exists())
    said += "\n".join(row["trouble"] for row in rows)
    assert _SECRETS.findall(said) == []


ASKED_ONCE = ("check_in_request", "reminder", "nudge")
IN_TWO_PLACES = (
    "SELECT one.member FROM seat one JOIN session here ON here.id = one.session"
    " JOIN seat other ON other.member = one.member AND other.id > one.id"
    " JOIN session there ON there.id = other.session"
    " WHERE one.removed_at IS NULL AND other.removed_at IS NULL AND here.stage = 'planned' AND there.stage = 'planned'"
    " AND here.starts_at < there.ends_at AND there.starts_at < here.ends_at"
)


def is_asked_by_the_clock(row: dict[str, Any]) -> bool:
    """Whether the letter is one of those, and was not called off: its reminder may be made anew then."""
    return row["kind"] in ASKED_ONCE and row["state"] != "cancelled"


async def written_down() -> set[str]:
    """The causes of all letters that the clock asked for."""
    return {row["cause"] for row in await asked("SELECT cause FROM reminder WHERE cause IS NOT NULL")}


def first_of_each(copies: Iterable[Copy]) -> list[Copy]:
    """The copies without their repetitions."""
    return list({copy.message_id: copy for copy in copies}.values())


def addresses_by_id(copies: Iterable[Copy]) -> dict[str, set[str]]:
    found = defaultdict(set)
    for copy in copies:
        found[copy.message_id].add(copy.to[0])
    return found


def sequences_by_uid(copies: Iterable[Copy]) -> dict[bytes, list[int]]:
    """The SEQUENCE of every calendar entry, in the order in which letters came first."""
    found, seen = defaultdict(list), set()
    for copy in copies:
        if copy.message_id in seen:
            continue
        seen.add(copy.message_id)
        for part in copy.message.walk():
            if part.get_content_type() == "text/calendar":
                entry = part.get_payload(decode=True)
                assert isinstance(entry, bytes)
                found[_UID.findall(entry)[0]].append(int(_SEQUENCE.findall(entry)[0]))
    return found


def is_late(copy: Copy, row: dict[str, Any] | None) -> bool:
    """Whether the copy came after its letter was called off or had expired."""
    if row is None or row["state"] not in ("expired", "cancelled"):
        return False
    ended: datetime = row["ended_at"]
    return datetime.fromtimestamp(copy.at, UTC) > ended


async def asked(sql: str) -> list[Any]:
    return list(await DB._run_in_pool(sql))
