"""The links that a letter carries; each begins with the letterhead's base address, whatever a request said."""

import hashlib
from typing import Literal
from uuid import UUID

from itsdangerous import BadSignature, Signer

from peerhub.domain.refusals import NotFound
from peerhub.mail.letterhead import Letterhead

_LONGEST = 200


def token_link(head: Letterhead, use: Literal["confirm", "sign-in"], token: str) -> str:
    """The link that confirms an address or signs in; only the token's hash is stored."""
    return f"{head.base_url}/{use}/{token}"


def sign_in_page(head: Letterhead) -> str:
    """Where to ask for a sign-in link; it opens nothing by itself, so a shared calendar may show it."""
    return f"{head.base_url}/sign-in"


def crisis_page(head: Letterhead) -> str:
    return f"{head.base_url}/crisis"


def rounds_page(head: Letterhead) -> str:
    """Where a member joins a round; it asks them to sign in first."""
    return f"{head.base_url}/home#rounds"


def check_in_page(head: Letterhead, seat_id: UUID) -> str:
    """Where the one in that seat says how it went; it asks them to sign in first."""
    return f"{head.base_url}/check-ins/{seat_id}"


def rsvp_link(head: Letterhead, seat_id: UUID) -> str:
    """The link that answers one seat's invitation without signing in; the page looks up how long it is good for."""
    return f"{head.base_url}/invitations/{_signer(head).sign(seat_id.hex).decode()}"


def seat_of_link(head: Letterhead, signed: str) -> UUID:
    """The seat that a link of ``rsvp_link`` is for. Whether it is still good stands in the stored session.

    Raises:
        NotFound: not a link of ours, or changed on its way.
    """
    try:
        return UUID(hex=_signer(head).unsign(signed[:_LONGEST].encode()).decode())
    except (BadSignature, ValueError):
        raise NotFound("This link is not complete. Please open it again from the letter.") from None


def _signer(head: Letterhead) -> Signer:
    return Signer(head.signing_key, salt="invitation", key_derivation="hmac", digest_method=hashlib.sha256)
