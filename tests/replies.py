"""Mails as calendars and mail servers send them to us: answers, and letters that come back."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from uuid import uuid4


def an_answer(
    uid: str,
    attendee: str,
    said_at: datetime,
    partstat: str = "ACCEPTED",
    *,
    method: str = "REPLY",
    sequence: int | None = 0,
    starts_at: datetime | None = None,
    more: tuple[str, ...] = (),
    sender: str = "ana@example.org",
    message_id: str | None = None,
    name: str = "text/calendar",
) -> bytes:
    """A mail in which a calendar answers; ``more`` are further lines of the event."""
    lines = [
        "BEGIN:VCALENDAR", "PRODID:-//A calendar//EN", "VERSION:2.0", f"METHOD:{method}", "BEGIN:VEVENT", f"UID:{uid}",
        f"DTSTAMP:{said_at:%Y%m%dT%H%M%SZ}", f"ATTENDEE;PARTSTAT={partstat};CN=Ana:{attendee}",
    ]  # fmt: skip
    lines += [f"SEQUENCE:{sequence}"] if sequence is not None else []
    lines += [f"DTSTART:{starts_at:%Y%m%dT%H%M%SZ}"] if starts_at else []
    lines += [*more, "END:VEVENT", "END:VCALENDAR", ""]
    return a_mail("\r\n".join(lines), sender, message_id=message_id, method=method, name=name)


def a_mail(
    calendar: str, sender: str = "ana@example.org", *, message_id: str | None = None, method: str = "REPLY",
    name: str = "text/calendar",
) -> bytes:  # fmt: skip
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, "hello@peerhub.example", "Accepted: Appointment"
    mail["Message-ID"] = message_id or f"<{uuid4()}@example.org>"
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("Ana has accepted this invitation.")
    maintype, _, subtype = name.partition("/")
    mail.add_alternative(calendar.encode(), maintype=maintype, subtype=subtype, params={"method": method})
    return mail.as_bytes()


def a_report(
    to: str, status: str = "5.1.1", *, action: str = "failed", given_back: str | None = None, whole: bool = False
) -> bytes:
    """A delivery report; ``given_back`` is the Message-ID of the letter that came back."""
    original = f"From: hello@peerhub.example\r\nMessage-ID: {given_back}\r\nSubject: You have a new invitation\r\n\r\n"
    kind = "message/rfc822" if whole else "text/rfc822-headers"
    parts = [
        "Content-Type: text/plain\r\n\r\nYour letter could not be delivered.\r\n",
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
        f"Final-Recipient: rfc822; ana@example.org\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no such user ana@example.org\r\n",
        *([f"Content-Type: {kind}\r\n\r\n{original}"] if given_back else []),
    ]
    body = "".join(f"--edge\r\n{part}\r\n" for part in parts)
    head = (
        f"From: MAILER-DAEMON@mx.example.org\r\nTo: {to}\r\nMessage-ID: <{uuid4()}@mx.example.org>\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="edge"\r\n\r\n'
    )
    return f"{head}{body}--edge--\r\n".encode()
