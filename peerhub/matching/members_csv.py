"""A list of members as a spreadsheet or a form exports it: one row a person, read with the habits of those programs.

Read are a byte-order mark, UTF-16, comma, semicolon or tab between the columns, CRLF, headings in any case, lists
separated by semicolons, commas or line breaks, and 12-hour times. The columns have the names of the fields of a
participant in the problem file; what is read here is checked there.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from peerhub.matching.mistakes import BadFile, Location, Mistake, did_you_mean, field_of
from peerhub.matching.problem_file import ReadProblem, problem_from_raw

LISTS: Final = ("free", "if_needed", "away", "languages", "keep_apart", "prefers")
LEVELS: Final = ("comfort", "mediums", "topics")
NUMBERS: Final = ("facilitates", "owed", "most_sessions")
WORDS: Final = ("id", "name", "time_zone", "role")
COLUMNS: Final = (*WORDS, *LISTS, *LEVELS, *NUMBERS)
REQUIRED: Final = ("id", "time_zone", "free")

EXAMPLE: Final = """\
id,name,time_zone,free,if_needed,away,comfort,mediums,topics,languages,role,keep_apart,prefers,owed
ana,Ana,Europe/Lisbon,mon 18:00-20:30; wed 12:00-13:00,sat 9:00-11:00,,pair=4; trio=3,video=3,grief=4,en,both,,ben,1
ben,Ben,Europe/Berlin,mon 19:00-21:30,,,pair=3; large=0,voice=4; video=0,grief=3; sleep=2,en; de,listen,,,
cat,Cat,America/New_York,Monday 1 pm-4 pm,sat 9:00-11:00,2026-12-05,pair=2; trio=4,text=4,sleep=3,en,share,,,
"""


def read_members(text: str, instead: Mapping[str, Any]) -> ReadProblem:
    """Read one row a person; ``instead`` brings what a row cannot say: kind, week, program.

    Raises:
        BadFile: every mistake with its line and column.
    """
    rows = _rows(text)
    headings = _headings(rows[0][1] if rows else [])
    mistakes: list[Mistake] = []
    people, lines = [], []
    for line, cells in rows[1:]:
        if any(cell.strip() for cell in cells):
            lines.append(line)
            people.append(_person(dict(zip(headings, cells, strict=False)), line, mistakes))
            if len(cells) > len(headings):
                mistakes.append(
                    Mistake("", f"the row has {len(cells)} cells but there are {len(headings)} columns", line)
                )

    def place(location: Location) -> tuple[int | None, str]:
        if location[:1] == ("participants",) and len(location) > 1 and isinstance(location[1], int):
            return lines[location[1]], field_of(location[2:])
        return None, field_of(location)

    unknown = [heading for heading in headings if heading and heading not in COLUMNS]
    try:
        read = problem_from_raw({**instead, "participants": people}, place)
    except BadFile as error:
        raise BadFile(sorted([*mistakes, *error.mistakes], key=lambda mistake: mistake.line or 0)) from None
    if mistakes:
        raise BadFile(mistakes)
    warnings = (
        f"the column {name!r:.60} is not known and was left out{did_you_mean(name, COLUMNS)}" for name in unknown
    )
    return ReadProblem(read.problem, (*warnings, *read.warnings))


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Each row with the line on which it begins."""
    text = text.removeprefix("\ufeff")
    first_line = text.split("\n", 1)[0]
    separator = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    rows, begins = [], 1
    csv.field_size_limit(10_000_000)
    try:
        for row in reader:
            rows.append((begins, row))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise BadFile([Mistake("", f"this is not a CSV file: {error}", begins)]) from None
    return rows


def _headings(row: list[str]) -> list[str]:
    headings = [re.sub(r"[\s-]+", "_", heading.strip().lower()) for heading in row]
    mistakes = [
        Mistake(heading, "stands in two columns", 1)
        for place, heading in enumerate(headings)
        if heading in COLUMNS and heading in headings[:place]
    ]
    mistakes += [
        Mistake(column, f"this column is required; found are {', '.join(filter(None, headings)) or 'none'}"[:300], 1)
        for column in REQUIRED
        if column not in headings
    ]
    if mistakes:
        raise BadFile(mistakes)
    return headings


def _person(row: Mapping[str, str], line: int, mistakes: list[Mistake]) -> dict[str, Any]:
    """The row as a participant of the problem file; an empty cell says nothing."""
    person: dict[str, Any] = {"free": []}
    for column, cell in row.items():
        if column in COLUMNS and cell.strip():
            try:
                person[column] = _value(column, cell)
            except ValueError as error:
                mistakes.append(Mistake(column, str(error), line))
    return person


def _value(column: str, cell: str) -> object:
    if column in LISTS:
        return list(_entries(cell))
    if column in LEVELS:
        return dict(_level(entry) for entry in _entries(cell))
    if column in NUMBERS:
        return _number(cell)
    return cell.strip().lower() if column == "role" else cell.strip()


def _entries(cell: str) -> Iterator[str]:
    return (entry.strip() for entry in re.split(r"[;,\n]", cell) if entry.strip())


def _level(entry: str) -> tuple[str, int]:
    name, equals, level = entry.rpartition("=")
    if not equals:
        raise ValueError(f"{entry!r:.60} is not a level; expected for example 'pair=4'")
    return name.strip(), _number(level)


def _number(text: str) -> int:
    if not re.fullmatch(r"\s*-?\d{1,9}(\.0+)?\s*", text):
        raise ValueError(f"must be a whole number, not {text.strip()!r:.60}")
    return int(float(text))
