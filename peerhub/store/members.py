"""Members, what they said of themselves, their consents, and whom they keep apart from.

Names, addresses and wishes are sealed; what leaves this module is plain, so it says in each name what it gives away.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from peerhub.domain.availability import Liking, WeeklyHours
from peerhub.domain.comfort import Comfort, Role
from peerhub.domain.members import AGREEMENT_VERSION, REQUIRED_PURPOSES, Profile
from peerhub.mail.recipient import Recipient
from peerhub.store import sealing
from peerhub.store.tables import (
    ComfortLevel,
    Consent,
    DateAway,
    Enrolment,
    KeepApart,
    Member,
    WeeklyHour,
)

MOST_WISHES: Final = 50
MOST_DAYS_AWAY: Final = 200
TO_CONFIRM: Final = timedelta(days=7)
_MAY_BE_WRITTEN_TO: Final = ("active", "paused")


@dataclass(frozen=True)
class Known:
    """Whoever an address belongs to."""

    id: UUID
    stage: str


@dataclass(frozen=True)
class Wish:
    """A member's own wish to be kept apart, as they called the other; the other's id is not part of it."""

    id: UUID
    called: str


# Coming and going


async def hold_address(address: str) -> None:
    """Of several who sign up with one address at once, one comes after the other, until the transaction ends."""
    number = int.from_bytes(sealing.address_hash(address)[:8], "big", signed=True)
    await Member.raw("SELECT pg_advisory_xact_lock({}::bigint) IS NULL AS held", number)


async def hold(*member_ids: UUID) -> dict[UUID, Recipient]:
    """What these members say of themselves stays as it is until the transaction ends; many can hold at once.

    Gives how letters address them, as ``recipients_of`` does.
    """
    rows = await Member.raw(
        "SELECT id, sealed_name, sealed_address, discreet, stage FROM member WHERE id = ANY({}::uuid[])"
        " ORDER BY id FOR SHARE",
        list(member_ids),
    )
    return {row["id"]: _recipient(row) for row in rows if row["stage"] in _MAY_BE_WRITTEN_TO}


async def hold_to_change(member_id: UUID) -> None:
    """Come after whoever holds this member, such as the publishing of their round, and before the next."""
    await Member.raw("SELECT id FROM member WHERE id = {} FOR NO KEY UPDATE", member_id)


async def by_address(address: str) -> Known | None:
    row = await (
        Member.select(Member.id, Member.stage).where(Member.address_hash == sealing.address_hash(address)).first()
    )
    return Known(row["id"], row["stage"]) if row else None


async def are_there_any() -> bool:
    return await Member.exists()


async def put(member_id: UUID, profile: Profile, address: str, now: datetime, *, hidden: bool = False) -> None:
    """Keep a new member, whose address is not confirmed yet; a ``hidden`` one cannot be found by the address."""
    found_by = sealing.keyed_hash("hidden", member_id.bytes) if hidden else sealing.address_hash(address)
    await Member.insert(
        Member(
            id=member_id,
            sealed_address=sealing.seal(address, Member.sealed_address, member_id),
            address_hash=found_by,
            created_at=now,
            **_columns(member_id, profile),
        )
    )
    await _put_said(member_id, profile, now)


async def save(member_id: UUID, profile: Profile, now: datetime) -> None:
    """Keep what a member now says of themselves, in place of what they said before."""
    columns = {getattr(Member, column): value for column, value in _columns(member_id, profile).items()}
    await Member.update(columns).where(Member.id == member_id)
    await WeeklyHour.delete().where(WeeklyHour.member == member_id)
    await ComfortLevel.delete().where(ComfortLevel.member == member_id)
    await Enrolment.update({Enrolment.left_at: now}).where(
        Enrolment.member == member_id,
        Enrolment.left_at.is_null(),
        Enrolment.program.not_in(list(profile.programs) or [uuid4()]),
    )
    await _put_said(member_id, profile, now)


async def confirm(member_id: UUID, now: datetime) -> None:
    """The address is theirs; from now on they can be matched."""
    await Member.update({Member.stage: "active", Member.confirmed_at: now}).where(
        Member.id == member_id, Member.stage == "unconfirmed"
    )


async def forget_unconfirmed(address: str) -> None:
    """Whoever signed up with this address and never confirmed makes room for the newest sign-up."""
    await Member.delete().where(Member.address_hash == sealing.address_hash(address), Member.stage == "unconfirmed")


async def forget_who_never_confirmed(now: datetime) -> int:
    """Delete the sign-ups that nobody confirmed within a week; how many there were."""
    forgotten = await (
        Member.delete().where(Member.stage == "unconfirmed", Member.created_at <= now - TO_CONFIRM).returning(Member.id)
    )
    return len(forgotten)


async def move(member_id: UUID, here: str, there: str) -> None:
    """Pause or come back; nothing happens to who is elsewhere."""
    await Member.update({Member.stage: there}).where(Member.id == member_id, Member.stage == here)


async def erase(member_id: UUID) -> None:
    """Delete the member and everything that hangs on them."""
    await Member.delete().where(Member.id == member_id)


def _columns(member_id: UUID, profile: Profile) -> dict[str, Any]:
    return {
        "sealed_name": sealing.seal(profile.name, Member.sealed_name, member_id),
        "time_zone": profile.time_zone,
        "role": profile.role.value,
        "languages": list(profile.languages),
        "most_sessions": profile.most_sessions,
        "discreet": profile.discreet,
    }


async def _put_said(member_id: UUID, profile: Profile, now: datetime) -> None:
    if profile.hours:
        await WeeklyHour.insert(
            *(
                WeeklyHour(member=member_id, day=h.day, opens=h.opens, closes=h.closes, liking=h.liking.value)
                for h in profile.hours
            )
        )
    comfort = profile.comfort
    facets = (("size", comfort.sizes), ("medium", comfort.mediums), ("topic", comfort.topics))
    levels = [(facet, name, level) for facet, said in facets for name, level in said.items()]
    if levels:
        await ComfortLevel.insert(*(ComfortLevel(member=member_id, facet=f, name=n, level=v) for f, n, v in levels))
    if profile.programs:
        await Enrolment.raw(
            "INSERT INTO enrolment (id, program, member, facilitates, enrolled_at)"
            " SELECT gen_random_uuid(), id, {}, 0, {} FROM program WHERE id = ANY({}::uuid[]) AND is_open"
            " ON CONFLICT (program, member) DO UPDATE SET left_at = NULL",
            member_id,
            now,
            list(profile.programs),
        )


# What they said


async def profile_of(member_id: UUID) -> Profile:
    """All that a member said of themselves."""
    row = await Member.select().where(Member.id == member_id).first()
    hours = await WeeklyHour.select().where(WeeklyHour.member == member_id).order_by(WeeklyHour.day, WeeklyHour.opens)
    said: dict[str, dict[str, int]] = {"size": {}, "medium": {}, "topic": {}}
    for level in await ComfortLevel.select().where(ComfortLevel.member == member_id).order_by(ComfortLevel.name):
        said[level["facet"]][level["name"]] = level["level"]
    enrolled = await Enrolment.select(Enrolment.program).where(
        Enrolment.member == member_id, Enrolment.left_at.is_null()
    )
    assert row is not None  # noqa: S101 - the one who asks for it is signed in
    return Profile(
        name=sealing.open_text(row["sealed_name"], Member.sealed_name, member_id),
        time_zone=row["time_zone"],
        hours=tuple(WeeklyHours(h["day"], h["opens"], h["closes"], Liking(h["liking"])) for h in hours),
        comfort=Comfort(said["size"], said["medium"], said["topic"]),
        role=Role(row["role"]),
        languages=tuple(row["languages"]),
        programs=frozenset(one["program"] for one in enrolled),
        most_sessions=row["most_sessions"],
        discreet=row["discreet"],
    )


async def names_of(ids: Iterable[UUID]) -> dict[UUID, str]:
    """The display names of these members."""
    rows = await Member.select(Member.id, Member.sealed_name).where(Member.id.is_in(_some(ids)))
    return {row["id"]: sealing.open_text(row["sealed_name"], Member.sealed_name, row["id"]) for row in rows}


async def address_of(member_id: UUID) -> str:
    """The member's own address, for their own export."""
    row = await Member.select(Member.sealed_address).where(Member.id == member_id).first()
    return sealing.open_text(row["sealed_address"], Member.sealed_address, member_id) if row else ""


async def recipients_of(ids: Iterable[UUID]) -> dict[UUID, Recipient]:
    """How letters address these members; whoever has not confirmed, or is suspended, is not written to."""
    rows = await Member.select(Member.id, Member.sealed_name, Member.sealed_address, Member.discreet).where(
        Member.id.is_in(_some(ids)), Member.stage.is_in(list(_MAY_BE_WRITTEN_TO))
    )
    return {row["id"]: _recipient(row) for row in rows}


async def recipient_of(member_id: UUID) -> Recipient | None:
    return (await recipients_of([member_id])).get(member_id)


async def recipient_at(address: str) -> Recipient | None:
    """How a letter about the address itself is addressed, confirmed or not."""
    row = await (
        Member.select(Member.id, Member.sealed_name, Member.sealed_address, Member.discreet)
        .where(Member.address_hash == sealing.address_hash(address))
        .first()
    )
    return _recipient(row) if row else None


async def make_organizer(address: str) -> bool:
    """Let the member with that address organize; false when there is none."""
    changed = await (
        Member.update({Member.is_organizer: True})
        .where(Member.address_hash == sealing.address_hash(address))
        .returning(Member.id)
    )
    return bool(changed)


def _recipient(row: Mapping[str, Any]) -> Recipient:
    return Recipient(
        row["id"],
        sealing.open_text(row["sealed_address"], Member.sealed_address, row["id"]),
        sealing.open_text(row["sealed_name"], Member.sealed_name, row["id"]),
        row["discreet"],
    )


def _some(ids: Iterable[UUID]) -> list[UUID]:
    return list(ids) or [uuid4()]  # a list without any cannot be asked for


# Consents


async def consents_of(member_id: UUID) -> dict[str, datetime]:
    """What a member agrees to now, and since when."""
    rows = await Consent.select().where(Consent.member == member_id, Consent.withdrawn_at.is_null())
    return {row["purpose"]: row["given_at"] for row in rows}


async def who_may_be_matched(ids: Iterable[UUID]) -> list[UUID]:
    """Those of these members who are active and agree to all that matching needs."""
    rows = await Member.raw(
        "SELECT m.id FROM member m WHERE m.id = ANY({}::uuid[]) AND m.stage = 'active' AND (SELECT count(DISTINCT"
        " c.purpose) FROM consent c WHERE c.member = m.id AND c.withdrawn_at IS NULL AND c.purpose = ANY({})) = {}",
        list(ids),
        list(REQUIRED_PURPOSES),
        len(REQUIRED_PURPOSES),
    )
    return [row["id"] for row in rows]


async def set_consents(member_id: UUID, purposes: Iterable[str], now: datetime) -> None:
    """Give those that are new and withdraw those that are no longer there; nothing is overwritten."""
    purposes = list(purposes)
    await Consent.update({Consent.withdrawn_at: now}).where(
        Consent.member == member_id, Consent.withdrawn_at.is_null(), Consent.purpose.not_in(purposes or [""])
    )
    given = await consents_of(member_id)
    new = [
        Consent(member=member_id, purpose=purpose, version=AGREEMENT_VERSION, given_at=now)
        for purpose in purposes
        if purpose not in given
    ]
    if new:
        await Consent.insert(*new)


# Days away


async def days_away_of(member_id: UUID, since: date) -> list[date]:
    rows = await (
        DateAway.select(DateAway.day).where(DateAway.member == member_id, DateAway.day >= since).order_by(DateAway.day)
    )
    return [row["day"] for row in rows]


async def put_days_away(member_id: UUID, days: Iterable[date]) -> None:
    for day in days:
        await DateAway.raw(
            "INSERT INTO date_away (id, member, day) VALUES ({}, {}, {}) ON CONFLICT DO NOTHING",
            uuid4(),
            member_id,
            day,
        )


async def drop_day_away(member_id: UUID, day: date) -> None:
    await DateAway.delete().where(DateAway.member == member_id, DateAway.day == day)


# Keep apart


async def wishes_of(member_id: UUID) -> list[Wish]:
    """A member's own wishes, for themselves alone."""
    rows = await KeepApart.select().where(KeepApart.member == member_id).order_by(KeepApart.created_at, KeepApart.id)
    return [Wish(row["id"], _wish(row)["called"]) for row in rows]


async def put_wish(member_id: UUID, address: str, called: str, now: datetime) -> None:
    """Keep a wish about whoever has, or will have, that address; nothing tells whether anybody has."""
    await _put_wish(member_id, sealing.address_hash(address), called, "typed", now)


async def put_wish_about(member_id: UUID, other: UUID, now: datetime) -> None:
    """Keep a wish about someone they met, under the name they met them by."""
    row = await Member.select(Member.address_hash).where(Member.id == other).first()
    if row:
        await _put_wish(member_id, row["address_hash"], (await names_of([other]))[other], "met", now)


async def _put_wish(member_id: UUID, other: bytes, called: str, way: str, now: datetime) -> None:
    """One wish for each way of naming someone, so that a list never tells that an address and a name are one."""
    wish_id = uuid4()
    plain = json.dumps({"other": other.hex(), "called": called})
    await KeepApart.raw(
        "INSERT INTO keep_apart (id, member, sealed_wish, wish_hash, created_at) VALUES ({}, {}, {}, {}, {})"
        " ON CONFLICT (wish_hash) DO NOTHING",
        wish_id,
        member_id,
        sealing.seal(plain, KeepApart.sealed_wish, wish_id),
        sealing.keyed_hash("keep apart", member_id.bytes, other, way),
        now,
    )


async def drop_wish(member_id: UUID, wish_id: UUID) -> None:
    await KeepApart.delete().where(KeepApart.member == member_id, KeepApart.id == wish_id)


def keep_apart_among(rows: Iterable[Mapping[str, Any]]) -> dict[UUID, set[UUID]]:
    """For the matcher alone: whom each of these members keeps apart from, among the same members.

    A row has the ``member``, their ``address_hash``, and their ``wishes`` by id beside the ``sealed_wishes``.
    """
    rows = list(rows)
    found = {row["address_hash"].hex(): row["member"] for row in rows}
    apart: dict[UUID, set[UUID]] = defaultdict(set)
    for row in rows:
        for wish_id, sealed in zip(row["wishes"] or (), row["sealed_wishes"] or (), strict=True):
            other = found.get(_wish({"id": wish_id, "sealed_wish": sealed})["other"])
            if other is not None:
                apart[row["member"]].add(other)
    return dict(apart)


def _wish(row: Mapping[str, Any]) -> dict[str, str]:
    wish: dict[str, str] = json.loads(sealing.open_text(row["sealed_wish"], KeepApart.sealed_wish, row["id"]))
    return wish
