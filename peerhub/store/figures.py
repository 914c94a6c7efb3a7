"""Numbers about letters and rounds, for whoever watches over peerhub; none of them is about a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peerhub.domain.letters import State
from peerhub.domain.rounds import Stage
from peerhub.mail.letters import AT_ONCE, IN_TURN
from peerhub.store.tables import Letter, Reminder, Round

LANES: Final = {AT_ONCE: "at_once", IN_TURN: "in_turn"}


@dataclass(frozen=True)
class Figures:
    """By state and lane, by lane in seconds, by stage, and by kind."""

    letters: Mapping[tuple[str, str], int]
    attempts: Mapping[str, int]
    ambiguous: Mapping[str, int]
    oldest_due: Mapping[str, float]
    rounds: Mapping[str, int]
    missed_reminders: Mapping[str, int]


async def figures(now: datetime) -> Figures:
    """All of them, zeroes included, so that none appears only when it is too late to be seen rising."""
    letters = {(state.value, lane): 0 for state in State for lane in LANES.values()}
    attempts, ambiguous = dict.fromkeys(LANES.values(), 0), dict.fromkeys(LANES.values(), 0)
    oldest = dict.fromkeys(LANES.values(), 0.0)
    for row in await Letter.raw(
        "SELECT state, lane, count(*) AS letters, sum(attempts) AS attempts, sum(ambiguous) AS ambiguous,"
        " min(due_at) FILTER (WHERE state = 'pending' AND due_at <= {}) AS due_at FROM letter GROUP BY state, lane",
        now,
    ):
        lane = LANES[row["lane"]]
        letters[row["state"], lane] = row["letters"]
        attempts[lane] += row["attempts"]
        ambiguous[lane] += row["ambiguous"]
        if row["due_at"]:
            oldest[lane] = (now - row["due_at"]).total_seconds()
    stages = await Round.raw('SELECT stage, count(*) AS rounds FROM "round" GROUP BY stage')
    missed = await Reminder.raw("SELECT kind, count(*) AS missed FROM reminder WHERE cause IS NULL GROUP BY kind")
    return Figures(
        letters, attempts, ambiguous, oldest,
        {stage.value: 0 for stage in Stage} | {row["stage"]: row["rounds"] for row in stages},
        {row["kind"]: row["missed"] for row in missed},
    )  # fmt: skip
