"""Members as spreadsheets and forms export them."""

import pytest

from peerhub.domain.availability import WeeklyHours
from peerhub.matching.members_csv import EXAMPLE, read_members
from peerhub.matching.mistakes import BadFile
from peerhub.matching.problem_file import problem_from_json, problem_to_json

ROUND = {"kind": "buddies", "week": "2026-11-30"}
PLAIN = "id,time_zone,free,comfort,owed\nana,UTC,mon 18:00-20:30; tue 9:00-10:00,pair=4; trio=0,2\n"


def mistakes_of(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(BadFile) as refusal:
        read_members(text, ROUND)
    return [(mistake.line, mistake.field, mistake.text) for mistake in refusal.value.mistakes]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN + "\n,,,,\n",
        PLAIN.replace(",", "\t"),
        'id;time_zone;free;comfort;owed\nana;UTC;"mon 18:00-20:30; tue 9:00-10:00";"pair=4; trio=0";2\n',
        'ID,Time zone,FREE,comfort,Owed\nana,UTC,"Mon 6 pm-8:30 PM, Tuesday 9 am-10 am","pair=4, trio=0",2.0\n',
        'id,time_zone,free,comfort,owed\nana,UTC,"mon 18:00-20:30\ntue 9:00-10:00",pair=4; trio=0,2\n',
    ],
    ids=["plain", "a mark", "CRLF", "CR", "empty rows", "tabs", "semicolons", "a form's", "line breaks in a cell"],
)
def test_the_habits_of_spreadsheets_and_forms_are_read(text: str) -> None:
    read = read_members(text, ROUND)

    [ana] = read.problem.participants
    assert (ana.id, ana.time_zone, ana.owed) == ("ana", "UTC", 2)
    assert ana.hours == (WeeklyHours(0, 1080, 1230), WeeklyHours(1, 540, 600))
    assert ana.comfort.sizes == {"pair": 4, "trio": 0}
    assert read.warnings == ()


def test_a_column_that_is_not_known_is_named_in_a_warning() -> None:
    read = read_members("Timestamp,id,time_zone,free,keep appart\n1,ana,UTC,,ben\n", ROUND)

    assert read.warnings == (
        "the column 'timestamp' is not known and was left out",
        "the column 'keep_appart' is not known and was left out; did you mean 'keep_apart'?",
    )


def test_mistakes_name_the_line_of_the_row_and_the_column() -> None:
    text = (
        "id,time_zone,free,owed,comfort\n"
        'ana,Mars,"mon 9:00-10:00\n; tue 9:00-10:00",,\n'
        "ben,UTC,mon 20:00-18:00,few,\n"
        "ben,UTC,,1,pair4\n"
        "cat,UTC,,1,,,\n"
    )

    assert mistakes_of(text) == [
        (2, "time_zone", "'Mars' is not a time zone; expected a name like 'Europe/Lisbon'"),
        (4, "owed", "must be a whole number, not 'few'"),
        (4, "free[0]", "20:00-18:00 ends before it starts; for a night, give two ranges, one for each day"),
        (5, "comfort", "'pair4' is not a level; expected for example 'pair=4'"),
        (6, "", "the row has 7 cells but there are 5 columns"),
    ]


def test_two_rows_with_one_id_are_named() -> None:
    assert mistakes_of("id,time_zone,free\nana,UTC,\nana,UTC,\n") == [
        (3, "id", "'ana' is already the id of participants[0]")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["id", "time_zone", "free"]),
        ("id,id,time_zone,free\n", ["id"]),
        ("name\nAna\n", ["id", "time_zone", "free"]),
    ],
)
def test_headings_that_lack_or_repeat_a_column_are_named(text: str, said: list[str]) -> None:
    assert [field for _, field, _ in mistakes_of(text)] == said


def test_a_quote_that_never_closes_is_named_by_its_line() -> None:
    [(line, _, said)] = mistakes_of('id,time_zone,free\nana,UTC,"mon\nben,UTC,\n')

    assert (line, said) == (2, "this is not a CSV file: unexpected end of data")


def test_the_example_reads_without_a_warning_and_survives_the_way_to_json_and_back() -> None:
    read = read_members(EXAMPLE, ROUND)

    assert read.warnings == ()
    assert problem_from_json(problem_to_json(read.problem)) == read.problem
