"""The start page, what is read by whom, and whether the server is up: pages for everyone."""

from litestar import Response, get
from litestar.response import Template

from peerhub.store import database
from peerhub.web.asking import EVERYONE


@get("/", opt=EVERYONE)
async def start() -> Template:
    return Template("members/start.html")


@get("/privacy", opt=EVERYONE)
async def privacy() -> Template:
    return Template("members/privacy.html")


@get("/erased", opt=EVERYONE)
async def erased() -> Template:
    return Template("members/erased.html")


@get("/health/live", opt=EVERYONE, media_type="text/plain")
async def live() -> str:
    return "up"


@get("/health/ready", opt=EVERYONE, media_type="text/plain")
async def ready() -> Response[str]:
    """Whether the database answers, so that a load balancer sends nobody here in vain."""
    return Response("ready") if await database.answers() else Response("not ready", status_code=503)


PAGES = [start, privacy, erased, live, ready]
