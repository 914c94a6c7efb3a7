"""Answers under load: 500 yes at once for 50 seats (L3), what an answer costs beside a health check (L4), and scanners
that look 30,000 times (L6). A real server and a real PostgreSQL; whoever asks runs in the same process as the server.

.venv/bin/python -m bench.answers --people 500 --seats 50 --looks 30000
"""

import argparse
import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

import httpx
import uvicorn

from peerhub.actions import invitations
from peerhub.app import create_app
from peerhub.domain.availability import Span, hours_from_text
from peerhub.domain.invitations import Rsvp
from peerhub.domain.members import REQUIRED_PURPOSES, Profile
from peerhub.domain.programs import PRESETS, Kind
from peerhub.mail import links
from peerhub.mail.letterhead import Letterhead
from peerhub.matching.proposal import PlannedSession
from peerhub.settings import Keys, Settings
from peerhub.store import database, members, offers, programs, rounds, sealing, sessions
from peerhub.store.tables import TABLES, Offer, Round, Seat

NOW = datetime.now(UTC)
MONDAY = NOW.date() + timedelta(days=14 - NOW.weekday())
HEAD = Letterhead("Bench", "hello@peerhub.example", "http://localhost", b"k" * 32)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--people", type=int, default=500)
    asked.add_argument("--seats", type=int, default=50)
    asked.add_argument("--looks", type=int, default=30_000)
    options = asked.parse_args()
    sealing.use(sealing.Keyring({1: b"s" * 32}, b"h" * 32))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with database.embedded(Path(folder)) as url:
            database.lead_to(os.environ.get("DATABASE_URL", url))
            asyncio.run(measure(options.people, options.seats, options.looks))


async def measure(people: int, seats: int, looks: int) -> None:
    await database.migrate()
    async with database.pool():
        offered, seat_ids = await fill_in(people, seats)
        server = uvicorn.Server(
            uvicorn.Config(app(), port=0, log_level="critical", lifespan="off", timeout_keep_alive=600)
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event to wait for
            await asyncio.sleep(0.01)
        base = f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
        limits = httpx.Limits(max_connections=people, max_keepalive_connections=people)
        async with httpx.AsyncClient(base_url=base, timeout=600, limits=limits) as http:
            page = await http.get("/sign-in")
            token = page.text.split('name="form_token" value="')[1].split('"')[0]
            await at_once(http, offered, token)
            await beside_health(http, token)
            await scanners(http, [*offered, links.rsvp_link(HEAD, seat_ids[0])], looks)
        server.should_exit = True
        await serving


async def fill_in(people: int, seats: int) -> tuple[list[str], list[UUID]]:
    """One session in which so many seats were declined, all of them offered to everybody else."""
    members_ = [await a_member(n) for n in range(people + seats + 2)]
    seated, others = members_[: seats + 2], members_[seats + 2 :]
    rules = replace(PRESETS[Kind.SESSIONS], facilitators_per_session=0, largest=50)
    program = await programs.create("Bench", rules, (), NOW, fills_seats=True)
    for one in members_:
        await programs.enrol(program, one, NOW)
    round_id = await rounds.open_round(program, MONDAY, NOW)
    for one in members_:
        await rounds.join(round_id, one, NOW)
    await Round.update({Round.stage: "published", Round.published_at: NOW}).where(Round.id == round_id)
    starts_at = datetime(MONDAY.year, MONDAY.month, MONDAY.day, 18, tzinfo=UTC)
    span = Span(starts_at, starts_at + timedelta(hours=1))
    in_it = seated[:seats] if seats >= 50 else seated
    await sessions.put(round_id, [PlannedSession(tuple(map(str, in_it)), span, "voice")], "peerhub.example")
    session = (await sessions.of_round(round_id))[0]
    for seat in session.seats[:seats]:
        await invitations.answer(seat.id, Rsvp.NO, NOW)
    made = await offers.put(session.id, others, NOW, span.starts_at - timedelta(hours=1))
    return [links.offer_link(HEAD, one.id) for one in made], [seat.id for seat in session.seats]


async def a_member(number: int) -> UUID:
    member_id, hours = uuid4(), (hours_from_text("mon 17:00-20:00"),)
    await members.put(member_id, Profile(f"M{number}", "UTC", hours), f"m{number}@example.org", NOW)
    await members.confirm(member_id, NOW)
    await members.set_consents(member_id, REQUIRED_PURPOSES, NOW)
    return member_id


async def at_once(http: httpx.AsyncClient, offered: list[str], token: str) -> None:
    took: list[float] = []

    async def say_yes(link: str) -> int:
        began = perf_counter()
        answer = await http.post(path_of(link), data={"form_token": token, "answer": "yes"})
        took.append(perf_counter() - began)
        return answer.status_code

    statuses = Counter(await asyncio.gather(*map(say_yes, offered)))
    states = Counter(row["state"] for row in await Offer.select(Offer.state))
    seated = await Seat.count().where(Seat.rsvp == "yes", Seat.removed_at.is_null())
    took.sort()
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(f"L3  {dict(statuses)} {dict(states)}, {seated} seats with a yes; p50 {p50:.1f} s, p99 {p99:.1f} s,"
          f" p99/p50 {p99 / p50:.2f}", flush=True)  # fmt: skip


async def beside_health(http: httpx.AsyncClient, token: str) -> None:
    standing = await Seat.select(Seat.id).where(Seat.removed_at.is_null())
    paths = [path_of(links.rsvp_link(HEAD, seat["id"])) for seat in standing]

    async def rsvp(n: int) -> object:
        return await http.post(paths[n % len(paths)], data={"form_token": token, "rsvp": ("maybe", "yes")[n % 2]})

    async def health(_: int) -> object:
        return await http.get("/health/live")

    answers, lives = await per_second(rsvp, 600), await per_second(health, 3000)
    print(f"L4  {answers:.0f} RSVP POSTs a second, {lives:.0f} health checks: {answers / lives:.2f}", flush=True)


async def per_second(ask: Callable[[int], Awaitable[object]], times: int, at_once: int = 10) -> float:
    began = perf_counter()
    for at in range(0, times, at_once):
        await asyncio.gather(*map(ask, range(at, at + at_once)))
    return times / (perf_counter() - began)


async def scanners(http: httpx.AsyncClient, every: list[str], looks: int) -> None:
    before = await everything()
    statuses: Counter[int] = Counter()
    for at in range(0, looks, 20):
        answers = await asyncio.gather(
            *(http.request(("GET", "HEAD")[n % 2], path_of(every[n % len(every)])) for n in range(at, at + 20))
        )
        statuses.update(one.status_code for one in answers)
    changed = sum(one != other for one, other in zip(before, await everything(), strict=True))
    print(f"L6  {looks:,} looks {dict(statuses)}: {changed} tables changed", flush=True)


async def everything() -> list[str]:
    return [repr(sorted(map(repr, await table.select()))) for table in TABLES]


def path_of(link: str) -> str:
    return link.removeprefix(HEAD.base_url)


def app() -> object:
    settings = Settings(
        data_folder=Path(), database_url=None, smtp_url="", base_url=HEAD.base_url, host="", port=0,
        mail_from=HEAD.mail_from, community=HEAD.community, keys=Keys({}, b"", b""),
    )  # fmt: skip
    return create_app(settings, HEAD)


if __name__ == "__main__":
    main()
