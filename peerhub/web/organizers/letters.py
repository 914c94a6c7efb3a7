"""The outbox as organizers see it: how many letters are where, why one waits, one more try, calling one off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from litestar.types import ControllerRouterHandler

from peerhub.actions import letters as act
from peerhub.domain.letters import State
from peerhub.domain.members import Member
from peerhub.domain.wall import moment_on_the_wall
from peerhub.store import letters
from peerhub.store.letters import KeptLetter
from peerhub.web.asking import AnyRequest
from peerhub.web.forms import typed_in

STATES: Final = {
    State.PENDING: "waiting",
    State.SENDING: "on the way",
    State.HELD: "set aside",
    State.FAILED: "not taken",
    State.EXPIRED: "too late",
    State.CANCELLED: "called off",
    State.SENT: "sent",
}
KINDS: Final = {
    "cancelled_invitation": "Session cancelled",
    "changed_invitation": "Changed invitation",
    "check_in_request": "Question after a session",
    "invitation": "Invitation",
    "invitation_again": "Invitation, once more",
    "not_matched": "Not matched this time",
    "nudge": "Invitation without an answer",
    "reminder": "Reminder",
    "removed_from_session": "Taken out of a session",
    "round_opens": "A round is open",
    "seat_offered": "A free seat",
    "seat_taken": "A seat taken",
}


@dataclass(frozen=True)
class Row:
    """One letter, in words."""

    id: UUID
    title: str
    to: str
    state: State
    state_words: str
    put: str
    why: str
    can_be_tried_again: bool
    can_be_called_off: bool


@get("/organize/letters")
async def outbox(request: AnyRequest, organizer: NamedDependency[Member], now: NamedDependency[datetime]) -> Template:
    state, kind, before = (request.query_params.get(name, "") for name in ("state", "kind", "before"))
    counts, is_copy = await letters.counts(), await letters.is_copy()
    since = None if is_copy else await letters.stalled_since(now)
    chosen, kind = State(state) if state in tuple(State) else None, kind if kind in {*counts.kinds, *KINDS} else ""
    found, has_older = await letters.newest(chosen, kind or None, _number(before))

    def row(one: KeptLetter) -> Row:
        when, standing = moment_on_the_wall(one.standing.due_at, organizer.time_zone), one.standing
        return Row(
            one.id, title_of(one.kind), one.to, standing.state, STATES[standing.state],
            moment_on_the_wall(one.created_at, organizer.time_zone),
            standing.why(now, when, is_copy=is_copy, is_stalled=since is not None),
            standing.can_be_tried_again(now), standing.can_be_called_off(),
        )  # fmt: skip

    context: dict[str, Any] = {
        "rows": [row(one) for one in found],
        "states": [(one, words, counts.of(one)) for one, words in STATES.items()],
        "kinds": sorted((title_of(one), one) for one in {*counts.kinds, *([kind] if kind else [])}),
        "chosen": (state if chosen else "", kind),
        "older": _address(state, kind, found[-1].number) if has_older else None,
        "newest": _address(state, kind) if before else None,
        "asked_for": sum(counts.asked_for[one] for one in (State.PENDING, State.SENDING, State.HELD)),
        "is_copy": is_copy,
        "stalled_since": moment_on_the_wall(since, organizer.time_zone) if since else None,
    }
    return Template("organizers/letters.html", context=context)


@post("/organize/letters/{letter_id:uuid}/again")
async def again(
    request: AnyRequest, letter_id: FromPath[UUID], organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Redirect:
    await act.try_again(letter_id, organizer.id, now)
    return await _back(request)


@post("/organize/letters/{letter_id:uuid}/call-off")
async def call_off(
    request: AnyRequest, letter_id: FromPath[UUID], organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Redirect:
    await act.call_off(letter_id, organizer.id, now)
    return await _back(request)


PAGES: Sequence[ControllerRouterHandler] = [outbox, again, call_off]


def title_of(kind: str) -> str:
    return KINDS.get(kind, kind.replace("_", " ").capitalize())


async def _back(request: AnyRequest) -> Redirect:
    typed = await typed_in(request)
    return Redirect(_address(typed.one("state"), typed.one("kind")), status_code=303)


def _address(state: str, kind: str, before: int | None = None) -> str:
    asked = {"state": state, "kind": kind, "before": str(before or "")}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/organize/letters?{query}" if query else "/organize/letters"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
