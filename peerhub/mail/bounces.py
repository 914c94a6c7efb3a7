"""Letters that come back: a return address of its own for each, and the delivery report that names it (RFC 3464)."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import Final
from uuid import UUID

from peerhub.mail.letterhead import Letterhead

MOST_BYTES: Final = 64 * 1024  # of the headers that a report gives back
_MARK = "b-"
_TOKEN = re.compile(rf"{_MARK}([0-9a-f]{{32}})([0-9a-f]{{16}})")
_STATUS = re.compile(r"\s*([45]\.[0-9]{1,3}\.[0-9]{1,3})\b")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,200}>")


@dataclass(frozen=True)
class Bounce:
    """A letter that did not arrive: known by its return address, or by the ``Message-ID`` of the copy that came back.

    ``status`` is the report's enhanced status code, such as ``5.1.1``.
    """

    letter: UUID | None
    message_id: str | None
    status: str


def return_address(head: Letterhead, letter: UUID) -> str:
    """Where a letter goes back to if it cannot be delivered; it tells of nobody, and only we can make one."""
    if not head.bounce_domain:
        return head.mail_from
    return f"{_MARK}{letter.hex}{_proof(head, letter)}@{head.bounce_domain}"


def letter_returned_to(head: Letterhead, address: str) -> UUID | None:
    """The letter whose return address this is, or None where it is not one of ours."""
    local, _, domain = address.strip().strip("<>").lower().rpartition("@")
    found = _TOKEN.fullmatch(local)
    if not found or not head.bounce_domain or domain != head.bounce_domain.lower():
        return None
    letter = UUID(hex=found[1])
    return letter if hmac.compare_digest(found[2], _proof(head, letter)) else None


def bounce_in(mail: Message, parts: list[Message], to: Iterable[str], head: Letterhead) -> Bounce | None:
    """What a delivery report says has failed for good; None for other mails, delays and successes."""
    if mail.get_content_type() != "multipart/report":
        return None
    status = next(filter(None, map(_failure, parts)), None)
    if status is None:
        return None
    letters = (letter_returned_to(head, address) for address in to)
    return Bounce(next(filter(None, letters), None), next(filter(None, map(_given_back, parts)), None), status)


def _failure(part: Message) -> str | None:
    """The status of the first recipient whose delivery failed."""
    if part.get_content_type() != "message/delivery-status":
        return None
    for recipient in _messages_in(part):
        found = _STATUS.match(str(recipient.get("Status", ""))[:40])
        if found and str(recipient.get("Action", "")).strip().lower() == "failed":
            return found[1]
    return None


def _given_back(part: Message) -> str | None:
    """The Message-ID of the letter that the report gives back, whole or its headers alone."""
    kind = part.get_content_type()
    if kind == "text/rfc822-headers":
        given = HeaderParser().parsestr(str(part.get_payload())[:MOST_BYTES])
    elif kind == "message/rfc822" and (enclosed := _messages_in(part)):
        given = enclosed[0]
    else:
        return None
    found = _MESSAGE_ID.search(str(given.get("Message-ID", ""))[:400])
    return found[0] if found else None


def _messages_in(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _proof(head: Letterhead, letter: UUID) -> str:
    key = hmac.digest(head.signing_key, b"return address", hashlib.sha256)
    return hmac.digest(key, letter.bytes, hashlib.sha256).hex()[:16]
