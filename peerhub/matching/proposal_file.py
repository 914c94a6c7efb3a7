"""The public file that says what was proposed: a Proposal to text and back, a table, and the check of every number."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.console import Group
from rich.table import Table
from rich.text import Text

from peerhub.domain.availability import Span
from peerhub.domain.programs import Kind
from peerhub.domain.refusals import Refusal
from peerhub.matching.mistakes import BadFile, Mistake, mistakes_in
from peerhub.matching.preferences import points_of
from peerhub.matching.problem import Participant, Problem
from peerhub.matching.problem_file import Day, Moment, load_json, place_in
from peerhub.matching.proposal import PlannedSession, Proposal, Reason, Unmatched
from peerhub.matching.rules import broken_rules, cells_of, keeps

_ENCODE: Final = json.JSONEncoder(ensure_ascii=False).encode


def proposal_to_json(
    proposal: Proposal,
    problem: Problem,
    seconds: Mapping[str, float] | None = None,
    settings: Mapping[str, Any] | None = None,
    told: Sequence[str] | None = None,
    *,
    proven_fewest: bool = False,
) -> str:
    """The proposal as the public file. Without ``seconds``, equal proposals are equal bytes.

    ``told`` are the people who would be told something new, when it repairs an earlier proposal; ``proven_fewest`` says
    that nothing is better by whose seats are kept and how many are told.
    """
    raw: dict[str, Any] = {
        "kind": problem.program.kind.value,
        "week": problem.week.isoformat(),
        "sessions": map(_raw_session, proposal.sessions),
        "unmatched": map(_raw_unmatched, proposal.unmatched),
        "points": proposal.points,
        "bound": proposal.bound,
        "gap": round(proposal.gap, 6),
        "matched": proposal.matched,
        "matched_bound": proposal.matched_bound,
    }
    if proposal.cut:
        raw["cut"] = True
    if told is not None:
        raw["told"] = iter(told)
    if proven_fewest:
        raw["proven_fewest"] = True
    if seconds is not None:
        raw["seconds"] = {phase: round(number, 3) for phase, number in seconds.items()}
    if settings is not None:
        raw["settings"] = dict(settings)
    return "{\n " + ",\n ".join(f"{_ENCODE(key)}: {_value(raw[key])}" for key in raw) + "\n}\n"


def _value(value: Any) -> str:
    """What there are many of has a line for each: to read, to compare, and to write one after the other."""
    if not isinstance(value, Iterator):
        return _ENCODE(value)
    lines = ",\n  ".join(map(_ENCODE, value))
    return f"[\n  {lines}\n ]" if lines else "[]"


@lru_cache(maxsize=10_000)  # more than a week has cells
def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _raw_session(session: PlannedSession) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "people": list(session.people),
        "facilitators": list(session.facilitators),
        "starts_at": _moment(session.span.starts_at),
        "ends_at": _moment(session.span.ends_at),
        "medium": session.medium,
        "points": session.points,
        "why": [f"{reason.text}: {reason.detail}" if reason.detail else reason.text for reason in session.why],
    }
    if session.pinned:
        raw["pinned"] = True
    return raw


def _raw_unmatched(one: Unmatched) -> dict[str, str]:
    raw = {"id": one.id, "why": one.why, "would_help": one.would_help}
    return raw | ({"if_comfortable": one.if_comfortable} if one.if_comfortable else {})


class _Fields(BaseModel):
    """What we read; what else stands in the file is left alone."""

    model_config = ConfigDict(extra="ignore")


class _Session(_Fields):
    people: list[str]
    starts_at: Moment
    ends_at: Moment
    medium: str
    facilitators: list[str] = []
    points: Annotated[int, Field(strict=True)] = 0
    why: list[str] = []
    pinned: bool = False


class _Unmatched(_Fields):
    id: str
    why: str = ""
    would_help: str = ""
    if_comfortable: str = ""


class _File(_Fields):
    kind: Kind
    week: Day
    sessions: list[_Session]
    unmatched: list[_Unmatched] = []
    points: Annotated[int, Field(strict=True)]
    bound: Annotated[int, Field(strict=True)]
    matched: Annotated[int, Field(strict=True)]
    matched_bound: Annotated[int, Field(strict=True)]
    gap: float = 0.0
    cut: bool = False


def proposal_from_json(text: str) -> Proposal:
    """Read a proposal.

    Raises:
        BadFile: every mistake with its line and field.
    """
    return _proposal(_read(text))


def proposal_for(problem: Problem, text: str) -> Proposal:
    """Read an earlier proposal for the same round.

    Raises:
        BadFile: every mistake with its line and field.
        Refusal: it is for another kind or week.
    """
    file = _read(text)
    if (file.kind, file.week) != (problem.program.kind, problem.week):
        raise Refusal(f"the proposal is for {file.kind} in the week of {file.week}, not for this problem")
    return _proposal(file)


def _read(text: str) -> _File:
    raw, place = load_json(text), place_in(text)
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        raise BadFile(mistakes_in(error, place)) from None
    backwards = [
        (("sessions", number, "ends_at"), "must be after starts_at")
        for number, session in enumerate(file.sessions)
        if session.ends_at <= session.starts_at
    ]
    if backwards:
        raise BadFile(Mistake(place(where)[1], what, place(where)[0]) for where, what in backwards)
    return file


def _proposal(file: _File) -> Proposal:
    return Proposal(
        sessions=tuple(_session(session) for session in file.sessions),
        unmatched=tuple(Unmatched(one.id, one.why, one.would_help, one.if_comfortable) for one in file.unmatched),
        points=file.points,
        bound=file.bound,
        matched=file.matched,
        matched_bound=file.matched_bound,
        cut=file.cut,
    )


def _session(session: _Session) -> PlannedSession:
    return PlannedSession(
        people=tuple(session.people),
        span=Span(session.starts_at.astimezone(UTC), session.ends_at.astimezone(UTC)),
        medium=session.medium,
        facilitators=tuple(session.facilitators),
        points=session.points,
        why=tuple(Reason("", text) for text in session.why),
        pinned=session.pinned,
    )


def differences(problem: Problem, text: str) -> list[str]:
    """What a proposal file claims that is not so, by the rules and preferences alone.

    Raises:
        BadFile: it is not a proposal file.
    """
    file = _read(text)
    return list(_differences(problem, file, _proposal(file)))


def _differences(problem: Problem, file: _File, proposal: Proposal) -> Iterator[str]:
    if (file.kind, file.week) != (problem.program.kind, problem.week):
        yield f"the proposal is for {file.kind} in the week of {file.week}, not for this problem"
        return
    for broken in broken_rules(problem, proposal):
        yield f"{broken.rule}: {broken.text}"
    for number, session in enumerate(proposal.sessions):
        known = all(person in problem.by_id for person in session.everyone)
        if known and cells_of(problem, session.span) is not None and session.points != points_of(problem, session):
            yield f"sessions[{number}].points: {session.points} is written, {points_of(problem, session)} was counted"
        if session.pinned != any(keeps(session, pin) for pin in problem.pinned):
            yield f"sessions[{number}].pinned: {session.pinned} is written, which is not what is pinned"
    counted = sum(session.points for session in proposal.sessions)
    if proposal.points != counted:
        yield f"points: {proposal.points} is written, the sessions have {counted}"
    matched = len({person for session in proposal.sessions for person in session.people})
    if proposal.matched != matched:
        yield f"matched: {proposal.matched} is written, {matched} people have a seat"
    if proposal.bound < proposal.points:
        yield f"bound: {proposal.bound} is less than the points"
    if proposal.matched_bound < proposal.matched:
        yield f"matched_bound: {proposal.matched_bound} is less than the people matched"
    if abs(file.gap - proposal.gap) > 1e-6:
        yield f"gap: {file.gap} is written, {proposal.gap:.6f} was counted"


def table(proposal: Proposal, problem: Problem, zone: str = "UTC") -> Group:
    """The proposal to read on a terminal, with times on the clock of one zone."""
    sessions = Table(title=f"Sessions in the week of {problem.week} ({zone})", title_justify="left")
    for heading in ("when", "who", "medium", "points", "why"):
        sessions.add_column(heading, justify="right" if heading == "points" else "left")
    for session in proposal.sessions:
        starts_at = session.starts_at.astimezone(ZoneInfo(zone))
        why = "; ".join(reason.text for reason in session.why)
        sessions.add_row(
            f"{starts_at:%a %d %b %H:%M}", _who(problem, session), session.medium, f"{session.points:,}", Text(why)
        )
    parts: list[Table | Text] = [sessions]
    if proposal.unmatched:
        parts.append(_unmatched_table(proposal, problem))
    parts.append(Text(summary(proposal, problem)))
    return Group(*parts)


def summary(proposal: Proposal, problem: Problem) -> str:
    """One line on how good the proposal is."""
    peers = sum(person.most_sessions > 0 for person in problem.participants)
    people = f"{proposal.matched} of {peers} people matched"
    if proposal.matched < proposal.matched_bound:
        people += f" (at most {proposal.matched_bound} could be)"
    best = "proven best" if proposal.gap == 0 else f"at most {proposal.gap:.1%} below the best possible"
    cut = "; the search was ended early" if proposal.cut else ""
    return f"{people} in {len(proposal.sessions)} sessions; {proposal.points:,} points, {best}{cut}."


def _unmatched_table(proposal: Proposal, problem: Problem) -> Table:
    unmatched = Table(title="Not matched this time", title_justify="left")
    for heading in ("who", "why", "what would help"):
        unmatched.add_column(heading)
    for one in proposal.unmatched:
        unmatched.add_row(Text(_name(problem.by_id[one.id])), Text(one.why), Text(one.would_help))
    return unmatched


def _who(problem: Problem, session: PlannedSession) -> Text:
    who = ", ".join(_name(problem.by_id[person]) for person in session.people)
    led = ", ".join(_name(problem.by_id[person]) for person in session.facilitators)
    return Text(f"{who}; led by {led}" if led else who)


def _name(person: Participant) -> str:
    return person.name or person.id
