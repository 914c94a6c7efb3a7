"""What we say: a letter is a mail as we compose it, and each kind has one function and one pair of templates.

A template's ``.txt`` opens with ``Subject:``; its ``.html`` says the same. A discreet letter names nobody and no topic.

A letter is made of the facts it tells, which cost little and are kept (``facts``); its text is written when it is read.
Some kinds can be worded by their program; its words are among the facts, so a letter leaves as it was put.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from peerhub.domain.availability import Span
from peerhub.domain.offers import Offer
from peerhub.domain.subscriptions import Subscription
from peerhub.domain.wall import day_in_words, moment_on_the_wall, on_the_wall
from peerhub.domain.wording import Worded, Wording, Wordings, filled_in
from peerhub.mail import calendar, links
from peerhub.mail.letterhead import Letterhead
from peerhub.mail.plain import one_line, wrapped
from peerhub.mail.recipient import Recipient, SeatInvitation
from peerhub.mail.styling import styled

__all__ = [
    "AT_ONCE", "IN_TURN", "Entry", "Letter", "Recipient", "SeatInvitation", "already_a_member", "as_test",
    "cancelled_invitation", "changed_invitation", "check_in_request", "confirm_address", "example", "invitation",
    "invitation_again", "not_matched", "nudge", "original", "reminder", "removed_from_session", "round_opens",
    "seat_offered", "seat_taken", "sign_in",
]  # fmt: skip

TEMPLATES = Path(__file__).parents[2] / "templates" / "mail"
STYLE = TEMPLATES / "letter.css"  # also of the page on which organizers look at a letter
TEST = "Test: "  # what the subject of a test begins with
AT_ONCE, IN_TURN = 0, 1  # the lanes: somebody waits at a sign-in page, nobody waits for the others
SIGN_IN_EXPIRES = timedelta(minutes=15)
CONFIRM_EXPIRES = timedelta(days=1)
NEWS_EXPIRES = timedelta(days=3)
SUBSCRIPTIONS = {
    "round_opens": Subscription.NEWS, "reminder": Subscription.REMINDERS, "nudge": Subscription.REMINDERS,
    "check_in_request": Subscription.CHECK_INS,
}  # fmt: skip
_HELLO = "Hello {display_name},"
_LONGEST_TEXT = 2000  # of one paragraph, with everything filled in
_ASKING = ("invitation", "changed_invitation", "invitation_again", "seat_taken")  # the rest takes the entry out again


@dataclass(frozen=True)
class Entry:
    """What the letter asks of the member's calendar: REQUEST or CANCEL, of the seat as it was at that moment."""

    method: str
    seat: SeatInvitation
    asked_at: datetime
    session_goes_on: bool = False


@dataclass(frozen=True)
class Letter:
    """A mail to one member. ``cause`` names the fact it tells of, so that no fact is told twice.

    ``words`` are what its templates speak of: texts, truths, dates and lists of texts, nothing else, since they are
    kept; ``unsubscribe`` among them is where letters of its kind can be ended. ``about`` is the calendar UID it speaks
    of, or the offer. Lane 0 leaves first.
    """

    head: Letterhead = field(repr=False)
    kind: str
    to: Recipient
    words: Mapping[str, Any]
    cause: str
    expires_at: datetime
    lane: int = IN_TURN
    about: str | None = None
    entry: Entry | None = None

    def __repr__(self) -> str:
        return f"Letter({self.kind!r}, {self.to!r})"

    @property
    def subject(self) -> str:
        subject = self._opening_and_text[0].removeprefix("Subject:").strip()
        return TEST + subject if self.words.get("is_test") else subject

    @property
    def text(self) -> str:
        return wrapped(self._opening_and_text[1].strip()) + "\n"

    @cached_property
    def html(self) -> str:
        return styled(self._page(alone=False))

    @property
    def inside(self) -> str:
        """What the HTML shows, without its head and its style: to be put into a page that has ``STYLE``."""
        return self._page(alone=True)

    def _page(self, *, alone: bool) -> str:
        words = {**self._told, "subject": self.subject, "alone": alone}
        return _templates().get_template(f"{self.kind}.html").render(words)

    @cached_property
    def calendar(self) -> bytes | None:
        match self.entry:
            case Entry("REQUEST", seat, asked_at):
                return calendar.request(seat, self.head, self.to, asked_at)
            case Entry("CANCEL", seat, asked_at, goes_on):
                return calendar.cancel(seat, self.head, self.to, asked_at, session_goes_on=goes_on)
        return None

    @property
    def method(self) -> str | None:
        return self.entry.method if self.entry else None

    @cached_property
    def _opening_and_text(self) -> tuple[str, str]:
        words = self._told
        opening, _, text = _templates().get_template(f"{self.kind}.txt").render(words).partition("\n")
        return opening, text

    @cached_property
    def _told(self) -> dict[str, Any]:
        return _told(self.kind, self.words)


def confirm_address(head: Letterhead, to: Recipient, link: str, now: datetime) -> Letter:
    return _letter("confirm_address", head, to, [link], now + CONFIRM_EXPIRES, lane=AT_ONCE, link=link)


def sign_in(head: Letterhead, to: Recipient, link: str, now: datetime) -> Letter:
    return _letter("sign_in", head, to, [link], now + SIGN_IN_EXPIRES, lane=AT_ONCE, link=link)


def already_a_member(head: Letterhead, to: Recipient, link: str, now: datetime) -> Letter:
    """Somebody signed up with the address of a member: it holds a link to sign in with."""
    return _letter("already_a_member", head, to, [link], now + SIGN_IN_EXPIRES, lane=AT_ONCE, link=link)


def round_opens(  # noqa: PLR0917
    head: Letterhead, to: Recipient, program_name: str, week: date, link: str, now: datetime
) -> Letter:
    cause = [program_name, str(week), link]
    return _letter(
        "round_opens", head, to, cause, now + NEWS_EXPIRES, program=one_line(program_name), week=week, link=link
    )  # fmt: skip


def not_matched(  # noqa: PLR0917
    head: Letterhead, to: Recipient, program_name: str, week: date, round_id: object, now: datetime
) -> Letter:
    """One constant wording for everyone, whatever the reason was."""
    return _letter(
        "not_matched", head, to, [str(round_id)], now + NEWS_EXPIRES, program=one_line(program_name), week=week
    )  # fmt: skip


def invitation(head: Letterhead, to: Recipient, seat: SeatInvitation, now: datetime) -> Letter:
    return _seat_letter("invitation", head, to, seat, now)


def changed_invitation(head: Letterhead, to: Recipient, seat: SeatInvitation, now: datetime) -> Letter:
    """The seat's new time or place; ``seat.sequence`` has risen."""
    return _seat_letter("changed_invitation", head, to, seat, now)


def invitation_again(head: Letterhead, to: Recipient, seat: SeatInvitation, now: datetime) -> Letter:
    """A calendar has answered an earlier time: once for each change, the seat as it is now."""
    return _seat_letter("invitation_again", head, to, seat, now)


def seat_taken(head: Letterhead, to: Recipient, seat: SeatInvitation, now: datetime) -> Letter:
    """They said yes to a seat that had come free, and have it."""
    return _seat_letter("seat_taken", head, to, seat, now)


def seat_offered(head: Letterhead, to: Recipient, offer: Offer, wordings: Wordings | None = None) -> Letter:
    """A seat has come free; nothing goes into the calendar before they say yes."""
    return _letter(
        "seat_offered", head, to, [str(offer.id), offer.expires_at.isoformat()], offer.expires_at, about=offer.id.hex,
        link=links.offer_link(head, offer.id), **_when(offer.span, offer.time_zone),
        medium=calendar.medium_in_words(offer.medium), program=one_line(offer.program_name),
        others=[], leads=False, place="", **_until(offer.expires_at, offer.time_zone),
        **_own_words("seat_offered", wordings or {}),
    )  # fmt: skip


def cancelled_invitation(head: Letterhead, to: Recipient, seat: SeatInvitation, now: datetime) -> Letter:
    """The session will not take place; ``seat.sequence`` has risen."""
    return _seat_letter("cancelled_invitation", head, to, seat, now)


def removed_from_session(head: Letterhead, to: Recipient, seat: SeatInvitation, now: datetime) -> Letter:
    """The session goes on without this member; ``seat.sequence`` has risen."""
    return _seat_letter("removed_from_session", head, to, seat, now)


def check_in_request(head: Letterhead, to: Recipient, seat: SeatInvitation, now: datetime) -> Letter:
    return _letter(
        "check_in_request", head, to, [str(seat.seat_id)], now + NEWS_EXPIRES, about=seat.uid,
        link=links.check_in_page(head, seat.seat_id), **_facts(seat), **_own_words("check_in_request", seat.wordings),
    )  # fmt: skip


def reminder(head: Letterhead, to: Recipient, seat: SeatInvitation, fact: object, until: datetime) -> Letter:
    """Shortly before a session that they said yes or maybe to; ``fact`` is the id of this one reminder.

    It is about no calendar UID, since it takes the place of no letter that a calendar needs.
    """
    link = links.rsvp_link(head, seat.seat_id)
    return _letter(
        "reminder", head, to, [str(fact)], until, link=link, maybe=seat.rsvp == "maybe", **_facts(seat),
        **_own_words("reminder", seat.wordings),
    )  # fmt: skip


def nudge(head: Letterhead, to: Recipient, seat: SeatInvitation, fact: object, until: datetime) -> Letter:
    """An invitation is still without an answer; like a reminder, and once."""
    return _letter(
        "nudge", head, to, [str(fact)], until, link=links.rsvp_link(head, seat.seat_id), **_facts(seat)
    )  # fmt: skip


def example(  # noqa: PLR0917
    kind: Worded, wording: Wording, head: Letterhead, to: Recipient, seat: SeatInvitation, now: datetime
) -> Letter:
    """A letter as it would read, for an organizer: it has no calendar entry, and leads to nobody's seat."""
    return _letter(
        kind, head, to, ["example", now.isoformat()], now + NEWS_EXPIRES, maybe=False, link=links.sign_in_page(head),
        **_facts(seat), **_until(seat.span.starts_at - timedelta(hours=2), seat.time_zone),
        **_own_words(kind, {kind: wording}),
    )  # fmt: skip


def as_test(letter: Letter) -> Letter:
    """The same letter, which says in its subject and at its top that it is a test."""
    return replace(letter, words={**letter.words, "is_test": True})


def original(kind: Worded) -> Wording:
    """How such letters read where a program has no words of its own."""
    return _originals()[kind]


def _seat_letter(kind: str, head: Letterhead, to: Recipient, seat: SeatInvitation, now: datetime) -> Letter:
    kept = replace(seat, wordings={})  # an entry in a calendar needs none
    if kind in _ASKING:
        entry, expires_at = Entry("REQUEST", kept, now), seat.span.starts_at
    else:
        entry, expires_at = Entry("CANCEL", kept, now, kind == "removed_from_session"), seat.span.ends_at
    return _letter(
        kind, head, to, [str(seat.seat_id), str(seat.sequence)], expires_at,
        about=seat.uid, entry=entry, link=links.rsvp_link(head, seat.seat_id), **_facts(seat),
        **_own_words(kind, seat.wordings),
    )  # fmt: skip


def _facts(seat: SeatInvitation) -> dict[str, Any]:
    return {
        **_when(seat.span, seat.time_zone),
        "medium": calendar.medium_in_words(seat.medium),
        "program": one_line(seat.program_name),
        "others": [one_line(name) for name in seat.others],
        "leads": seat.part == "facilitator",
        "place": one_line(seat.place, 400),
    }


def _when(span: Span, zone: str) -> dict[str, Any]:
    """When it is, on that wall; and what is needed to say it anew when the letter is written, should clocks change."""
    return {
        "when": on_the_wall(span, zone),
        "at": {"starts_at": span.starts_at, "ends_at": span.ends_at, "time_zone": zone},
    }


def _until(moment: datetime, zone: str) -> dict[str, Any]:
    """How long an answer counts, in the same way."""
    return {
        "until": moment_on_the_wall(moment, zone),
        "until_at": {"expires_at": moment, "time_zone": zone},
    }


def _as_it_is_now(words: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts, with times as their zone's present rules have them; an earlier version kept some in words alone."""
    anew: dict[str, str] = {}
    if at := words.get("at"):
        anew["when"] = on_the_wall(Span(at["starts_at"], at["ends_at"]), at["time_zone"])
    if until_at := words.get("until_at"):
        anew["until"] = moment_on_the_wall(until_at["expires_at"], until_at["time_zone"])
    return {**words, **anew}


def _own_words(kind: str, wordings: Wordings) -> dict[str, Any]:
    """A program's own words among the facts of a letter, as they are at that moment; none where it has none."""
    own = wordings.get(Worded(kind)) if kind in tuple(Worded) else None
    if own is None:
        return {}
    return {"greeting": own.greeting, "opening": list(own.opening), "closing": list(own.closing)}


def _told(kind: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with greeting and paragraphs, filled in: the program's own, or the original ones."""
    wording, words = _originals().get(kind, Wording(_HELLO, ())), _as_it_is_now(words)
    values = _values(words)
    said = {
        "greeting": words.get("greeting", wording.greeting),
        "opening": words.get("opening", wording.opening),
        "closing": words.get("closing", wording.closing),
    }

    def fill(text: str) -> str:
        return one_line(filled_in(text, values), _LONGEST_TEXT)

    return {
        "is_test": False, **words, "greeting": fill(said["greeting"]),
        "opening": [fill(one) for one in said["opening"]], "closing": [fill(one) for one in said["closing"]],
    }  # fmt: skip


def _values(words: Mapping[str, Any]) -> dict[str, str]:
    """What the placeholders stand for; in a discreet letter none of them names anybody else, or a topic."""
    medium, others, discreet = words.get("medium", ""), words.get("others", []), words["discreet"]
    return {
        "display_name": words["name"],
        "when": words.get("when", ""),
        "how": f"by {medium.lower()}" if medium != "In person" else "in person",
        "program": "our program" if discreet else words.get("program", ""),
        "people": "the others" if discreet or not others else _listed(others),
        "until": words.get("until", ""),
        "answer": "you might come" if words.get("maybe") else "you would come",
    }


def _letter(
    kind: str,
    head: Letterhead,
    to: Recipient,
    fact: list[str],
    expires_at: datetime,
    *,
    lane: int = IN_TURN,
    about: str | None = None,
    entry: Entry | None = None,
    **words: Any,
) -> Letter:
    words |= {
        "name": one_line(to.name), "discreet": to.discreet, "community": one_line(head.community),
        "crisis": links.crisis_page(head), "sign_in": links.sign_in_page(head),
        "unsubscribe": links.unsubscribe_link(head, to.member_id, SUBSCRIPTIONS[kind]) if kind in SUBSCRIPTIONS else "",
    }  # fmt: skip
    return Letter(head, kind, to, words, _cause(kind, to, fact), expires_at, lane, about, entry)


def _cause(kind: str, to: Recipient, fact: list[str]) -> str:
    """The fact's name as a hash: the same fact, the same name, and no link or word that could be read back."""
    return f"{kind}:{to.member_id}:{sha256(chr(0).join(fact).encode()).hexdigest()[:32]}"


@cache
def _originals() -> dict[str, Wording]:
    kept = tomllib.loads((TEMPLATES / "originals.toml").read_text(encoding="utf-8"))
    return {kind: Wording(one["greeting"], tuple(one["opening"]), tuple(one["closing"])) for kind, one in kept.items()}


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # each look at the disk costs as much as a template does
    )
    templates.filters["day"] = day_in_words
    templates.filters["listed"] = _listed
    return templates


def _listed(names: list[str]) -> str:
    """``Ana, Ben and Cat``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
