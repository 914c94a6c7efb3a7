"""An organizer sets a program up, changes it, and says who can facilitate."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from peerhub.domain.programs import Program
from peerhub.store import audit, programs
from peerhub.store.database import transaction


async def create(
    name: str,
    rules: Program,
    topics: tuple[str, ...],
    organizer: UUID,
    now: datetime,
    *,
    place: str = "",
    fills_seats: bool = False,
) -> UUID:
    """Set up a new program; ``place`` says how to join its sessions, where all of them meet in the same.

    Where it ``fills_seats``, a seat that was declined is offered to members of the round without one.

    Raises:
        NameTaken: another one is called so.
    """
    async with transaction():
        program_id = await programs.create(name, rules, topics, now, place=place, fills_seats=fills_seats)
        await audit.note("program created", organizer, program_id, now)
    return program_id


async def change(
    program_id: UUID,
    name: str,
    rules: Program,
    topics: tuple[str, ...],
    *,
    organizer: UUID,
    now: datetime,
    place: str = "",
    fills_seats: bool = False,
) -> None:
    """Change what a program is, from its next matching on; and its place, from the next publishing on.

    Raises:
        NotFound: there is no such program.
        NameTaken: another one is called so.
    """
    async with transaction():
        await programs.by_id(program_id)
        await programs.change(program_id, name, rules, topics, place=place, fills_seats=fills_seats)
        await audit.note("program changed", organizer, program_id, now)


async def say_who_facilitates(
    program_id: UUID, facilitates: Mapping[UUID, int], organizer: UUID, now: datetime
) -> None:
    """Say how many sessions in a week each of these members can lead.

    Raises:
        NotFound: there is no such program.
    """
    async with transaction():
        await programs.by_id(program_id)
        await programs.set_facilitators(program_id, facilitates)
        await audit.note("facilitators changed", organizer, program_id, now)
