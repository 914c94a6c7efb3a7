"""A round is matched: an organizer starts and stops it, a worker runs the matcher in a process of its own.

Whatever happens to that process, the round ends up either with a proposal that keeps every rule or back where it was.
"""

import asyncio
import json
import signal
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from peerhub.actions.proposals import weigh
from peerhub.domain.refusals import Refusal, WrongStage
from peerhub.domain.rounds import Stage
from peerhub.matching import rules
from peerhub.matching.mistakes import BadFile
from peerhub.matching.problem import Problem
from peerhub.matching.problem_file import problem_to_json
from peerhub.matching.proposal import Proposal
from peerhub.matching.proposal_file import proposal_from_json
from peerhub.store import audit, proposals, rounds
from peerhub.store.database import transaction
from peerhub.store.rounds import Claim

MATCHER: Final = (sys.executable, "-m", "peerhub", "match", "-", "--out", "-", "--progress", "lines", "--with-parent")
LEASE: Final = timedelta(seconds=30)
MOST_ATTEMPTS: Final = 3
_TELL_EVERY = 1.0  # seconds
_REFUSED = 2  # the exit status of a matcher that cannot take its input
_TO_FINISH = timedelta(seconds=60)  # for reading, building and explaining, or after a stop

ENDED_EARLY: Final = "The matching ended before it had a proposal. Nothing was changed; please match again."
TOOK_TOO_LONG: Final = "The matching took longer than it may. Nothing was changed; please match again."
PINS_CLASH: Final = "The pinned sessions cannot all be kept any more. Nothing was changed; please unpin one of them."
BROKE_RULES: Final = "The matching did not keep every rule, so nothing was changed. Please tell who runs this peerhub."

Clock = Callable[[], datetime]
Hold = Callable[[datetime, Mapping[str, Any]], Awaitable[bool]]  # until when, and how far it is; true: it should stop


class NobodyToMatch(Refusal):
    """Too few people take part to match anyone."""


class ToldToGo(Exception):
    """This worker ends; another one takes the round up."""


class MatcherFailed(Exception):
    """The matcher's process gave no proposal; the message is for the organizer."""


@dataclass(frozen=True)
class Limits:
    """How the matcher is run, and for how long it may search."""

    seconds: int = 60
    to_finish: timedelta = _TO_FINISH
    command: tuple[str, ...] = MATCHER


@dataclass(frozen=True)
class Work:
    """One worker's go at one problem, which it holds for as long as it renews that."""

    hold: Hold
    clock: Clock
    ends: asyncio.Event
    limits: Limits


@dataclass
class _Heard:
    """The latest that the matcher has said about its search."""

    progress: Mapping[str, Any] = field(default_factory=lambda: {"phase": "reading"})
    has_begun: bool = False

    def hear(self, said: Mapping[str, Any]) -> None:
        """Take the news in; a phase that counts nothing leaves the numbers as they were."""
        counts = said if said.get("matched") or said.get("points") else {"phase": said["phase"]}
        self.progress, self.has_begun = {**self.progress, **counts}, True


async def start(round_id: UUID, organizer: UUID, now: datetime) -> None:
    """Ask for the round to be matched, for the first time or again around what is pinned.

    Raises:
        NotFound: there is no such round.
        WrongStage: it is being matched, or was published.
        NobodyToMatch: fewer than two people take part.
    """
    async with transaction():
        here = await rounds.hold(round_id, Stage.OPEN, Stage.PROPOSED)
        problem = await rounds.problem_of(await rounds.by_id(round_id))
        if len(problem.participants) < problem.program.smallest:
            raise NobodyToMatch(f"At least {problem.program.smallest} people who are ready are needed to match anyone.")
        await rounds.move_round(round_id, here, Stage.MATCHING, progress=None)
        await audit.note("matching started", organizer, round_id, now, people=len(problem.participants))


async def stop(round_id: UUID, organizer: UUID, now: datetime) -> None:
    """Ask the search to stop and keep the best so far; one that no worker has begun ends at once.

    Raises:
        NotFound: there is no such round.
        WrongStage: it is not being matched.
    """
    async with transaction():
        await rounds.hold(round_id, Stage.MATCHING)
        if not await rounds.ask_to_stop(round_id, now):
            await rounds.move_round(round_id, Stage.MATCHING, await _where_it_was(round_id), progress=None)
        await audit.note("matching stopped", organizer, round_id, now)


async def run(claim: Claim, clock: Clock, ends: asyncio.Event, limits: Limits | None = None) -> None:
    """Match a round that this worker has claimed, and keep what the matcher proposes.

    When the worker itself ``ends``, it lets go of the round, and another one begins anew.
    """
    if claim.attempt > MOST_ATTEMPTS:
        await _go_back(claim, ENDED_EARLY, clock())
        return
    work = Work(partial(rounds.renew, claim), clock, ends, limits or Limits())
    problem = await rounds.problem_of(await rounds.by_id(claim.round_id))
    try:
        proposal = await ask_the_matcher(problem, work)
    except MatcherFailed as failed:
        await _go_back(claim, str(failed), clock())
    except ToldToGo:
        await rounds.let_go(claim)
    except WrongStage:
        return  # our lease ran out, and someone else matches this round now
    else:
        weighed = tuple(weigh(problem, session) for session in proposal.sessions)
        await _keep(claim, replace(proposal, sessions=weighed), clock())


async def ask_the_matcher(problem: Problem, work: Work, *options: str) -> Proposal:
    """What the matcher proposes, in a process of its own; checked against every rule.

    Raises:
        MatcherFailed: it ended without a proposal, or with one that cannot be.
        ToldToGo: the worker itself ends.
        WrongStage: the worker no longer holds what it works at.
    """
    child = await create_subprocess_exec(
        *work.limits.command, *options, "--time-limit", str(work.limits.seconds), stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    heard = _Heard()
    answer = asyncio.create_task(_converse(child, problem_to_json(problem), heard))
    try:
        await _wait_for(answer, child, heard, work)
        return _checked(problem, child, await answer)
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
        answer.cancel()
        with suppress(asyncio.CancelledError):
            await answer


async def _wait_for(answer: asyncio.Task[str], child: Process, heard: _Heard, work: Work) -> None:
    """Keep the lease and tell how far the search is, until there is an answer."""
    ends_at = work.clock() + timedelta(seconds=work.limits.seconds) + work.limits.to_finish
    was_told = False
    while not answer.done():
        stop_asked = await work.hold(work.clock() + LEASE, heard.progress)
        if stop_asked and heard.has_begun and not was_told:
            child.send_signal(signal.SIGINT)
            ends_at, was_told = work.clock() + work.limits.to_finish, True
        if work.clock() > ends_at:
            raise MatcherFailed(TOOK_TOO_LONG)
        if work.ends.is_set():
            raise ToldToGo
        await asyncio.wait({answer}, timeout=_TELL_EVERY)


async def _converse(child: Process, problem: str, heard: _Heard) -> str:
    """Tell the matcher the problem, listen to its progress, and read its answer."""
    assert child.stdin and child.stdout and child.stderr  # noqa: S101 - all three are pipes
    listening = asyncio.create_task(_listen(child.stderr, heard))
    answering = asyncio.create_task(child.stdout.read())
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # it ended early; its exit status tells
            child.stdin.write(problem.encode())
            await child.stdin.drain()
            child.stdin.close()
        answer = await answering
        await listening
        await child.wait()
        return answer.decode()
    finally:
        listening.cancel()
        answering.cancel()


async def _listen(lines: asyncio.StreamReader, heard: _Heard) -> None:
    while line := await lines.readline():
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and "phase" in said:
                heard.hear(said)


def _checked(problem: Problem, child: Process, answer: str) -> Proposal:
    if child.returncode != 0:
        raise MatcherFailed(PINS_CLASH if child.returncode == _REFUSED and problem.pinned else ENDED_EARLY)
    try:
        proposal = proposal_from_json(answer)
    except BadFile:
        raise MatcherFailed(ENDED_EARLY) from None
    if rules.broken_rules(problem, proposal):
        raise MatcherFailed(BROKE_RULES)
    return proposal


async def _keep(claim: Claim, proposal: Proposal, now: datetime) -> None:
    async with transaction():
        if not await rounds.is_held_by(claim):
            return
        await proposals.keep(claim.round_id, proposal, "matcher", now)
        await rounds.move_round(claim.round_id, Stage.MATCHING, Stage.PROPOSED, progress=None)
        await audit.note("round matched", None, claim.round_id, now, sessions=len(proposal.sessions))


async def _go_back(claim: Claim, trouble: str, now: datetime) -> None:
    async with transaction():
        if not await rounds.is_held_by(claim):
            return
        there = await _where_it_was(claim.round_id)
        progress = json.dumps({"trouble": trouble})
        await rounds.move_round(claim.round_id, Stage.MATCHING, there, progress=progress)
        await audit.note("matching ended without a proposal", None, claim.round_id, now)


async def _where_it_was(round_id: UUID) -> Stage:
    return Stage.PROPOSED if await proposals.newest(round_id) else Stage.OPEN
