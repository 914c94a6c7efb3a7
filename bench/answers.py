"""Answers under load: 500 yes at once for 50 seats (L3), what an answer costs beside a health check (L4), scanners that
look 30,000 times (L6), and four times as many answers as can be given (L7).

A real server and a real PostgreSQL, each in a process of its own; whoever asks is in this one.

    .venv/bin/python -m bench.answers --people 500 --seats 50 --looks 30000
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

from bench.asking import Asker
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
from peerhub.store.engine import DB
from peerhub.store.tables import TABLES, Offer, Round, Seat
from peerhub.web.server import server

NOW = datetime.now(UTC)
MONDAY = NOW.date() + timedelta(days=14 - NOW.weekday())
HEAD = Letterhead("Bench", "hello@peerhub.example", "http://localhost", b"k" * 32)


SECONDS_OF_RUSH = 5
MOST_LINES = 500  # open at once in the rush: who finds none waits for one, as behind a proxy


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--people", type=int, default=500)
    asked.add_argument("--seats", type=int, default=50)
    asked.add_argument("--looks", type=int, default=30_000)
    asked.add_argument("--serve", help="be the server, before the database at this URL")
    options = asked.parse_args()
    sealing.use(sealing.Keyring({1: b"s" * 32}, b"h" * 32))
    if options.serve:
        asyncio.run(serve(options.serve))
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with database.embedded(Path(folder)) as url:
            database.lead_to(os.environ.get("DATABASE_URL", url))
            asyncio.run(measure(options.people, options.seats, options.looks))


async def measure(people: int, seats: int, looks: int) -> None:
    await database.migrate()
    async with database.pool():
        offered, seat_ids = await fill_in(people, seats)
        with served() as port:
            http = Asker(port)
            page = await http.ask("GET", "/sign-in")
            http.cookie = page.headers["set-cookie"].partition(";")[0]
            token = page.body.decode().split('name="form_token" value="')[1].split('"')[0]
            await at_once(http, offered, token)
            peak = await beside_health(http, token)
            await overload(http, token, peak)
            await scanners(http, [*offered, links.rsvp_link(HEAD, seat_ids[0])], looks)
            http.close()


@contextmanager
def served() -> Iterator[int]:
    """The port of a server in a process of its own."""
    command = [sys.executable, "-m", "bench.answers", "--serve", DB.config["dsn"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def serve(url: str) -> None:
    database.lead_to(url)
    async with database.pool():
        web = server(app(), "127.0.0.1", 0)
        serving = asyncio.create_task(web.serve())
        while not web.started:  # noqa: ASYNC110 - uvicorn offers no event to wait for
            await asyncio.sleep(0.01)
        print(web.servers[0].sockets[0].getsockname()[1], flush=True)
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


async def at_once(http: Asker, offered: list[str], token: str) -> None:
    took: list[float] = []

    async def say_yes(link: str) -> int:
        began = perf_counter()
        answer = await http.ask("POST", path_of(link), {"form_token": token, "answer": "yes"})
        took.append(perf_counter() - began)
        return answer.status

    statuses = Counter(await asyncio.gather(*map(say_yes, offered)))
    states = Counter(row["state"] for row in await Offer.select(Offer.state))
    seated = await Seat.count().where(Seat.rsvp == "yes", Seat.removed_at.is_null())
    took.sort()
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(f"L3  {dict(statuses)} {dict(states)}, {seated} seats with a yes; p50 {p50:.1f} s, p99 {p99:.1f} s,"
          f" p99/p50 {p99 / p50:.2f}", flush=True)  # fmt: skip


async def beside_health(http: Asker, token: str) -> float:
    """In turn, so that both see the same machine; gives answers a second."""
    rsvp = await answering(http, token)

    async def health(_: int) -> int:
        return (await http.ask("GET", "/health/live")).status

    answers = lives = 0.0
    for _ in range(6):
        answers, lives = answers + await seconds_for(rsvp, 100), lives + await seconds_for(health, 500)
    per_second, beside = 600 / answers, 3000 / lives
    print(
        f"L4  {per_second:.0f} RSVP POSTs a second, {beside:.0f} health checks: {per_second / beside:.3f}", flush=True
    )
    return per_second


async def answering(http: Asker, token: str) -> Callable[[int], Awaitable[int]]:
    """Answer number n, for one seat after the other; each says something else than the one before."""
    standing = await Seat.select(Seat.id).where(Seat.removed_at.is_null())
    paths = [path_of(links.rsvp_link(HEAD, seat["id"])) for seat in standing]

    async def rsvp(n: int) -> int:
        said = ("maybe", "yes")[n // len(paths) % 2]
        return (await http.ask("POST", paths[n % len(paths)], {"form_token": token, "rsvp": said})).status

    return rsvp


async def seconds_for(ask: Callable[[int], Awaitable[int]], times: int, at_once: int = 10) -> float:
    """How long so many questions take, so many at once; each is answered as it should be."""
    numbers, began = iter(range(times)), perf_counter()

    async def one_after_the_other() -> None:
        for number in numbers:
            assert await ask(number) in {200, 303}

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return perf_counter() - began


async def overload(http: Asker, token: str, peak: float) -> None:
    """Four times as many answers as can be given, however long each takes: what comes of them."""
    rsvp, answered = await answering(http, token), list[tuple[float, int]]()
    lines, began = asyncio.Semaphore(MOST_LINES), perf_counter()

    async def one(number: int) -> None:
        async with lines:
            status = await rsvp(number)
        answered.append((perf_counter() - began, status))

    async with asyncio.TaskGroup() as rush:
        for number in range(int(4 * peak * SECONDS_OF_RUSH)):
            await asyncio.sleep(max(0.0, began + number / (4 * peak) - perf_counter()))
            rush.create_task(one(number))
    statuses = Counter(status for _, status in answered)
    good, seconds = statuses[200] + statuses[303], max(at for at, _ in answered)
    print(f"L7  {len(answered)} answers in {SECONDS_OF_RUSH} s, four times the peak of {peak:.0f}: {dict(statuses)},"
          f" goodput {good / seconds:.0f} a second: {good / seconds / peak:.2f} of the peak", flush=True)  # fmt: skip


async def scanners(http: Asker, every: list[str], looks: int) -> None:
    before, statuses = await everything(), Counter[int]()

    async def look(number: int) -> int:
        answer = await http.ask(("GET", "HEAD")[number % 2], path_of(every[number % len(every)]))
        statuses[answer.status] += 1
        return answer.status

    seconds = await seconds_for(look, looks, 20)
    changed = sum(one != other for one, other in zip(before, await everything(), strict=True))
    print(f"L6  {looks:,} looks {dict(statuses)} in {seconds:.0f} s: {changed} tables changed", flush=True)


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
