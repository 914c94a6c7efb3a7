"""A believable round, drawn by seed.

    .venv/bin/python -m bench.people --people 10000 > big.json
    .venv/bin/python -m bench.people --people 1000 --kind sessions > sessions.json

Buddies come from many zones, with hours, topics, languages and comfort of their own. Sessions are for people like those
of the demo, sixty times sixty if need be: four of sixty lead two groups of three to five each, and are no peers in any.

The file is written person by person, so its size is no limit.
"""

import argparse
import json
import random
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from bench import sixty
from peerhub.domain.programs import Kind
from peerhub.matching.problem_file import problem_to_json

WEEK = date(2026, 11, 30)
ZONES = {  # by how many of a hundred live there
    "Europe/Berlin": 18, "Europe/Lisbon": 6, "Europe/London": 14, "Europe/Athens": 4, "America/New_York": 20,
    "America/Chicago": 9, "America/Los_Angeles": 11, "America/Sao_Paulo": 5, "Asia/Kolkata": 4, "Asia/Kathmandu": 1,
    "Asia/Tokyo": 2, "Australia/Sydney": 4, "Africa/Lagos": 2,
}  # fmt: skip
TOPICS = (
    "grief", "anxiety", "sleep", "work", "parenting", "loneliness", "study", "illness", "moving", "recovery",
    "caring", "identity",
)  # fmt: skip
SECOND_LANGUAGES = ("de", "fr", "es", "pt", "hi")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def lines(people: int, seed: int = 0, kind: str = "buddies") -> Iterator[str]:
    """The problem file, in pieces."""
    if kind == Kind.SESSIONS:
        yield problem_to_json(sixty.problem(Kind.SESSIONS, seed, people))
        return
    draw = random.Random(seed)
    yield f'{{"kind": "buddies", "week": "{WEEK}",\n "participants": [\n'
    for n in range(people):
        yield ("" if n == 0 else ",\n") + json.dumps(person(draw, n, people))
    yield '\n ],\n "history": [\n'
    for n in range(people // 2):
        yield ("" if n == 0 else ",\n") + json.dumps(meeting(draw, people))
    yield "\n ]}\n"


def person(draw: random.Random, n: int, people: int) -> dict[str, Any]:
    topics = draw.sample(TOPICS, draw.choice((0, 1, 2, 2, 3, 3, 4)))
    return {
        "id": f"p{n}",
        "time_zone": draw.choices(tuple(ZONES), tuple(ZONES.values()))[0],
        "free": sorted({free_range(draw) for _ in range(draw.randint(2, 6))}),
        "if_needed": [free_range(draw) for _ in range(draw.choice((0, 0, 1, 2)))],
        "comfort": {"pair": draw.choice((2, 3, 3, 4, 4)), "trio": draw.choice((0, 1, 2, 3, 4))},
        "mediums": {
            "video": draw.choice((0, 1, 2, 3, 4)), "voice": draw.choice((1, 2, 3, 4)), "text": draw.choice((0, 2, 4))
        },
        "topics": {topic: draw.randint(1, 4) for topic in topics},
        "languages": sorted({"en"} | set(draw.sample(SECOND_LANGUAGES, draw.choice((0, 0, 0, 1)))))
        if draw.random() < 0.9
        else [draw.choice(SECOND_LANGUAGES)],
        "role": draw.choice(("share", "listen", "both", "both")),
        "keep_apart": [f"p{draw.randrange(people)}"] if draw.random() < 0.02 else [],
        "prefers": [f"p{draw.randrange(people)}"] if draw.random() < 0.05 else [],
        "owed": draw.choices((0, 1, 2), (90, 8, 2))[0],
    }  # fmt: skip


def free_range(draw: random.Random) -> str:
    """Evenings on most days, any time at the weekend."""
    day = draw.choice(DAYS)
    opens = draw.choice((17, 18, 18, 19, 20) if day in DAYS[:5] and draw.random() < 0.7 else range(8, 20)) * 60
    opens += draw.choice((0, 0, 0, 30))
    closes = min(24 * 60, opens + draw.choice((60, 90, 120, 120, 180, 240)))
    return f"{day} {opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"


def meeting(draw: random.Random, people: int) -> dict[str, Any]:
    together = [f"p{n}" for n in draw.sample(range(people), 2)] if people > 1 else ["p0", "p0"]
    week = WEEK - timedelta(weeks=draw.randint(1, 30))
    return {"week": str(week), "together": together, "went": draw.choice(("well", "well", "okay", "badly"))}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    ask.add_argument("--people", type=int, default=1000)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--kind", choices=("buddies", "sessions"), default="buddies")
    asked = ask.parse_args()
    for text in lines(asked.people, asked.seed, asked.kind):
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
