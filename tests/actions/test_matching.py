"""The real matcher matches a round in its own process; whatever happens to it, the round is never left hanging."""

import asyncio
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from peerhub.actions import matching, proposals
from peerhub.actions.matching import BROKE_RULES, ENDED_EARLY, PINS_CLASH, TOOK_TOO_LONG, Limits
from peerhub.domain.refusals import WrongStage
from peerhub.domain.rounds import Stage
from peerhub.jobs.duties import Office, match_a_round
from peerhub.mail.letterhead import Letterhead
from peerhub.matching import rules
from peerhub.matching.proposal import PlannedSession, Proposal
from peerhub.store import proposals as versions
from peerhub.store import rounds
from peerhub.store.rounds import Claim
from peerhub.store.tables import Audit
from tests.community import (
    THURSDAY,
    a_member,
    a_round_of,
    an_organizer,
    change_hours,
    propose,
    together,
)

pytestmark = pytest.mark.usefixtures("db")
SOON = timedelta(seconds=30)


async def claimed(round_id: UUID, organizer: UUID, now: datetime) -> Claim:
    await matching.start(round_id, organizer, now)
    claim = await rounds.claim(now, now + SOON)
    assert claim is not None
    return claim


async def run(claim: Claim, now: datetime, limits: Limits | None = None, ends: asyncio.Event | None = None) -> None:
    await matching.run(claim, lambda: now, ends or asyncio.Event(), limits)


def a_matcher(tmp_path: Path, program: str) -> Limits:
    """A process in place of the matcher that does what the test wants."""
    script = tmp_path / "matcher.py"
    script.write_text(f"import os, signal, sys, time\n{program}")
    return Limits(command=(sys.executable, str(script)))


async def state_of(round_id: UUID) -> tuple[Stage, object, bool]:
    """Where the round is, what the organizer is told, and whether a worker still holds it."""
    round_ = await rounds.by_id(round_id)
    return round_.stage, round_.progress.get("trouble"), round_.lease_until is not None


def pairs_of(sessions: tuple[PlannedSession, ...]) -> set[frozenset[str]]:
    return {frozenset(session.people) for session in sessions}


async def test_the_matcher_proposes_what_keeps_every_rule(now: datetime) -> None:
    olu = await an_organizer(now)
    people = [await a_member(name, now) for name in ("Ana", "Ben", "Cat", "Dan")]
    round_id = await a_round_of(now, *people)

    await run(await claimed(round_id, olu, now), now)

    version = await versions.newest(round_id)
    assert version is not None
    problem = await rounds.problem_of(await rounds.by_id(round_id))
    assert rules.broken_rules(problem, version.proposal) == []
    assert (version.number, version.made_by, version.proposal.matched) == (1, "matcher", 4)
    assert await state_of(round_id) == (Stage.PROPOSED, None, False)
    assert [row["action"] for row in await Audit.select().order_by(Audit.number)] == [
        "matching started",
        "round matched",
    ]


async def test_fewer_people_than_a_session_needs_are_not_matched(now: datetime) -> None:
    round_id = await a_round_of(now, await a_member("Ana", now))

    with pytest.raises(matching.NobodyToMatch):
        await matching.start(round_id, await an_organizer(now), now)

    assert (await rounds.by_id(round_id)).stage is Stage.OPEN


async def test_matching_again_keeps_what_is_pinned(now: datetime) -> None:
    olu = await an_organizer(now)
    people = [await a_member(name, now) for name in ("Ana", "Ben", "Cat", "Dan")]
    round_id = await a_round_of(now, *people)
    ana, ben, cat, dan = people
    pairs = together(ana, dan, span=THURSDAY), together(ben, cat)
    version_id = await propose(round_id, now, *pairs)
    await proposals.pin(round_id, version_id, 0, olu, now, pinned=True)

    await run(await claimed(round_id, olu, now), now)

    version = await versions.newest(round_id)
    assert version is not None
    kept = [one for one in version.proposal.sessions if one.pinned]
    assert [(frozenset(one.people), one.span) for one in kept] == [(frozenset({str(ana), str(dan)}), THURSDAY)]
    assert (version.number, version.proposal.matched) == (3, 4)


async def test_pins_that_can_no_longer_be_kept_are_named_as_the_cause(now: datetime) -> None:
    olu = await an_organizer(now)
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    version_id = await propose(round_id, now, together(ana, ben))
    await proposals.pin(round_id, version_id, 0, olu, now, pinned=True)
    await change_hours(ana, now, "fri 09:00-12:00")

    await run(await claimed(round_id, olu, now), now)

    assert await state_of(round_id) == (Stage.PROPOSED, PINS_CLASH, False)


async def test_a_killed_matcher_leaves_the_round_where_it_was(now: datetime, tmp_path: Path) -> None:
    olu = await an_organizer(now)
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    fresh, proposed = await a_round_of(now, ana, ben), await a_round_of(now, ana, ben)
    version_id = await propose(proposed, now, together(ana, ben))

    killed = a_matcher(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    for round_id in (fresh, proposed):
        await run(await claimed(round_id, olu, now), now, killed)

    assert await state_of(fresh) == (Stage.OPEN, ENDED_EARLY, False)
    assert await state_of(proposed) == (Stage.PROPOSED, ENDED_EARLY, False)
    version = await versions.newest(proposed)
    assert version is not None and version.id == version_id


BAD_ANSWERS = {
    "nonsense": ("print('not a proposal')", ENDED_EARLY),
    "nothing": ("pass", ENDED_EARLY),
    "someone unknown": (
        'print(\'{"kind": "buddies", "week": "2026-11-30", "points": 0, "bound": 0, "matched": 2, "matched_bound": 2,'
        ' "sessions": [{"people": ["x", "y"], "starts_at": "2026-12-01T18:00:00Z",'
        ' "ends_at": "2026-12-01T19:00:00Z", "medium": "voice"}]}\')',
        BROKE_RULES,
    ),
}


@pytest.mark.parametrize(("program", "trouble"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_an_answer_that_breaks_a_rule_is_not_kept(
    program: str, trouble: str, now: datetime, tmp_path: Path
) -> None:
    round_id = await a_round_of(now, await a_member("Ana", now), await a_member("Ben", now))

    await run(await claimed(round_id, await an_organizer(now), now), now, a_matcher(tmp_path, program))

    assert await state_of(round_id) == (Stage.OPEN, trouble, False)
    assert await versions.newest(round_id) is None


async def test_a_matcher_that_takes_too_long_is_ended(now: datetime, tmp_path: Path) -> None:
    round_id = await a_round_of(now, await a_member("Ana", now), await a_member("Ben", now))
    claim = await claimed(round_id, await an_organizer(now), now)
    ticks = iter(range(0, 1000, 50))

    limits = a_matcher(tmp_path, f"time.sleep(20); open({str(tmp_path / 'done')!r}, 'w').close()")
    await matching.run(claim, lambda: now + timedelta(seconds=next(ticks)), asyncio.Event(), limits)

    assert await state_of(round_id) == (Stage.OPEN, TOOK_TOO_LONG, False)
    assert not (tmp_path / "done").exists()  # it was ended, not waited for


SAYS_AND_WAITS = """
sys.stderr.write('{"phase": "improving", "seconds": 1, "points": 7, "bound": 9, "gap": 0.2}\\n'); sys.stderr.flush()
def stopped(*_):
    print(ANSWER, flush=True)
    os._exit(0)
signal.signal(signal.SIGINT, stopped)
time.sleep(60)
"""


async def test_stop_keeps_the_best_so_far(now: datetime, tmp_path: Path) -> None:
    olu, ana, ben = await an_organizer(now), await a_member("Ana", now), await a_member("Ben", now)
    round_id = await a_round_of(now, ana, ben)
    claim = await claimed(round_id, olu, now)
    answer = (
        '{"kind": "buddies", "week": "2026-11-30", "points": 0, "bound": 0, "matched": 2, "matched_bound": 2,'
        f' "cut": true, "sessions": [{{"people": ["{ana}", "{ben}"], "starts_at": "2026-12-01T18:00:00Z",'
        ' "ends_at": "2026-12-01T19:00:00Z", "medium": "voice"}]}'
    )
    limits = a_matcher(tmp_path, f"ANSWER = '''{answer}'''\n{SAYS_AND_WAITS}")

    running = asyncio.create_task(run(claim, now, limits))
    while "points" not in (await rounds.by_id(round_id)).progress:  # noqa: ASYNC110 - another process tells
        await asyncio.sleep(0.05)
    await matching.stop(round_id, olu, now)
    await running

    version = await versions.newest(round_id)
    assert version is not None
    assert (version.proposal.cut, pairs_of(version.proposal.sessions)) == (True, {frozenset({str(ana), str(ben)})})
    assert await state_of(round_id) == (Stage.PROPOSED, None, False)


async def test_a_round_that_no_worker_has_begun_stops_at_once(now: datetime) -> None:
    olu = await an_organizer(now)
    round_id = await a_round_of(now, await a_member("Ana", now), await a_member("Ben", now))
    await matching.start(round_id, olu, now)

    await matching.stop(round_id, olu, now)

    assert await state_of(round_id) == (Stage.OPEN, None, False)
    with pytest.raises(WrongStage):
        await matching.stop(round_id, olu, now)


async def test_a_worker_that_ends_lets_go_of_the_round(now: datetime, tmp_path: Path) -> None:
    round_id = await a_round_of(now, await a_member("Ana", now), await a_member("Ben", now))
    claim, ends = await claimed(round_id, await an_organizer(now), now), asyncio.Event()
    ends.set()

    await run(claim, now, a_matcher(tmp_path, "time.sleep(60)"), ends)

    again = await rounds.claim(now, now + SOON)
    assert again is not None
    assert (again.round_id, again.attempt) == (round_id, 1)


async def test_a_dead_workers_round_is_taken_over_and_its_late_answer_is_not_kept(now: datetime) -> None:
    round_id = await a_round_of(now, await a_member("Ana", now), await a_member("Ben", now))
    stale = await claimed(round_id, await an_organizer(now), now)
    fresh = await rounds.claim(now + SOON, now + 2 * SOON)
    assert fresh is not None

    await run(stale, now + SOON)
    assert await versions.newest(round_id) is None
    await run(fresh, now + SOON)

    assert await state_of(round_id) == (Stage.PROPOSED, None, False)


async def test_an_answer_that_comes_just_after_the_lease_was_lost_is_not_kept(now: datetime) -> None:
    round_id = await a_round_of(now, await a_member("Ana", now), await a_member("Ben", now))
    stale = await claimed(round_id, await an_organizer(now), now)
    await rounds.claim(now + SOON, now + 2 * SOON)

    await matching._keep(stale, Proposal(()), now + SOON)

    assert await versions.newest(round_id) is None
    assert await state_of(round_id) == (Stage.MATCHING, None, True)


async def test_a_round_that_kills_every_worker_goes_back(now: datetime) -> None:
    round_id = await a_round_of(now, await a_member("Ana", now), await a_member("Ben", now))
    await claimed(round_id, await an_organizer(now), now)
    for attempt in range(1, 4):
        claim = await rounds.claim(now + attempt * SOON, now + (attempt + 1) * SOON)

    assert claim is not None
    await run(claim, now + 3 * SOON)

    assert await state_of(round_id) == (Stage.OPEN, ENDED_EARLY, False)


def test_the_web_never_imports_the_solver() -> None:
    program = "import peerhub.actions.matching, sys; print('ortools' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False"


async def test_the_duty_matches_a_round_that_waits(now: datetime, letterhead: Letterhead) -> None:
    round_id = await a_round_of(now, await a_member("Ana", now), await a_member("Ben", now))
    office = Office(letterhead, "smtp://localhost:1", uuid4(), clock=lambda: now)

    idle = await match_a_round(office, now)
    await matching.start(round_id, await an_organizer(now), now)
    busy = await match_a_round(office, now)

    assert (idle, busy) == (False, True)
    assert await state_of(round_id) == (Stage.PROPOSED, None, False)
