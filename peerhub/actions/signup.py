"""Somebody signs up: they, their hours, their consents and one letter are kept together, or nothing is."""

from collections.abc import Collection
from datetime import datetime
from uuid import uuid4

from peerhub.domain.members import Profile
from peerhub.mail import letters, links
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.recipient import Recipient
from peerhub.store import logins, members, outbox
from peerhub.store.database import transaction


async def sign_up(  # noqa: PLR0917
    profile: Profile,
    address: str,
    consents: Collection[str],
    browser: str,
    head: Letterhead,
    now: datetime,
) -> None:
    """Keep a sign-up and write to its address; ``browser`` is the nonce of the one that asks.

    An address that belongs to a member already gets another letter. The same statements run for both and are undone
    for a member, so that neither the answer nor its time tells who is one.
    """
    async with transaction() as work:
        await members.hold_address(address)
        await members.forget_unconfirmed(address)
        known = await members.recipient_at(address)
        member_id = uuid4()
        before = await work.savepoint("before")
        await members.put(member_id, profile, address, now, hidden=known is not None)
        await members.set_consents(member_id, consents, now)
        if known:
            await before.rollback_to()
            token = await logins.put_link(known.member_id, browser, logins.LINK_LIFE, now)
            letter = letters.already_a_member(head, known, links.token_link(head, "sign-in", token), now)
        else:
            token = await logins.put_link(member_id, browser, logins.CONFIRM_LIFE, now)
            new = Recipient(member_id, address, profile.name, profile.discreet)
            letter = letters.confirm_address(head, new, links.token_link(head, "confirm", token), now)
        await outbox.put(head, [letter], now)
