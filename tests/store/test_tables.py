"""A bad row cannot be stored, whoever asks; the audit only grows."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from piccolo.table import Table

from peerhub.store.engine import DB
from peerhub.store.tables import (
    Audit,
    BusyTime,
    ComfortLevel,
    Consent,
    Feed,
    Installation,
    Letter,
    Member,
    Program,
    Repair,
    Round,
    Trust,
    WeeklyHour,
)

pytestmark = pytest.mark.usefixtures("db")


async def a_member(now: datetime) -> Member:
    member = Member(
        id=uuid4(), sealed_name=b"n", sealed_address=b"a", address_hash=uuid4().bytes,
        time_zone="Europe/Lisbon", created_at=now, confirmed_at=now, stage="active",
    )  # fmt: skip
    await member.save()
    return member


async def refuses(row: Table, error: type[Exception] = asyncpg.CheckViolationError) -> None:
    with pytest.raises(error):
        await type(row).insert(row)


BAD_HOURS: list[dict[str, Any]] = [
    {"day": 7}, {"day": -1}, {"opens": 1200, "closes": 1200}, {"opens": 1215, "closes": 1200},
    {"closes": 1455}, {"opens": 1001}, {"liking": "maybe"},
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_HOURS, ids=str)
async def test_hours_that_cannot_be_are_refused(bad: dict[str, Any], now: datetime) -> None:
    member = await a_member(now)

    fine: dict[str, Any] = {"day": 0, "opens": 1080, "closes": 1200, "liking": "good"}

    await WeeklyHour.insert(WeeklyHour(id=uuid4(), member=member.id, **fine))
    await refuses(WeeklyHour(id=uuid4(), member=member.id, **(fine | {"day": 1} | bad)))


async def test_busy_times_are_of_a_week_that_begins_on_monday(now: datetime) -> None:
    ana, monday = await a_member(now), date(2026, 11, 30)
    fine: dict[str, Any] = {"member": ana.id, "starts_at": now, "ends_at": now + timedelta(hours=1)}

    await BusyTime.insert(BusyTime(id=uuid4(), week=monday, **fine))

    await refuses(BusyTime(id=uuid4(), week=monday, **fine), asyncpg.UniqueViolationError)
    await refuses(BusyTime(id=uuid4(), week=monday + timedelta(days=1), **fine))
    await refuses(BusyTime(id=uuid4(), week=monday, **(fine | {"ends_at": now})))


async def test_a_member_has_one_feed_of_a_kind(now: datetime) -> None:
    ana = await a_member(now)
    fine: dict[str, Any] = {"member": ana.id, "sealed_token": b"s", "made_at": now}

    await Feed.insert(Feed(id=uuid4(), kind="own", token_hash=b"1", **fine))

    await refuses(Feed(id=uuid4(), kind="own", token_hash=b"2", **fine), asyncpg.UniqueViolationError)
    await refuses(Feed(id=uuid4(), kind="counts", token_hash=b"1", **fine), asyncpg.UniqueViolationError)
    await refuses(Feed(id=uuid4(), kind="names", token_hash=b"3", **fine))


async def test_one_address_is_one_member(now: datetime) -> None:
    ana = await a_member(now)

    twin = Member(
        id=uuid4(), sealed_name=b"n", sealed_address=b"a", address_hash=ana.address_hash,
        time_zone="Europe/Lisbon", created_at=now,
    )  # fmt: skip

    await refuses(twin, asyncpg.UniqueViolationError)


async def test_an_active_member_has_confirmed(now: datetime) -> None:
    await refuses(Member(id=uuid4(), address_hash=b"x", time_zone="UTC", created_at=now, stage="active"))


async def test_levels_run_from_0_to_4(now: datetime) -> None:
    ana = await a_member(now)

    for level in (-1, 5):
        await refuses(ComfortLevel(id=uuid4(), member=ana.id, facet="size", name="pair", level=level))


async def test_consent_is_for_a_known_purpose_and_ends_after_it_began(now: datetime) -> None:
    ana = await a_member(now)

    await refuses(Consent(id=uuid4(), member=ana.id, purpose="marketing", version="1", given_at=now))
    early = now - timedelta(days=1)
    await refuses(Consent(id=uuid4(), member=ana.id, purpose="matching", version="1", given_at=now, withdrawn_at=early))


async def test_nobody_hangs_in_the_air(now: datetime) -> None:
    await refuses(
        WeeklyHour(id=uuid4(), member=uuid4(), day=0, opens=0, closes=60, liking="good"),
        asyncpg.ForeignKeyViolationError,
    )


def a_program(now: datetime, **other: Any) -> Program:
    fields: dict[str, Any] = {
        "name": "Buddies", "kind": "buddies", "smallest": 2, "ideal": 2, "largest": 3,
        "mediums": ["video"], "match_on": "{}", "weights": "{}",
    }  # fmt: skip
    return Program(id=uuid4(), created_at=now, **(fields | other))


@pytest.mark.parametrize(
    "bad",
    [{"smallest": 1}, {"ideal": 4}, {"largest": 51}, {"mediums": []}, {"session_minutes": 50}, {"kind": "dates"}],
    ids=str,
)
async def test_a_program_has_sizes_that_rise(bad: dict[str, Any], now: datetime) -> None:
    await refuses(a_program(now, **bad))


async def test_a_round_is_for_a_week_that_begins_on_monday_and_there_is_one(now: datetime) -> None:
    program = a_program(now)
    await program.save()

    def a_round(week: date) -> Round:
        return Round(id=uuid4(), program=program.id, week=week, opened_at=now)

    await Round.insert(a_round(date(2026, 11, 30)))

    await refuses(a_round(date(2026, 12, 1)))
    await refuses(a_round(date(2026, 11, 30)), asyncpg.UniqueViolationError)


@pytest.mark.parametrize(
    "bad",
    [
        {"stage": "lost"},
        {"stage": "found"},  # without the change that was found
        {"content": "{}"},
        {"attempts": -1},
        {"lease": uuid4()},
        {"stage": "used", "lease": uuid4(), "lease_until": datetime(2026, 12, 1, tzinfo=UTC)},
    ],
    ids=",".join,
)
async def test_a_round_has_one_repair_that_is_held_while_it_is_looked_for(bad: dict[str, Any], now: datetime) -> None:
    program = a_program(now)
    await program.save()
    round_ = Round(id=uuid4(), program=program.id, week=date(2026, 11, 30), opened_at=now)
    await Round.insert(round_)

    await refuses(Repair(id=uuid4(), round=round_.id, asked_at=now, **bad))
    await Repair.insert(Repair(id=uuid4(), round=round_.id, asked_at=now))
    await refuses(Repair(id=uuid4(), round=round_.id, asked_at=now), asyncpg.UniqueViolationError)


async def test_two_people_have_one_trust_between_them(now: datetime) -> None:
    first, second = sorted([(await a_member(now)).id, (await a_member(now)).id])

    await Trust.insert(Trust(id=uuid4(), first=first, second=second, moved_at=now))

    await refuses(Trust(id=uuid4(), first=second, second=first, moved_at=now))
    await refuses(Trust(id=uuid4(), first=first, second=second, moved_at=now), asyncpg.UniqueViolationError)


@pytest.mark.parametrize("deed", ["UPDATE audit SET action = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_the_audit_only_grows(deed: str, now: datetime) -> None:
    await Audit.insert(Audit(id=uuid4(), at=now, action="published", detail="{}"))

    with pytest.raises(asyncpg.RaiseError, match="only grows"):
        await DB.run_ddl(deed)


async def test_a_database_lives_in_one_place(now: datetime) -> None:
    await Installation.insert(Installation(home="here", settled_at=now))

    await refuses(Installation(home="there", settled_at=now), asyncpg.UniqueViolationError)
    await refuses(Installation(id=2, home="there", settled_at=now))
    await Installation.delete(force=True)
    await refuses(Installation(home="", settled_at=now))


async def test_a_letter_is_claimed_by_a_worker_who_can_read_it(now: datetime) -> None:
    await Letter.insert(
        Letter(
            id=uuid4(), kind="sign_in", cause="c", sealed_body=b"b", message_id="<m@x>", due_at=now, created_at=now,
            expires_at=now + timedelta(days=1),
        )
    )  # fmt: skip

    as_version_0_1_did = "UPDATE letter SET state = 'sending', attempts = attempts + 1, lease = id, lease_until = now()"
    with pytest.raises(asyncpg.CheckViolationError):
        await DB.run_ddl(as_version_0_1_did)
    await DB.run_ddl(f"{as_version_0_1_did}, claimed_at = now()")
