"""DKIM (RFC 6376): whoever receives a letter can tell that it comes from us and was not changed on its way."""

from dataclasses import dataclass
from typing import Final

import dkim
from dkim.crypto import UnparsableKeyError, parse_pem_private_key

# Whether a mail has them or not: a header that is listed but missing cannot be added on the way.
_COVERED: Final = (
    b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"Content-Type", b"Auto-Submitted",
    b"List-Unsubscribe", b"List-Unsubscribe-Post",
)  # fmt: skip


class BadKey(ValueError):
    """Not an RSA private key in PEM."""


@dataclass(frozen=True)
class DkimKey:
    """The private key whose public half stands in the DNS under ``<selector>._domainkey.<our domain>``.

    Raises:
        BadKey: the text is not an RSA private key in PEM.
    """

    selector: str
    pem: bytes

    def __post_init__(self) -> None:
        try:
            parse_pem_private_key(self.pem)
        except (UnparsableKeyError, ValueError):
            raise BadKey("expected an RSA private key in PEM") from None

    def __repr__(self) -> str:
        return f"DkimKey({self.selector!r})"


def signed(mail: bytes, key: DkimKey, domain: str) -> bytes:
    """The same mail under its signature."""
    header = dkim.sign(
        mail, key.selector.encode(), domain.encode(), key.pem,
        canonicalize=(b"relaxed", b"relaxed"), include_headers=list(_COVERED),
    )  # fmt: skip
    return bytes(header) + mail
