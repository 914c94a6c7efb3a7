"""A member makes, renews and ends the secret address of a calendar, and a calendar program reads what is behind it."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from peerhub.actions.rounds import domain_of
from peerhub.domain.members import Member
from peerhub.domain.refusals import NotFound
from peerhub.mail import calendar
from peerhub.mail.calendar import Entry
from peerhub.mail.letterhead import Letterhead
from peerhub.store import audit, feeds, members, quotas
from peerhub.store.database import transaction
from peerhub.store.feeds import Counted, Kind, OwnSession, Subscriber

NAMES: Final = {Kind.OWN: "Appointments", Kind.COUNTS: "Sessions"}
BACK: Final = timedelta(days=30)
AHEAD: Final = timedelta(days=366)
MADE_A_DAY: Final = 10
_LONGEST = 100


async def make(member: Member, kind: Kind, now: datetime) -> None:
    """Give the member a calendar to subscribe to, at a new address that replaces the one before.

    Raises:
        NotFound: it is for organizers.
        TooOften: more new addresses than anybody needs in a day.
    """
    if kind is Kind.COUNTS and not member.is_organizer:
        raise NotFound("there is no such feed")
    await quotas.count("feed", str(member.id), MADE_A_DAY, timedelta(days=1), now)
    async with transaction():
        await members.hold_to_change(member.id)
        await feeds.put(member.id, kind, now)
        await audit.note("feed made", member.id, member.id, now, kind=kind.value)


async def end(member: Member, kind: Kind, now: datetime) -> None:
    """Nobody reads this calendar any more."""
    async with transaction():
        await members.hold_to_change(member.id)
        await feeds.end(member.id, kind)
        await audit.note("feed ended", member.id, member.id, now, kind=kind.value)


async def calendar_behind(token: str, head: Letterhead, now: datetime) -> bytes:
    """What a calendar program gets at a secret address: a month back and a year ahead, and nobody's name.

    Raises:
        NotFound: the token opens nothing, or no longer.
    """
    subscriber = await feeds.behind(token) if len(token) <= _LONGEST else None
    if subscriber is None:
        raise NotFound("there is no such feed")
    entries = await _entries(subscriber, head, now)
    return await asyncio.to_thread(  # years of sessions take a while, and calendar programs come all at once
        calendar.feed, entries, NAMES[subscriber.kind], subscriber.time_zone, head, now
    )


async def _entries(subscriber: Subscriber, head: Letterhead, now: datetime) -> list[Entry]:
    since, until = now - BACK, now + AHEAD
    if subscriber.kind is Kind.COUNTS:
        return [_count(subscriber, one, head) for one in await feeds.counts(since, until)]
    return [_own(one, head) for one in await feeds.sessions_of(subscriber.member_id, since, until)]


def _own(one: OwnSession, head: Letterhead) -> Entry:
    words = calendar.description(one.medium, head)
    return Entry(one.uid, one.span, one.sequence, is_firm=one.said_yes, description=words)


def _count(subscriber: Subscriber, one: Counted, head: Letterhead) -> Entry:
    uid = f"{feeds.uid_of(subscriber.feed_id, one.span)}@{domain_of(head)}"
    title = "1 session" if one.sessions == 1 else f"{one.sessions} sessions"
    return Entry(uid, one.span, summary=title, description=f"{one.seats} people, {one.yes} said yes")
