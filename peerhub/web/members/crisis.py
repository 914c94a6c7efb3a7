"""Crisis help: one click from every page, signed in or not, and also while the database is away."""

from datetime import datetime

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template

from peerhub.domain import crisis
from peerhub.web.asking import EVERYONE


@get("/crisis", opt=EVERYONE)
async def crisis_help(now: NamedDependency[datetime]) -> Template:
    context = {
        "emergency": crisis.EMERGENCY,
        "lines": crisis.LINES,
        "elsewhere": crisis.ELSEWHERE,
        "today": now.date(),
    }
    return Template("members/crisis.html", context=context)


PAGES = [crisis_help]
