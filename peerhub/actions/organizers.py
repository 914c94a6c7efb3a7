"""Whoever runs this peerhub says who organizes."""

from datetime import datetime
from uuid import uuid4

from peerhub.domain.members import Profile
from peerhub.store import audit, members
from peerhub.store.database import transaction


async def make_organizer(address: str, name: str, time_zone: str, now: datetime) -> None:
    """Let a member organize; an address that nobody has becomes a member who takes part in nothing.

    Whoever may run commands here vouches for the address, so it counts as confirmed.
    """
    async with transaction():
        known = await members.by_address(address)
        if known is None:
            member_id = uuid4()
            await members.put(member_id, Profile(name, time_zone, hours=()), address, now)
        else:
            member_id = known.id
        await members.confirm(member_id, now)
        await members.make_organizer(address)
        await audit.note("organizer added", None, member_id, now)
