"""Which browser asks: its cookies, the token that its forms carry, and the address it comes from.

A form's token is derived from a random cookie, so that only a page of ours can have written the form. On https each
cookie carries the ``__Host-`` prefix; plain http is for this machine alone (``settings`` refuses it elsewhere).
"""

import asyncio
import hmac
import ipaddress
import secrets
from hashlib import sha256
from typing import Any, Final

from litestar.connection import ASGIConnection, Request
from litestar.datastructures import Cookie
from litestar.exceptions import ClientException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.response import Redirect

from peerhub.store.logins import code_of

Connection = ASGIConnection[Any, Any, Any, Any]

TOKEN_FIELD: Final = "form_token"  # noqa: S105 - a field's name
TOKEN_HEADER: Final = "x-form-token"  # noqa: S105 - a header's name
NEEDS_NO_FORM: Final = "needs_no_form"  # of a handler whose link says all: mail programs post to it by themselves
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
LONGEST_WAIT: Final = 30.0  # seconds for a form to arrive; the slowest telephone needs less
_MOST_LETTERS = 100  # of a cookie that we would have set
CLEAR_ALL: Final = '"cookies", "storage"'  # pages are never cached, and clearing the cache keeps a browser waiting


def cookie_name(connection: Connection, name: str) -> str:
    return f"__Host-{name}" if connection.app.state.is_https else name


def read_cookie(connection: Connection, name: str) -> str | None:
    value = connection.cookies.get(cookie_name(connection, name), "")
    return value if 0 < len(value) <= _MOST_LETTERS and value.isascii() else None


def write_cookie(connection: Connection, name: str, value: str, seconds: int | None = None) -> Cookie:
    """A cookie for this host alone, out of reach for scripts; without ``seconds`` it goes when the browser closes."""
    return Cookie(
        key=cookie_name(connection, name),
        value=value,
        path="/",
        max_age=seconds,
        secure=bool(connection.app.state.is_https),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(connection: Connection, name: str) -> Cookie:
    return write_cookie(connection, name, "", 0)


def forget_all(connection: Connection, answer: Redirect) -> Redirect:
    """Let the answer clear all that this browser keeps of us."""
    answer.headers["clear-site-data"] = CLEAR_ALL
    answer.cookies.extend(drop_cookie(connection, name) for name in ("login", "asked", "browser"))
    return answer


def login_of(connection: Connection) -> str | None:
    return read_cookie(connection, "login")


def asked_by(connection: Connection) -> str | None:
    """The nonce of the browser that asked for a link, if it has asked."""
    return read_cookie(connection, "asked")


def code_shown_to(connection: Connection) -> str | None:
    """The code that this browser shows, to be typed where a letter is opened instead."""
    asking = asked_by(connection)
    return code_of(asking) if asking else None


def form_token(connection: Connection) -> str:
    """The token for the forms of this page; a browser without the cookie is given one with the answer."""
    own = read_cookie(connection, "browser")
    if own is None:
        own = str(connection.scope["state"].setdefault("new_browser", secrets.token_urlsafe(32)))
    return _token_for(connection, own)


def _token_for(connection: Connection, own: str) -> str:
    return hmac.new(connection.app.state.head.signing_key, f"form:{own}".encode(), sha256).hexdigest()


async def form_is_ours(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let nothing be written that does not come from a page of ours: the form carries its browser's token."""
    if connection.scope.get("method") in _SAFE_METHODS or handler.opt.get(NEEDS_NO_FORM):
        return
    own = read_cookie(connection, "browser")
    given = await _given_token(connection)
    expected = _token_for(connection, own) if own else None
    if (
        expected is None
        or not hmac.compare_digest(given.encode(), expected.encode())
        or _comes_from_elsewhere(connection)
    ):
        raise PermissionDeniedException("the form does not carry its token")


async def _given_token(connection: Connection) -> str:
    header = connection.headers.get(TOKEN_HEADER)
    if header is not None:
        return header
    if not isinstance(connection, Request):
        return ""
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            field = (await connection.form()).get(TOKEN_FIELD)
    except TimeoutError:
        raise ClientException("the form did not arrive", status_code=408) from None
    return field if isinstance(field, str) else ""


def _comes_from_elsewhere(connection: Connection) -> bool:
    """Say what the browser says of it; a page with no-referrer sends the origin ``null``, which says nothing."""
    if connection.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = connection.headers.get("origin", "null")
    ours = (connection.headers.get("host"), connection.app.state.head.base_url.partition("://")[2])
    return origin != "null" and origin.partition("://")[2] not in ours


def client_of(connection: Connection) -> str:
    """The address that the request came from; ``X-Forwarded-For`` is believed from our own proxies only.

    A whole /64 of IPv6 counts as one, since one client has all of it.
    """
    trusted = connection.app.state.trusted_proxies
    address = connection.client.host if connection.client else ""
    for hop in reversed([part.strip() for part in connection.headers.get("x-forwarded-for", "").split(",")]):
        if address not in trusted or not hop:
            break
        address = hop
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "somewhere"
    return str(ipaddress.ip_network(f"{ip}/64", strict=False)) if ip.version == 6 else str(ip)
