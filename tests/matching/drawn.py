"""Drawn rounds of sessions, in which everyone comes once at most and nothing is pinned: small ones, and larger ones."""

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from peerhub.domain.programs import Kind, MatchOn, Program
from peerhub.matching.problem import Meeting, Participant, Problem
from tests.matching.cast import WEEK, person
from tests.matching.test_drawn_problems import ZONES, problems

HOURS = (
    "mon 17:45-19:00",
    "mon 18:00-20:00",
    "tue 18:00-19:30",
    "tue 18:30-20:30",
    "wed 12:00-13:30",
    "sat 9:00-12:15",
)
LEVELS = (0, 1, 2, 3, 4)


@st.composite
def small_rounds(draw: st.DrawFn, most: int = 7) -> Problem:
    """Up to seven people who may lead and come; everything else as in ``problems``."""
    problem = draw(problems())
    program = replace(problem.program, kind=Kind.SESSIONS, sessions_at_once=draw(st.sampled_from((None, None, 1, 2))))
    people = tuple(replace(one, most_sessions=min(1, one.most_sessions)) for one in problem.participants[:most])
    return replace(problem, program=program, participants=people)


def drawn_round(people: int, seed: int) -> Problem:
    """So many people, of whom some lead, some come and some do both."""
    draw = random.Random(seed)
    zones = draw.choice((("UTC",), ("UTC",), ZONES))
    smallest = draw.choice((2, 3))
    program = Program(
        Kind.SESSIONS,
        session_minutes=draw.choice((30, 50, 60)),
        smallest=smallest,
        ideal=smallest + 1,
        largest=draw.randint(smallest + 1, 7),
        facilitators_per_session=draw.choice((0, 1, 1, 1, 2)),
        sessions_at_once=draw.choice((None, None, 1, 3)),
        mediums=("video", "voice"),
        match_on={facet: draw.choice(list(MatchOn)) for facet in ("topics", "languages", "roles")},
    )
    everyone = tuple(_somebody(draw, n, people, zones) for n in range(people))
    history = tuple(_meeting(draw, people) for _ in range(people))
    return Problem(program, WEEK, everyone, history, slot_minutes=draw.choice((15, 30, 60)))


def _somebody(draw: random.Random, n: int, people: int, zones: tuple[str, ...]) -> Participant:
    leads = draw.choice((0, 0, 0, 1, 2))
    others = [f"p{other}" for other in range(people) if other != n]
    return person(
        f"p{n}",
        *draw.sample(HOURS, draw.randint(0, 4)),
        if_needed=tuple(draw.sample(HOURS, draw.randint(0, 2))),
        zone=draw.choice(zones),
        sizes={size: draw.choice(LEVELS) for size in draw.sample(("pair", "trio", "small", "large"), 2)},
        mediums={"video": draw.choice(LEVELS)},
        topics={topic: draw.choice(LEVELS) for topic in draw.sample(("grief", "sleep", "work"), draw.randint(0, 2))},
        languages=draw.sample(("en", "de"), draw.choice((0, 1, 1, 2))),
        role=draw.choice(("share", "listen", "both")),
        facilitates=leads,
        most_sessions=draw.choice((0, 1)) if leads else 1,
        keep_apart=draw.sample(others, 1) if draw.random() < 0.2 else [],
        prefers=draw.sample(others, 1) if draw.random() < 0.2 else [],
        owed=draw.choice((0, 0, 0, 1, 2)),
    )


def _meeting(draw: random.Random, people: int) -> Meeting:
    together = {f"p{draw.randrange(people)}" for _ in range(3)}
    return Meeting(
        WEEK - timedelta(weeks=draw.randint(1, 30)), frozenset(together), draw.choice(("well", "badly", None))
    )
