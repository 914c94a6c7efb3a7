"""An organizer has a letter tried again, or calls it off, where that is right."""

from datetime import datetime
from uuid import UUID

from peerhub.domain.refusals import WrongStage
from peerhub.store import audit, letters
from peerhub.store.database import transaction


async def try_again(letter_id: UUID, organizer: UUID, now: datetime) -> None:
    """Offer it to the mail server now.

    Raises:
        NotFound: there is no such letter, or it is one that a member asked for.
        WrongStage: it has left, has ended, or could not arrive.
    """
    async with transaction():
        kind, standing = await letters.standing_of(letter_id)
        if not standing.can_be_tried_again(now):
            raise WrongStage("this letter cannot be tried again")
        await letters.try_again(letter_id, now)
        await audit.note("letter tried again", organizer, letter_id, now, kind=kind, state=standing.state.value)


async def call_off(letter_id: UUID, organizer: UUID, now: datetime) -> None:
    """Do not send it.

    Raises:
        NotFound: there is no such letter, or it is one that a member asked for.
        WrongStage: it has left or has ended, or is being handed over at this moment.
    """
    async with transaction():
        kind, standing = await letters.standing_of(letter_id)
        if not standing.can_be_called_off():
            raise WrongStage("this letter can no longer be called off")
        await letters.call_off(letter_id, now)
        await audit.note("letter called off", organizer, letter_id, now, kind=kind, state=standing.state.value)
