"""The picture shows what was measured, and says it in words."""

import json
import re
from typing import Any
from xml.etree import ElementTree

from bench.picture import drawn, read


def line(solver: str, people: int = 60, **more: Any) -> str:
    row = {"kind": "sessions", "solver": solver, "people": people, "seconds": 2.0, "points": 90, "matched": 15}
    return json.dumps(row | more)


OURS = line("ours", points=99, bound=100)


def test_the_distance_is_to_the_bound_of_ours() -> None:
    rows = read([OURS, line("greedy")])

    assert {row["solver"]: round(row["distance"], 6) for row in rows} == {"greedy": 0.1, "ours": 0.01}


def test_more_points_than_the_bound_for_other_people_are_no_distance() -> None:
    rows = read([OURS, line("greedy", points=101)])

    assert [row["distance"] for row in rows if row["solver"] == "greedy"] == [None]


def test_the_last_good_run_counts() -> None:
    rows = read([OURS, line("greedy", seconds=9.0), line("greedy", seconds=3.0), line("greedy", error="it fell")])

    assert [row["seconds"] for row in rows if row["solver"] == "greedy"] == [3.0]


def test_every_run_is_a_mark_in_each_panel_that_knows_it() -> None:
    svg = drawn(read([OURS, line("ours", 300, points=99, bound=100), line("greedy"), line("greedy", points=101)]))

    marks = re.findall(r'<path class="(\w+)" transform="translate\([\d.]+ [\d.]+\)"', svg)
    assert sorted(marks) == ["greedy"] * 2 + ["ours"] * 5  # with the legend; the distance of greedy is not known
    assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_the_picture_can_be_read_aloud() -> None:
    svg = ElementTree.fromstring(drawn(read([OURS])))

    told = {child.get("id"): child.text for child in svg if child.get("id")}
    assert told["desc"] == ("Sessions for 60 people by peerhub: 2 seconds, 15 matched, 1.000% below the proven bound.")
