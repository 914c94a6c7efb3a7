"""A member says which kinds of letters they can do without."""

from collections.abc import Collection, Set
from datetime import datetime
from uuid import UUID

from peerhub.domain.refusals import NotFound
from peerhub.domain.reminders import Reminding
from peerhub.domain.subscriptions import Subscription
from peerhub.mail import letters
from peerhub.store import members, outbox, reminders, subscriptions
from peerhub.store.database import transaction


async def end(member_id: UUID, kind: Subscription, now: datetime) -> None:
    """No more letters of this kind; a second time changes nothing.

    Raises:
        NotFound: the member is no longer there.
    """
    async with transaction():
        await _hold(member_id)
        await subscriptions.end(member_id, kind, now)
        await _call_off(member_id, [kind], now)


async def choose(member_id: UUID, wanted: Set[Subscription], now: datetime, reminding: Reminding | None = None) -> None:
    """From now on these kinds of letters and no others, besides those that belong to what the member asked for.

    Reminders come when ``reminding`` says, or as before.

    Raises:
        NotFound: the member is no longer there.
    """
    async with transaction():
        await _hold(member_id)
        before = await subscriptions.of_member(member_id)
        for kind in wanted - before:
            await subscriptions.begin(member_id, kind, now)
        for kind in before - wanted:
            await subscriptions.end(member_id, kind, now)
        if reminding:
            await reminders.set_reminding(member_id, reminding)
        await _call_off(member_id, before - wanted, now)


async def of(member_id: UUID) -> frozenset[Subscription]:
    """The kinds of letters that a member gets.

    Raises:
        NotFound: the member is no longer there.
    """
    if not await subscriptions.is_member(member_id):
        raise NotFound("there is no such member")
    return await subscriptions.of_member(member_id)


async def _call_off(member_id: UUID, ended: Collection[Subscription], now: datetime) -> None:
    """What of these kinds has not left, and reminders that come at another time now."""
    await reminders.call_off(now, await reminders.seats_of(member_id))
    await outbox.cancel_kinds(member_id, [kind for kind, of in letters.SUBSCRIPTIONS.items() if of in ended], now)


async def _hold(member_id: UUID) -> None:
    await members.hold_to_change(member_id)
    if not await subscriptions.is_member(member_id):
        raise NotFound("there is no such member")
