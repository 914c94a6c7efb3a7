"""When members are taken in the week of a round, as a calendar said that they uploaded: from and to, and no more."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from peerhub.domain.availability import Span
from peerhub.store.tables import BusyTime

_OVER = timedelta(days=8)  # a week and, for the walls behind UTC, a day


async def put(member_id: UUID, weeks: Mapping[date, Iterable[Span]]) -> None:
    """Keep a member's busy times of these weeks, in place of what was kept for them before."""
    await BusyTime.delete().where(BusyTime.member == member_id, BusyTime.week.is_in(list(weeks)))
    rows = [
        BusyTime(id=uuid4(), member=member_id, week=week, starts_at=span.starts_at, ends_at=span.ends_at)
        for week, spans in weeks.items()
        for span in spans
    ]
    if rows:
        await BusyTime.insert(*rows)


async def of(member_id: UUID) -> dict[date, list[Span]]:
    """A member's own busy times by week, in the order of time."""
    weeks = defaultdict(list)
    for row in await BusyTime.select().where(BusyTime.member == member_id).order_by(BusyTime.starts_at):
        weeks[row["week"]].append(Span(row["starts_at"], row["ends_at"]))
    return dict(sorted(weeks.items()))


async def drop(member_id: UUID) -> None:
    """Keep nothing of what this member has uploaded."""
    await BusyTime.delete().where(BusyTime.member == member_id)


async def forget(now: datetime) -> int:
    """Delete what is of weeks that are over; how much there was."""
    over = await BusyTime.delete().where(BusyTime.week < now.date() - _OVER).returning(BusyTime.id)
    return len(over)
