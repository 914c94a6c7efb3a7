"""What cannot be a program's own words is refused by the database."""

from datetime import datetime

import asyncpg
import pytest

from peerhub.store.tables import Program
from tests.community import a_program


@pytest.mark.parametrize("wordings", ["[]", '"words"', '{"invitation": "' + "x" * 100_000 + '"}'], ids=len)
async def test_wordings_are_an_object_and_short(wordings: str, db: None, now: datetime) -> None:
    program_id = await a_program(now)

    with pytest.raises(asyncpg.CheckViolationError):
        await Program.raw("UPDATE program SET wordings = {}::jsonb WHERE id = {}", wordings, program_id)
