"""An organizer has seen to what a member's calendar asked for."""

from datetime import datetime
from uuid import UUID

from peerhub.domain.refusals import NotFound
from peerhub.store import audit, remarks
from peerhub.store.database import transaction


async def done(remark_id: UUID, organizer: UUID, now: datetime) -> UUID:
    """Take a remark off its session's page, and give that session's id; a second time changes nothing.

    Raises:
        NotFound: there is no such remark.
    """
    async with transaction():
        session_id = await remarks.session_of(remark_id)
        if session_id is None:
            raise NotFound("there is no such remark")
        await remarks.done(remark_id, now)
        await audit.note("remark seen to", organizer, session_id, now)
        return session_id
