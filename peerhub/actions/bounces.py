"""A letter came back: its address is out of reach at once, or after some, until its member opens a letter again."""

from datetime import datetime
from enum import Enum

from peerhub.domain.reach import MOST_LETTERS, WITHIN, Failure, failure_of
from peerhub.mail.bounces import Bounce
from peerhub.store import audit, reach, read_mail
from peerhub.store.database import transaction


class Returned(Enum):
    """What became of a delivery report."""

    OUT_OF_REACH = "the address is out of reach"
    COUNTED = "counted"
    NOT_OURS = "no letter of ours"
    SEEN_BEFORE = "acted on before"
    NOTHING = "it says nothing about the address"


async def take_back(bounce: Bounce, now: datetime) -> Returned:
    """Learn from a letter that came back; each letter counts once, however many reports it brings."""
    failure = failure_of(bounce.status)
    if failure is Failure.NOT_THE_ADDRESS:
        return Returned.NOTHING
    letter = await reach.letter_of(bounce.letter, bounce.message_id)
    if letter is None:
        return Returned.NOT_OURS
    async with transaction():
        if not await read_mail.is_new(now, "bounce", str(letter.id), failure.name):
            return Returned.SEEN_BEFORE
        if failure is Failure.MAY_PASS and await reach.count(letter.member_id, WITHIN, now) < MOST_LETTERS:
            return Returned.COUNTED
        await reach.lose(letter.member_id, now)
        await reach.hold_letters()
        await audit.note("address out of reach", None, letter.member_id, now)
        return Returned.OUT_OF_REACH
