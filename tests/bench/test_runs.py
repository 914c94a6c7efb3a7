"""A solver runs in a process of its own, and one that fails is a row that says so."""

from pathlib import Path

from bench.runs import run


def test_a_run_is_a_row_with_what_the_judge_counted() -> None:
    row = run("greedy", "sessions", 60, 20)

    assert {"points", "matched", "weight", "repeats", "seconds", "memory_mb", "at", "machine"} <= row.keys()
    assert (row["kind"], row["solver"], row["people"], row["dropped"]) == ("sessions", "greedy", 60, 0)
    assert row["matched"] > 0


def test_a_run_that_fails_says_so(tmp_path: Path) -> None:
    row = run("greedy", "sessions", 60, 5, members=tmp_path / "nowhere.json")

    assert "nowhere.json" in row["error"]
    assert "points" not in row
