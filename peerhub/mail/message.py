"""A letter as the bytes that leave, and back: headers, text, HTML and calendar of one mail to one address."""

import email
from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter
from peerhub.mail.plain import is_one_address, one_line
from peerhub.mail.signature import signed

_WIRE = SMTP.clone(max_line_length=998)


def compose(letter: Letter, head: Letterhead, message_id: str, now: datetime) -> bytes:
    """The mail as it will leave; every copy of it carries the same ``message_id``.

    Raises:
        ValueError: the recipient's address is not exactly one plain address.
    """
    if not is_one_address(letter.to.address):
        raise ValueError("one plain address was expected")
    content_type, content = _content_of(letter, message_id)
    headers = {
        "From": head.mail_from,
        "To": letter.to.address,
        "Subject": _header(one_line(letter.subject, 200)),
        "Date": format_datetime(now),
        "Message-ID": message_id,
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
    }
    if one_click := letter.words.get("unsubscribe"):
        headers |= {"List-Unsubscribe": f"<{one_click}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    headers |= {"MIME-Version": "1.0", "Content-Type": content_type, "Content-Language": "en"}
    mail = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n" + content
    return signed(mail, head.dkim_key, head.mail_from.rpartition("@")[2]) if head.dkim_key else mail


# The parts are put together by hand: an EmailMessage takes ten times as long, and a round writes to thousands.


def _content_of(letter: Letter, message_id: str) -> tuple[str, bytes]:
    """The type of the whole, and its parts; the boundaries follow from the name, so every copy is the same."""
    name = sha256(message_id.encode()).hexdigest()[:24]
    alternatives = [_text("plain", letter.text), _text("html", letter.html)]
    if not (letter.calendar and letter.method):
        return _together("alternative", f"=_a{name}", alternatives)
    entry = b64encode(letter.calendar)
    alternatives.append(_base64(f'text/calendar; method="{letter.method}"; charset="UTF-8"', entry))
    kind, body = _together("alternative", f"=_a{name}", alternatives)
    attached = _base64('application/ics\r\nContent-Disposition: attachment; filename="invite.ics"', entry)
    return _together("mixed", f"=_m{name}", [f"Content-Type: {kind}\r\n\r\n".encode() + body, attached])


def _together(kind: str, boundary: str, parts: Iterable[bytes]) -> tuple[str, bytes]:
    """Neither quoted-printable nor base64 can hold a boundary that begins with ``=_``."""
    line = f"--{boundary}".encode()
    body = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts)
    return f'multipart/{kind}; boundary="{boundary}"', body + line + b"--\r\n"


def _text(kind: str, text: str) -> bytes:
    head = f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    lines = "\n".join(text.splitlines()) + "\n"
    return head.encode() + b2a_qp(lines.encode()).replace(b"\n", b"\r\n")


def _base64(kind: str, encoded: bytes) -> bytes:
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
    return head + b"".join(encoded[at : at + 76] + b"\r\n" for at in range(0, len(encoded), 76))


def _header(value: str) -> str:
    """One line where it is plain, encoded words where it is not (RFC 2047)."""
    return value if value.isascii() and "=?" not in value else Header(value, "utf-8").encode(linesep="\r\n")


@dataclass(frozen=True)
class Reading:
    """A mail as its reader sees it."""

    to: str
    subject: str
    text: str
    html: str
    calendar: str


def read(mail: bytes) -> Reading:
    message = email.message_from_bytes(mail, policy=_WIRE)
    parts = {part.get_content_type(): part for part in message.walk() if not part.is_attachment()}
    return Reading(
        str(message["To"]),
        str(message["Subject"]),
        _content(parts.get("text/plain")),
        _content(parts.get("text/html")),
        _content(parts.get("text/calendar")),
    )


def _content(part: EmailMessage | None) -> str:
    return str(part.get_content()) if part else ""
