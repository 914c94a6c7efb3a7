"""How a letter of the outbox stands: its state, why it waits, and what a person can still do about it."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

OUT_OF_REACH: Final = "this address could not be reached"
BY_A_PERSON: Final = "an organizer called it off"
_REFUSED: Final = re.compile(r"5\d\d at ")


class State(StrEnum):
    """Where a letter is on its way; the last four are ends."""

    PENDING = "pending"
    SENDING = "sending"
    HELD = "held"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Standing:
    """All that there is to know of a letter besides what it says and to whom."""

    state: State
    due_at: datetime
    expires_at: datetime
    trouble: str
    attempts: int = 0
    ambiguous: int = 0
    fenced: bool = False
    has_body: bool = True
    is_behind: bool = False  # an older letter about the same seat has not left
    is_superseded: bool = False  # there is a newer one
    is_out_of_reach: bool = False

    def why(  # noqa: PLR0911 - a sentence each
        self, now: datetime, when: str, *, is_copy: bool, is_stalled: bool
    ) -> str:
        """Why it is where it is, in a sentence; ``when`` is when it is due, as the reader's clock says it."""
        match self.state:
            case State.PENDING:
                return self._why_it_waits(now, when, is_copy, is_stalled)
            case State.SENDING if self.fenced:
                return "It is being handed over. Should no answer come, it is sent once more under the same name."
            case State.SENDING:
                return "It is on its way to the mail server."
            case State.HELD:
                return self._why_it_is_held()
            case State.FAILED:
                return f"The mail server does not take it ({self.trouble}). It was tried once, as is right then."
            case State.EXPIRED:
                return "It could not leave in time, and would be of no use any more."
            case State.CANCELLED if self.is_superseded and not self.trouble:
                return "A newer letter about the same seat took its place."
            case State.CANCELLED:
                return f"It was not sent: {self.trouble or 'what it told no longer holds'}."
        return "The mail server has accepted it."

    def can_be_tried_again(self, now: datetime) -> bool:
        """Where a person may know better than the rules: put off, set aside, or not taken by a server mended since.

        Not where it may have arrived already, where a newer one says what counts, or where it could not arrive.
        """
        if not self.has_body or self.expires_at <= now or self.is_superseded or self.is_out_of_reach:
            return False
        match self.state:
            case State.PENDING:
                return self.due_at > now
            case State.HELD:
                return self.trouble != OUT_OF_REACH and not _REFUSED.match(self.trouble)
        return self.state is State.FAILED and not self.ambiguous

    def can_be_called_off(self) -> bool:
        return self.state in (State.PENDING, State.HELD, State.SENDING) and not self.fenced

    def _why_it_waits(  # noqa: PLR0911 - a sentence each
        self, now: datetime, when: str, is_copy: bool, is_stalled: bool
    ) -> str:
        if is_copy:
            return "It is held: this database is a copy, and sends nothing by itself."
        if self.is_out_of_reach:
            return "We could not reach this address. It leaves once they open a letter of ours."
        if self.is_behind:
            return "An earlier letter about the same seat goes first."
        if self.due_at > now and self.trouble:
            did = "asked us to wait" if self.trouble[0].isdigit() else "did not answer"
            return f"The mail server {did} ({self.trouble}). It is tried again {when}."
        if self.due_at > now:
            return f"It is due {when}."
        if is_stalled:
            return "The way to the mail server is closed at the moment. It is tried again by itself."
        return "It leaves in a moment."

    def _why_it_is_held(self) -> str:
        if self.trouble == OUT_OF_REACH:
            return "We could not reach this address. It leaves once they open a letter of ours."
        if _REFUSED.match(self.trouble):
            return f"The mail server does not take it ({self.trouble}), though an earlier copy may have arrived."
        return f"It was set aside so that the others can leave: {self.trouble or 'nobody knows why'}."
