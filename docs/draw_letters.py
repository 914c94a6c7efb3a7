"""Draws every letter and writes its page, with the people and a seat of the demo: part of `make pictures`."""

import asyncio
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from playwright.async_api import Browser

from peerhub.actions.rounds import invitation_of
from peerhub.demo import community
from peerhub.demo.people import address_of
from peerhub.domain.offers import Offer, OfferState
from peerhub.domain.subscriptions import Subscription
from peerhub.domain.wording import Worded
from peerhub.mail import letters
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.letters import Letter, Recipient, SeatInvitation
from peerhub.store import database, members, rounds, sealing, sessions
from tests.chromium import chromium
from tests.conftest import KEYRING

PAGES: Final = Path(__file__).parent / "letters"
NOW: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)  # the same pictures every time
HEAD: Final = Letterhead(
    community.NAME, "hello@harbour-lights.example", "https://peerhub.harbour-lights.example", b"k" * 32
)
LINK: Final = f"{HEAD.base_url}/sign-in/…"
_SECRET: Final = re.compile(r"(/(?:invitations|offers|unsubscribe|check-ins)/)[\w.~-]+")
_ENDED: Final = {
    Subscription.NEWS: "Yes: news of rounds, by one click in the letter.",
    Subscription.REMINDERS: "Yes: reminders, by one click in the letter.",
    Subscription.CHECK_INS: "Yes: questions after sessions, by one click in the letter.",
}
_ALWAYS: Final = "No: it belongs to something that the member asked for or takes part in."


@dataclass(frozen=True)
class Seated:
    """Ana, a seat of hers, and what a letter to her tells of it."""

    to: Recipient
    seat: SeatInvitation
    round_id: UUID

    def offer(self) -> Offer:
        seat = self.seat
        return Offer(
            seat.seat_id, self.round_id, self.to.member_id, self.to.name, seat.time_zone, seat.program_name, seat.span,
            seat.medium, OfferState.OPEN, seat.span.starts_at - timedelta(days=1),
        )  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One kind of letter: its title, when it is sent, to whom, and how it is made."""

    title: str
    when: str
    whom: str
    of: Callable[[Seated], Letter]


KINDS: Final = {
    "confirm_address": Kind(
        "Please confirm your address", "At once, after somebody signed up.", "The address that was typed.",
        lambda ana: letters.confirm_address(HEAD, ana.to, LINK.replace("sign-in", "confirm"), NOW),
    ),
    "sign_in": Kind(
        "A link to sign in", "At once, when it was asked for; at most a few an hour.", "The member who asked.",
        lambda ana: letters.sign_in(HEAD, ana.to, LINK, NOW),
    ),
    "already_a_member": Kind(
        "Signed up once more", "At once, when somebody signs up with the address of a member.", "That member.",
        lambda ana: letters.already_a_member(HEAD, ana.to, LINK, NOW),
    ),
    "round_opens": Kind(
        "A week is open", "When an organizer opens a round.", "Everyone who takes part in the program.",
        lambda ana: letters.round_opens(HEAD, ana.to, ana.seat.program_name, community._monday_after(NOW.date()),
                                        f"{HEAD.base_url}/home#rounds", NOW),
    ),
    "invitation": Kind(
        "Invitation", "When a round is published, and when an organizer seats someone later.",
        "Everyone in a session; each gets a letter of their own, with a calendar entry of their own.",
        lambda ana: letters.invitation(HEAD, ana.to, ana.seat, NOW),
    ),
    "not_matched": Kind(
        "No place this time", "When a round is published.",
        "Everyone who joined it and has no session; the words are the same for all, whatever the reason.",
        lambda ana: letters.not_matched(HEAD, ana.to, ana.seat.program_name, community._monday_after(NOW.date()),
                                        ana.round_id, NOW),
    ),
    "changed_invitation": Kind(
        "Change", "When the time, the place, the way to meet or the people of a session change.",
        "Everyone in it; the entry moves in their calendar.",
        lambda ana: letters.changed_invitation(HEAD, ana.to, ana.seat, NOW),
    ),
    "invitation_again": Kind(
        "An answer came too late", "When a calendar answers a time that has changed since; once for each change.",
        "The member who answered.", lambda ana: letters.invitation_again(HEAD, ana.to, ana.seat, NOW),
    ),
    "cancelled_invitation": Kind(
        "Cancellation", "When an organizer calls a session or a round off.",
        "Everyone in it; the entry leaves their calendar.",
        lambda ana: letters.cancelled_invitation(HEAD, ana.to, ana.seat, NOW),
    ),
    "removed_from_session": Kind(
        "A seat was taken back", "When an organizer takes someone out of a session that goes on.", "That member.",
        lambda ana: letters.removed_from_session(HEAD, ana.to, ana.seat, NOW),
    ),
    "seat_offered": Kind(
        "A seat has come free", "When somebody declined, in programs that offer such seats.",
        "Members of the round without a session: one at a time, three in the last day.",
        lambda ana: letters.seat_offered(HEAD, ana.to, ana.offer()),
    ),
    "seat_taken": Kind(
        "The seat is yours", "When a member says yes to a free seat, first.", "That member.",
        lambda ana: letters.seat_taken(HEAD, ana.to, ana.seat, NOW),
    ),
    "nudge": Kind(
        "An invitation is still open", "Once, half way between the invitation and the session.",
        "Whoever has not answered.",
        lambda ana: letters.nudge(HEAD, ana.to, ana.seat, ana.seat.seat_id, ana.seat.span.starts_at),
    ),
    "reminder": Kind(
        "Reminder", "A day before a session, an hour before, both or never: as the member chose.",
        "Whoever said yes or maybe.",
        lambda ana: letters.reminder(HEAD, ana.to, ana.seat, ana.seat.seat_id, ana.seat.span.starts_at),
    ),
    "check_in_request": Kind(
        "How was it?", "Once, after a session is over.", "Whoever was in it and agreed to be asked.",
        lambda ana: letters.check_in_request(HEAD, ana.to, ana.seat, NOW),
    ),
}  # fmt: skip


def draw() -> None:
    """Make the pages anew from the demo's community, in a database of their own."""
    (PAGES / "pictures").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as another user
        with database.embedded(Path(folder)) as url:
            database.lead_to(url)
            sealing.use(KEYRING)
            ana = asyncio.run(ana_of_the_demo())
    asyncio.run(draw_letters_to(ana))
    (PAGES / "README.md").write_text(index())


async def ana_of_the_demo() -> Seated:
    await database.migrate()
    async with database.pool():
        await community.fill_in(HEAD, NOW, print)
        return await seated("Ana")


async def draw_letters_to(ana: Seated) -> None:
    async with chromium() as browser:
        for kind, about in KINDS.items():
            letter = about.of(ana)
            await picture(browser, kind, letter)
            (PAGES / f"{kind}.md").write_text(page_of(kind, about, letter, about.of(openly(ana))))


async def seated(name: str) -> Seated:
    """The member's newest seat among the demo's check-in buddies."""
    known = await members.by_address(address_of(name))
    if known is None:
        raise LookupError(f"{name} is not in the demo")
    for round_ in await rounds.every():
        for session in await sessions.of_round(round_.id):
            to = await members.recipients_of([seat.member_id for seat in session.seats])
            for seat in session.seats:
                if seat.member_id == known.id:
                    invitation = replace(invitation_of(round_, session, seat, to), rsvp="yes")
                    return Seated(to[known.id], invitation, round_.id)
    raise LookupError(f"{name} has no seat in the demo")


def openly(ana: Seated) -> Seated:
    return replace(ana, to=replace(ana.to, discreet=False))


async def picture(browser: Browser, kind: str, letter: Letter) -> None:
    context = await browser.new_context(viewport={"width": 640, "height": 200}, color_scheme="light")
    page = await context.new_page()
    await page.set_content(letter.html)
    await page.screenshot(path=PAGES / "pictures" / f"{kind}.png", full_page=True)
    await context.close()


def page_of(kind: str, about: Kind, letter: Letter, open_letter: Letter) -> str:
    worded = "Greeting and paragraphs, by the program." if kind in tuple(Worded) else "No."
    return f"""# {about.title}

| | |
|---|---|
| Sent | {about.when} |
| To | {about.whom} |
| Can one do without it | {without(kind)} |
| Can be worded | {worded} |
| Subject | {letter.subject} |
| Subject, for who wants open letters | {open_letter.subject} |
| Calendar entry | {letter.method or "none"} |

![The letter in a browser](pictures/{kind}.png)

## As text

```text
{shown(letter.text)}```

## As text, for who wants open letters

```text
{shown(open_letter.text)}```

[All letters](README.md)
"""


def shown(text: str) -> str:
    """The text without the secrets of its links."""
    return _SECRET.sub(r"\1…", text)


def one_can_end(kind: str) -> bool:
    return kind in letters.SUBSCRIPTIONS


def without(kind: str) -> str:
    return _ENDED[letters.SUBSCRIPTIONS[kind]] if one_can_end(kind) else _ALWAYS


def index() -> str:
    rows = [
        f"| [{about.title}]({kind}.md) | {about.when} | {about.whom} | {'yes' if one_can_end(kind) else 'no'} |"
        for kind, about in KINDS.items()
    ]
    return _INDEX + "\n".join(rows) + "\n"


_INDEX = """# Letters

Every letter that peerhub sends, with a picture and its text, as Ana of the demo gets it. `make pictures` draws these
pages anew. How answers and bounces come back stands in [../letters.md](../letters.md).

Letters are discreet unless a member asks otherwise on their profile: subject, sender, calendar entry and text name no
topic, no group and nobody else. No letter has a picture or asks another site for anything; each has a text that says
the same as its HTML, and says where help is.

Greeting and paragraphs of six of them can be put in a program's own words, on the program's page under *Words of its
letters*. An organizer sees the letter as text and as HTML, with a real seat and initials for names, and can send
themselves a test, which is marked as one. Subjects, the facts, the links, where help is and how to stop stay as they
are. A letter that waits in the outbox keeps the words it was put there with; new words are for letters from then on.

| letter | sent | to | can one do without it |
|---|---|---|---|
"""


if __name__ == "__main__":
    draw()
