"""Who writes to whom in the tests of letters."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from peerhub.domain.availability import Span
from peerhub.domain.offers import Offer, OfferState
from peerhub.mail.letters import Recipient, SeatInvitation
from peerhub.store import sealing
from peerhub.store.tables import Letter, Member

TUESDAY = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)
ANA = Recipient(UUID(int=1), "ana@example.org", "Ana", discreet=True)
BEN = Recipient(UUID(int=2), "ben@example.org", "Ben", discreet=False)


def a_seat(**other: Any) -> SeatInvitation:
    given: dict[str, Any] = {
        "seat_id": UUID(int=7), "uid": "0123456789abcdef0123456789abcdef@peerhub.example", "sequence": 0,
        "span": Span(TUESDAY, TUESDAY + timedelta(hours=1)), "time_zone": "Europe/Lisbon",
        "program_name": "Evening circle", "medium": "video", "others": ("Ben", "Cat"), "part": "peer",
    }  # fmt: skip
    return SeatInvitation(**(given | other))


def an_offer() -> Offer:
    span = Span(TUESDAY, TUESDAY + timedelta(hours=1))
    return Offer(
        UUID(int=5), UUID(int=6), ANA.member_id, "Ana", "Europe/Lisbon", "Evening circle", span, "video",
        OfferState.OPEN, TUESDAY - timedelta(days=1),
    )  # fmt: skip


async def a_stored_member(now: datetime, name: str = "Ana", **other: Any) -> Recipient:
    """A confirmed member, as a letter addresses them."""
    to = Recipient(uuid4(), f"{name.lower()}@example.org", name, discreet=True)
    given: dict[str, Any] = {"time_zone": "Europe/Lisbon", "stage": "active", "created_at": now, "confirmed_at": now}
    await Member.insert(
        Member(
            id=to.member_id,
            sealed_name=sealing.seal(to.name, Member.sealed_name, to.member_id),
            sealed_address=sealing.seal(to.address, Member.sealed_address, to.member_id),
            address_hash=sealing.address_hash(to.address),
            **(given | other),
        )
    )
    return to


async def the_outbox() -> list[dict[str, Any]]:
    """Every row of the outbox, oldest first."""
    rows: list[dict[str, Any]] = await Letter.select().order_by(Letter.number)
    return rows


async def states() -> list[str]:
    return [row["state"] for row in await the_outbox()]
