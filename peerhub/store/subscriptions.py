"""Which kinds of letters members do not want."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID, uuid4

from peerhub.domain.subscriptions import Subscription
from peerhub.store import members
from peerhub.store.tables import Consent, Member, Unwanted

_CONSENT = Subscription.CHECK_INS.value  # its letters are a purpose that members agree to: one fact, kept once


async def who_wants(kind: Subscription, ids: Iterable[UUID]) -> list[UUID]:
    """Those of these members who have not said that they can do without this kind."""
    if kind is Subscription.CHECK_INS:
        agree = Consent.select(Consent.member).where(
            Consent.member.is_in(list(ids) or [uuid4()]), Consent.purpose == _CONSENT, Consent.withdrawn_at.is_null()
        )
        return [row["member"] for row in await agree]
    rows = await Unwanted.raw(
        "SELECT m AS id FROM unnest({}::uuid[]) WITH ORDINALITY AS t (m, place) WHERE NOT EXISTS"
        " (SELECT 1 FROM unwanted u WHERE u.member = m AND u.kind = {}) ORDER BY place",
        list(ids), kind.value,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def of_member(member_id: UUID) -> frozenset[Subscription]:
    """The kinds that a member gets."""
    unwanted = {row["kind"] for row in await Unwanted.select(Unwanted.kind).where(Unwanted.member == member_id)}
    if _CONSENT not in await members.consents_of(member_id):
        unwanted.add(_CONSENT)
    return frozenset(kind for kind in Subscription if kind.value not in unwanted)


async def is_member(member_id: UUID) -> bool:
    """Whether the member is still there."""
    return await Member.exists().where(Member.id == member_id)


async def end(member_id: UUID, kind: Subscription, now: datetime) -> None:
    """No more letters of this kind; ending it twice is ending it once."""
    if kind is Subscription.CHECK_INS:
        await Consent.update({Consent.withdrawn_at: now}).where(
            Consent.member == member_id, Consent.purpose == _CONSENT, Consent.withdrawn_at.is_null()
        )
        return
    await Unwanted.raw(
        "INSERT INTO unwanted (id, member, kind, since) VALUES ({}, {}, {}, {}) ON CONFLICT DO NOTHING",
        uuid4(), member_id, kind.value, now,
    )  # fmt: skip


async def begin(member_id: UUID, kind: Subscription, now: datetime) -> None:
    """Letters of this kind again."""
    if kind is Subscription.CHECK_INS:
        given = await members.consents_of(member_id)
        await members.set_consents(member_id, {*given, _CONSENT}, now)
        return
    await Unwanted.delete().where(Unwanted.member == member_id, Unwanted.kind == kind.value)
