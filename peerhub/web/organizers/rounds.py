"""A round at each of its stages: who is in, how the matching goes, what is proposed, what is published."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, ServerSentEvent, Template
from litestar.types import ControllerRouterHandler

from peerhub.actions import matching
from peerhub.actions import proposals as proposals_act
from peerhub.actions import rounds as act
from peerhub.actions import sessions as sessions_act
from peerhub.domain.availability import CELL_MINUTES
from peerhub.domain.members import Member
from peerhub.domain.refusals import Refusal, WrongStage
from peerhub.domain.rounds import Stage, Standing
from peerhub.domain.wall import city_of, offset_at
from peerhub.mail.letterhead import Letterhead
from peerhub.store import members, proposals, reach, remarks, rounds, sessions
from peerhub.store.rounds import StoredRound
from peerhub.web.asking import AnyRequest
from peerhub.web.forms import typed_in
from peerhub.web.organizers import cards, heat
from peerhub.web.organizers.programs import MEDIUM_WORDS
from peerhub.web.organizers.progress import News, ended, progress_of, so_far
from peerhub.web.organizers.repairs import next_step

STANDING_WORDS: Final[Mapping[Standing, str]] = {
    Standing.NOT_JOINED: "has not joined this round",
    Standing.UNCONFIRMED: "has not confirmed their address",
    Standing.PAUSED: "is taking a pause",
    Standing.SUSPENDED: "is suspended",
    Standing.NO_CONSENT: "has not agreed to be matched",
}
_LONGEST_TELLING: Final = timedelta(minutes=15)


@get("/organize/rounds/{round_id:uuid}")
async def one(
    round_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    now: NamedDependency[datetime],
    who: FromQuery[str] = "",
) -> Template:
    return await round_page(await rounds.by_id(round_id), organizer, now, chosen=(who, ""))


@post("/organize/rounds/{round_id:uuid}/match")
async def match(
    round_id: FromPath[UUID], organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Template | Redirect:
    try:
        await matching.start(round_id, organizer.id, now)
    except matching.NobodyToMatch as refusal:
        return await round_page(await rounds.by_id(round_id), organizer, now, refusals=[str(refusal)])
    return _back_to(round_id)


@post("/organize/rounds/{round_id:uuid}/stop")
async def stop(
    round_id: FromPath[UUID], organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Redirect:
    with suppress(WrongStage):  # it may have ended by itself in the meantime; its page shows how
        await matching.stop(round_id, organizer.id, now)
    return _back_to(round_id)


@get("/organize/rounds/{round_id:uuid}/progress")
async def progress(round_id: FromPath[UUID], request: AnyRequest) -> ServerSentEvent:
    await rounds.by_id(round_id)

    async def look() -> News:
        round_ = await rounds.by_id(round_id)
        if round_.stage is not Stage.MATCHING:
            return ended(round_.stage.value)
        return so_far(json.dumps(progress_words(round_)))

    return progress_of(look, _LONGEST_TELLING, request)


@get("/organize/rounds/{round_id:uuid}/publish")
async def look_before_publishing(round_id: FromPath[UUID], organizer: NamedDependency[Member]) -> Template | Redirect:
    round_ = await rounds.by_id(round_id)
    return await _publish_page(round_, organizer) if round_.stage is Stage.PROPOSED else _back_to(round_id)


@post("/organize/rounds/{round_id:uuid}/publish")
async def publish(
    request: AnyRequest,
    round_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    form = await typed_in(request)
    try:
        await act.publish(round_id, cards.uuid_from(form.one("version")), head, organizer.id, now)
    except proposals_act.RulesWouldBreak as refusal:
        return await _publish_page(await rounds.by_id(round_id), organizer, refusal.sentences)
    return _back_to(round_id)


@post("/organize/rounds/{round_id:uuid}/close")
async def close(
    round_id: FromPath[UUID], organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Redirect:
    await act.close(round_id, organizer.id, now)
    return _back_to(round_id)


@post("/organize/rounds/{round_id:uuid}/cancel")
async def cancel(
    round_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Redirect:
    await sessions_act.cancel_round(round_id, head, organizer.id, now)
    return _back_to(round_id)


PAGES: Sequence[ControllerRouterHandler] = [one, match, stop, progress, look_before_publishing, publish, close, cancel]


# The page of each stage


async def round_page(
    round_: StoredRound,
    organizer: Member,
    now: datetime,
    refusals: Sequence[str] = (),
    chosen: tuple[str, str] = ("", ""),
) -> Template:
    """The round as an organizer finds it; after a refusal with what they chose, and 422."""
    context: dict[str, Any] = {"round": round_, "refusals": refusals, "chosen": chosen, **_where(round_, organizer)}
    context["trouble"] = round_.progress.get("trouble", "")
    match round_.stage:
        case Stage.OPEN:
            name, more = "round_open", await _readiness(round_, organizer)
        case Stage.MATCHING:
            name, more = "round_matching", {"progress": progress_words(round_)}
        case Stage.PROPOSED:
            name, more = "round_proposed", await _proposal(round_, organizer)
        case _:
            name, more = "round_published", await _answers(round_, organizer, now)
    return Template(f"organizers/{name}.html", context=context | more, status_code=422 if refusals else 200)


async def _readiness(round_: StoredRound, organizer: Member) -> dict[str, Any]:
    standings, problem = await rounds.readiness_of(round_)
    names = await members.names_of(standings)
    hours = {UUID(person): bits.bit_count() * CELL_MINUTES / 60 for person, bits in problem.free.items()}
    people = sorted((names.get(one, ""), f"{offered:g}", offered > 0) for one, offered in hours.items())
    missing = [(names.get(one, ""), STANDING_WORDS[why]) for one, why in standings.items() if why is not Standing.READY]
    return {
        "people": people,
        "missing": sorted(missing),
        "leaders": sum(person.facilitates > 0 for person in problem.participants),
        **heat_words(problem.free, round_, organizer),
    }


def heat_words(free: Mapping[str, int], round_: StoredRound, organizer: Member) -> dict[str, Any]:
    """The heat map and its words, for the template."""
    week = heat.heat_of(free, round_.week, organizer.time_zone)
    return {
        "picture": heat.picture_of(week),
        "table": heat.table_of(week),
        "days": heat.DAYS,
        "best": heat.best_of(week),
    }


async def _proposal(round_: StoredRound, organizer: Member) -> dict[str, Any]:
    version = await proposals.newest(round_.id)
    if version is None:
        raise Refusal("This round has no proposal.")
    names = await members.names_of(version.people)
    return {
        "version": version,
        "proposal": version.proposal,
        "cards": cards.cards_of(version, names, organizer.time_zone),
        "unmatched": cards.unmatched_of(version, names),
        "troubles": await proposals_act.troubles_of(round_, version, names),
    }


async def _answers(round_: StoredRound, organizer: Member, now: datetime) -> dict[str, Any]:
    held = await sessions.of_round(round_.id)
    people = {seat.member_id for one in held for seat in one.seats}
    names, out_of_reach = await members.names_of(people), await reach.who_is_out_of_reach(people)
    standing = [seat.rsvp for one in held if one.stage == "planned" for seat in one.seats]
    return {
        "meetings": [cards.meeting_of(one, names, organizer.time_zone, out_of_reach) for one in held],
        "asks": await remarks.of_sessions(one.id for one in held),
        "step": await next_step(round_, held, names, organizer, now),
        "can_close": not any(one.is_ahead(now) for one in held),
        "ahead": sum(one.stage == "planned" and one.span.starts_at > now for one in held),
        "counts": {answer: standing.count(answer) for answer in ("yes", "maybe", "no", "waiting")},
    }


async def _publish_page(round_: StoredRound, organizer: Member, refusals: Sequence[str] = ()) -> Template:
    version = await proposals.newest(round_.id)
    if round_.stage is not Stage.PROPOSED or version is None:
        raise WrongStage("This round is not waiting to be published.")
    planned = version.proposal.sessions
    spans = sorted(session.span for session in planned)
    context = {
        "round": round_,
        "version": version,
        "troubles": refusals
        or await proposals_act.troubles_of(round_, version, await members.names_of(version.people)),
        "sessions": len(planned),
        "invitations": sum(len(session.everyone) for session in planned),
        "not_matched": len(version.proposal.unmatched),
        "by_medium": [
            (MEDIUM_WORDS[medium], sum(session.medium == medium for session in planned))
            for medium in round_.program.rules.mediums
            if any(session.medium == medium for session in planned)
        ],
        "first": cards.when(spans[0], organizer.time_zone) if spans else None,
        "last": cards.when(spans[-1], organizer.time_zone) if spans else None,
        **_where(round_, organizer),
    }
    return Template("organizers/publish.html", context=context, status_code=409 if refusals else 200)


def progress_words(round_: StoredRound) -> dict[str, Any]:
    """What the page says of the running search."""
    said = round_.progress
    points, bound = int(said.get("points") or 0), int(said.get("bound") or 0)
    matched, most = int(said.get("matched") or 0), int(said.get("matched_bound") or 0)
    phase = _PHASES.get(str(said.get("phase"))) if round_.lease_until else None
    return {
        "phase": phase or "Waiting for a worker to begin",
        "points": f"{points:,}" if points else _UNKNOWN,
        "bound": f"{bound:,}" if bound else _UNKNOWN,
        "gap": f"{float(said.get('gap') or 0):.1%}" if points else _UNKNOWN,
        "matched": f"{matched} of at most {most}" if most else _UNKNOWN,
        "stopping": round_.stop_asked_at is not None,
    }


_UNKNOWN: Final = "not known yet"
_PHASES: Final = {
    "reading": "Reading who is free, and when",
    "matching": "Finding seats for as many people as possible",
    "improving": "Making good matches better",
    "explaining": "Writing down the reasons",
}


def _where(round_: StoredRound, organizer: Member) -> dict[str, Any]:
    noon = datetime.fromisoformat(f"{round_.week}T12:00:00+00:00")
    return {
        "medium_words": MEDIUM_WORDS,
        "wall": f"{city_of(organizer.time_zone)}, {offset_at(noon, organizer.time_zone)}",
    }


def _back_to(round_id: UUID) -> Redirect:
    return Redirect(f"/organize/rounds/{round_id}", status_code=303)
