"""A letter as the facts it tells, small enough to be kept until it leaves, and back.

What was kept by an earlier version must still be read: a field may be added with a value to do without, never renamed.
"""

import json
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Entry, Letter
from peerhub.mail.recipient import Recipient, SeatInvitation


def facts_of(letter: Letter) -> bytes:
    """All that the letter is made of but its letterhead, as JSON."""
    facts = {
        "kind": letter.kind,
        "to": asdict(letter.to),
        "words": dict(letter.words),
        "cause": letter.cause,
        "expires_at": letter.expires_at,
        "lane": letter.lane,
        "about": letter.about,
        "entry": asdict(letter.entry) if letter.entry else None,
    }
    return json.dumps(facts, default=_kept, ensure_ascii=False, separators=(",", ":")).encode()


def letter_from(facts: bytes, head: Letterhead) -> Letter:
    """The letter that ``facts_of`` was given, under this letterhead.

    Raises:
        ValueError, KeyError, TypeError: they were kept by a version that this one does not understand.
    """
    kept = json.loads(facts, object_hook=_told)
    return Letter(head, **kept | {"to": _recipient(kept["to"]), "entry": kept["entry"] and _entry(kept["entry"])})


def _kept(value: Any) -> Any:
    """Each kind of value under a name of its own, so that it comes back as what it was."""
    match value:
        case datetime():
            return {"moment": value.isoformat()}
        case date():
            return {"day": value.isoformat()}
        case UUID():
            return {"id": value.hex}
    raise TypeError(f"a letter cannot keep a {type(value).__name__}")


def _told(kept: dict[str, Any]) -> Any:
    match kept:
        case {"moment": str(moment)} if len(kept) == 1:
            return datetime.fromisoformat(moment)
        case {"day": str(day)} if len(kept) == 1:
            return date.fromisoformat(day)
        case {"id": str(number)} if len(kept) == 1:
            return UUID(number)
    return kept


def _recipient(kept: dict[str, Any]) -> Recipient:
    return Recipient(**kept)


def _entry(kept: dict[str, Any]) -> Entry:
    seat = SeatInvitation(**kept["seat"])
    seat = replace(seat, span=Span(**kept["seat"]["span"]), others=tuple(seat.others))
    return Entry(**kept | {"seat": seat})
