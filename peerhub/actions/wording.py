"""An organizer words the letters of a program, looks at them, and sends themselves a test."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.domain.refusals import Refusal
from peerhub.domain.wording import Worded, Wording, mistakes_in
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter
from peerhub.mail.plain import one_line
from peerhub.mail.recipient import Recipient, SeatInvitation
from peerhub.store import audit, members, outbox, programs, quotas, wording
from peerhub.store.database import transaction
from peerhub.store.programs import StoredProgram
from peerhub.store.wording import Example

TESTS_AN_HOUR: Final = 10
_NOBODY: Final = UUID(int=0)


class BadWording(Refusal):
    """A wording that cannot be sent; ``mistakes`` says why, by field."""

    def __init__(self, mistakes: dict[str, str]) -> None:
        super().__init__(" ".join(mistakes.values()))
        self.mistakes = mistakes


async def change(  # noqa: PLR0917
    program_id: UUID, kind: Worded, words: Wording, head: Letterhead, organizer: UUID, now: datetime
) -> None:
    """Word this kind of letter from now on; what is in the outbox already keeps the words that it was put with.

    Raises:
        NotFound: there is no such program.
        BadWording: it says too much or too little, or has a placeholder that means nothing.
    """
    async with transaction():
        check(await programs.by_id(program_id), kind, words, head)
        if words == letters.original(kind):
            await wording.forget(program_id, kind)
        else:
            await wording.put(program_id, kind, words)
        await audit.note("letter worded", organizer, program_id, now, letter=kind.value)


async def put_back(program_id: UUID, kind: Worded, organizer: UUID, now: datetime) -> None:
    """Go back to the original words.

    Raises:
        NotFound: there is no such program.
    """
    async with transaction():
        await programs.by_id(program_id)
        await wording.forget(program_id, kind)
        await audit.note("letter worded as before", organizer, program_id, now, letter=kind.value)


async def send_test(  # noqa: PLR0917
    program_id: UUID, kind: Worded, words: Wording, head: Letterhead, organizer: UUID, now: datetime
) -> None:
    """Put the letter into the outbox as it would read, for the organizer alone, and marked as a test.

    Raises:
        NotFound: there is no such program.
        BadWording: it cannot be sent like this.
        TooOften: there were many tests within the hour.
    """
    program = await programs.by_id(program_id)
    check(program, kind, words, head)
    await quotas.count("test letter", str(organizer), TESTS_AN_HOUR, timedelta(hours=1), now)
    to = await members.recipient_of(organizer)
    if to is None:
        return
    async with transaction():
        test = letters.as_test(await preview(program, kind, words, head, to, now))
        await outbox.put(head, [test], now)
        await audit.note("test letter sent", organizer, program_id, now, letter=kind.value)


def check(program: StoredProgram, kind: Worded, words: Wording, head: Letterhead) -> None:
    """Refuse what a letter of this program must not say.

    Raises:
        BadWording: with every mistake by its field.
    """
    if mistakes := mistakes_in(words, kind, (program.name, head.community, *program.topics)):
        raise BadWording(mistakes)


async def preview(  # noqa: PLR0917
    program: StoredProgram,
    kind: Worded,
    words: Wording,
    head: Letterhead,
    to: Recipient,
    now: datetime,
) -> Letter:
    """The letter as a member of the program would read it; of everybody in it no more than an initial is shown.

    ``to`` is the organizer who looks at it; the letter greets the member whom it shows.
    """
    example = await wording.example_of(program.id) or _made_up(program, now)
    seat = SeatInvitation(
        seat_id=_NOBODY, uid="", sequence=0, span=example.span, time_zone=example.time_zone,
        program_name=program.name, medium=example.medium, others=tuple(_masked(one) for one in example.others),
    )  # fmt: skip
    return letters.example(kind, words, head, replace(to, name=_masked(example.name)), seat, now)


def _masked(name: str) -> str:
    return f"{one_line(name)[:1]}."


def _made_up(program: StoredProgram, now: datetime) -> Example:
    """Where nobody has met yet: two people, tomorrow in a week."""
    starts_at = datetime.combine(now.date() + timedelta(days=8), time(18), now.tzinfo)
    span = Span(starts_at, starts_at + timedelta(minutes=program.rules.session_minutes))
    return Example("Ana", ("Ben",), span, "UTC", program.rules.mediums[0])
