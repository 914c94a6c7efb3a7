"""Answers of a survey as gruepr reads them, made into a problem: who is free when, who wishes whom, who keeps apart.

Read are the columns that gruepr's own form and its sample files have: first and last name, one column for each day with
the hours at which somebody is *unavailable*, and names of wanted and unwanted teammates. What gruepr weighs besides
(gender, attributes, sections) has no place in ours and is left out, so figures can be compared between matchers on this
problem, not with the scores that gruepr shows. A team meets for an hour between 8 in the morning and 10 at night.
"""

import csv
import io
import re
from datetime import date
from difflib import get_close_matches

from peerhub.domain.availability import DAYS, WeeklyHours
from peerhub.domain.programs import WEIGHTS, Kind, MatchOn, Program
from peerhub.matching.problem import Participant, Problem

WEEK = date(2026, 11, 30)
FIRST_HOUR, LAST_HOUR = 8, 22
HOUR = re.compile(r"(\d{1,2})\s*([AP]M)|(noon)", re.IGNORECASE)


def read_survey(text: str, size: int) -> Problem:
    """The people of a survey as participants of a round of groups of about ``size``."""
    rows = list(csv.DictReader(io.StringIO(text)))
    names = [_name(row) for row in rows]
    people = [
        Participant(
            name,
            "UTC",
            tuple(hours_free(row)),
            name,
            keep_apart=frozenset(_named(row, "not have on", names)) - {name},
            prefers=frozenset(_named(row, "like to have on", names)) - {name},
        )
        for name, row in zip(names, rows, strict=True)
    ]
    nothing = dict.fromkeys(("topics", "languages", "roles"), MatchOn.IGNORE)
    program = Program(
        Kind.SESSIONS, 60, size - 1, size, size + 1, mediums=("in_person",), match_on=nothing, weights=dict(WEIGHTS)
    )
    return Problem(program, WEEK, tuple(people))


def hours_free(row: dict[str, str]) -> list[WeeklyHours]:
    """The hours of the day that somebody did not tick as unavailable."""
    free = []
    for day, name in enumerate(DAYS):
        ticked = next((cell or "" for title, cell in row.items() if _is_day(title, name)), None)
        if ticked is not None:
            busy = {_hour(found) for found in HOUR.finditer(ticked)}
            hours = [hour for hour in range(FIRST_HOUR, LAST_HOUR) if hour not in busy]
            free += [WeeklyHours(day, hour * 60, hour * 60 + 60) for hour in hours]
    return free


def _is_day(title: str | None, name: str) -> bool:
    return title is not None and "[" in title and title.split("[")[1].lower().startswith(name)


def _hour(found: re.Match[str]) -> int:
    if found[3]:
        return 12
    return int(found[1]) % 12 + (12 if found[2].upper() == "PM" else 0)


def _name(row: dict[str, str]) -> str:
    parts = (
        next((cell for title, cell in row.items() if part in (title or "").lower()), "")
        for part in ("first name", "last name")
    )
    return " ".join(part.strip() for part in parts)


def _named(row: dict[str, str], question: str, names: list[str]) -> list[str]:
    """The people whom an answer names, spelled nearly right."""
    cell = next((cell or "" for title, cell in row.items() if question in (title or "").lower()), "")
    near = (get_close_matches(one.strip(), names, 1, 0.8) for one in re.split(r"[,;\n]", cell) if one.strip())
    return [found[0] for found in near if found]
