"""When an invitation can be answered."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from peerhub.domain.availability import Span
from peerhub.domain.invitations import Invitation, Rsvp

STARTS = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)
ENDS = STARTS + timedelta(hours=1)
ONE = UUID(int=1)
INVITATION = Invitation(
    ONE, ONE, ONE, "Ana", "Europe/Lisbon", "Buddies", "buddies", Span(STARTS, ENDS), "voice", "", "peer", Rsvp.WAITING,
    is_cancelled=False, is_removed=False,
)  # fmt: skip
MOMENT = timedelta(seconds=1)


def test_it_can_be_answered_until_the_session_ends() -> None:
    assert INVITATION.why_closed(ENDS - MOMENT) is None
    assert INVITATION.why_closed(ENDS) == "This session is over, so it can no longer be answered."


def test_a_cancelled_session_and_a_removed_seat_are_closed_with_their_own_words() -> None:
    cancelled, removed = replace(INVITATION, is_cancelled=True), replace(INVITATION, is_removed=True)

    words = [one.why_closed(STARTS) for one in (cancelled, removed)]

    assert words == [
        "This session will not take place, so there is nothing to answer.",
        "You are no longer part of this session, so there is nothing to answer.",
    ]


def test_it_has_begun_from_its_start_unless_it_does_not_take_place() -> None:
    assert not INVITATION.has_begun(STARTS - MOMENT)
    assert INVITATION.has_begun(STARTS)
    assert not replace(INVITATION, is_cancelled=True).has_begun(STARTS)
    assert not replace(INVITATION, is_removed=True).has_begun(STARTS)


def test_printing_it_names_nobody() -> None:
    assert repr(INVITATION) == f"Invitation({ONE})"
