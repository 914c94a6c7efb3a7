"""The demo fills in its own community, and never opens anybody else's."""

from datetime import datetime

import pytest

from peerhub.demo import community
from peerhub.mail.letterhead import Letterhead
from peerhub.store.tables import Member, Program
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
