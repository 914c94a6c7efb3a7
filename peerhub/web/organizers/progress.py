"""A page that waits hears how far a search is, as often as that changes, until it ends: server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Final

from litestar.response import ServerSentEvent

from peerhub.web import asking
from peerhub.web.asking import AnyRequest

News = dict[str, str]
_TELL_EVERY: Final = 1.0  # seconds


def so_far(words: str) -> News:
    """The search goes on: how far it is, or nothing where there is nothing to tell."""
    return {"event": "progress", "data": words} if words else {}


def ended(how: str) -> News:
    """The search is over, and the page is loaded anew."""
    return {"event": "ended", "data": how}


def progress_of(look: Callable[[], Awaitable[News]], longest: timedelta, request: AnyRequest) -> ServerSentEvent:
    """What ``look`` sees, until it has ended, the organizer leaves, the server stops or the time is over."""
    return ServerSentEvent(_until_it_ends(look, longest, request))


async def _until_it_ends(
    look: Callable[[], Awaitable[News]], longest: timedelta, request: AnyRequest
) -> AsyncIterator[News]:
    last: News = {}
    for _ in range(int(longest.total_seconds() / _TELL_EVERY)):
        if request.app.state.is_stopping or not await asking.still_organizes(request):
            return
        news = await look()
        if news and news != last:
            yield news
        if news.get("event") == "ended":
            return
        last = news
        await asyncio.sleep(_TELL_EVERY)
