"""Busy times: a member uploads their calendar for the coming round, sees what was kept of it, and can delete that."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.response import Redirect, Template

from peerhub.actions import busy
from peerhub.domain.availability import Span, moment_on_wall
from peerhub.domain.members import Member
from peerhub.domain.refusals import TooOften
from peerhub.domain.wall import day_in_words
from peerhub.mail.letterhead import Letterhead
from peerhub.store import busy as stored
from peerhub.web.asking import AnyRequest
from peerhub.web.refusals import error_page

_AROUND_THE_FILE = 8 * 1024  # bytes of a form beside the file in it
_NO_FILE = "Please choose a file first."
_ENOUGH = "You have uploaded many files today. Please try again tomorrow."


@get("/profile/busy")
async def page(request: AnyRequest, member: NamedDependency[Member], now: NamedDependency[datetime]) -> Template:
    left_out = request.query_params.get("left_out", "")
    return await _page(
        member, now, kept=request.query_params.get("kept", ""), left_out=left_out.isdecimal() and left_out
    )


def _too_large(_: AnyRequest, __: RequestEntityTooLarge) -> Template:
    return error_page(413, busy.TOO_LARGE, back_to="/profile/busy")


@post(
    "/profile/busy",
    request_max_body_size=busy.MOST_BYTES + _AROUND_THE_FILE,
    exception_handlers={RequestEntityTooLarge: _too_large},
)
async def upload(
    request: AnyRequest,
    member: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    file = (await request.form()).get("calendar")
    content = await file.read() if isinstance(file, UploadFile) else b""
    if not content:
        return await _page(member, now, mistake=_NO_FILE)
    try:
        reading = await busy.take(member, content, head, now)
    except busy.CannotRead as refusal:
        return await _page(member, now, mistake=str(refusal))
    except TooOften:
        return await _page(member, now, mistake=_ENOUGH, status=429)
    more = f"&left_out={reading.left_out}" if reading.left_out else ""
    return Redirect(f"/profile/busy?kept=times{more}#kept", status_code=303)


@post("/profile/busy/delete")
async def delete(member: NamedDependency[Member]) -> Redirect:
    await stored.drop(member.id)
    return Redirect("/profile/busy?kept=nothing", status_code=303)


async def _page(
    member: Member, now: datetime, *, mistake: str = "", kept: str = "", left_out: str | bool = "", status: int = 422
) -> Template:
    weeks = await stored.of(member.id)
    context = {
        "weeks": await busy.weeks_for(member, now),
        "busy": {week: list(days_of(spans, member.time_zone)) for week, spans in weeks.items()},
        "mistake": mistake,
        "kept": kept,
        "left_out": left_out,
        "day_in_words": day_in_words,
    }
    return Template("members/busy.html", context=context, status_code=status if mistake else 200)


def days_of(spans: Iterable[Span], zone: str) -> Iterator[tuple[date, str]]:
    """Each day on a member's own wall, with its hours in words: ``09:00 to 10:30, 14:00 to 15:00``, or ``all day``."""
    hours = defaultdict(list)
    for day, starts_at, ends_at in _cut_at_midnight(spans, zone):
        is_whole = starts_at == _midnight(day, zone) and ends_at == _midnight(day + timedelta(days=1), zone)
        clocks = [f"{one.astimezone(ZoneInfo(zone)):%H:%M}" for one in (starts_at, ends_at)]
        hours[day].append("all day" if is_whole else " to ".join(clocks))
    for day, words in sorted(hours.items()):
        yield day, ", ".join(words)


def _cut_at_midnight(spans: Iterable[Span], zone: str) -> Iterator[tuple[date, datetime, datetime]]:
    for span in spans:
        starts_at = span.starts_at
        while starts_at < span.ends_at:
            day = starts_at.astimezone(ZoneInfo(zone)).date()
            ends_at = min(span.ends_at, _midnight(day + timedelta(days=1), zone))
            yield day, starts_at, ends_at
            starts_at = ends_at


def _midnight(day: date, zone: str) -> datetime:
    return moment_on_wall(day, 0, zone)


PAGES = [page, upload, delete]
