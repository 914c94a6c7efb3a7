"""The clock asks for a letter: a reminder, a nudge to who has not answered, a question after a session; once each."""

from datetime import datetime
from typing import Final
from uuid import UUID

from peerhub.actions import subscriptions
from peerhub.domain.reminders import WINDOWS, Reminder, Reminding
from peerhub.domain.subscriptions import Subscription
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter
from peerhub.store import outbox, reminders
from peerhub.store.database import transaction
from peerhub.store.reminders import Due

AT_ONCE: Final = 100


async def write(kind: Reminder, head: Letterhead, now: datetime) -> int:
    """Write the letters of this kind that are due, some at a time; how many there were."""
    async with transaction():
        due = await reminders.due(kind, now, AT_ONCE)
        written = [(one, _letter(one, head, now)) for one in due]
        kept = set(await reminders.keep([(one, letter.cause) for one, letter in written], now))
        new = [letter for one, letter in written if one.id in kept]
        await outbox.put(head, new, now)
    return len(new)


async def choose(member_id: UUID, reminding: Reminding | None, now: datetime) -> None:
    """From now on reminders come then, or not at all; the other kinds of letters stay as they are.

    Raises:
        NotFound: the member is no longer there.
    """
    others = await subscriptions.of(member_id) - {Subscription.REMINDERS}
    wanted = others | {Subscription.REMINDERS} if reminding else others
    await subscriptions.choose(member_id, wanted, now, reminding)


def _letter(due: Due, head: Letterhead, now: datetime) -> Letter:
    until = due.seat.span.starts_at - WINDOWS[due.kind].closes
    match due.kind:
        case Reminder.CHECK_IN:
            return letters.check_in_request(head, due.to, due.seat, now)
        case Reminder.NUDGE:
            return letters.nudge(head, due.to, due.seat, due.id, until)
    return letters.reminder(head, due.to, due.seat, due.id, until)
