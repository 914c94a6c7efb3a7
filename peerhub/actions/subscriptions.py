"""A member says which kinds of letters they can do without."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from peerhub.domain.refusals import NotFound
from peerhub.domain.reminders import Reminding
from peerhub.domain.subscriptions import Subscription
from peerhub.store import members, reminders, subscriptions
from peerhub.store.database import transaction


async def end(member_id: UUID, kind: Subscription, now: datetime) -> None:
    """No more letters of this kind; a second time changes nothing.

    Raises:
        NotFound: the member is no longer there.
    """
    async with transaction():
        await _hold(member_id)
        await subscriptions.end(member_id, kind, now)
        await reminders.call_off(now, await reminders.seats_of(member_id))


async def choose(
    member_id: UUID, wanted: Collection[Subscription], now: datetime, reminding: Reminding | None = None
) -> None:
    """From now on these kinds of letters and no others, besides those that belong to what the member asked for.

    Reminders come when ``reminding`` says, or as before.

    Raises:
        NotFound: the member is no longer there.
    """
    async with transaction():
        await _hold(member_id)
        before = await subscriptions.of_member(member_id)
        for kind in Subscription:
            if kind in wanted and kind not in before:
                await subscriptions.begin(member_id, kind, now)
            elif kind not in wanted and kind in before:
                await subscriptions.end(member_id, kind, now)
        if reminding:
            await reminders.set_reminding(member_id, reminding)
        await reminders.call_off(now, await reminders.seats_of(member_id))


async def of(member_id: UUID) -> frozenset[Subscription]:
    """The kinds of letters that a member gets.

    Raises:
        NotFound: the member is no longer there.
    """
    if not await subscriptions.is_member(member_id):
        raise NotFound("there is no such member")
    return await subscriptions.of_member(member_id)


async def _hold(member_id: UUID) -> None:
    await members.hold_to_change(member_id)
    if not await subscriptions.is_member(member_id):
        raise NotFound("there is no such member")
