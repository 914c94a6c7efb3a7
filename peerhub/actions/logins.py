"""Asking for a link to sign in with, opening it, and signing out."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from peerhub.domain.refusals import Refusal
from peerhub.mail import letters, links
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.recipient import Recipient
from peerhub.store import logins, members, outbox, quotas, reach
from peerhub.store.database import transaction

LETTERS_AN_HOUR: Final = 5  # to one address
LETTERS_A_DAY: Final = 12
ASKED_AN_HOUR: Final = 30  # from one client: a whole office may sit behind one address
TRIES_AN_HOUR: Final = 60
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_NOBODY = UUID(int=0)


class LinkIsOver(Refusal):
    """The link was used, is too old, or a newer one was asked for."""


class CodeNeeded(Refusal):
    """The link was opened in another browser than the one that asked for it."""


class WrongCode(Refusal):
    """Not the code that the asking browser shows."""


async def count_letter(address: str, client: str, now: datetime) -> None:
    """Count one more letter to an address and from a client, whether anybody has the address or not.

    Raises:
        TooOften: more than is good for anybody.
    """
    await quotas.count("letter from", client, ASKED_AN_HOUR, _HOUR, now)  # first: who is refused counts for nobody else
    await quotas.count("letter to", address.strip().casefold(), LETTERS_AN_HOUR, _HOUR, now)
    await quotas.count("letter a day to", address.strip().casefold(), LETTERS_A_DAY, _DAY, now)


async def ask(address: str, browser: str, head: Letterhead, now: datetime) -> None:
    """Mail a link to whoever has this address; for an unknown one the same steps are taken, and taken back."""
    async with transaction() as work:
        known = await members.recipient_at(address)
        stage = await members.by_address(address)
        unconfirmed = stage is not None and stage.stage == "unconfirmed"
        life = logins.CONFIRM_LIFE if unconfirmed else logins.LINK_LIFE
        token = await logins.put_link(known.member_id if known else None, browser, life, now)
        to = known or Recipient(_NOBODY, address, "nobody", True)
        link = links.token_link(head, "confirm" if unconfirmed else "sign-in", token)
        letter = (letters.confirm_address if unconfirmed else letters.sign_in)(head, to, link, now)
        before = await work.savepoint("before")
        await outbox.put(head, [letter], now, to_nobody=known is None)
        if known is None:
            await before.rollback_to()


async def open_link(token: str, browser: str | None, code: str | None, client: str, now: datetime) -> str:
    """Use up a sign-in link and give the token of a new login.

    Raises:
        LinkIsOver: used, too old, or revoked by a newer one.
        CodeNeeded: another browser asked, and there is no code.
        WrongCode: there is one, and it is wrong or was tried too often.
        TooOften: this client has tried too many links.
    """
    await quotas.count("link opened", client, TRIES_AN_HOUR, _HOUR, now)
    if not await logins.is_open(token, now):
        raise LinkIsOver("This link was used already, or it is too old.")
    if not await logins.was_asked_by(token, browser):
        if not code:
            raise CodeNeeded("Please type the code that your other browser shows.")
        if not await logins.code_fits(token, code, now):
            raise WrongCode("This is not the code, or it was tried too often.")
    async with transaction():
        member_id = await _use(token, now)
        return await logins.begin_login(member_id, now)


async def confirm(token: str, browser: str | None, now: datetime) -> str | None:
    """Confirm an address from any browser; the one that signed up is signed in as well, and gets its login's token.

    Raises:
        LinkIsOver: used, too old, or revoked by a newer one.
    """
    same = await logins.was_asked_by(token, browser)
    async with transaction():
        member_id = await _use(token, now)
        return await logins.begin_login(member_id, now) if same else None


async def _use(token: str, now: datetime) -> UUID:
    member_id = await logins.use_link(token, now)
    if member_id is None:
        raise LinkIsOver("This link was used already, or it is too old.")
    await members.confirm(member_id, now)
    await reach.find_again(member_id, now)  # the link came by mail, so letters arrive
    return member_id


async def sign_out(token: str) -> None:
    await logins.end_login(token)


async def sign_out_everywhere(member_id: UUID) -> None:
    await logins.end_every_login(member_id)
