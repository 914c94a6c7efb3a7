"""Limits of what a member can keep, and what leaving leaves behind."""

from datetime import date, datetime, timedelta

import pytest

from peerhub.actions import profile
from peerhub.domain.refusals import TooOften
from peerhub.store import members
from peerhub.store.tables import DateAway, KeepApart, Member
from tests.community import a_member

TODAY = date(2026, 11, 22)


async def test_at_most_200_days_away_are_kept(db: None, now: datetime) -> None:
    ana = await a_member("Ana", now)
    await profile.go_away(ana, TODAY, TODAY + timedelta(days=199), TODAY)

    with pytest.raises(profile.TooMany):
        await profile.go_away(ana, TODAY + timedelta(days=200), TODAY + timedelta(days=200), TODAY)
    await profile.go_away(ana, TODAY, TODAY + timedelta(days=10), TODAY)  # these are kept already

    assert await DateAway.count() == 200


async def test_wishes_are_counted_by_the_day(db: None, now: datetime) -> None:
    ana = await a_member("Ana", now)
    for number in range(profile.WISHES_A_DAY):
        await profile.keep_apart(ana, f"someone{number}@example.org", now)

    with pytest.raises(TooOften):
        await profile.keep_apart(ana, "onemore@example.org", now)

    assert await KeepApart.count() == profile.WISHES_A_DAY


async def test_without_a_required_consent_nobody_is_complete() -> None:
    assert profile.is_complete({"agreement", "adult", "matching", "check_ins"})
    assert not profile.is_complete({"agreement", "adult", "check_ins"})


async def test_a_sealed_name_copied_to_another_row_does_not_open(db: None, now: datetime) -> None:
    ana, ben = await a_member("Ana", now), await a_member("Ben", now)
    sealed = (await Member.select(Member.sealed_name).where(Member.id == ana))[0]["sealed_name"]

    await Member.update({Member.sealed_name: sealed}).where(Member.id == ben)

    with pytest.raises(Exception, match="does not belong here"):
        await members.names_of([ben])
