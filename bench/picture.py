"""One picture of what was measured: seconds and distance to the proven bound against people, ours and the peers.

    .venv/bin/python -m bench.picture bench/results.jsonl

Reads the lines that ``bench.sessions`` and ``bench.buddies`` append and writes ``docs/pictures/scale.svg``, by hand: a
panel for the seconds and one for the distance, for buddies and for sessions, on logarithmic axes. Of several runs of a
solver on as many people the last counts. The distance is how many points a solver lacks to the bound that ours proved
for the same round. A solver that seats fewer people lacks their points, too; one that is above the bound, with other
people, is not shown. No colour alone tells solvers apart, and who cannot see reads the same in the description.
"""

import argparse
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

Row = dict[str, Any]

OUT: Final = Path(__file__).parents[1] / "docs/pictures/scale.svg"
NAMES: Final = {
    "ours": "peerhub",
    "genetic": "genetic, like gruepr",
    "greedy": "greedy",
    "donut": "random, like Donut",
    "rustworkx": "rustworkx, matching alone",
    "networkx": "networkx, matching alone",
}
BLOSSOMS: Final = ("rustworkx", "networkx")  # timed on the edges of a graph; their points are of that graph alone
SAME: Final = {"peerhub": "ours"}
MARKS: Final = {
    "ours": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "genetic": "M-5-5h10v10h-10z",
    "greedy": "M0-6l6 10h-12z",
    "donut": "M0-6l6 6l-6 6l-6-6z",
    "rustworkx": "M-5-5l10 10M-5 5l10-10",
    "networkx": "M0-6v12M-6 0h12",
}
KINDS: Final = {"buddies": "Buddies: pairs and trios", "sessions": "Sessions: groups that someone leads"}
TITLES: Final = {"seconds": "seconds", "distance": "points below the bound"}
WIDTH: Final = 660
LEFT, PANEL, GUTTER = 64, 238, 100
HIGH: Final = 190
LEAST_GAP: Final = 1e-5  # drawn for what is proven best, or as good as

STYLE: Final = """
text{font:20px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#665c53}
.head{font-weight:600;font-size:21px;fill:#2c2723}
.page{fill:#faf6f0}.grid{stroke:#dfd5c8}.tick{font-size:18px}
path,polyline{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.ours{stroke:#1f6b5e}.genetic{stroke:#9c2f2f}.greedy{stroke:#a06a14}.donut{stroke:#8f8377}
.rustworkx{stroke:#3d5a98}.networkx{stroke:#7a4b8f}polyline.ours{stroke-width:3.2}
path.ours{fill:#1f6b5e}path.genetic,path.greedy,path.donut{fill:#faf6f0}
@media(prefers-color-scheme:dark){
text{fill:#bdb1a5}.head{fill:#f0e9e0}.page{fill:#1b1917}.grid{stroke:#3d3833}
.ours{stroke:#84cdbd}.genetic{stroke:#f2a59b}.greedy{stroke:#e3b873}.donut{stroke:#a39a90}
.rustworkx{stroke:#9db6ea}.networkx{stroke:#cfa6e0}
path.ours{fill:#84cdbd}path.genetic,path.greedy,path.donut{fill:#1b1917}}
"""


@dataclass(frozen=True)
class Axis:
    """A logarithmic scale from a least to a most, over so many pixels."""

    least: float
    most: float
    pixels: float

    def at(self, value: float) -> float:
        share = math.log(min(max(value, self.least), self.most) / self.least) / math.log(self.most / self.least)
        return share * self.pixels

    @property
    def ticks(self) -> list[float]:
        first, last = math.ceil(math.log10(self.least) - 1e-9), math.floor(math.log10(self.most) + 1e-9)
        return [10.0**power for power in range(first, last + 1)]


def read(lines: Iterable[str]) -> list[Row]:
    """The last good run of each solver on each number of people, with the distance to the bound of ours."""
    last: dict[tuple[str, str, int], Row] = {}
    for line in filter(str.strip, lines):
        row = json.loads(line)
        solver = SAME.get(row["solver"], row["solver"])
        if "error" not in row and solver in NAMES:
            last[row["kind"], solver, row["people"]] = row | {"solver": solver}
    rows = []
    for (kind, _, people), row in sorted(last.items()):
        rows.append(row | {"distance": _distance(row, last.get((kind, "ours", people)))})
    return rows


def _distance(row: Row, ours: Row | None) -> float | None:
    """The share that is missing of the bound which ours proved, for as many people as ours matched."""
    if not ours or not ours["bound"] or row["points"] > ours["bound"] or row["solver"] in BLOSSOMS:
        return None
    return float(1 - row["points"] / ours["bound"])


def drawn(rows: list[Row]) -> str:
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in rows)]
    solvers = [solver for solver in NAMES if any(row["solver"] == solver for row in rows)]
    legend_rows = -(-len(solvers) // 2)
    top = 30 + 30 * legend_rows
    each = HIGH + 112
    high = top + each * len(kinds) + 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {high}" width="{WIDTH}" height="{high}"'
        ' role="img" aria-labelledby="title desc">',
        '<title id="title">Seconds and distance to the proven bound, by the number of people</title>',
        f'<desc id="desc">{escape(" ".join(told(rows)))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{high}" rx="10"/>',
        *_legend(solvers),
    ]
    people = [row["people"] for row in rows]
    across = Axis(min(people) * 0.8, max(people) * 1.25, PANEL)
    for place, kind in enumerate(kinds):
        of_it = [row for row in rows if row["kind"] == kind]
        down = top + each * place
        parts.append(f'<text class="head" x="{LEFT - 46}" y="{down + 20}">{KINDS[kind]}</text>')
        parts.append(f'<text x="{WIDTH - 18}" y="{down + 20}" text-anchor="end">by people</text>')
        parts += _panel(of_it, "seconds", (LEFT, down + 66), across)
        parts += _panel(of_it, "distance", (LEFT + PANEL + GUTTER, down + 66), across)
    return "\n".join([*parts, "</svg>", ""])


def _legend(solvers: list[str]) -> Iterator[str]:
    for place, solver in enumerate(solvers):
        x, y = LEFT - 36 + (place % 2) * (PANEL + GUTTER), 32 + 30 * (place // 2)
        yield f'<path class="{solver}" transform="translate({x} {y})" d="{MARKS[solver]}"/>'
        yield f'<text x="{x + 18}" y="{y + 7}">{NAMES[solver]}</text>'


def _panel(rows: list[Row], value: str, place: tuple[int, int], across: Axis) -> Iterator[str]:
    x, y = place
    known = [row for row in rows if row.get(value) is not None]
    up = Axis(LEAST_GAP, 1, HIGH) if value == "distance" else _seconds([row["seconds"] for row in known])
    yield f'<text x="{x - 46}" y="{y - 14}">{TITLES[value]}</text>'
    for tick in up.ticks:
        level = y + HIGH - up.at(tick)
        yield f'<line class="grid" x1="{x}" x2="{x + PANEL}" y1="{level:.1f}" y2="{level:.1f}"/>'
        name = _percent(tick) if value == "distance" else f"{tick:,g}"
        yield f'<text class="tick" x="{x - 6}" y="{level + 6:.1f}" text-anchor="end">{name}</text>'
    for tick in across.ticks:
        at = x + across.at(tick)
        yield f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{y}" y2="{y + HIGH}"/>'
        yield f'<text class="tick" x="{at:.1f}" y="{y + HIGH + 24}" text-anchor="middle">{_short(tick)}</text>'
    for solver in reversed(NAMES):
        points = [
            (x + across.at(row["people"]), y + HIGH - up.at(row[value]))
            for row in sorted(known, key=lambda row: int(row["people"]))
            if row["solver"] == solver
        ]
        if points:
            way = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
            yield f'<polyline class="{solver}" points="{way}"/>'
            for a, b in points:
                yield f'<path class="{solver}" transform="translate({a:.1f} {b:.1f})" d="{MARKS[solver]}"/>'


def _seconds(seconds: list[float]) -> Axis:
    least = 10.0 ** math.floor(math.log10(max(0.01, min(seconds, default=1))))
    return Axis(least, max(10 * least, 10.0 ** math.ceil(math.log10(max(seconds, default=1)))), HIGH)


def _percent(share: float) -> str:
    return "≤0.001%" if share <= LEAST_GAP * 1.01 else f"{share * 100:g}%"


def _short(people: float) -> str:
    return f"{people / 1000:g}k" if people >= 1_000 else f"{people:g}"


def told(rows: list[Row]) -> Iterator[str]:
    """The same in words."""
    for row in rows:
        distance = row["distance"]
        far = "" if distance is None else f", {distance:.3%} below the proven bound"
        name, seconds = NAMES[row["solver"]], f"{row['seconds']:.3g} seconds"
        what = f"{row['kind'].capitalize()} for {row['people']:,} people by {name}"
        yield f"{what}: {seconds}, {row['matched']:,} matched{far}."


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    ask.add_argument("results", type=Path, nargs="*", default=[Path(__file__).parent / "results.jsonl"])
    ask.add_argument("--out", type=Path, default=OUT)
    asked = ask.parse_args()
    rows = read(line for path in asked.results for line in path.read_text("utf-8").splitlines())
    asked.out.write_text(drawn(rows), "utf-8")
    print(f"{asked.out}: {len(rows)} runs")


if __name__ == "__main__":
    main()
