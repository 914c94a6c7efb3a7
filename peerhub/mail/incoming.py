"""A mail that comes in: an answer from a calendar, a letter that came back, or nothing that we read."""

import email
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.policy import compat32
from itertools import islice
from typing import Final

from peerhub.mail.bounces import Bounce, bounce_in
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.replies import Reply, Unreadable, reply_in

MOST_BYTES: Final = 1_000_000
_MOST_PARTS = 50
_MOST_WRAPPINGS = 40
_ADDRESSED_IN = ("Delivered-To", "X-Original-To", "Envelope-To", "To")


@dataclass(frozen=True)
class Ignored:
    """A mail that changes nothing; ``why`` is one of a few constant sentences and quotes nothing."""

    why: str


@dataclass(frozen=True)
class Incoming:
    """What a mail turned out to be; ``name`` is its Message-ID, under which a second copy is known."""

    name: str
    content: Reply | Bounce | Ignored


def read(mail: bytes, to: Sequence[str], head: Letterhead) -> Incoming:
    """Read a mail that was delivered to these addresses; whatever is in it, nothing is raised.

    An answer is looked for first, since calendars send theirs as automatic mail.
    """
    try:
        return _read(mail, to, head)
    except Unreadable as unreadable:
        return Incoming("", Ignored(str(unreadable)))
    except Exception as error:  # strangers wrote it, and none of it may stop those who come after
        return Incoming("", Ignored(f"it cannot be read ({type(error).__name__})"))


def _read(mail: bytes, to: Sequence[str], head: Letterhead) -> Incoming:
    if len(mail) > MOST_BYTES:
        return Incoming("", Ignored("it is too large"))
    if mail.lower().count(b"multipart/") > _MOST_WRAPPINGS or mail.lower().count(b"message/") > _MOST_WRAPPINGS:
        return Incoming("", Ignored("it is wrapped too often"))
    message = email.message_from_bytes(mail, policy=compat32)
    parts = list(islice(_parts_of(message), _MOST_PARTS))
    addresses = [*to, *(str(line)[:400] for name in _ADDRESSED_IN for line in message.get_all(name, []))]
    content = reply_in(parts) or bounce_in(message, parts, addresses, head)
    return Incoming(str(message.get("Message-ID", "")).strip()[:400], content or Ignored("it is nothing that we read"))


def _parts_of(message: Message) -> Iterator[Message]:
    """The parts of the mail itself; what lies within a mail that is only enclosed was not said by its sender."""
    yield message
    payload = message.get_payload()
    if message.get_content_maintype() == "multipart" and isinstance(payload, list):
        for part in payload:
            if isinstance(part, Message):
                yield from _parts_of(part)
