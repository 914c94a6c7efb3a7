"""An organizer moves people: every broken rule is named at once, what is private in one constant sentence."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from peerhub.actions import proposals
from peerhub.actions.proposals import CANNOT_BE_TOGETHER, Move, RulesWouldBreak
from peerhub.domain.comfort import Comfort
from peerhub.domain.programs import Kind
from peerhub.domain.refusals import NotFound, WrongStage
from peerhub.matching.preferences import points_of
from peerhub.matching.proposal import PlannedSession
from peerhub.store import members, rounds
from peerhub.store import proposals as versions
from peerhub.store.proposals import Version
from tests.community import (
    THURSDAY,
    TUESDAY,
    a_member,
    a_program,
    a_round,
    a_round_of,
    change_hours,
    enrol,
    propose,
    together,
)

pytestmark = pytest.mark.usefixtures("db")


async def newest(round_id: UUID) -> Version:
    version = await versions.newest(round_id)
    assert version is not None
    return version


async def troubles_of(round_id: UUID) -> list[str]:
    version = await newest(round_id)
    names = await members.names_of(version.people)
    return await proposals.troubles_of(await rounds.by_id(round_id), version, names)


async def move(round_id: UUID, person: UUID, here: int | None, there: int | None, swap: UUID | None = None) -> None:
    now = (await newest(round_id)).made_at
    step = Move(str(person), here, there, str(swap) if swap else None)
    await proposals.move(round_id, (await newest(round_id)).id, step, uuid4(), now)


async def refused(
    round_id: UUID, person: UUID, here: int | None, there: int | None, swap: UUID | None = None
) -> list[str]:
    """The sentences with which a move is refused; the proposal stays as it was."""
    before = await newest(round_id)
    with pytest.raises(RulesWouldBreak) as refusal:
        await move(round_id, person, here, there, swap)
    assert (await newest(round_id)).id == before.id
    return list(refusal.value.sentences)


def people_in(sessions: tuple[PlannedSession, ...]) -> list[set[str]]:
    return [set(session.everyone) for session in sessions]


def ids(*people: UUID) -> set[str]:
    return set(map(str, people))


async def five(now: datetime, **cat: Comfort) -> list[UUID]:
    comfort = cat.get("comfort")
    return [
        await a_member("Ana", now),
        await a_member("Ben", now),
        await a_member("Cat", now, comfort=comfort),
        await a_member("Dan", now),
        await a_member("Eli", now),
    ]


async def test_a_move_makes_a_new_version_with_points_and_reasons_counted_again(now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben), together(cat, dan))

    await move(round_id, eli, None, 0)

    version = await newest(round_id)
    problem = await rounds.problem_of(await rounds.by_id(round_id))
    assert (version.number, version.made_by, version.proposal.matched) == (2, "organizer", 5)
    assert people_in(version.proposal.sessions) == [ids(ana, ben, eli), ids(cat, dan)]
    assert [one.points for one in version.proposal.sessions] == [
        points_of(problem, one) for one in version.proposal.sessions
    ]
    assert version.proposal.points == sum(one.points for one in version.proposal.sessions) > 0
    assert version.proposal.unmatched == ()


async def test_two_people_can_be_swapped_and_the_swap_undone(now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben), together(cat, dan))

    await move(round_id, ben, 0, 1, swap=cat)
    swapped = people_in((await newest(round_id)).proposal.sessions)
    await proposals.undo(round_id, (await newest(round_id)).id, uuid4(), now)

    assert swapped == [ids(ana, cat), ids(ben, dan)]
    assert people_in((await newest(round_id)).proposal.sessions) == [ids(ana, ben), ids(cat, dan)]
    with pytest.raises(WrongStage, match="nothing left to undo"):
        await proposals.undo(round_id, (await newest(round_id)).id, uuid4(), now)


async def test_someone_without_a_session_can_take_a_seat_over(now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben), together(cat, dan))

    await move(round_id, eli, None, 1, swap=dan)

    proposal = (await newest(round_id)).proposal
    assert people_in(proposal.sessions) == [ids(ana, ben), ids(cat, eli)]
    assert [(one.id, one.why) for one in proposal.unmatched] == [(str(dan), proposals.TAKEN_OUT)]


async def test_a_session_of_one_is_taken_apart(now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben), together(cat, dan))

    await move(round_id, ana, 0, None)

    proposal = (await newest(round_id)).proposal
    assert people_in(proposal.sessions) == [ids(cat, dan)]
    assert {one.id for one in proposal.unmatched} == ids(ana, ben, eli)


async def test_the_old_page_cannot_change_what_it_has_not_shown(now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben), together(cat, dan))
    await move(round_id, eli, None, 0)
    seen = (await newest(round_id)).id
    await proposals.undo(round_id, seen, uuid4(), now)
    await move(round_id, eli, None, 1)

    with pytest.raises(WrongStage, match="has changed"):
        await proposals.move(round_id, seen, Move(str(ana), 0, None), uuid4(), now)


async def test_someone_who_is_not_there_cannot_be_moved(now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben), together(cat, dan))

    for step in [(ana, 1, 0), (ana, 0, 2), (ana, -1, 0), (ana, None, 1), (uuid4(), None, 0)]:
        with pytest.raises(NotFound):
            await move(round_id, *step)


# Each rule


async def test_want_of_time_is_named_and_brings_the_constant_sentence(now: datetime) -> None:
    ana, ben, cat, dan, _ = await five(now)
    eli = await a_member("Elia", now, "sat 09:00-11:00")
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben), together(cat, dan))

    assert await refused(round_id, eli, None, 0) == ["Elia is not free for the whole session.", CANNOT_BE_TOGETHER]


async def test_a_session_that_grows_too_large_is_named(now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben, cat), together(dan, eli))

    assert await refused(round_id, dan, 1, 0) == [
        "A session of 4 was planned, but this program has 2 to 3.",
        CANNOT_BE_TOGETHER,
    ]


async def test_what_is_private_is_the_constant_sentence_alone(now: datetime) -> None:
    said = {
        "keeps apart": Comfort(),
        "never meets by voice": Comfort(mediums={"voice": 0}),
        "never in a trio": Comfort({"trio": 0}),
    }
    told = {}
    for why, comfort in said.items():
        ana, ben = await a_member(f"Ana {why}", now), await a_member(f"Ben {why}", now)
        cat = await a_member(f"Cat {why}", now, comfort=comfort)
        if why == "keeps apart":
            await members.put_wish_about(ana, cat, now)
        round_id = await a_round_of(now, ana, ben, cat)
        await propose(round_id, now, together(ana, ben))
        told[why] = await refused(round_id, cat, None, 0)

    assert told == {why: [CANNOT_BE_TOGETHER] for why in said}


async def test_a_language_nobody_shares_is_private_too(now: datetime) -> None:
    ana, ben, cat, _, _ = await five(now)
    await members.save(cat, replace(await members.profile_of(cat), languages=("pt",)), now)
    round_id = await a_round_of(now, ana, ben)
    program_id = (await rounds.by_id(round_id)).program.id
    await enrol(program_id, now, cat)
    await rounds.join(round_id, cat, now)
    await propose(round_id, now, together(ana, ben))

    assert await refused(round_id, cat, None, 0) == [CANNOT_BE_TOGETHER]


async def test_facilitators_can_be_swapped_but_a_session_keeps_its_number(now: datetime) -> None:
    people = [await a_member(name, now) for name in ("Ana", "Ben", "Cat", "Dan", "Eli", "Gus")]
    fay, hana = await a_member("Fay", now), await a_member("Hana", now)
    program_id = await a_program(now, Kind.SESSIONS)
    await enrol(program_id, now, *people)
    await enrol(program_id, now, fay, hana, facilitates=1)
    round_id = await a_round(program_id, now, *people, fay, hana)
    groups = together(*people[:3], led_by=(fay,)), together(*people[3:], span=THURSDAY, led_by=(hana,))
    await propose(round_id, now, *groups)

    await move(round_id, fay, 0, 1, swap=hana)
    left = await refused(round_id, fay, 1, None)

    assert [one.facilitators for one in (await newest(round_id)).proposal.sessions] == [(str(hana),), (str(fay),)]
    assert left == ["A session has 0 facilitators instead of 1."]


async def test_someone_in_two_places_or_in_more_sessions_than_they_want_is_named(now: datetime) -> None:
    ana, ben, cat, dan, _ = await five(now)
    leader = await a_member("Fay", now)
    program_id = await a_program(now, Kind.SESSIONS, smallest=2, facilitators_per_session=1)
    await enrol(program_id, now, ana, ben, cat, dan)
    await enrol(program_id, now, leader, facilitates=2)
    round_id = await a_round(program_id, now, ana, ben, cat, dan, leader)
    led = together(ana, ben, led_by=(leader,))
    await propose(round_id, now, led, together(cat, dan, span=THURSDAY, led_by=(leader,)))
    problem = await rounds.problem_of(await rounds.by_id(round_id))
    at_once = (led, together(cat, dan, led_by=(leader,)))
    names = await members.names_of([leader])

    with pytest.raises(RulesWouldBreak) as refusal:
        proposals.refuse_new_breaks(problem, (led,), at_once, [str(leader)], names)

    assert list(refusal.value.sentences) == ["Fay is in two sessions at the same time.", CANNOT_BE_TOGETHER]


async def test_more_sessions_at_once_than_the_program_holds_are_named(now: datetime) -> None:
    ana, ben, cat, dan, _ = await five(now)
    program_id = await a_program(now, sessions_at_once=1)
    await enrol(program_id, now, ana, ben, cat, dan)
    round_id = await a_round(program_id, now, ana, ben, cat, dan)
    problem = await rounds.problem_of(await rounds.by_id(round_id))
    apart = together(ana, ben), together(cat, dan, span=THURSDAY)

    with pytest.raises(RulesWouldBreak) as refusal:
        proposals.refuse_new_breaks(problem, apart, (apart[0], replace(apart[1], span=TUESDAY)), [str(cat)], {})

    assert refusal.value.sentences[0] == "2 sessions run at Tue 18:00 UTC, but at most 1 can."


async def test_a_pinned_session_stays_whole_until_it_is_unpinned(now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    version_id = await propose(round_id, now, together(ana, ben), together(cat, dan))
    await proposals.pin(round_id, version_id, 0, uuid4(), now, pinned=True)

    kept = await refused(round_id, ana, 0, 1)
    await proposals.pin(round_id, (await newest(round_id)).id, 0, uuid4(), now, pinned=False)
    await move(round_id, ana, 0, 1)

    assert kept == ["The session of Ana, Ben is pinned. Please unpin it first."]
    assert people_in((await newest(round_id)).proposal.sessions) == [ids(ana, cat, dan)]


async def test_what_no_longer_fits_is_named_and_can_be_mended_step_by_step(now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben, eli), together(cat, dan))
    await change_hours(dan, now, "sat 09:00-11:00")
    await rounds.leave(round_id, eli)

    troubles = await troubles_of(round_id)
    await move(round_id, eli, 0, None)
    await move(round_id, cat, 1, 0)

    assert troubles == [
        "Eli does not take part in this round.",
        "Dan is not free for the whole session.",
        CANNOT_BE_TOGETHER,
    ]
    assert await troubles_of(round_id) == []
    assert people_in((await newest(round_id)).proposal.sessions) == [ids(ana, ben, cat)]


async def test_who_did_not_fit_before_is_not_moved_to_where_they_do_not_fit_either(now: datetime) -> None:
    ana, ben, cat, dan, eli = await five(now)
    round_id = await a_round_of(now, ana, ben, cat, dan, eli)
    await propose(round_id, now, together(ana, ben, eli), together(cat, dan, span=THURSDAY))
    await change_hours(eli, now, "sat 09:00-11:00")

    assert await refused(round_id, eli, 0, 1) == ["Eli is not free for the whole session.", CANNOT_BE_TOGETHER]
