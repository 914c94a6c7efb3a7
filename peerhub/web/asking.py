"""Who asks, and when: the door that every page stands behind, and what its handler may ask for.

A page opens to members only, unless its handler or router says ``opt=EVERYONE`` or ``opt=ORGANIZERS``.
"""

from datetime import UTC, datetime
from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler

from peerhub.domain.members import Member
from peerhub.domain.refusals import NotFound
from peerhub.mail.letterhead import Letterhead
from peerhub.store import logins
from peerhub.web import browser

Connection = ASGIConnection[Any, Any, Any, Any]
AnyRequest = Request[Any, Any, Any]

EVERYONE: Final[dict[str, Any]] = {"open_to": "everyone"}
ORGANIZERS: Final[dict[str, Any]] = {"open_to": "organizers"}
FROM_ANYWHERE: Final[dict[str, Any]] = {browser.NEEDS_NO_FORM: True}


class NotSignedIn(Exception):
    """Nobody is signed in in this browser, and the page is not for everyone."""


def clock() -> datetime:
    return datetime.now(UTC)


async def door(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let in only those to whom the page opens; who may not know of a page is told that it is not there."""
    match handler.opt.get("open_to", "members"):
        case "everyone":
            return
        case "members":
            await _member(connection)
        case "organizers":
            await _organizer(connection)
        case _:
            raise NotFound("This page is not there.")


async def who_asks(connection: Connection) -> logins.SignedIn | None:
    """The browser's login, looked up once a request."""
    remembered = connection.scope["state"]
    if "signed_in" not in remembered:
        token = browser.login_of(connection)
        remembered["signed_in"] = await logins.who(token, now(connection)) if token else None
    signed_in: logins.SignedIn | None = remembered["signed_in"]
    return signed_in


async def still_organizes(connection: Connection) -> bool:
    """Look anew, for an answer that goes on for long: they may have signed out, or no longer be an organizer."""
    token = browser.login_of(connection)
    signed_in = await logins.who(token, now(connection)) if token else None
    return signed_in is not None and signed_in.member.is_organizer


async def _member(connection: Connection) -> Member:
    signed_in = await who_asks(connection)
    if signed_in is None:
        raise NotSignedIn
    return signed_in.member


async def _organizer(connection: Connection) -> Member:
    member = await _member(connection)
    if not member.is_organizer:
        raise NotFound("This page is not there.")
    return member


def now(connection: Connection) -> datetime:
    moment: datetime = connection.app.state.clock()
    return moment


async def provide_member(request: AnyRequest) -> Member:
    return await _member(request)


async def provide_organizer(request: AnyRequest) -> Member:
    return await _organizer(request)


def provide_now(request: AnyRequest) -> datetime:
    return now(request)


def provide_head(request: AnyRequest) -> Letterhead:
    head: Letterhead = request.app.state.head
    return head


DEPENDENCIES: Final = {
    "member": Provide(provide_member),
    "organizer": Provide(provide_organizer),
    "now": Provide(provide_now, sync_to_thread=False),
    "head": Provide(provide_head, sync_to_thread=False),
}
