"""Sessions at any size: ours beside a genetic algorithm, a greedy assignment and a random bot, at equal time.

    .venv/bin/python -m bench.sessions --people 60 300 1000 --seconds 60 --processes 2 --out bench/results.jsonl

Each solver runs alone, one after the other, in a process of its own; one that fails costs its own row only. For each
the table shows what it had after 10 and 60 seconds and at the end, and when ours had passed the peer's last result.
``--kind buddies`` sets the same peers beside our buddies.
"""

import argparse
from pathlib import Path

from bench.runs import SOLVERS, Row, append, run

WISHES = ("weight", "matched", "points")  # of several wishes the first that differs decides
PEOPLE = [60, 300, 1_000, 5_000, 20_000]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    ask.add_argument("--people", type=int, nargs="+", default=PEOPLE)
    ask.add_argument("--kind", choices=("sessions", "buddies"), default="sessions")
    ask.add_argument("--solvers", choices=SOLVERS, nargs="+", default=list(SOLVERS))
    ask.add_argument("--seconds", type=float, default=60)
    ask.add_argument("--processes", type=int, default=1)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--out", type=Path, help="A file to which a JSON object is added for each run.")
    asked = ask.parse_args()
    print(HEADING)
    for people in asked.people:
        ours: Row = {}
        for solver in asked.solvers:
            row = run(solver, asked.kind, people, asked.seconds, processes=asked.processes, seed=asked.seed)
            ours = row if solver == "ours" else ours
            append(asked.out, compared(row, ours))
            print(shown(compared(row, ours)), flush=True)


HEADING = (
    f"{'people':>6} {'solver':8} {'after':>7} {'points':>11} {'matched':>13} {'repeats':>7} {'gap':>8} {'MB':>6}"
    "  ours had passed it after"
)


def compared(row: Row, ours: Row) -> Row:
    """The row with the gap to our bound, and with the seconds after which ours was at least as good."""
    if "error" in row or row is ours or "error" in ours or not ours:
        return row
    more: Row = {"ours_passed_after": _passed(row, ours)}
    if row["weight"] == ours["weight"] and row["matched"] == ours["matched"] and ours["bound"]:
        more |= {"bound": ours["bound"], "gap": 1 - row["points"] / ours["bound"]}
    return row | more


def _passed(row: Row, ours: Row) -> float | None:
    """The seconds after which ours was at least as good, by the order of wishes; None when it never was.

    On its way ours tells people and points. Who is matched is settled first, so a weight that is higher at last is
    reached with the last number of people.
    """
    if [ours[wish] for wish in WISHES] < [row[wish] for wish in WISHES]:
        return None
    goal = [ours["matched"], 0] if ours["weight"] > row["weight"] else [row["matched"], row["points"]]
    return float(next((seconds for seconds, *known in ours["trail"] if known >= goal), ours["seconds"]))


def shown(row: Row) -> str:
    if "error" in row:
        return f"{row['people']:>6} {row['solver']:8} failed: {row['error']}"
    known = [*((f"{mark} s", there) for mark, there in row["at"].items()), (f"{row['seconds']:.1f} s", row)]
    return "\n".join(_line(row, after, there, last=there is row) for after, there in known)


def _line(row: Row, after: str, known: Row, *, last: bool) -> str:
    most = f"/{row['matched_bound']}" if "matched_bound" in row else ""
    gap = known.get("gap")
    text = f"{row['people']:>6} {row['solver']:8} {after:>7} {known['points']:>11,} {str(known['matched']) + most:>13}"
    text += (
        f" {known.get('repeats', ''):>7} {'' if gap is None else f'{gap:.3%}':>8} {row['memory_mb'] if last else '':>6}"
    )
    if last and "ours_passed_after" in row:
        passed = row["ours_passed_after"]
        text += "  never" if passed is None else f"  {passed:.1f} s"
    return text


if __name__ == "__main__":
    main()
