"""The links that a letter carries; each begins with the letterhead's base address, whatever a request said."""

import hashlib
from typing import Literal
from uuid import UUID

from itsdangerous import BadSignature, Signer

from peerhub.domain.refusals import NotFound
from peerhub.domain.subscriptions import Subscription
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


def feed_link(head: Letterhead, token: str) -> str:
    """The secret address of a calendar to subscribe to; whoever has it can read when its member meets."""
    return f"{head.base_url}/feeds/{token}.ics"


def rsvp_link(head: Letterhead, seat_id: UUID) -> str:
    """The link that answers one seat's invitation without signing in; the page looks up how long it is good for."""
    return f"{head.base_url}/invitations/{_sign(head, 'invitation', seat_id.hex)}"


def seat_of_link(head: Letterhead, signed: str) -> UUID:
    """The seat that a link of ``rsvp_link`` is for. Whether it is still good stands in the stored session.

    Raises:
        NotFound: not a link of ours, or changed on its way.
    """
    return _id_in(_signed_by_us(head, "invitation", signed))


def offer_link(head: Letterhead, offer_id: UUID) -> str:
    """The link that answers the offer of a seat that has come free, without signing in."""
    return f"{head.base_url}/offers/{_sign(head, 'offer', offer_id.hex)}"


def offer_of_link(head: Letterhead, signed: str) -> UUID:
    """The offer that a link of ``offer_link`` is for.

    Raises:
        NotFound: not a link of ours, or changed on its way.
    """
    return _id_in(_signed_by_us(head, "offer", signed))


def letters_page(head: Letterhead, member_id: UUID) -> str:
    """Where a member chooses which kinds of letters to get, without signing in; it shows nothing else of them."""
    return f"{head.base_url}/letters/{_sign(head, 'letters', member_id.hex)}"


def member_of_letters_page(head: Letterhead, signed: str) -> UUID:
    """Whose choice of letters it is.

    Raises:
        NotFound: not a link of ours, or changed on its way.
    """
    return _id_in(_signed_by_us(head, "letters", signed))


def unsubscribe_link(head: Letterhead, member_id: UUID, kind: Subscription) -> str:
    """Where one POST, by a mail program or a button, ends letters of this kind (RFC 8058)."""
    return f"{head.base_url}/unsubscribe/{_sign(head, 'unsubscribe', f'{kind.value}.{member_id.hex}')}"


def subscription_of_link(head: Letterhead, signed: str) -> tuple[UUID, Subscription]:
    """The member and the kind of letters that a link of ``unsubscribe_link`` is for.

    Raises:
        NotFound: not a link of ours, or changed on its way.
    """
    kind, _, member_id = _signed_by_us(head, "unsubscribe", signed).partition(".")
    if kind not in tuple(Subscription):
        raise NotFound("These letters no longer exist.")
    return _id_in(member_id), Subscription(kind)


def _sign(head: Letterhead, use: str, what: str) -> str:
    return _signer(head, use).sign(what).decode()


def _signed_by_us(head: Letterhead, use: str, signed: str) -> str:
    try:
        return _signer(head, use).unsign(signed[:_LONGEST].encode()).decode()
    except (BadSignature, ValueError):
        raise NotFound("This link is not complete. Please open it again from the letter.") from None


def _id_in(text: str) -> UUID:
    try:
        return UUID(hex=text)
    except ValueError:
        raise NotFound("This link is not complete. Please open it again from the letter.") from None


def _signer(head: Letterhead, use: str) -> Signer:
    return Signer(head.signing_key, salt=use, key_derivation="hmac", digest_method=hashlib.sha256)
