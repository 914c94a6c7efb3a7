"""The words of a program's letters: see them as text and as HTML, change them, send oneself a test, go back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template
from litestar.types import ControllerRouterHandler
from markupsafe import Markup

from peerhub.actions import wording as act
from peerhub.domain.members import Member
from peerhub.domain.refusals import NotFound, TooOften
from peerhub.domain.wording import MEANINGS, PLACEHOLDERS, Worded, Wording
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter
from peerhub.mail.plain import one_line, paragraphs
from peerhub.mail.recipient import Recipient
from peerhub.store import programs
from peerhub.store.programs import StoredProgram
from peerhub.web.asking import AnyRequest
from peerhub.web.forms import Typed, typed_in

TITLES: Final[Mapping[Worded, tuple[str, str]]] = {
    Worded.INVITATION: ("Invitation", "When a round is published, and when someone is seated later."),
    Worded.CHANGED: ("Change", "When the time, the place or the people of a session change."),
    Worded.CANCELLED: ("Cancellation", "When a session is called off."),
    Worded.OFFER: ("Free seat", "When a seat was declined and is offered to someone without a session."),
    Worded.REMINDER: ("Reminder", "Before a session, when the member wants one."),
    Worded.CHECK_IN: ("Question after a session", "Once a session is over, to those who came."),
}
_WAIT: Final = (
    "You have sent yourself many tests within this hour. Please try again later; what you typed is still here."
)
_LONGEST: Final = 4000


@dataclass(frozen=True)
class _Shown:
    """What the page shows besides the program: what was typed, what is wrong with it, and what has happened."""

    typed: Mapping[str, str]
    mistakes: Mapping[str, str]
    letter: Letter | None
    said: str = ""
    is_kept: bool = True


@get("/organize/programs/{program_id:uuid}/letters")
async def all_letters(program_id: FromPath[UUID]) -> Template:
    program = await programs.by_id(program_id)
    kinds = [(kind.value, *TITLES[kind], kind in program.wordings) for kind in Worded]
    return Template("organizers/wordings.html", context={"program": program, "kinds": kinds})


@get("/organize/programs/{program_id:uuid}/letters/{kind:str}")
async def one(  # noqa: PLR0917
    program_id: FromPath[UUID],
    kind: FromPath[str],
    organizer: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
    kept: FromQuery[str] = "",
) -> Template:
    program, worded = await programs.by_id(program_id), _worded(kind)
    words = program.wordings.get(worded) or letters.original(worded)
    said = {
        "new": "These words are kept. Letters from now on read like this.",
        "original": "The original words are back.",
    }
    letter = await act.preview(program, worded, words, head, _reader(organizer), now)
    return _page(
        program, worded, _Shown(_as_typed(words), _mistakes(program, worded, words, head), letter, said.get(kept, ""))
    )


@post("/organize/programs/{program_id:uuid}/letters/{kind:str}")
async def submit(  # noqa: PLR0917
    request: AnyRequest,
    program_id: FromPath[UUID],
    kind: FromPath[str],
    organizer: NamedDependency[Member],
    head: NamedDependency[Letterhead],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    """Look at what was typed, send it as a test, or keep it: whichever button was pressed."""
    program, worded, form = await programs.by_id(program_id), _worded(kind), await typed_in(request)
    words, typed = _read(form), {name: form.one(name) for name in ("greeting", "opening", "closing")}
    is_kept = words == (program.wordings.get(worded) or letters.original(worded))
    if mistakes := _mistakes(program, worded, words, head):
        return _page(program, worded, _Shown(typed, mistakes, None, is_kept=is_kept), status=422)
    letter = await act.preview(program, worded, words, head, _reader(organizer, form.one("look") != "open"), now)
    shown = _Shown(typed, {}, letter, is_kept=is_kept)
    match form.one("do"):
        case "keep":
            await act.change(program_id, worded, words, head, organizer.id, now)
            return Redirect(f"{_path(program_id, worded)}?kept=new", status_code=303)
        case "test":
            try:
                await act.send_test(program_id, worded, words, head, organizer.id, now)
            except TooOften:
                return _page(program, worded, replace(shown, said=_WAIT), status=429)
            return _page(program, worded, replace(shown, said="A test is on its way to your own address."))
    return _page(program, worded, shown)


@post("/organize/programs/{program_id:uuid}/letters/{kind:str}/original")
async def put_back(
    program_id: FromPath[UUID], kind: FromPath[str], organizer: NamedDependency[Member], now: NamedDependency[datetime]
) -> Redirect:
    worded = _worded(kind)
    await act.put_back(program_id, worded, organizer.id, now)
    return Redirect(f"{_path(program_id, worded)}?kept=original", status_code=303)


@get("/organize/letter.css", sync_to_thread=True)
def style() -> Response[str]:
    """The style of letters, for the page that shows one."""
    return Response(letters.STYLE.read_text(encoding="utf-8"), media_type="text/css")


PAGES: Sequence[ControllerRouterHandler] = [all_letters, one, submit, put_back, style]


def _path(program_id: UUID, kind: Worded) -> str:
    return f"/organize/programs/{program_id}/letters/{kind.value}"


def _worded(kind: str) -> Worded:
    if kind not in tuple(Worded):
        raise NotFound("no letter of that kind can be worded")
    return Worded(kind)


def _read(form: Typed) -> Wording:
    return Wording(
        one_line(form.one("greeting"), _LONGEST), paragraphs(form.one("opening")), paragraphs(form.one("closing"))
    )


def _as_typed(words: Wording) -> dict[str, str]:
    return {
        "greeting": words.greeting, "opening": "\n\n".join(words.opening), "closing": "\n\n".join(words.closing)
    }  # fmt: skip


def _reader(organizer: Member, discreet: bool = True) -> Recipient:
    return Recipient(organizer.id, "", "", discreet)


def _mistakes(program: StoredProgram, kind: Worded, words: Wording, head: Letterhead) -> dict[str, str]:
    try:
        act.check(program, kind, words, head)
    except act.BadWording as refusal:
        return refusal.mistakes
    return {}


def _page(program: StoredProgram, kind: Worded, shown: _Shown, status: int = 200) -> Template:
    title, sent = TITLES[kind]
    return Template(
        "organizers/wording.html",
        context={
            "program": program,
            "kind": kind.value,
            "title": title,
            "sent": sent,
            "shown": shown,
            "inside": Markup(shown.letter.inside) if shown.letter else "",  # noqa: S704 - it was escaped as a letter is
            "placeholders": [(name, MEANINGS[name]) for name in PLACEHOLDERS[kind]],
            "has_own_words": kind in program.wordings,
        },
        status_code=status,
    )
