"""`peerhub match` as a process of its own: files, signals, exit statuses."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen, run
from typing import Any

import pytest
from icalendar import Calendar

from peerhub.matching.problem_file import problem_to_json
from tests.matching.cast import buddies, person, sessions

COMMAND = [sys.executable, "-c", "from peerhub.match_command import match; match(prog_name='peerhub match')"]
MORE_THAN_A_PIPE_HOLDS = 1 << 20
EVENING = "mon 18:00-20:00"
ROLES = ("share", "listen", "both")
SMALL = buddies(
    *(person(name, EVENING, name=name.title()) for name in ("ana", "ben", "cat")), person("dan", "sun 1:00-2:00")
)


def peerhub_match(*arguments: str, given: str = "") -> CompletedProcess[str]:
    return run([*COMMAND, *arguments], input=given, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def problem_file(tmp_path: Path) -> Path:
    file = tmp_path / "problem.json"
    file.write_text(problem_to_json(SMALL))
    return file


@pytest.fixture(scope="module")
def proposal() -> str:
    """What the matcher proposes for the small problem."""
    return peerhub_match("-", "--out", "-", given=problem_to_json(SMALL)).stdout


@pytest.fixture
def proposal_file(tmp_path: Path, proposal: str) -> Path:
    file = tmp_path / "proposal.json"
    file.write_text(proposal)
    return file


def large() -> str:
    """A round with far more good answers than a minute can tell apart."""
    hours = ["mon 18:00-20:00", "tue 18:00-20:00", "wed 18:00-20:00"]
    topics = [{f"t{n % 7}": 1 + n % 4, f"t{n % 5}": 2} for n in range(24)]
    people = [person(f"m{n:02}", *hours[n % 2 :], topics=topics[n], role=ROLES[n % 3]) for n in range(24)]
    leaders = [person(f"f{n}", *hours, facilitates=4, most_sessions=0) for n in range(2)]
    return problem_to_json(sessions(*people, *leaders))


def test_the_proposal_on_standard_output_is_json_and_nothing_else() -> None:
    done = peerhub_match("-", "--out", "-", "--seed", "3", given=problem_to_json(SMALL))

    proposal = json.loads(done.stdout)
    assert done.returncode == 0
    assert list(proposal) == [
        "kind", "week", "sessions", "unmatched", "points", "bound", "gap", "matched", "matched_bound",
        "seconds", "settings",
    ]  # fmt: skip
    assert (proposal["matched"], proposal["gap"], [one["id"] for one in proposal["unmatched"]]) == (3, 0.0, ["dan"])
    assert proposal["settings"] == {"processes": 1, "seed": 3, "time_limit": 60.0}
    assert list(proposal["seconds"]) == ["read", "candidates", "solve", "total"]


def test_a_table_names_everyone_who_meets_and_who_is_left(problem_file: Path) -> None:
    done = peerhub_match(str(problem_file))

    assert "Ana, Ben, Cat" in done.stdout
    assert "3 of 4 people matched in 1 sessions" in done.stdout
    assert done.stderr == ""


def test_each_person_who_meets_gets_a_calendar(problem_file: Path, tmp_path: Path) -> None:
    peerhub_match(str(problem_file), "--ics", str(tmp_path / "one"))
    peerhub_match(str(problem_file), "--ics", str(tmp_path / "two"))

    calendars = {file.stem: Calendar.from_ical(file.read_bytes()) for file in (tmp_path / "one").iterdir()}
    again = {file.stem: Calendar.from_ical(file.read_bytes()) for file in (tmp_path / "two").iterdir()}
    uids = {name: [str(event["UID"]) for event in calendar.walk("VEVENT")] for name, calendar in calendars.items()}
    assert sorted(calendars) == ["ana", "ben", "cat"]
    assert uids == {name: [str(event["UID"]) for event in calendar.walk("VEVENT")] for name, calendar in again.items()}
    assert len({uid for each in uids.values() for uid in each}) == 3
    assert [event["DTSTART"].to_ical() for event in calendars["ana"].walk("VEVENT")] == [b"20261130T183000Z"]


def test_a_proposal_that_is_as_written_passes_the_check(problem_file: Path, proposal_file: Path) -> None:
    done = peerhub_match(str(problem_file), "--check", str(proposal_file))

    assert (done.returncode, done.stderr) == (0, "everything is as written\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"points": 1}, "points: 1 is written"),
        ({"matched": 2}, "matched: 2 is written, 3 people have a seat"),
        ({"bound": 0}, "bound: 0 is less than the points"),
        ({"matched_bound": 2}, "matched_bound: 2 is less than the people matched"),
        ({"unmatched": []}, "everyone_is_seated_or_told_why: dan is not listed exactly once"),
        ({"sessions": []}, "everyone_is_seated_or_told_why: Ana is not listed exactly once"),
        ({"gap": 0.5}, "gap: 0.5 is written"),
        ({"week": "2026-12-07"}, "the proposal is for buddies in the week of 2026-12-07, not for this problem"),
    ],
)
def test_a_proposal_that_claims_what_is_not_so_fails_the_check(
    problem_file: Path, proposal_file: Path, change: dict[str, Any], said: str
) -> None:
    proposal_file.write_text(json.dumps(json.loads(proposal_file.read_text()) | change))

    done = peerhub_match(str(problem_file), "--check", str(proposal_file))

    assert done.returncode == 1
    assert done.stderr.startswith(said)


def test_a_proposal_file_with_mistakes_names_them(problem_file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(
        '{"kind": "buddies", "week": "2026-11-30",\n"sessions": [{"people": 3}],\n"points": 1, "bound": 1}'
    )

    done = peerhub_match(str(problem_file), "--check", str(broken))

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "6 mistakes; nothing was written"
    assert "line 2: sessions[0].people: must be a list, not 3" in done.stderr.splitlines()


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (["-"], "{", "line 1: this is not JSON: Expecting property name enclosed in double quotes (column 2)"),
        (["nowhere.json"], "", "nowhere.json cannot be read: No such file or directory"),
        (["-"], "id,free\n", "a CSV file needs --kind and --week"),
        (["-", "--kind", "buddies", "--week", "2026-12-01"], "id,time_zone,free\nana,UTC,\n",
         "week: 2026-12-01 is a Tuesday; the Monday that its week begins with was expected: '2026-11-30'"),
    ],
)  # fmt: skip
def test_wrong_input_is_said_plainly_and_nothing_is_written(
    tmp_path: Path, arguments: list[str], given: str, said: str
) -> None:
    done = peerhub_match(*arguments, "--out", str(tmp_path / "out.json"), given=given)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [said, "1 mistake; nothing was written"]
    assert list(tmp_path.iterdir()) == []


def test_text_that_is_not_utf_8_is_named_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_bytes("id,time_zone,free\nana,UTC,\nJosé,UTC,\n".encode("latin-1"))

    done = peerhub_match(str(file), "--kind", "buddies", "--week", "2026-11-30")

    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "line 3: this is not UTF-8; save the file as UTF-8, please"


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_the_example_can_be_matched_as_it_is(kind: str) -> None:
    example = peerhub_match("--example", kind).stdout

    done = peerhub_match("-", "--kind", "buddies", "--week", "2026-11-30", "--out", "-", given=example)

    assert json.loads(done.stdout)["matched"] == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_search_and_keeps_the_best_so_far(number: signal.Signals, tmp_path: Path) -> None:
    problem = tmp_path / "problem.json"
    problem.write_text(large())
    command = Popen([*COMMAND, str(problem), "--out", "-", "--progress", "lines"], stdout=PIPE, stderr=PIPE, text=True)
    heard = _until_points(command)

    command.send_signal(number)
    out, _ = command.communicate(timeout=60)

    proposal = json.loads(out)
    assert (command.returncode, proposal["cut"]) == (0, True)
    assert proposal["matched"] >= heard["matched"] > 0
    (tmp_path / "proposal.json").write_text(out)
    assert peerhub_match(str(problem), "--check", str(tmp_path / "proposal.json")).returncode == 0


def test_a_stop_while_it_reads_ends_it_and_writes_nothing() -> None:
    command = Popen(
        [*COMMAND, "-", "--out", "-", "--progress", "lines"], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True
    )
    assert command.stdin
    command.stdin.write(" " * MORE_THAN_A_PIPE_HOLDS)  # so it reads already when this has been written

    command.send_signal(signal.SIGINT)
    command.wait(timeout=60)

    assert command.stdout
    assert command.stderr
    error = json.loads(command.stderr.read().splitlines()[-1])
    assert (command.returncode, command.stdout.read()) == (2, "")
    assert error["mistakes"][0]["text"] == "it was stopped before anything was known; nothing was written"


def _until_points(command: "Popen[str]") -> dict[str, Any]:
    """Wait for the first progress that has points."""
    assert command.stderr
    return next(told for told in map(json.loads, command.stderr) if told["points"])


def test_wrong_input_is_one_json_object_for_programs() -> None:
    done = peerhub_match("-", "--out", "-", "--progress", "lines", given='{"kind": "buddies",\n"week": "x"}')

    said = json.loads(done.stderr)
    assert done.returncode == 2
    assert [(one["line"], one["field"]) for one in said["mistakes"]] == [(1, "participants"), (2, "week")]


def test_the_matcher_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    problem = tmp_path / "problem.json"
    problem.write_text(large())
    command = [*COMMAND, str(problem), "--out", os.devnull, "--progress", "lines", "--with-parent"]
    start = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen({command!r}, stderr=subprocess.PIPE, text=True)\n"
        "child.stderr.readline()\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = Popen([sys.executable, "-c", start], stdin=PIPE, stdout=PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())

    parent.kill()
    parent.wait()

    assert _ends(child)


def _ends(process: int) -> bool:
    """Whether the process ends within some seconds; a zombie has ended."""
    for _ in range(200):
        status = Path(f"/proc/{process}/status")
        if not status.exists() or "State:\tZ" in status.read_text():
            return True
        time.sleep(0.05)
    return False


def test_a_proposal_is_repaired_with_as_little_news_as_possible(tmp_path: Path, proposal_file: Path) -> None:
    gone = json.loads(problem_to_json(SMALL))
    gone["participants"] = [person for person in gone["participants"] if person["id"] != "cat"]
    after = tmp_path / "after.json"
    after.write_text(json.dumps(gone))

    done = peerhub_match(str(after), "--repair", str(proposal_file), "--out", str(tmp_path / "new.json"))
    new = json.loads((tmp_path / "new.json").read_text())
    checked = peerhub_match(str(after), "--check", str(tmp_path / "new.json"))

    assert (done.returncode, done.stderr) == (0, "2 people would be told something new\n")
    assert [session["people"] for session in new["sessions"]] == [["ana", "ben"]]
    assert (new["told"], new["proven_fewest"]) == (["ana", "ben"], True)
    assert checked.returncode == 0


def test_what_still_holds_is_left_alone(problem_file: Path, proposal_file: Path, tmp_path: Path) -> None:
    done = peerhub_match(str(problem_file), "--repair", str(proposal_file), "--out", str(tmp_path / "new.json"))

    before, after = (json.loads(file.read_text()) for file in (proposal_file, tmp_path / "new.json"))
    assert done.stderr == "nobody would be told something new\n"
    assert after["sessions"] == before["sessions"]
    assert (after["told"], "proven_fewest" in before) == ([], False)


def test_a_proposal_of_another_round_is_not_repaired(tmp_path: Path, proposal_file: Path) -> None:
    later = json.loads(problem_to_json(SMALL)) | {"week": "2026-12-07"}
    file = tmp_path / "later.json"
    file.write_text(json.dumps(later))

    done = peerhub_match(str(file), "--repair", str(proposal_file), "--out", str(tmp_path / "new.json"))

    assert done.returncode == 2
    assert "is for buddies in the week of 2026-11-30" in done.stderr
    assert not (tmp_path / "new.json").exists()
