"""Letters under load: draining beside a bare SMTP loop, publishing to 10,000, a sign-in letter behind 10,000 others.

    .venv/bin/python -m bench.letters --letters 500 --people 10000

Everything is real: a PostgreSQL of its own, a mail server in a process of its own that keeps each mail on disk before
it says yes. Ratios and counts are what is to be compared; the seconds are of the machine at hand.
"""

import argparse
import asyncio
import smtplib
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from piccolo.querystring import QueryString

from peerhub.actions import rounds
from peerhub.domain.availability import Span
from peerhub.jobs.duties import Office, post_letters
from peerhub.jobs.posting import LETTERS_AT_ONCE
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.recipient import Recipient, SeatInvitation
from peerhub.matching.proposal import PlannedSession, Proposal
from peerhub.store import database, outbox, proposals, sealing
from peerhub.store.engine import DB
from peerhub.store.tables import Enrolment, Joining, Letter, Member, Program, Round, WeeklyHour

HEAD = Letterhead("Harbour Lights", "hello@peerhub.example", "https://peerhub.example", b"k" * 32)
HOURS_OF_A_ROUND = 100  # at which sessions begin
SERVER = """
import signal, sys
from pathlib import Path
from tests.smtp import mail_server
with mail_server(Path(sys.argv[1])) as mailbox:
    print(mailbox.url, flush=True)
    signal.pause()
"""


def main() -> None:
    ask = argparse.ArgumentParser(description="Measure the outbox.")
    ask.add_argument("--letters", type=int, default=500, help="to drain")
    ask.add_argument("--people", type=int, default=10_000, help="to publish a round to, and to wait behind")
    asked = ask.parse_args()
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    sealing.use(sealing.Keyring({1: b"s" * 32}, b"h" * 32))
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder / "journal")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        smtp_url = server.stdout.readline().strip()
        with database.embedded(folder) as url:
            database.lead_to(url)
            asyncio.run(measure(smtp_url, asked.letters, asked.people))
    finally:
        server.kill()


async def measure(smtp_url: str, to_drain: int, people: int) -> None:
    await database.migrate()
    async with database.pool():
        await draining(smtp_url, to_drain)
        for size in sorted({min(size, people) for size in (500, 2_000, people)}):
            await forget_all()
            await publishing(size)
        await a_sign_in_behind(smtp_url)


async def draining(smtp_url: str, number: int) -> None:
    now = datetime.now(UTC)
    to = await members(number, now)
    seat = SeatInvitation(
        UUID(int=1), "uid", 0, Span(now + timedelta(1), now + timedelta(1.1)), "UTC", "C", "video", ()
    )
    spans = [Span(now + timedelta(1, 3600 * n), now + timedelta(1, 3600 * (n + 1))) for n in range(HOURS_OF_A_ROUND)]
    seats = [
        replace(seat, seat_id=one.member_id, uid=one.member_id.hex, span=span)
        for one, span in zip(to, cycle(spans), strict=False)
    ]
    told = [letters.invitation(HEAD, one, theirs, now) for one, theirs in zip(to, seats, strict=True)]
    await outbox.put(HEAD, told, now)
    office = Office(HEAD, smtp_url, uuid4())
    (first,) = await outbox.claim(office.worker, now, 1)
    mail = outbox.opened(first, HEAD).mail
    await outbox.release(office.worker, [row["id"] for row in await Letter.select(Letter.id)])

    statements, ours, bare, commits = counted(), 0.0, 0.0, 0
    bare_loop(smtp_url, mail, LETTERS_AT_ONCE)  # to be warm
    for _ in range(number // LETTERS_AT_ONCE):  # in turn, so that both see the same machine
        before, began = len(statements), time.perf_counter()
        await post_letters(office, datetime.now(UTC))
        ours, commits = ours + time.perf_counter() - began, commits + len(statements) - before
        bare += bare_loop(smtp_url, mail, LETTERS_AT_ONCE)
    assert await outbox.counts_by_state() == {"sent": number}
    print(f"L1 draining {number} letters: {number / ours:.0f} a second, bare smtplib {number / bare:.0f}:"
          f" ratio {bare / ours:.2f}")  # fmt: skip
    print(f"   {commits / number:.2f} commits a letter, {len(mail)} bytes each")  # none is part of a longer transaction


def bare_loop(url: str, mail: bytes, number: int) -> float:
    """The seconds that it takes to send the same mail so many times over one connection, composed already."""
    began = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", int(url.rpartition(":")[2]), "peerhub.example") as line:
        for one in range(number):
            line.sendmail("hello@peerhub.example", [f"m{one}@example.org"], mail)
    return time.perf_counter() - began


async def forget_all() -> None:
    await Program.delete(force=True)
    await Member.delete(force=True)
    await Letter.delete(force=True)


async def publishing(people: int) -> None:
    now = datetime.now(UTC)
    week = monday_after(now.date() + timedelta(days=7))
    round_id, version = await a_proposed_round(people, week, now)
    statements = counted()
    began = time.perf_counter()
    await rounds.publish(round_id, version, HEAD, uuid4(), now)
    seconds, asked = time.perf_counter() - began, len(statements)
    told = await Letter.count()
    most = 10 + people / 500
    print(f"L2 publishing to {told}: {asked} statements (at most {most:.0f}), {seconds:.1f} seconds, no SMTP")


async def a_sign_in_behind(smtp_url: str) -> None:
    now = datetime.now(UTC)
    (ana,) = await members(1, now)
    await outbox.put(HEAD, [letters.sign_in(HEAD, ana, "https://peerhub.example/sign-in/x", now)], now)
    office, batches = Office(HEAD, smtp_url, uuid4()), 0
    while not await Letter.exists().where(Letter.kind == "sign_in", Letter.state == "sent"):
        await post_letters(office, datetime.now(UTC))
        batches += 1
    print(f"L8 a sign-in letter behind {await Letter.count() - 1} others left within {batches} batches (at most 2)")


async def members(number: int, now: datetime) -> list[Recipient]:
    made = [Recipient(uuid4(), f"{uuid4().hex}@example.org", f"Member {one}", discreet=True) for one in range(number)]
    rows = [
        Member(
            id=one.member_id, sealed_name=sealing.seal(one.name, Member.sealed_name, one.member_id),
            sealed_address=sealing.seal(one.address, Member.sealed_address, one.member_id),
            address_hash=sealing.address_hash(one.address), time_zone="UTC", stage="active", created_at=now,
            confirmed_at=now,
        )
        for one in made
    ]  # fmt: skip
    await insert(Member, rows)
    return made


async def a_proposed_round(people: int, week: date, now: datetime) -> tuple[UUID, UUID]:
    """A round of buddies in which everyone is free on Tuesday evening and has consented, with a proposal of pairs."""
    to, program, round_id = await members(people, now), uuid4(), uuid4()
    await Program.insert(
        Program(
            id=program, name="Buddies", kind="buddies", smallest=2, ideal=2, largest=2, mediums=["video"],
            match_on="{}", weights="{}", created_at=now,
        )
    )  # fmt: skip
    await Round.insert(Round(id=round_id, program=program, week=week, opened_at=now, stage="proposed"))
    await insert(Enrolment, [Enrolment(id=uuid4(), program=program, member=o.member_id, enrolled_at=now) for o in to])
    await insert(Joining, [Joining(id=uuid4(), round=round_id, member=o.member_id, joined_at=now) for o in to])
    await insert(
        WeeklyHour,
        [WeeklyHour(id=uuid4(), member=o.member_id, day=1, opens=1080, closes=1200, liking="good") for o in to],
    )
    await DB._run_in_pool(
        "INSERT INTO consent (id, member, purpose, version, given_at)"
        " SELECT gen_random_uuid(), member.id, p, '1', now()"
        " FROM member, unnest(ARRAY['agreement', 'adult', 'matching']) AS p"
    )
    tuesday = datetime(week.year, week.month, week.day, 18, tzinfo=UTC) + timedelta(days=1)
    span = Span(tuesday, tuesday + timedelta(hours=1))
    names = [str(one.member_id) for one in to]
    planned = [PlannedSession((a, b), span, "video") for a, b in zip(names[::2], names[1::2], strict=False)]
    await proposals.keep(round_id, Proposal(tuple(planned), (), 0, 0), "matcher", now)
    version = await proposals.newest(round_id)
    assert version is not None
    return round_id, version.id


async def insert(table: Any, rows: list[Any]) -> None:
    for at in range(0, len(rows), 1000):
        await table.insert(*rows[at : at + 1000])


def counted() -> list[str]:
    """Every statement that is asked from now on."""
    asked: list[str] = []
    run = DB.run_querystring

    async def listen(querystring: QueryString, in_pool: bool = True) -> object:
        asked.append(querystring.template)
        return await run(querystring, in_pool)

    DB.run_querystring = listen  # type: ignore[method-assign]
    return asked


def monday_after(day: date) -> date:
    return day + timedelta(days=7 - day.weekday())


if __name__ == "__main__":
    main()
