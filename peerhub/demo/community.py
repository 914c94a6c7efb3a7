"""Fills in Harbour Lights: sixty members, two programs, three rounds that were matched and two that are open.

Everything comes about as it would in life, by the same actions, only on earlier days; so the demo can show nothing that
peerhub does not do. It happens in one transaction: either the whole community is there or nothing of it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from uuid import UUID, uuid4

from peerhub.actions import checkins, invitations, matching, programs, rounds
from peerhub.demo.people import ORGANIZERS, TOPICS, Person, people
from peerhub.domain.checkins import Went
from peerhub.domain.invitations import Rsvp
from peerhub.domain.members import PURPOSES, Profile
from peerhub.domain.programs import PRESETS, Kind
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, outbox, proposals, sessions
from peerhub.store import programs as stored_programs
from peerhub.store import rounds as stored_rounds
from peerhub.store.database import transaction

NAME = "Harbour Lights"
_PAST_ROUNDS = 3
_SEARCH_SECONDS = 5
_PLACE = "https://meet.harbour-lights.example/ (the room that has your names on its door)"
_STAY_OUT = ("Tess", "Vera", "Leo")  # they do not join the rounds that are open
_DAYS_TO_ORGANIZE = timedelta(2)
_WEEK, _DAY, _HOUR = timedelta(weeks=1), timedelta(days=1), timedelta(hours=1)

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Past:
    """What every past round needs: whose letters, who organized, who was there, and when it is now."""

    head: Letterhead
    olu: UUID
    everybody: tuple[UUID, ...]
    now: datetime


class NotTheDemo(Exception):
    """The data are somebody's own: in the demo, anybody could read their letters."""


async def fill_in(head: Letterhead, now: datetime, say: Say) -> None:
    """Fill in the community, unless it is there already.

    Raises:
        NotTheDemo: there is another community.
    """
    if any([await members.by_address(person.address) for person in ORGANIZERS]):
        return
    if await members.are_there_any():
        raise NotTheDemo("These data are not the demo's. Please choose another folder for it, by PEERHUB_DATA.")
    say("Filling in Harbour Lights, once ...")
    next_monday = _monday_after(now.date() + _DAYS_TO_ORGANIZE)
    began = now - (_PAST_ROUNDS + 2) * _WEEK
    async with transaction():
        everybody = people(next_monday)
        olu, ids = await _members(everybody, began)
        buddies = await programs.create("Check-in buddies", PRESETS[Kind.BUDDIES], TOPICS, olu, began, place=_PLACE)
        groups = await programs.create(
            "Evening circle", PRESETS[Kind.SESSIONS], TOPICS, olu, began, place=_PLACE, fills_seats=True
        )
        await _enrol([buddies, groups], ids, began)
        leaders = {ids[person.name]: person.facilitates for person in everybody if person.facilitates}
        await stored_programs.set_facilitators(groups, leaders)
        past = _Past(head, olu, tuple(ids.values()), now)
        for back in range(_PAST_ROUNDS, 0, -1):
            say(f"  a round of {back} {'weeks' if back > 1 else 'week'} ago ...")
            await _past_round(buddies, next_monday - back * _WEEK, past)
        await outbox.forget_expired(now)  # they were read long ago
        for program in (buddies, groups):
            round_id = await rounds.open_round(program, next_monday, head, olu, now)
            await _join(round_id, [id_ for name, id_ in ids.items() if name not in _STAY_OUT], now)


def _monday_after(day: date) -> date:
    return day + timedelta(7 - day.weekday())


async def _members(everybody: Iterable[Person], began: datetime) -> tuple[UUID, dict[str, UUID]]:
    """Everybody, confirmed; Olu's id, and the ids of the sixty by name."""
    ids = {person.name: await _member(person, began) for person in (*ORGANIZERS, *everybody)}
    for person in everybody:
        for other in person.keep_apart:
            await members.put_wish_about(ids[person.name], ids[other], began)
    return ids["Olu"], {person.name: ids[person.name] for person in everybody}


async def _member(person: Person, began: datetime) -> UUID:
    id_ = uuid4()
    profile = Profile(
        person.name, person.time_zone, person.hours, person.comfort, role=person.role, languages=person.languages
    )
    await members.put(id_, profile, person.address, began)
    await members.set_consents(id_, PURPOSES, began)
    await members.confirm(id_, began)
    await members.put_days_away(id_, person.away)
    if person.organizes:
        await members.make_organizer(person.address)
    return id_


async def _enrol(programs_: Iterable[UUID], ids: Mapping[str, UUID], began: datetime) -> None:
    for program in programs_:
        for id_ in ids.values():
            await stored_programs.enrol(program, id_, began)


async def _past_round(program: UUID, monday: date, past: _Past) -> None:
    """A round from its opening to the check-ins, on the days on which that happened."""
    midnight = datetime.combine(monday, time(), past.now.tzinfo)
    opened, published = midnight - 6 * _DAY + 9 * _HOUR, midnight - 3 * _DAY + 18 * _HOUR
    round_id = await rounds.open_round(program, monday, past.head, past.olu, opened)
    await _join(round_id, past.everybody, opened + _DAY)
    await rounds.publish(round_id, await _proposed(round_id, past.olu, published), past.head, past.olu, published)
    await _live_through(round_id, published, past.now)
    if midnight + _WEEK < past.now:
        await rounds.close(round_id, past.olu, midnight + _WEEK)


async def _proposed(round_id: UUID, olu: UUID, now: datetime) -> UUID:
    """Match the round as a worker does, in a process of its own; the version of the proposal."""
    await matching.start(round_id, olu, now)
    claim = await stored_rounds.claim(now, now + _HOUR)
    assert claim is not None  # noqa: S101 - it was started a line ago
    await matching.run(claim, lambda: now, asyncio.Event(), matching.Limits(seconds=_SEARCH_SECONDS))
    version = await proposals.newest(round_id)
    assert version is not None  # noqa: S101 - or the matcher is broken, and so is the demo
    return version.id


async def _join(round_id: UUID, ids: Iterable[UUID], now: datetime) -> None:
    for id_ in ids:
        await rounds.join(round_id, id_, now)


async def _live_through(round_id: UUID, published: datetime, now: datetime) -> None:
    """People answer, meet, and say how it went, as far as time has come."""
    chance = Random(published.day)  # noqa: S311 - the same life every time
    for session in await sessions.of_round(round_id):
        for seat in session.seats:
            if chance.random() < 0.9:
                rsvp = chance.choices((Rsvp.YES, Rsvp.MAYBE), (9, 1))[0]
                await invitations.answer(seat.id, rsvp, min(published + _DAY, now))
            if session.span.ends_at + _HOUR < now and chance.random() < 0.7:
                went = chance.choices((Went.WELL, Went.OKAY, Went.NOT_MET), (6, 3, 1))[0]
                await checkins.check_in(seat.id, seat.member_id, went, None, "", session.span.ends_at + _HOUR)
