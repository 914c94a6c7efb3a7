"""The demo fills in its own community, and never opens anybody else's."""

from collections import Counter
from datetime import datetime

import pytest

from peerhub.demo import community
from peerhub.mail.letterhead import Letterhead
from peerhub.store.tables import Letter, Member, Program, Round, Session
from tests.community import a_member, a_program


@pytest.mark.parametrize("has_program", [True, False])
async def test_a_community_that_is_not_the_demos_is_left_alone(
    has_program: bool, db: None, letterhead: Letterhead, now: datetime
) -> None:
    await a_member("Ana", now)
    if has_program:
        await a_program(now)

    with pytest.raises(community.NotTheDemo):
        await community.fill_in(letterhead, now, say=lambda _: None)

    assert (await Member.count(), await Program.count()) == (1, int(has_program))


async def test_the_community_has_a_past_that_leaves_nothing_to_do(
    db: None, letterhead: Letterhead, now: datetime
) -> None:
    for _ in range(2):  # the second time it is there already
        await community.fill_in(letterhead, now, say=lambda _: None)

    stages = Counter(row["stage"] for row in await Round.select(Round.stage))
    assert (await Member.count(), await Program.count(), stages["open"], stages.total()) == (62, 2, 2, 5)
    assert await Session.count() >= 3 * 25
    assert await Letter.count().where(Letter.expires_at <= now) == 0
    assert await Letter.count().where(Letter.kind == "round_opens", Letter.state == "pending") > 0
