"""The problem file: what is read, and every mistake with its line and field."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from peerhub.domain.availability import Liking, WeeklyHours
from peerhub.domain.comfort import Role
from peerhub.domain.programs import PRESETS, Kind, MatchOn
from peerhub.matching.mistakes import BadFile
from peerhub.matching.problem import Meeting, Pin
from peerhub.matching.problem_file import problem_from_json, problem_to_json, read_problem
from tests.matching.cast import span

ANA = {"id": "ana", "time_zone": "Europe/Lisbon", "free": ["mon 18:00-20:30"]}
BEN = {"id": "ben", "time_zone": "Europe/Berlin", "free": ["mon 18:00-20:30"]}
FULL = """{
  "kind": "buddies",
  "week": "2026-11-30",
  "slot_minutes": 15,
  "program": {
    "session_minutes": 45, "smallest": 2, "ideal": 3, "largest": 3, "facilitators_per_session": 0,
    "sessions_at_once": 4, "mediums": ["voice", "in_person"],
    "match_on": {"topics": "different"}, "weights": {"topics": 9}
  },
  "participants": [
    {
      "id": "ana", "name": "Ana", "time_zone": "Europe/Lisbon",
      "free": ["mon 18:00-20:30", "Wednesday 12 pm-1 pm"], "if_needed": ["sat 10:00-12:00"], "away": ["2026-12-02"],
      "busy": [{"starts_at": "2026-12-01T19:00:00+01:00", "ends_at": "2026-12-01T18:30:00Z"}],
      "comfort": {"pair": 4, "large": 0}, "mediums": {"voice": 3}, "topics": {"grief": 4}, "languages": ["pt", "en"],
      "role": "listen", "facilitates": 2, "keep_apart": ["ben"], "prefers": [], "owed": 1, "most_sessions": 3
    },
    {"id": "ben", "time_zone": "UTC", "free": []}
  ],
  "history": [{"week": "2026-11-02", "together": ["ana", "ben"], "went": "well"}],
  "pinned": [{"people": ["ana"], "starts_at": "2026-12-01T19:00:00+01:00"}]
}"""


def with_people(*people: dict[str, Any], **more: Any) -> str:
    """One field a line, so that lines can be told apart."""
    return json.dumps({"kind": "buddies", "week": "2026-11-30", "participants": people, **more}, indent=0)


def mistakes_of(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(BadFile) as refusal:
        problem_from_json(text)
    return [(mistake.line, mistake.field, mistake.text) for mistake in refusal.value.mistakes]


def test_every_field_of_the_file_reaches_the_problem() -> None:
    problem = problem_from_json(FULL)

    ana, ben = problem.participants
    assert (problem.week, problem.slot_minutes) == (date(2026, 11, 30), 15)
    assert (problem.program.session_minutes, problem.program.ideal, problem.program.sessions_at_once) == (45, 3, 4)
    assert problem.program.mediums == ("voice", "in_person")
    assert problem.program.match_on["topics"] is MatchOn.DIFFERENT
    assert (problem.program.weights["topics"], problem.program.weights["comfort"]) == (9, 5)
    assert ana.hours == (
        WeeklyHours(0, 1080, 1230), WeeklyHours(2, 720, 780), WeeklyHours(5, 600, 720, Liking.IF_NEEDED),
    )  # fmt: skip
    assert (ana.comfort.with_size(2), ana.comfort.with_size(9), ana.comfort.with_size(3)) == (4, 0, 2)
    assert (ana.role, ana.facilitates, ana.owed, ana.most_sessions) == (Role.LISTEN, 2, 1, 3)
    assert (ana.keep_apart, ana.languages) == (frozenset({"ben"}), frozenset({"pt", "en"}))
    assert ana.away == frozenset({date(2026, 12, 2)})
    assert ana.busy == {span(datetime(2026, 12, 1, 18, tzinfo=UTC), 30)}
    assert (ben.role, ben.owed, ben.most_sessions, ben.hours) == (Role.BOTH, 0, 1, ())
    assert problem.history == (Meeting(date(2026, 11, 2), frozenset({"ana", "ben"}), "well"),)
    assert problem.pinned == (Pin(frozenset({"ana"}), span(datetime(2026, 12, 1, 18, tzinfo=UTC), 45)),)


def test_the_file_that_is_written_reads_back_as_the_same_problem() -> None:
    problem = problem_from_json(FULL)

    assert problem_from_json(problem_to_json(problem)) == problem


@pytest.mark.parametrize("kind", list(Kind))
def test_only_kind_week_and_each_ones_id_zone_and_hours_are_required(kind: Kind) -> None:
    problem = problem_from_json(with_people(ANA, kind=kind))

    assert problem.program == PRESETS[kind]


def test_who_facilitates_comes_as_a_peer_only_if_they_say_so() -> None:
    text = with_people({**ANA, "facilitates": 1}, {**BEN, "facilitates": 1, "most_sessions": 1}, kind="sessions")

    assert [person.most_sessions for person in problem_from_json(text).participants] == [0, 1]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("id", "", "must not be empty"),
        ("id", 7, "must be a text, not 7"),
        ("time_zone", "Europe/Lisbonne", "'Europe/Lisbonne' is not a time zone; expected a name like 'Europe/Lisbon'"
                                          "; did you mean 'Europe/Lisbon'?"),
        ("time_zone", "../../etc/passwd", "'../../etc/passwd' is not a time zone; expected a name like"
         " 'Europe/Lisbon'"),
        ("free", ["mon 20:00-18:00"], "20:00-18:00 ends before it starts;"
         " for a night, give two ranges, one for each day"),
        ("free", ["someday 1-2"], "'someday' is not a day; expected one of mon, tue, wed, thu, fri, sat, sun"),
        ("free", ["mon 18:10-19:00"], "the time must be a multiple of 15 minutes, for example 18:00 or 18:15"),
        ("free", ["mon 18:00-26:00"], "'26:00' is not a time; expected 00:00 to 24:00"),
        ("free", "mon 18:00-19:00", "must be a list, not 'mon 18:00-19:00'"),
        ("free", [f"mon 0:00-{1 + n // 60}:{n % 60 // 15 * 15:02}" for n in range(201)],
         "201 ranges are more than 200; join some of them"),
        ("name", "A" * 10_000, "is longer than 200 characters"),
        ("name", "Ana\x00", "must not have the control character U+0000"),
        ("name", "Ana\r\nBcc: all", "must not have the control character U+000D"),
        ("name", "Ana\u202egnp.exe", "must not have the direction mark U+202E"),
        ("name", "Ana\ud800", "has a character that cannot be written"),
        ("comfort", {"pair": 5}, "must be at most 4, not 5"),
        ("comfort", {"pair": True}, "must be a whole number, not True"),
        ("comfort", {"pears": 1}, "'pears' is not one of pair, trio, small, large; did you mean 'pair'?"),
        ("mediums", {"telepathy": 1}, "'telepathy' is not one of video, voice, text, in_person"),
        ("away", ["2026-02-30"], "must be a date like '2026-11-30', not '2026-02-30'"),
        ("role", "lurk", "must be 'share', 'listen' or 'both', not 'lurk'"),
        ("owed", -1, "must be at least 0, not -1"),
        ("owed", 1.5, "must be a whole number, not 1.5"),
        ("keep_appart", ["ben"], "is not a field of this file"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_line_and_field_and_what_was_expected(field: str, value: Any, said: str) -> None:
    text = with_people(ANA, {**BEN, field: value})

    [(line, name, what)] = mistakes_of(text)

    assert what == said
    assert name.startswith(f"participants[1].{field}")
    assert f'"{field}"' in "".join(text.splitlines()[(line or 0) - 3 : line])


def test_a_busy_time_that_ends_before_it_starts_is_a_mistake() -> None:
    text = with_people({**ANA, "busy": [{"starts_at": "2026-12-01T19:00:00Z", "ends_at": "2026-12-01T18:00:00Z"}]})

    [(line, field, said)] = mistakes_of(text)

    assert (field, said) == ("participants[0].busy[0].ends_at", "must be after starts_at")
    assert '"ends_at"' in text.splitlines()[(line or 0) - 1]


def test_a_missing_field_is_named_on_the_line_where_its_person_begins() -> None:
    text = with_people(ANA, {"id": "ben", "free": []})

    assert mistakes_of(text) == [(text.splitlines().index('"id": "ben",'), "participants[1].time_zone", "is required")]


def test_every_mistake_is_listed_at_once_in_the_order_of_the_lines() -> None:
    text = with_people({**ANA, "owed": -1}, {**BEN, "time_zone": "Mars/Crater", "free": ["mon", 7]}, week="2026-12-01")

    mistakes = mistakes_of(text)

    assert [field for _, field, _ in mistakes] == [
        "week", "participants[0].owed",
        "participants[1].time_zone", "participants[1].free[0]", "participants[1].free[1]",
    ]  # fmt: skip
    assert [line for line, _, _ in mistakes] == sorted(line or 0 for line, _, _ in mistakes)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "this is not JSON: Expecting value (column 1)"),
        ('{\n"kind": buddies}', 2, "this is not JSON: Expecting value (column 9)"),
        ("[]", 1, "an object with kind, week and participants was expected"),
        ('{"week": NaN}', None, "this is not JSON that can be read: NaN is not a number"),
    ],
)
def test_what_is_not_a_problem_file_is_said_plainly(text: str, line: int | None, said: str) -> None:
    assert mistakes_of(text) == [(line, "", said)]


def test_json_that_is_nested_without_end_is_refused() -> None:
    [(_, _, said)] = mistakes_of("[" * 100_000)

    assert said.startswith("this is not JSON that can be read: ")


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"week": "2026-12-01"}, "week",
         "2026-12-01 is a Tuesday; the Monday that its week begins with was expected: '2026-11-30'"),
        ({"week": "0001-01-01"}, "week", "must lie between the years 2000 and 2200, not '0001-01-01'"),
        ({"kind": "speed dating"}, "kind", "must be 'buddies' or 'sessions', not 'speed dating'"),
        ({"slot_minutes": 20}, "slot_minutes", "must be a multiple of 15, not 20"),
        ({"program": {"smallest": 4, "ideal": 3}}, "program",
         "expected 2 <= smallest <= ideal <= largest, not smallest 4, ideal 3, largest None"),
        ({"program": {"weights": {"charm": 1}}}, "program.weights",
         "'charm' is not one of overlap, comfort, topics, new_people, trust, roles, preferred_hours, ideal_size"),
        ({"program": {"mediums": []}}, "program.mediums", "needs at least 1 entries"),
        ({"pinned": [{"people": ["anna"]}]}, "pinned[0].people[0]",
         "'anna' is not the id of a participant; did you mean 'ana'?"),
        ({"pinned": [{"people": []}]}, "pinned[0].people", "must name somebody"),
        ({"pinned": [{"people": ["ana"], "starts_at": "2026-12-01T18:10:00Z"}]}, "pinned[0].starts_at",
         "must be on a quarter of an hour, not 18:10:00"),
        ({"pinned": [{"people": ["ana"], "starts_at": "2027-12-01T18:00:00Z"}]}, "pinned[0].starts_at",
         "must lie in the week of 2026-11-30"),
        ({"participants": [ANA, ANA]}, "participants[1].id", "'ana' is already the id of participants[0]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_named(more: dict[str, Any], field: str, said: str) -> None:
    text = with_people(ANA, **more)

    [(line, name, what)] = mistakes_of(text)

    assert (name, what) == (field, said)
    assert line is not None


def test_what_has_no_effect_is_a_warning() -> None:
    text = with_people({**ANA, "keep_apart": ["bem"]}, BEN, program={"match_on": {"languages": "similar"}})

    assert read_problem(text).warnings == (
        "program.match_on.languages: 'similar' has no effect on languages",
        "participants[0].keep_apart: 'bem' does not take part; did you mean 'ben'?",
    )


def test_the_week_of_a_pin_may_begin_before_monday_in_utc() -> None:
    text = with_people(ANA, pinned=[{"people": ["ana"], "starts_at": "2026-11-29T13:00:00Z"}])

    assert problem_from_json(text).pinned[0].span == span(datetime(2026, 11, 29, 13, tzinfo=UTC), 60)
