"""A signed letter proves where it comes from, and shows when it was changed on its way."""

import base64
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from peerhub.mail import letters, message
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.recipient import Recipient
from peerhub.mail.signature import BadKey, DkimKey

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)


def in_the_dns(name: bytes, timeout: int = 5) -> bytes:
    """What a name server would say of our key."""
    der = PRIVATE.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {b"autumn._domainkey.peerhub.example.": b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)}[name]


@pytest.fixture
def mail(letterhead: Letterhead, now: datetime) -> bytes:
    head = replace(letterhead, dkim_key=DkimKey("autumn", PEM))
    to = Recipient(uuid4(), "ana@example.org", "Ana", discreet=True)
    letter = letters.sign_in(head, to, "https://peerhub.example/sign-in/x", now)
    return message.compose(letter, head, "<1@peerhub.example>", now)


@pytest.mark.parametrize("name", [b"List-Unsubscribe", b"List-Unsubscribe-Post"])
def test_how_to_leave_is_signed(name: bytes, letterhead: Letterhead, now: datetime) -> None:
    head = replace(letterhead, dkim_key=DkimKey("autumn", PEM))
    to = Recipient(uuid4(), "ana@example.org", "Ana", discreet=True)
    link = "https://peerhub.example/home#rounds"
    news = letters.round_opens(head, to, "Circle", now.date(), link, now)

    mail = message.compose(news, head, "<1@peerhub.example>", now)

    start = mail.index(b"\r\n" + name + b": ") + 2
    line = mail[start : mail.index(b"\r\n", start) + 2]
    assert dkim.verify(mail, dnsfunc=in_the_dns)
    assert not dkim.verify(mail.replace(line, b""), dnsfunc=in_the_dns)
    assert not dkim.verify(mail.replace(line, name + b": <https://elsewhere.example>\r\n"), dnsfunc=in_the_dns)


def test_a_letter_is_signed_by_our_domain(mail: bytes) -> None:
    assert dkim.verify(mail, dnsfunc=in_the_dns)


@pytest.mark.parametrize(
    "change",
    [
        lambda mail: mail.replace(b"/sign-in/x", b"/sign-in/y"),
        lambda mail: mail.replace(b"To: ana@", b"To: eve@"),
        lambda mail: b"List-Unsubscribe: <https://elsewhere.example>\r\n" + mail,
    ],
    ids=["body", "recipient", "added header"],
)
def test_a_change_on_the_way_breaks_the_signature(mail: bytes, change) -> None:  # type: ignore[no-untyped-def]
    changed = change(mail)

    assert changed != mail
    assert not dkim.verify(changed, dnsfunc=in_the_dns)


def test_without_a_key_nothing_is_signed(letterhead: Letterhead, now: datetime) -> None:
    to = Recipient(uuid4(), "ana@example.org", "Ana", discreet=True)

    mail = message.compose(letters.sign_in(letterhead, to, "https://x.example/1", now), letterhead, "<1@x>", now)

    assert b"DKIM-Signature" not in mail


def test_a_key_that_is_none_is_refused_and_never_shown() -> None:
    with pytest.raises(BadKey):
        DkimKey("autumn", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")

    assert repr(DkimKey("autumn", PEM)) == "DkimKey('autumn')"
