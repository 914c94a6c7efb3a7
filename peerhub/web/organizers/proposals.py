"""Changing a proposal: move someone, swap two people, pin a session, undo."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from litestar.types import ControllerRouterHandler

from peerhub.actions import proposals as act
from peerhub.actions.proposals import Move, RulesWouldBreak
from peerhub.domain.members import Member
from peerhub.domain.refusals import Refusal
from peerhub.store import rounds
from peerhub.web.asking import AnyRequest
from peerhub.web.forms import Typed, typed_in
from peerhub.web.organizers.cards import place_from, uuid_from
from peerhub.web.organizers.rounds import round_page


@post("/organize/rounds/{round_id:uuid}/move")
async def move(
    request: AnyRequest,
    round_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    form = await typed_in(request)
    chosen = form.one("who"), form.one("to")
    if not all(chosen):
        refusals: Sequence[str] = ["Please choose someone, and where they go."]
        return await round_page(await rounds.by_id(round_id), organizer, now, refusals, chosen)
    try:
        await act.move(round_id, _version(form), step_from(*chosen), organizer.id, now)
    except RulesWouldBreak as refusal:
        return await round_page(await rounds.by_id(round_id), organizer, now, refusal.sentences, chosen)
    return Redirect(f"/organize/rounds/{round_id}#sessions", status_code=303)


@post("/organize/rounds/{round_id:uuid}/pin")
async def pin(
    request: AnyRequest,
    round_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    now: NamedDependency[datetime],
) -> Redirect:
    form = await typed_in(request)
    place = place_from(form.one("place"))
    if place is None:
        raise Refusal("Please choose a session.")
    await act.pin(round_id, _version(form), place, organizer.id, now, pinned=form.one("pinned") == "yes")
    return Redirect(f"/organize/rounds/{round_id}#session-{place}", status_code=303)


@post("/organize/rounds/{round_id:uuid}/undo")
async def undo(
    request: AnyRequest,
    round_id: FromPath[UUID],
    organizer: NamedDependency[Member],
    now: NamedDependency[datetime],
) -> Redirect:
    await act.undo(round_id, _version(await typed_in(request)), organizer.id, now)
    return Redirect(f"/organize/rounds/{round_id}", status_code=303)


PAGES: Sequence[ControllerRouterHandler] = [move, pin, undo]


def step_from(who: str, to: str) -> Move:
    """Read ``0:ana`` and ``1`` (to that session), ``-`` (to no session) or ``1:ben`` (in Ben's place).

    Raises:
        NotFound: it says something else.
    """
    here, _, person = who.partition(":")
    there, _, other = to.partition(":")
    swap_with = str(uuid_from(other)) if other else None
    return Move(str(uuid_from(person)), place_from(here), place_from(there), swap_with)


def _version(form: Typed) -> UUID:
    return uuid_from(form.one("version"))
