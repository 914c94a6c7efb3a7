"""A member changes what they said of themselves, takes it with them, or takes it back."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from peerhub.domain.members import REQUIRED_PURPOSES, Profile
from peerhub.domain.refusals import NotFound, Refusal
from peerhub.store import (
    audit,
    busy,
    checkins,
    feeds,
    members,
    offers,
    proposals,
    quotas,
    reach,
    reminders,
    repairs,
    rounds,
    seats,
    subscriptions,
)
from peerhub.store.database import transaction

WISHES_A_DAY: Final = 30


class TooMany(Refusal):
    """More than one person can keep."""


async def save(member_id: UUID, profile: Profile, now: datetime) -> None:
    """Keep a changed profile, whole."""
    async with transaction():
        await members.save(member_id, profile, now)


async def set_consents(member_id: UUID, purposes: Collection[str], now: datetime) -> None:
    """Give and withdraw consents; without the required ones, nobody is matched until they are given again."""
    async with transaction():
        await members.hold_to_change(member_id)
        await members.set_consents(member_id, purposes, now)


async def pause(member_id: UUID) -> None:
    """Not matched until they come back; what is planned stays."""
    await members.move(member_id, "active", "paused")


async def come_back(member_id: UUID) -> None:
    await members.move(member_id, "paused", "active")


async def go_away(member_id: UUID, first: date, last: date, today: date) -> None:
    """Keep the days from first to last as days away.

    Raises:
        TooMany: more days than can be kept.
        Refusal: the days are the wrong way round, or long gone.
    """
    if last < first:
        raise Refusal("The last day comes before the first.")
    if last < today - timedelta(days=1) or first > today + timedelta(days=2 * 366):
        raise Refusal("Please choose days that are still ahead, within two years.")
    days = [first + timedelta(days=n) for n in range(min((last - first).days, members.MOST_DAYS_AWAY) + 1)]
    async with transaction():
        await members.hold_to_change(member_id)
        kept = set(await members.days_away_of(member_id, today - timedelta(days=1))) | set(days)
        if len(kept) > members.MOST_DAYS_AWAY:
            raise TooMany(f"At most {members.MOST_DAYS_AWAY} days away can be kept. You can pause instead.")
        await members.put_days_away(member_id, days)


async def keep_apart(member_id: UUID, address: str, now: datetime) -> None:
    """Keep a wish about whoever has that address; nothing tells whether anybody has.

    Raises:
        TooMany, TooOften: more than can be kept.
    """
    await quotas.count("keep apart", str(member_id), WISHES_A_DAY, timedelta(days=1), now)
    async with transaction():
        await members.hold_to_change(member_id)
        await _has_room_for_a_wish(member_id)
        await members.put_wish(member_id, address, address, now)


async def keep_apart_from(member_id: UUID, other: UUID, now: datetime) -> None:
    """Keep a wish about someone they met.

    Raises:
        NotFound: they have not met anybody of that id.
        TooMany, TooOften: more than can be kept.
    """
    await quotas.count("keep apart", str(member_id), WISHES_A_DAY, timedelta(days=1), now)
    async with transaction():
        await members.hold_to_change(member_id)
        if other not in await seats.met_by(member_id, now):
            raise NotFound("they have not met")
        await _has_room_for_a_wish(member_id)
        await members.put_wish_about(member_id, other, now)


async def _has_room_for_a_wish(member_id: UUID) -> None:
    if len(await members.wishes_of(member_id)) >= members.MOST_WISHES:
        raise TooMany(f"At most {members.MOST_WISHES} wishes can be kept.")


async def erase(member_id: UUID, now: datetime) -> None:
    """Delete the member and all that hangs on them; only the fact that somebody left remains."""
    async with transaction():
        await rounds.hold_those_with_proposals()
        await proposals.forget(member_id)
        await repairs.forget(member_id)
        await members.erase(member_id)
        await audit.note("member erased", None, None, now)


async def export(member_id: UUID, now: datetime) -> dict[str, Any]:
    """Everything that is kept of a member, and nothing that others said of them."""
    profile = await members.profile_of(member_id)
    consents = await members.consents_of(member_id)
    invitations = await seats.invitations_of(member_id, datetime.min.replace(tzinfo=now.tzinfo), most=None)
    said = await checkins.of_seats(one.seat_id for one in invitations)
    bonds = await checkins.bonds_of(member_id)
    names = await members.names_of(bonds)
    return {
        "exported_at": now.isoformat(),
        "name": profile.name,
        "address": await members.address_of(member_id),
        "time_zone": profile.time_zone,
        "role": profile.role.value,
        "languages": list(profile.languages),
        "most_sessions": profile.most_sessions,
        "discreet": profile.discreet,
        "programs": sorted(str(one) for one in profile.programs),
        "hours": [{"hours": str(one), "liking": one.liking.value} for one in profile.hours],
        "days_away": [day.isoformat() for day in await members.days_away_of(member_id, date.min)],
        "busy_times": [
            {"starts_at": span.starts_at.isoformat(), "ends_at": span.ends_at.isoformat()}
            for spans in (await busy.of(member_id)).values()
            for span in spans
        ],
        "calendar_feeds": {kind.value: one.made_at.isoformat() for kind, one in (await feeds.of(member_id)).items()},
        "comfort": {
            "sizes": dict(profile.comfort.sizes),
            "mediums": dict(profile.comfort.mediums),
            "topics": dict(profile.comfort.topics),
        },
        "consents": {purpose: given_at.isoformat() for purpose, given_at in sorted(consents.items())},
        "keep_apart": [wish.called for wish in await members.wishes_of(member_id)],
        "sessions": [
            {
                "program": one.program_name,
                "starts_at": one.span.starts_at.isoformat(),
                "ends_at": one.span.ends_at.isoformat(),
                "medium": one.medium,
                "part": one.part,
                "answer": one.rsvp.value,
                "with": [other.name for other in one.others],
                "check_in": {"went": said[one.seat_id].went.value, "again": said[one.seat_id].again,
                             "note": said[one.seat_id].note} if one.seat_id in said else None,
            }
            for one in invitations
        ],
        "trust": [{"with": names[bond.other], "step": bond.step.value, "your_wish": bond.mine.value}
                  for bond in bonds.values()],
        "letters": sorted(await subscriptions.of_member(member_id)),
        "reminders": (await reminders.reminding_of(member_id)).value,
        "letters_come_back": bool(await reach.who_is_out_of_reach([member_id])),
        "seats_offered": [
            {"program": one.program_name, "starts_at": one.span.starts_at.isoformat(), "answer": one.state.value}
            for one in await offers.of_member(member_id)
        ],
    }  # fmt: skip


def is_complete(consents: Collection[str]) -> bool:
    """Whether everything is agreed to that matching needs."""
    return set(REQUIRED_PURPOSES) <= set(consents)
