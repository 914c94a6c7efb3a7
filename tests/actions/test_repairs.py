"""A published round after somebody said no: the smallest change is found, looked at, and told to those it concerns."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from peerhub.actions import invitations, profile, repairs, rounds
from peerhub.actions import sessions as changes
from peerhub.actions.repairs import Outdated
from peerhub.actions.standing import as_it_stands
from peerhub.domain.availability import Span
from peerhub.domain.comfort import Comfort
from peerhub.domain.invitations import CannotAnswer, Rsvp
from peerhub.domain.programs import Kind
from peerhub.domain.refusals import NotFound, WrongStage
from peerhub.jobs.duties import Office, find_the_smallest_change
from peerhub.mail.letterhead import Letterhead
from peerhub.matching import rules
from peerhub.matching.change import Change, Step
from peerhub.matching.repair import repair
from peerhub.store import members, sessions
from peerhub.store import repairs as stored
from peerhub.store import rounds as stored_rounds
from peerhub.store.offers import put as put_offers
from peerhub.store.repairs import Repair, RepairStage
from peerhub.store.tables import Audit, Letter, Member, Offer, Round, Seat
from peerhub.store.tables import Repair as Row
from tests.community import (
    THURSDAY,
    TUESDAY,
    WEEK,
    a_member,
    a_program,
    a_round,
    a_round_of,
    at,
    enrol,
    propose,
    together,
)
from tests.letters import letters_to_show

pytestmark = pytest.mark.usefixtures("db")
OLU = uuid4()


async def some(now: datetime, *names: str) -> list[UUID]:
    return [await a_member(name, now) for name in names]


async def published(round_id: UUID, now: datetime, head: Letterhead, *planned: Any) -> UUID:
    """The round with these sessions, told to everyone; its letters have left."""
    await rounds.publish(round_id, await propose(round_id, now, *planned), head, OLU, now)
    await Letter.delete(force=True)
    return round_id


async def two_pairs(now: datetime, head: Letterhead) -> tuple[UUID, list[UUID]]:
    """Ana meets Ben, Cat meets Dan."""
    people = await some(now, "Ana", "Ben", "Cat", "Dan")
    ana, ben, cat, dan = people
    round_id = await a_round_of(now, *people)
    return await published(round_id, now, head, together(ana, ben), together(cat, dan)), people


async def seat_of(round_id: UUID, member_id: UUID) -> UUID:
    held = await sessions.of_round(round_id)
    return next(seat.id for one in held for seat in one.seats if seat.member_id == member_id)


async def were_left_out(people: list[UUID], program_id: UUID, now: datetime) -> None:
    """In the round of the week before, which they had joined."""
    earlier = await a_round(program_id, now, *people, week=WEEK - timedelta(weeks=1))
    await Round.update({Round.stage: "closed", Round.published_at: now}).where(Round.id == earlier)


async def says(rsvp: Rsvp, round_id: UUID, member_id: UUID, now: datetime) -> None:
    await invitations.answer(await seat_of(round_id, member_id), rsvp, now)


async def find(round_id: UUID, now: datetime) -> Repair:
    """Ask for the smallest change, and find it as a worker does, but with the matcher in this process."""
    await repairs.ask(round_id, OLU, now)
    claim = await stored.claim(now, now + timedelta(seconds=30))
    assert claim is not None
    stands = await as_it_stands(await stored_rounds.by_id(round_id), now)
    repaired = repair(stands.problem, tuple(stands.may_change.values()))
    await stored.keep(claim, repairs.change_to(repaired.proposal, stands))
    found = await stored.of_round(round_id)
    assert found is not None
    return found


async def change_found(round_id: UUID, now: datetime) -> Change:
    found = await find(round_id, now)
    assert found.change is not None
    return found.change


async def planned(round_id: UUID) -> list[set[UUID]]:
    held = await sessions.of_round(round_id)
    return sorted(({seat.member_id for seat in one.seats} for one in held if one.stage == "planned"), key=sorted)


async def letters_sent() -> Counter[tuple[str, str]]:
    return Counter((one.kind, one.reading.to.partition("@")[0]) for one in await letters_to_show())


async def test_who_is_left_alone_joins_others_and_only_those_people_are_told(
    now: datetime, letterhead: Letterhead
) -> None:
    round_id, (ana, ben, cat, dan) = await two_pairs(now, letterhead)
    before = {seat.member_id: seat for one in await sessions.of_round(round_id) for seat in one.seats}
    await says(Rsvp.NO, round_id, ben, now)

    found = await find(round_id, now)
    assert (found.stage, await Letter.count()) == (RepairStage.FOUND, 0)
    assert found.change is not None
    assert (set(found.change.told), found.change.without) == ({str(ana), str(cat), str(dan)}, ())
    await repairs.use(round_id, found.id, letterhead, OLU, now)

    assert await planned(round_id) == [{ana, cat, dan}]
    assert await letters_sent() == Counter(
        [("cancelled_invitation", "ana"), ("invitation", "ana"), ("changed_invitation", "cat"),
         ("changed_invitation", "dan")]
    )  # fmt: skip
    after = {
        seat.member_id: seat for one in await sessions.of_round(round_id) for seat in one.seats if one.is_ahead(now)
    }
    assert [(after[one].uid, after[one].sequence) for one in (cat, dan)] == [
        (before[one].uid, before[one].sequence + 1) for one in (cat, dan)
    ]
    assert after[ana].uid != before[ana].uid


async def test_a_session_that_goes_on_with_somebody_else_keeps_its_seats(now: datetime, letterhead: Letterhead) -> None:
    ana, ben, eli = await some(now, "Ana", "Ben", "Eli")
    round_id = await a_round_of(now, ana, ben, eli)
    await published(round_id, now, letterhead, together(ana, ben))
    (before,) = await sessions.of_round(round_id)
    await says(Rsvp.YES, round_id, ana, now)
    await says(Rsvp.NO, round_id, ben, now)

    found = await find(round_id, now)
    await repairs.use(round_id, found.id, letterhead, OLU, now)

    (after,) = await sessions.of_round(round_id)
    assert (after.id, {seat.member_id for seat in after.seats}) == (before.id, {ana, eli})
    uids = {seat.member_id: seat.uid for seat in before.seats}
    assert next(seat.uid for seat in after.seats if seat.member_id == ana) == uids[ana]
    assert await letters_sent() == Counter([("changed_invitation", "ana"), ("invitation", "eli")])
    with pytest.raises(CannotAnswer):
        await says_again(before.seats, ben, now)


async def says_again(seats: Any, member_id: UUID, now: datetime) -> None:
    await invitations.answer(next(seat.id for seat in seats if seat.member_id == member_id), Rsvp.YES, now)


async def test_who_said_no_is_not_asked_again_that_week(now: datetime, letterhead: Letterhead) -> None:
    ana, ben, eli = await some(now, "Ana", "Ben", "Eli")
    round_id = await a_round_of(now, ana, ben, eli)
    await published(round_id, now, letterhead, together(ana, ben))
    await says(Rsvp.NO, round_id, ben, now)
    await repairs.use(round_id, (await find(round_id, now)).id, letterhead, OLU, now)
    await says(Rsvp.NO, round_id, eli, now)

    change = await change_found(round_id, now)

    assert (set(change.told), change.without, [step.after for step in change.steps]) == (
        {str(ana)},
        (str(ana),),
        [None],
    )


async def test_a_worker_finds_it_with_the_matcher_in_a_process_of_its_own(
    now: datetime, letterhead: Letterhead
) -> None:
    round_id, (ana, ben, cat, dan) = await two_pairs(now, letterhead)
    office = Office(letterhead, "smtp://localhost:1", uuid4(), clock=lambda: now)
    await says(Rsvp.NO, round_id, ben, now)

    idle = await find_the_smallest_change(office, now)
    await repairs.ask(round_id, OLU, now)
    busy = await find_the_smallest_change(office, now)

    found = await stored.of_round(round_id)
    assert found is not None and found.change is not None
    assert (idle, busy, found.stage) == (False, True, RepairStage.FOUND)
    assert found.change.told == {str(ana), str(cat), str(dan)}
    assert [row["action"] for row in await Audit.select().order_by(Audit.number)][-2:] == [
        "smallest change asked for", "smallest change found",
    ]  # fmt: skip


async def test_a_session_whose_leader_is_away_finds_another(now: datetime, letterhead: Letterhead) -> None:
    people, leaders = await some(now, "Ana", "Ben", "Cat"), await some(now, "Fay", "Gil")
    program_id = await a_program(now, Kind.SESSIONS, smallest=3, ideal=3, largest=4)
    await enrol(program_id, now, *people)
    await enrol(program_id, now, *leaders, facilitates=1)
    round_id = await a_round(program_id, now, *people, *leaders)
    await published(round_id, now, letterhead, together(*people, led_by=(leaders[0],)))
    await says(Rsvp.NO, round_id, leaders[0], now)

    found = await find(round_id, now)
    await repairs.use(round_id, found.id, letterhead, OLU, now)

    (session,) = await sessions.of_round(round_id)
    assert [(seat.member_id, seat.part) for seat in session.facilitators] == [(leaders[1], "facilitator")]
    assert session.span == TUESDAY
    assert await letters_sent() == Counter(
        [("changed_invitation", name) for name in ("ana", "ben", "cat")] + [("invitation", "gil")]
    )


async def test_who_said_no_to_one_session_hears_of_the_other_alone(now: datetime, letterhead: Letterhead) -> None:
    ana, ben, cat = [await a_member(name, now, "tue 18:00-19:00", "thu 18:00-19:00") for name in ("Ana", "Ben", "Cat")]
    await members.save(ben, replace(await members.profile_of(ben), most_sessions=2), now)
    round_id = await a_round_of(now, ana, ben, cat)
    await published(round_id, now, letterhead, together(ana, ben), together(ben, cat, span=THURSDAY))
    tuesday, thursday = await sessions.of_round(round_id)
    for session, member_id in ((tuesday, ben), (thursday, cat)):
        seat = next(seat for seat in session.seats if seat.member_id == member_id)
        await invitations.answer(seat.id, Rsvp.NO, now)

    found = await find(round_id, now)
    await repairs.use(round_id, found.id, letterhead, OLU, now)

    (goes_on,) = [one for one in await sessions.of_round(round_id) if one.stage == "planned"]
    assert (goes_on.id, {seat.member_id for seat in goes_on.seats}) == (thursday.id, {ana, ben})
    assert await letters_sent() == Counter(
        [("cancelled_invitation", "ana"), ("invitation", "ana"), ("changed_invitation", "ben")]
    )


async def test_a_leader_whom_an_organizer_took_out_is_not_put_back(now: datetime, letterhead: Letterhead) -> None:
    people, leaders = await some(now, "Ana", "Ben", "Cat"), await some(now, "Fay", "Gil")
    program_id = await a_program(now, Kind.SESSIONS, smallest=3, ideal=3, largest=4)
    await enrol(program_id, now, *people)
    await enrol(program_id, now, *leaders, facilitates=1)
    round_id = await a_round(program_id, now, *people, *leaders)
    await published(round_id, now, letterhead, together(*people, led_by=(leaders[0],)))
    await changes.remove_seat(await seat_of(round_id, leaders[0]), letterhead, OLU, now)

    change = await change_found(round_id, now)

    assert [(step.after.facilitators, step.after.span) for step in change.steps if step.after] == [
        ((str(leaders[1]),), TUESDAY)
    ]


async def test_whoever_was_left_alone_by_an_erasure_joins_others(now: datetime, letterhead: Letterhead) -> None:
    round_id, (ana, ben, cat, dan) = await two_pairs(now, letterhead)
    await profile.erase(ben, now)

    assert (await change_found(round_id, now)).told == {str(ana), str(cat), str(dan)}


async def test_nobody_loses_a_seat_because_somebody_else_has_lost_theirs(now: datetime, letterhead: Letterhead) -> None:
    people = await some(now, *(f"M{n}" for n in range(6)))
    program_id = await a_program(now, Kind.SESSIONS, smallest=3, ideal=3, largest=4, facilitators_per_session=0)
    await enrol(program_id, now, *people)
    round_id = await a_round(program_id, now, *people)
    await were_left_out(people[:3], program_id, now)
    await published(round_id, now, letterhead, together(*people[:3]), together(*people[3:], span=THURSDAY))
    await says(Rsvp.NO, round_id, people[0], now)

    change = await change_found(round_id, now)

    assert (len(change.without), set(change.without) <= {str(one) for one in people[1:3]}) == (1, True)


async def test_who_can_have_no_other_session_is_named_and_hears_that_theirs_is_off(
    now: datetime, letterhead: Letterhead
) -> None:
    ana, ben = await some(now, "Ana", "Ben")
    round_id = await published(await a_round_of(now, ana, ben), now, letterhead, together(ana, ben))
    await says(Rsvp.NO, round_id, ben, now)

    found = await find(round_id, now)
    assert found.change is not None
    assert found.change.without == (str(ana),)
    await repairs.use(round_id, found.id, letterhead, OLU, now)

    assert [one.stage for one in await sessions.of_round(round_id)] == ["cancelled"]
    assert await letters_sent() == Counter([("cancelled_invitation", "ana")])


async def test_nothing_changes_where_everybody_comes(now: datetime, letterhead: Letterhead) -> None:
    round_id, _ = await two_pairs(now, letterhead)

    assert await change_found(round_id, now) == Change()


async def keeps_apart(one: UUID, other: UUID, now: datetime) -> None:
    await members.put_wish_about(one, other, now)


async def is_not_free_any_more(one: UUID, other: UUID, now: datetime) -> None:
    await profile.go_away(one, TUESDAY.starts_at.date(), THURSDAY.starts_at.date(), now.date())


async def never_by_voice(one: UUID, other: UUID, now: datetime) -> None:
    said = await members.profile_of(one)
    await members.save(one, replace(said, comfort=Comfort(mediums={"voice": 0})), now)


async def pauses(one: UUID, other: UUID, now: datetime) -> None:
    await profile.pause(one)


@pytest.mark.parametrize("happens", [keeps_apart, is_not_free_any_more, never_by_voice, pauses])
async def test_what_a_member_keeps_to_themselves_changes_no_session_to_which_everybody_comes(
    now: datetime, letterhead: Letterhead, happens: Callable[[UUID, UUID, datetime], Awaitable[None]]
) -> None:
    round_id, (ana, ben, cat, dan) = await two_pairs(now, letterhead)
    await says(Rsvp.NO, round_id, ben, now)
    await happens(cat, dan, now)

    change = await change_found(round_id, now)

    assert (set(change.told), change.without) == ({str(ana)}, (str(ana),))


async def test_somebody_who_is_suspended_does_not_come(now: datetime, letterhead: Letterhead) -> None:
    round_id, (ana, ben, cat, dan) = await two_pairs(now, letterhead)
    await Member.update({Member.stage: "suspended"}).where(Member.id == ben)

    found = await find(round_id, now)
    await repairs.use(round_id, found.id, letterhead, OLU, now)

    assert await planned(round_id) == [{ana, cat, dan}]
    assert {to for _, to in await letters_sent()} == {"ana", "cat", "dan"}


async def test_nobody_is_hurried_into_the_next_two_hours(now: datetime, letterhead: Letterhead) -> None:
    ana, ben, eli = await some(now, "Ana", "Ben", "Eli")
    round_id = await a_round_of(now, ana, ben, eli)
    await published(round_id, now, letterhead, together(ana, ben))
    await says(Rsvp.NO, round_id, ben, now)

    early = await change_found(round_id, TUESDAY.starts_at - timedelta(hours=2))
    late = await change_found(round_id, TUESDAY.starts_at - timedelta(hours=2, seconds=-1))

    assert [step.after.span for step in early.steps if step.after] == [TUESDAY]
    assert late == Change()


async def test_a_session_that_somebody_is_being_asked_for_waits_for_the_answer(
    now: datetime, letterhead: Letterhead
) -> None:
    ana, ben, eli = await some(now, "Ana", "Ben", "Eli")
    round_id = await a_round_of(now, ana, ben, eli)
    await published(round_id, now, letterhead, together(ana, ben))
    await says(Rsvp.NO, round_id, ben, now)
    (session,) = await sessions.of_round(round_id)
    await put_offers(session.id, [eli], now, now + timedelta(hours=1))

    meanwhile = await change_found(round_id, now)
    await Offer.update({Offer.state: "declined", Offer.answered_at: now}, force=True)
    afterwards = await change_found(round_id, now)

    assert meanwhile == Change()
    assert (set(afterwards.told), afterwards.without) == ({str(ana)}, (str(ana),))  # Eli said no to it


async def test_what_was_proposed_keeps_every_rule_beside_what_stands(now: datetime, letterhead: Letterhead) -> None:
    people = await some(now, *(f"M{n}" for n in range(9)))
    round_id = await a_round_of(now, *people)
    await published(
        round_id, now, letterhead, together(*people[:2]), together(*people[2:4], span=THURSDAY),
        together(*people[4:7]), together(*people[7:], span=at("2026-12-01T19:00")),
    )  # fmt: skip
    for one in (people[0], people[2], people[4]):
        await says(Rsvp.NO, round_id, one, now)

    found = await find(round_id, now)
    await repairs.use(round_id, found.id, letterhead, OLU, now)

    round_ = await stored_rounds.by_id(round_id)
    problem = replace(await stored_rounds.problem_of(round_), pinned=())
    standing = [one.as_planned for one in await sessions.of_round(round_id) if one.stage == "planned"]
    assert rules.broken_rules_of_sessions(problem, standing) == []
    assert found.change is not None
    names = await members.names_of(map(UUID, found.change.told))
    assert {to for _, to in await letters_sent()} == {name.lower() for name in names.values()}
    assert not {"M0", "M2", "M4"} & set(names.values())


# Twice, at once, or too late


async def test_to_ask_twice_is_to_ask_once(now: datetime, letterhead: Letterhead) -> None:
    round_id, _ = await two_pairs(now, letterhead)

    await asyncio.gather(*(repairs.ask(round_id, OLU, now) for _ in range(4)))

    assert await Row.count() == 1
    assert await Audit.count().where(Audit.action == "smallest change asked for") == 1


@pytest.mark.parametrize("at_once", [False, True])
async def test_two_organizers_publish_it_once(now: datetime, letterhead: Letterhead, at_once: bool) -> None:
    round_id, (ana, ben, cat, dan) = await two_pairs(now, letterhead)
    await says(Rsvp.NO, round_id, ben, now)
    found = await find(round_id, now)

    using = [repairs.use(round_id, found.id, letterhead, OLU, now) for _ in range(2)]
    if at_once:
        await asyncio.gather(*using)
    else:
        for one in using:
            await one

    assert await planned(round_id) == [{ana, cat, dan}]
    assert await Letter.count() == 4
    assert await Audit.count().where(Audit.action == "smallest change published") == 1


async def says_yes_after_all(round_id: UUID, people: list[UUID], now: datetime, head: Letterhead) -> None:
    await says(Rsvp.YES, round_id, people[1], now)


async def says_no_too(round_id: UUID, people: list[UUID], now: datetime, head: Letterhead) -> None:
    await says(Rsvp.NO, round_id, people[3], now)


async def moves(round_id: UUID, people: list[UUID], now: datetime, head: Letterhead) -> None:
    session = next(one for one in await sessions.of_round(round_id) if people[2] in {s.member_id for s in one.seats})
    await changes.change(session.id, changes.Change(THURSDAY.starts_at, "voice", ""), head, OLU, now)


async def is_called_off(round_id: UUID, people: list[UUID], now: datetime, head: Letterhead) -> None:
    for one in await sessions.of_round(round_id):
        if people[2] in {seat.member_id for seat in one.seats}:
            await changes.cancel(one.id, head, OLU, now)


async def ana_keeps_apart_from_cat(round_id: UUID, people: list[UUID], now: datetime, head: Letterhead) -> None:
    await members.put_wish_about(people[0], people[2], now)


async def ana_goes_away(round_id: UUID, people: list[UUID], now: datetime, head: Letterhead) -> None:
    await is_not_free_any_more(people[0], people[2], now)


@pytest.mark.parametrize(
    "happens",
    [says_yes_after_all, says_no_too, moves, is_called_off, ana_keeps_apart_from_cat, ana_goes_away],
    ids=lambda happens: happens.__name__,
)
async def test_what_changed_meanwhile_stops_it_and_it_is_looked_for_anew(
    now: datetime, letterhead: Letterhead, happens: Callable[..., Awaitable[None]]
) -> None:
    round_id, people = await two_pairs(now, letterhead)
    await says(Rsvp.NO, round_id, people[1], now)
    found = await find(round_id, now)
    await happens(round_id, people, now, letterhead)
    before = await planned(round_id), await Letter.count()

    with pytest.raises(Outdated):
        await repairs.use(round_id, found.id, letterhead, OLU, now)

    again = await stored.of_round(round_id)
    assert again is not None
    assert (again.stage, again.id != found.id) == (RepairStage.ASKED, True)
    assert (await planned(round_id), await Letter.count()) == before


async def test_an_answer_that_changes_nothing_does_not_stop_it(now: datetime, letterhead: Letterhead) -> None:
    round_id, (ana, ben, cat, dan) = await two_pairs(now, letterhead)
    await says(Rsvp.NO, round_id, ben, now)
    found = await find(round_id, now)
    await says(Rsvp.YES, round_id, cat, now)

    await repairs.use(round_id, found.id, letterhead, OLU, now)

    assert await planned(round_id) == [{ana, cat, dan}]
    kept = {seat.member_id: seat.rsvp for one in await sessions.of_round(round_id) for seat in one.seats}
    assert (kept[cat], kept[dan]) == ("yes", "waiting")


async def test_a_no_and_the_publishing_at_once_come_one_after_the_other(now: datetime, letterhead: Letterhead) -> None:
    round_id, (ana, ben, cat, dan) = await two_pairs(now, letterhead)
    await says(Rsvp.NO, round_id, ben, now)
    found = await find(round_id, now)
    seat = await seat_of(round_id, dan)

    using, _ = await asyncio.gather(
        repairs.use(round_id, found.id, letterhead, OLU, now),
        invitations.answer(seat, Rsvp.NO, now),
        return_exceptions=True,
    )

    if isinstance(using, Outdated):
        assert (await planned(round_id), await Letter.count()) == (sorted([{ana, ben}, {cat, dan}], key=sorted), 0)
    else:
        assert (using, await planned(round_id), await Letter.count()) == (None, [{ana, cat, dan}], 4)


async def test_a_change_that_is_not_the_newest_is_not_used(now: datetime, letterhead: Letterhead) -> None:
    round_id, (_, ben, _, _) = await two_pairs(now, letterhead)
    await says(Rsvp.NO, round_id, ben, now)
    found = await find(round_id, now)
    await find(round_id, now)

    for one in (found.id, uuid4()):
        with pytest.raises(WrongStage):
            await repairs.use(round_id, one, letterhead, OLU, now)

    assert await Letter.count() == 0


async def test_a_round_that_is_not_published_has_nothing_to_repair(now: datetime, letterhead: Letterhead) -> None:
    ana, ben = await some(now, "Ana", "Ben")
    round_id = await a_round_of(now, ana, ben)

    with pytest.raises(WrongStage):
        await repairs.ask(round_id, OLU, now)
    with pytest.raises(NotFound):
        await repairs.ask(uuid4(), OLU, now)
    assert await Row.count() == 0


async def test_a_change_is_dropped_and_everything_stays(now: datetime, letterhead: Letterhead) -> None:
    round_id, (_, ben, _, _) = await two_pairs(now, letterhead)
    await says(Rsvp.NO, round_id, ben, now)
    found = await find(round_id, now)

    await repairs.drop(round_id, found.id, OLU, now)

    assert (await stored.of_round(round_id), await Letter.count(), len(await planned(round_id))) == (None, 0, 2)


async def test_nobody_who_was_erased_stays_in_a_change(now: datetime, letterhead: Letterhead) -> None:
    round_id, (ana, ben, _, _) = await two_pairs(now, letterhead)
    await says(Rsvp.NO, round_id, ben, now)
    await find(round_id, now)

    await profile.erase(ana, now)
    assert await Row.count() == 0
    await repairs.ask(round_id, OLU, now)
    claim = await stored.claim(now, now + timedelta(seconds=30))
    assert claim is not None
    alone = together(ana, span=Span(THURSDAY.starts_at, THURSDAY.ends_at))

    assert await stored.keep(claim, Change((Step(None, None, alone),))) is False


async def test_a_worker_that_dies_again_and_again_does_not_keep_the_organizer_waiting(
    now: datetime, letterhead: Letterhead
) -> None:
    round_id, _ = await two_pairs(now, letterhead)
    await repairs.ask(round_id, OLU, now)
    claims = [await stored.claim(now + n * timedelta(minutes=1), now + n * timedelta(minutes=1)) for n in range(4)]
    assert claims[3] is not None

    await repairs.run(claims[3], lambda: now, asyncio.Event())

    found = await stored.of_round(round_id)
    assert found is not None
    assert found.stage is RepairStage.FAILED


async def test_what_a_round_costs_to_look_at_does_not_grow_with_it(
    now: datetime, letterhead: Letterhead, statements: list[str]
) -> None:
    asked = []
    for many in (4, 12):
        people = await some(now, *(f"{many}M{n}" for n in range(many)))
        round_id = await a_round_of(now, *people)
        await published(round_id, now, letterhead, *(together(*people[n : n + 2]) for n in range(0, many, 2)))
        round_ = await stored_rounds.by_id(round_id)
        statements.clear()
        await as_it_stands(round_, now)
        asked.append(len(statements))

    assert asked[0] == asked[1]


async def test_a_seat_is_there_once(now: datetime, letterhead: Letterhead) -> None:
    round_id, (_, ben, _, _) = await two_pairs(now, letterhead)
    await says(Rsvp.NO, round_id, ben, now)
    await repairs.use(round_id, (await find(round_id, now)).id, letterhead, OLU, now)

    rows = await Seat.select(Seat.uid, Seat.session, Seat.member)
    assert len({row["uid"] for row in rows}) == len(rows) == len({(row["session"], row["member"]) for row in rows}) == 5
