"""A letter as the bytes that leave, and back: headers, text, HTML and calendar of one mail to one address."""

import email
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter
from peerhub.mail.plain import is_one_address, one_line
from peerhub.mail.signature import signed

_WIRE = SMTP.clone(max_line_length=998)  # shorter lines would turn long header values into encoded words


def compose(letter: Letter, head: Letterhead, message_id: str, now: datetime) -> bytes:
    """The mail as it will leave; every copy of it carries the same ``message_id``.

    Raises:
        ValueError: the recipient's address is not exactly one plain address.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(addr_spec=head.mail_from)
    message["To"] = _one_address(letter.to.address)
    message["Subject"] = one_line(letter.subject, 200)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    if one_click := letter.words.get("unsubscribe"):
        message["List-Unsubscribe"] = f"<{one_click}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    if letter.calendar and letter.method:
        calling = {"method": letter.method, "charset": "UTF-8"}
        message.add_alternative(letter.calendar, maintype="text", subtype="calendar", params=calling)
        message.add_attachment(letter.calendar, maintype="application", subtype="ics", filename="invite.ics")
    message["Content-Language"] = "en"  # last, since the content takes such headers along into its part
    mail = message.as_bytes(policy=_WIRE)
    return signed(mail, head.dkim_key, head.mail_from.rpartition("@")[2]) if head.dkim_key else mail


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


def _one_address(address: str) -> Address:
    if not is_one_address(address):
        raise ValueError("one plain address was expected")
    return Address(addr_spec=address)
