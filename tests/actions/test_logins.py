"""Links, codes and quotas, without a browser."""

import asyncio
from datetime import datetime, timedelta

import pytest

from peerhub.actions import logins
from peerhub.domain.refusals import TooOften
from peerhub.mail.letterhead import Letterhead
from peerhub.store import logins as stored
from peerhub.store import quotas
from peerhub.store.tables import Quota, SignInLink
from tests.community import a_member
from tests.letters import letters_to_show


async def ask(head: Letterhead, now: datetime, browser: str = "asking") -> str:
    """Ask for a link and take its token from the letter."""
    await logins.ask("ana@example.org", browser, head, now)
    text = (await letters_to_show(1))[0].reading.text
    return text.split("/sign-in/")[1].split()[0]


async def test_a_link_that_ran_out_is_not_used_up_by_trying(db: None, letterhead: Letterhead, now: datetime) -> None:
    await a_member("Ana", now)
    token = await ask(letterhead, now)

    with pytest.raises(logins.LinkIsOver):
        await logins.open_link(token, "asking", None, "192.0.2.7", now + stored.LINK_LIFE)

    assert (await SignInLink.select(SignInLink.used_at))[0]["used_at"] is None


async def test_another_browser_without_a_code_uses_nothing_up(db: None, letterhead: Letterhead, now: datetime) -> None:
    await a_member("Ana", now)
    token = await ask(letterhead, now)

    for browser in (None, "another"):
        with pytest.raises(logins.CodeNeeded):
            await logins.open_link(token, browser, None, "192.0.2.7", now)

    assert await logins.open_link(token, "asking", None, "192.0.2.7", now)


async def test_a_client_can_try_links_sixty_times_an_hour(db: None, now: datetime) -> None:
    for _ in range(logins.TRIES_AN_HOUR):
        with pytest.raises(logins.LinkIsOver):
            await logins.open_link("made up", None, "123456", "192.0.2.7", now)

    with pytest.raises(TooOften):
        await logins.open_link("made up", None, "123456", "192.0.2.7", now)
    with pytest.raises(logins.LinkIsOver):
        await logins.open_link("made up", None, "123456", "192.0.2.8", now)


async def test_a_quota_counts_all_who_ask_at_once_together(db: None, now: datetime) -> None:
    async def once() -> bool:
        try:
            await quotas.count("letter to", "ana@example.org", 5, timedelta(hours=1), now)
        except TooOften:
            return False
        return True

    allowed = await asyncio.gather(*(once() for _ in range(40)))

    assert allowed.count(True) == 5


async def test_what_was_counted_is_forgotten_after_two_days_and_names_nobody(db: None, now: datetime) -> None:
    await logins.count_letter("ana@example.org", "192.0.2.7", now)
    assert "ana" not in repr(await Quota.select())

    await quotas.forget(now + timedelta(days=3))

    assert await Quota.count() == 0


async def test_an_address_in_other_letters_case_has_the_same_quota(db: None, now: datetime) -> None:
    for number in range(logins.LETTERS_AN_HOUR):
        await logins.count_letter("ana@example.org", f"192.0.2.{number}", now)

    with pytest.raises(TooOften):
        await logins.count_letter("ANA@example.org", "192.0.2.99", now)


async def test_of_ten_links_asked_for_at_once_one_is_open(db: None, letterhead: Letterhead, now: datetime) -> None:
    await a_member("Ana", now)

    await asyncio.gather(*(logins.ask("ana@example.org", f"browser {n}", letterhead, now) for n in range(10)))

    assert await SignInLink.count().where(SignInLink.used_at.is_null()) == 1


async def test_a_letter_to_nobody_takes_the_very_same_steps_and_leaves_none(
    db: None, letterhead: Letterhead, now: datetime, statements: list[str]
) -> None:
    await a_member("Ana", now)
    steps = []
    for address in ("ana@example.org", "nobody@example.org"):
        statements.clear()
        await logins.ask(address, "asking", letterhead, now)
        steps.append(list(statements))

    assert steps[0] == steps[1]
    assert [letter.reading.to for letter in await letters_to_show()] == ["ana@example.org"]
