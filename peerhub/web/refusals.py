"""The domain's refusals, and every error, become pages: plain words, the right status, crisis help at the top.

No page shows what went wrong inside, and the log names the place, never what was typed or which address was asked for.
"""

import traceback
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect, Template
from litestar.types import ExceptionHandlersMap

from peerhub.domain.refusals import NotFound, Refusal, TooOften, WrongStage
from peerhub.store.database import AWAY
from peerhub.web.asking import NotSignedIn

log = structlog.get_logger("peerhub.web")

_WORDS = {
    400: ("This could not be read", "Your browser sent something that could not be read. Please try once more."),
    403: (
        "This form has grown old",
        "To keep others from acting in your name, each form works only in the browser that opened it, for a while. "
        "Please go back, reload the page and send it again. Nothing was stored.",
    ),
    404: (
        "This page is not there",
        "The link may be old or not complete, or the page may not be meant for you.",
    ),
    405: ("There is nothing to read here", "This address only takes what a form sends. Nothing was changed."),
    408: ("This took too long", "What you sent did not arrive in time. Please try once more."),
    409: ("This has moved on", "Somebody was a moment earlier. Please look at the page again."),
    413: ("That is too much at once", "What you sent is larger than this page can take."),
    422: ("This cannot be done", "What was asked for does not fit. Nothing was stored."),
    429: (
        "Please wait a little",
        "This was asked for often in a short time. Please try again in an hour, or tomorrow.",
    ),
    500: (
        "Something went wrong on our side",
        "It is not your fault, and nothing was stored halfway. Please try again in a few minutes.",
    ),
    503: (
        "We are away for a moment",
        "Your data is safe, but it cannot be reached right now. Please try again in a minute.",
    ),
}


def error_page(
    status: int,
    words: str | None = None,
    headers: dict[str, str] | None = None,
    *,
    look_again_at: str = "",
    back_to: str = "",
) -> Template:
    """A page for an error; ``words`` are of a refusal, which are fit for the person who asked.

    ``look_again_at`` is where things stand as they are now, ``back_to`` where the person was.
    """
    title, text = _WORDS.get(status, _WORDS[500 if status >= 500 else 400])
    return Template(
        "errors/error.html",
        context={
            "title": title,
            "text": words or text,
            "status": status,
            "look_again_at": look_again_at,
            "back_to": back_to,
        },
        status_code=status,
        headers=headers,
        media_type="text/html",
    )


def _refused(request: Request[Any, Any, Any], refusal: Refusal) -> Template:
    match refusal:
        case NotFound():
            return error_page(404)  # always the same words: they must not tell what exists
        case TooOften():
            return error_page(429, headers={"retry-after": "3600"})
        case WrongStage():
            return error_page(409, _sentence(refusal), look_again_at=_page_of_what_moved_on(request))
    return error_page(422, _sentence(refusal))


def _sentence(refusal: Refusal) -> str:
    text = str(refusal)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"


def _page_of_what_moved_on(request: Request[Any, Any, Any]) -> str:
    """The page of the round or the session, as it is now; for a member that is their home."""
    if not request.url.path.startswith("/organize/"):
        return "/home"
    for noun in ("round", "session"):
        if found := request.path_params.get(f"{noun}_id"):
            return f"/organize/{noun}s/{found}"
    return "/organize"


def _http_error(_: Request[Any, Any, Any], error: HTTPException) -> Template:
    status = error.status_code
    if status == HTTPStatus.UNAUTHORIZED:
        status = HTTPStatus.NOT_FOUND
    allowed = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return error_page(int(status), headers=allowed)


def _away(request: Request[Any, Any, Any], error: Exception) -> Template:
    _log(request, error, "the database is away")
    return error_page(503, headers={"retry-after": "30"})


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Template:
    _log(request, error, "unexpected")
    return error_page(500)


def _not_signed_in(_: Request[Any, Any, Any], __: NotSignedIn) -> Response[Any]:
    return Redirect("/sign-in", status_code=303)


def _log(request: Request[Any, Any, Any], error: Exception, what: str) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    log.error(
        what,
        kind=type(error).__name__,
        page=request.scope.get("path_template", "none"),  # never the path: it may carry a token
        method=request.method,
        where=[f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
    )


HANDLERS: ExceptionHandlersMap = {
    Refusal: _refused,
    NotSignedIn: _not_signed_in,
    HTTPException: _http_error,
    **dict.fromkeys(AWAY, _away),
    Exception: _unexpected,
}
