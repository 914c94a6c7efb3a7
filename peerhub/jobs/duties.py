"""The duties: each does one due thing that the clock asks for, and says whether there was one."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from peerhub.actions import matching, offers, reminders, repairs
from peerhub.domain.reminders import Reminder
from peerhub.jobs.office import Office
from peerhub.jobs.posting import post_some
from peerhub.mail import letters
from peerhub.store import busy, checkins, logins, members, outbox, quotas, reach, read_mail, rounds
from peerhub.store import reminders as stored_reminders
from peerhub.store import repairs as stored_repairs

__all__ = ["DUTIES", "SELDOM", "Duty", "Office"]

_log = structlog.get_logger("peerhub.jobs")

Duty = Callable[[Office, datetime], Awaitable[bool]]


async def post_letters(office: Office, now: datetime) -> bool:
    """Offer the letters that are due to the mail server."""
    return await post_some(office, office.post, now, (letters.AT_ONCE, letters.IN_TURN))


async def post_sign_ins(office: Office, now: datetime) -> bool:
    """Offer the letters that somebody waits for, on a line of their own, however slowly the others leave."""
    return await post_some(office, office.express, now, (letters.AT_ONCE,))


async def expire_letters(_office: Office, now: datetime) -> bool:
    """End the letters that come too late."""
    return await outbox.expire_due(now) > 0


async def purge_letters(_office: Office, now: datetime) -> bool:
    """Forget what old letters said."""
    return await outbox.purge_bodies(now) > 0


async def forget_quotas(_office: Office, now: datetime) -> bool:
    """Forget how often was asked for what, once it no longer counts."""
    return await quotas.forget(now) > 0


async def forget_sign_ups(_office: Office, now: datetime) -> bool:
    """Forget who signed up and never confirmed their address; it may have been somebody else's."""
    return await members.forget_who_never_confirmed(now) > 0


async def forget_logins(_office: Office, now: datetime) -> bool:
    """Forget links and logins that are over."""
    return await logins.forget(now) > 0


async def forget_busy_times(_office: Office, now: datetime) -> bool:
    """Forget when members were taken in weeks that are over."""
    return await busy.forget(now) > 0


async def forget_notes(_office: Office, now: datetime) -> bool:
    """Forget what members noted for themselves half a year ago."""
    return await checkins.forget_notes(now) > 0


async def match_a_round(office: Office, now: datetime) -> bool:
    """Match a round that waits for it, or whose worker has died."""
    claim = await rounds.claim(now, now + matching.LEASE)
    if claim is None:
        return False
    await matching.run(claim, office.clock, office.stop)
    return True


async def find_the_smallest_change(office: Office, now: datetime) -> bool:
    """Find the change that an organizer asked for, after somebody left or said no."""
    claim = await stored_repairs.claim(now, now + matching.LEASE)
    if claim is None:
        return False
    await repairs.run(claim, office.clock, office.stop)
    return True


async def remind(office: Office, now: datetime) -> bool:
    """Remind those who come of their session, when each of them wants it."""
    written = [await reminders.write(kind, office.head, now) for kind in (Reminder.DAY_BEFORE, Reminder.HOUR_BEFORE)]
    return any(written)


async def nudge(office: Office, now: datetime) -> bool:
    """Ask those who have not answered their invitation, once."""
    return await reminders.write(Reminder.NUDGE, office.head, now) > 0


async def ask_for_check_ins(office: Office, now: datetime) -> bool:
    """Ask those whose session is over how it was, once."""
    return await reminders.write(Reminder.CHECK_IN, office.head, now) > 0


async def call_off_reminders(_office: Office, now: datetime) -> bool:
    """Take back the reminders that no longer hold, should whoever changed that not have seen them."""
    return await stored_reminders.call_off(now) > 0


async def note_missed_reminders(_office: Office, now: datetime) -> bool:
    """Write down the reminders that came too late to be written."""
    missed = await stored_reminders.note_missed(now)
    if missed:
        _log.warning("reminders were missed", reminders=missed)
    return missed > 0


async def offer_free_seats(office: Office, now: datetime) -> bool:
    """Offer seats that were declined to members without one, where the program wants that."""
    return await offers.offer_free_seats(office.head, now)


async def hold_letters_out_of_reach(_office: Office, _now: datetime) -> bool:
    """Set aside the letters to addresses that gave the last ones back, until they are found again."""
    return await reach.hold_letters() > 0


async def forget_read_mail(_office: Office, now: datetime) -> bool:
    """Forget which mails were acted on, once no mail server would send them again."""
    return await read_mail.forget(now) > 0


DUTIES: tuple[Duty, ...] = (
    post_sign_ins,
    post_letters,
    match_a_round,
    find_the_smallest_change,
    expire_letters,
    purge_letters,
    forget_quotas,
    forget_sign_ups,
    forget_logins,
    forget_busy_times,
    forget_notes,
    remind,
    nudge,
    ask_for_check_ins,
    call_off_reminders,
    note_missed_reminders,
    offer_free_seats,
    hold_letters_out_of_reach,
    forget_read_mail,
)
SELDOM: frozenset[Duty] = frozenset(
    {
        purge_letters,
        forget_quotas,
        forget_sign_ups,
        forget_logins,
        forget_busy_times,
        forget_notes,
        forget_read_mail,
        remind,
        nudge,
        call_off_reminders,
        note_missed_reminders,
    }
)
