"""A seat that was declined: to whom it is offered, in which order, for how long, and who has it in the end."""

import asyncio
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from peerhub.actions import invitations, offers
from peerhub.actions import sessions as organizing
from peerhub.domain.comfort import Comfort
from peerhub.domain.invitations import CannotAnswer, Rsvp
from peerhub.domain.offers import OfferState
from peerhub.domain.programs import PRESETS, Kind
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, outbox, programs, rounds, sessions
from peerhub.store import offers as stored
from peerhub.store.sessions import StoredSession
from peerhub.store.tables import Joining, Letter, Offer, Program, Round, Seat, Session
from tests.community import TUESDAY, WEEK, a_member, an_organizer, change_hours, enrol, together
from tests.letters import letters_to_show

pytestmark = pytest.mark.usefixtures("db")
ONE_HOUR = timedelta(hours=1)


async def a_session(
    now: datetime, seated: list[UUID], others: list[UUID], *, fills_seats: bool = True, **rules: Any
) -> UUID:
    """A published session, in a round that others have joined who have no seat."""
    program = replace(PRESETS[Kind.SESSIONS], **{"facilitators_per_session": 0, **rules})
    program_id = await programs.create("Evening circle", program, (), now, fills_seats=fills_seats)
    await enrol(program_id, now, *seated, *others)
    round_id = await rounds.open_round(program_id, WEEK, now)
    for one in (*seated, *others):
        await rounds.join(round_id, one, now)
    await Round.update({Round.stage: "published", Round.published_at: now}).where(Round.id == round_id)
    await sessions.put(round_id, [together(*seated)], "peerhub.example")
    return (await sessions.of_round(round_id))[0].id


async def the_session() -> StoredSession:
    return await sessions.by_id((await Session.select(Session.id))[0]["id"])


async def says_no(member_id: UUID, now: datetime) -> None:
    seat = next(seat for seat in (await the_session()).seats if seat.member_id == member_id)
    await invitations.answer(seat.id, Rsvp.NO, now)


async def asked() -> dict[UUID, str]:
    return {row["member"]: row["state"] for row in await Offer.select()}


async def offer_to(member_id: UUID) -> UUID:
    return UUID(str((await Offer.select(Offer.id).where(Offer.member == member_id))[0]["id"]))


async def three(now: datetime) -> list[UUID]:
    return [await a_member(name, now) for name in ("Ana", "Ben", "Cat")]


async def test_a_seat_that_was_declined_is_offered_to_one_who_could_have_it(
    letterhead: Letterhead, now: datetime
) -> None:
    seated, dan, eve = await three(now), await a_member("Dan", now), await a_member("Eve", now, "mon 09:00-10:00")
    await a_session(now, seated, [dan, eve])
    assert await offers.offer_free_seats(letterhead, now) is False
    await says_no(seated[0], now)

    looked = [await offers.offer_free_seats(letterhead, now) for _ in range(2)]

    assert (looked, await asked()) == ([True, False], {dan: "open"})
    (letter,) = [one.reading for one in await letters_to_show()]
    assert (letter.to, letter.subject, letter.calendar) == ("dan@example.org", "A seat has come free", "")
    assert [name for name in ("Ana", "Ben", "Cat", "Evening") if name in letter.text] == []


async def test_the_first_yes_has_the_seat_and_everybody_who_comes_is_told(
    letterhead: Letterhead, now: datetime
) -> None:
    seated, dan = await three(now), await a_member("Dan", now)
    await a_session(now, seated, [dan])
    await says_no(seated[0], now)
    await offers.offer_free_seats(letterhead, now)

    became = await offers.answer(await offer_to(dan), yes=True, head=letterhead, now=now)

    session = await the_session()
    assert became is OfferState.TAKEN
    assert {seat.member_id: seat.rsvp for seat in session.seats} == {
        seated[1]: "waiting", seated[2]: "waiting", dan: "yes",
    }  # fmt: skip
    told = Counter((one.kind, one.reading.to.partition("@")[0]) for one in await letters_to_show())
    assert told == Counter(
        [("seat_offered", "dan"), ("seat_taken", "dan"), ("changed_invitation", "ben"), ("changed_invitation", "cat")]
    )
    assert {one.kind for one in await letters_to_show() if "METHOD:REQUEST" in one.reading.calendar} == {
        "seat_taken", "changed_invitation",
    }  # fmt: skip


async def test_who_declined_can_change_their_mind_until_somebody_has_the_seat(
    letterhead: Letterhead, now: datetime
) -> None:
    seated, dan = await three(now), await a_member("Dan", now)
    await a_session(now, seated, [dan])
    ana = next(seat.id for seat in (await the_session()).seats if seat.member_id == seated[0])
    await invitations.answer(ana, Rsvp.NO, now)
    await offers.offer_free_seats(letterhead, now)
    await invitations.answer(ana, Rsvp.YES, now)

    became = await offers.answer(await offer_to(dan), yes=True, head=letterhead, now=now)
    assert (became, len((await the_session()).seats)) == (OfferState.WAITING, 3)

    await invitations.answer(ana, Rsvp.NO, now)
    assert await offers.answer(await offer_to(dan), yes=True, head=letterhead, now=now) is OfferState.TAKEN
    with pytest.raises(CannotAnswer):
        await invitations.answer(ana, Rsvp.YES, now)
    assert len((await the_session()).seats) == 3


async def test_a_closed_session_never_fills_by_itself(letterhead: Letterhead, now: datetime) -> None:
    seated, dan = await three(now), await a_member("Dan", now)
    await a_session(now, seated, [dan], fills_seats=False)
    await says_no(seated[0], now)

    assert await offers.offer_free_seats(letterhead, now) is False
    assert await asked() == {}
    assert (await programs.every())[0].fills_seats is False


async def test_buddies_are_closed_unless_somebody_opens_them(now: datetime) -> None:
    program_id = await programs.create("Buddies", PRESETS[Kind.BUDDIES], (), now)

    assert (await programs.by_id(program_id)).fills_seats is False


async def kept_apart(dan: UUID, seated: list[UUID], now: datetime) -> None:
    await members.put_wish_about(seated[1], dan, now)


async def no_longer_free(dan: UUID, seated: list[UUID], now: datetime) -> None:
    await change_hours(dan, now, "mon 09:00-10:00")


async def never_by_voice(dan: UUID, seated: list[UUID], now: datetime) -> None:
    profile = await members.profile_of(dan)
    await members.save(dan, replace(profile, comfort=Comfort(mediums={"voice": 0})), now)


async def crowded(dan: UUID, seated: list[UUID], now: datetime) -> None:
    profile = await members.profile_of(seated[2])
    await members.save(seated[2], replace(profile, comfort=Comfort(sizes={"trio": 0})), now)


async def paused(dan: UUID, seated: list[UUID], now: datetime) -> None:
    await members.move(dan, "active", "paused")


async def not_in_the_round(dan: UUID, seated: list[UUID], now: datetime) -> None:
    await Joining.delete().where(Joining.member == dan)


STANDS_AGAINST = [kept_apart, no_longer_free, never_by_voice, crowded, paused, not_in_the_round]


@pytest.mark.parametrize("happens", STANDS_AGAINST)
async def test_nobody_is_asked_whom_a_rule_keeps_out(letterhead: Letterhead, now: datetime, happens: Any) -> None:
    seated, dan = await three(now), await a_member("Dan", now)
    await a_session(now, seated, [dan])
    await happens(dan, seated, now)
    await says_no(seated[0], now)

    await offers.offer_free_seats(letterhead, now)

    assert await asked() == {}


@pytest.mark.parametrize("happens", STANDS_AGAINST)
async def test_the_rules_are_asked_once_more_when_the_seat_is_taken(
    letterhead: Letterhead, now: datetime, happens: Any
) -> None:
    seated, dan = await three(now), await a_member("Dan", now)
    await a_session(now, seated, [dan])
    await says_no(seated[0], now)
    await offers.offer_free_seats(letterhead, now)
    await happens(dan, seated, now)

    became = await offers.answer(await offer_to(dan), yes=True, head=letterhead, now=now)

    assert (became, {seat.member_id for seat in (await the_session()).seats}) == (OfferState.WAITING, set(seated))


async def test_a_session_never_grows_beyond_its_largest_size(letterhead: Letterhead, now: datetime) -> None:
    seated, dan = await three(now), await a_member("Dan", now)
    await a_session(now, seated, [dan], smallest=2, ideal=2, largest=2)
    await says_no(seated[0], now)

    await offers.offer_free_seats(letterhead, now)

    assert await asked() == {}


async def test_an_offer_that_ends_goes_to_the_next(letterhead: Letterhead, now: datetime) -> None:
    seated, others = await three(now), [await a_member(name, now) for name in ("Dan", "Eve")]
    await a_session(now, seated, others)
    await says_no(seated[0], now)
    await offers.offer_free_seats(letterhead, now)
    (first,) = await asked()
    (second,) = set(others) - {first}
    later = now + timedelta(hours=24)

    await offers.offer_free_seats(letterhead, later - ONE_HOUR)
    assert set(await asked()) == {first}
    await offers.offer_free_seats(letterhead, later)
    assert set(await asked()) == {first, second}
    with pytest.raises(CannotAnswer):
        await offers.answer(await offer_to(first), yes=True, head=letterhead, now=later)
    assert await offers.answer(await offer_to(second), yes=True, head=letterhead, now=later) is OfferState.TAKEN


async def test_who_says_no_is_not_asked_again_and_the_next_is(letterhead: Letterhead, now: datetime) -> None:
    seated, others = await three(now), [await a_member(name, now) for name in ("Dan", "Eve")]
    await a_session(now, seated, others)
    await says_no(seated[0], now)
    for n in range(3):
        moment = now + n * stored.LOOK_AGAIN
        await offers.offer_free_seats(letterhead, moment)
        for offer in await Offer.select().where(Offer.state == "open"):
            await offers.answer(offer["id"], yes=False, head=letterhead, now=moment)

    assert await asked() == dict.fromkeys(others, "declined")


async def test_who_was_left_out_longest_is_asked_first(letterhead: Letterhead, now: datetime) -> None:
    seated, others = await three(now), [await a_member(f"M{n}", now) for n in range(6)]
    owed = others[4]
    await a_session(now, seated, others)
    program_id = (await Program.select(Program.id))[0]["id"]
    earlier = await rounds.open_round(program_id, WEEK - timedelta(weeks=1), now)
    await rounds.join(earlier, owed, now)
    await Round.update({Round.stage: "closed", Round.published_at: now}).where(Round.id == earlier)
    await says_no(seated[0], now)

    await offers.offer_free_seats(letterhead, now)

    assert set(await asked()) == {owed}


async def test_who_said_yes_too_late_is_asked_first_next_time(letterhead: Letterhead, now: datetime) -> None:
    seated, others = await three(now), [await a_member(f"M{n}", now) for n in range(4)]
    await a_session(now, seated, others)
    hurry = TUESDAY.starts_at - timedelta(hours=20)
    await says_no(seated[0], hurry)
    await offers.offer_free_seats(letterhead, hurry)
    first, late, _ = await asked()
    became = [await offers.answer(await offer_to(one), yes=True, head=letterhead, now=hurry) for one in (first, late)]
    assert became == [OfferState.TAKEN, OfferState.WAITING]

    await says_no(first, hurry)
    later = hurry + timedelta(hours=11)
    await offers.offer_free_seats(letterhead, later)

    open_now = {row["member"] for row in await Offer.select().where(Offer.state == "open", Offer.expires_at > later)}
    assert late in open_now
    assert first not in open_now


@pytest.mark.parametrize("what", ["the session", "the whole round"])
async def test_nobody_hears_of_a_seat_in_what_was_called_off(letterhead: Letterhead, now: datetime, what: str) -> None:
    seated, dan, olu, worker = await three(now), await a_member("Dan", now), await an_organizer(now), uuid4()
    session_id = await a_session(now, seated, [dan])
    await says_no(seated[0], now)
    await offers.offer_free_seats(letterhead, now)
    (claimed,) = await outbox.claim(worker, now, 1)

    if what == "the session":
        await organizing.cancel(session_id, letterhead, olu, now)
    else:
        await organizing.cancel_round((await the_session()).round_id, letterhead, olu, now)

    assert await outbox.fence(worker, claimed.id, now) is False
    (row,) = await Letter.select(Letter.state).where(Letter.kind == "seat_offered")
    assert row["state"] == "cancelled"
    assert await Letter.count().where(Letter.kind == "cancelled_invitation", Letter.state == "pending") == 3


async def test_in_the_last_two_hours_nobody_is_asked(letterhead: Letterhead, now: datetime) -> None:
    seated, dan = await three(now), await a_member("Dan", now)
    await a_session(now, seated, [dan])
    await says_no(seated[0], now)

    assert await offers.offer_free_seats(letterhead, TUESDAY.starts_at - timedelta(hours=2, seconds=-1)) is False
    assert await offers.offer_free_seats(letterhead, TUESDAY.starts_at - timedelta(hours=2)) is True
    (offer,) = await Offer.select()
    assert offer["expires_at"] == TUESDAY.starts_at - ONE_HOUR


async def test_eight_workers_ask_one_person(letterhead: Letterhead, now: datetime) -> None:
    seated, others = await three(now), [await a_member(f"M{n}", now) for n in range(4)]
    await a_session(now, seated, others)
    await says_no(seated[0], now)

    await asyncio.gather(*(offers.offer_free_seats(letterhead, now) for _ in range(8)))

    assert list((await asked()).values()) == ["open"]


@pytest.mark.parametrize("processes", ["one", "many"])
async def test_sixty_say_yes_at_once_to_ten_seats(
    letterhead: Letterhead, now: datetime, processes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if processes == "many":  # who sits in another process waits at the database alone
        monkeypatch.setattr(offers, "turn_at", lambda _: nullcontext())
    seated = [await a_member(f"Seated{n}", now) for n in range(12)]
    others = [await a_member(f"Other{n}", now) for n in range(60)]
    session_id = await a_session(now, seated, others, largest=12)
    for one in seated[:10]:
        await says_no(one, now)
    await stored.put(session_id, others, now, now + ONE_HOUR)
    ids = [row["id"] for row in await Offer.select(Offer.id)]

    became = await asyncio.gather(*(offers.answer(one, yes=True, head=letterhead, now=now) for one in ids))

    assert Counter(became) == {OfferState.TAKEN: 10, OfferState.WAITING: 50}
    assert Counter((await asked()).values()) == {"taken": 10, "waiting": 50}
    session = await the_session()
    assert Counter(seat.rsvp for seat in session.seats) == {"yes": 10, "waiting": 2}
    assert len({seat.member_id for seat in session.seats} & set(others)) == 10
    assert await Seat.count() == 22
