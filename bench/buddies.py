"""Large rounds of buddies: how long, how near the proven bound, and beside exact matchings on the same edges.

    .venv/bin/python -m bench.buddies --people 1000 10000 --peers rustworkx networkx --out buddies.jsonl

Needs the extra ``bench`` for the peers. Each size gives one line for the whole way from people to a proposal, and one
for the matching alone of a graph that is drawn already: ours, and each peer's on the very same edges. What a peer needs
to build its graph is not counted. ``--out`` adds a JSON line for each, for the picture. The times compared are those
of the processor, for the machine may be shared; of a process of its own they are counted too.
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.people import lines
from peerhub.matching import many
from peerhub.matching.flow import Edges, fractional
from peerhub.matching.mending import Matching
from peerhub.matching.preferences import points_of
from peerhub.matching.problem_file import problem_from_json
from peerhub.matching.search import Search

NO_TRIOS = 1 << 62
TICK = 0.01  # of the clock that counts work
Two = tuple[int, int]


@dataclass(frozen=True)
class Measured:
    """One solver on one round: ``seconds`` by the clock, ``work`` of the processor, ``weight`` beside the peers'."""

    solver: str
    people: int
    edges: int
    seconds: float
    work: float
    points: int
    bound: int
    gap: float
    matched: int
    weight: int
    memory_mb: int | None = None
    kind: str = "buddies"


def worked() -> float:
    """Seconds of the processor that this process and those it waited for have had."""
    return sum(os.times()[:4])


def timed(what: Callable[[], Any]) -> tuple[Any, float, float]:
    began, work = time.perf_counter(), worked()
    answer = what()
    return answer, time.perf_counter() - began, worked() - work


def by_peerhub(people: int, edges: Edges) -> Callable[[], Iterable[Two]]:
    def solve() -> Iterable[Two]:
        matching = Matching(edges, fractional(people, edges), lambda *_: None, NO_TRIOS)
        while matching.mend_next():
            pass
        return matching.pairs

    return solve


def by_rustworkx(people: int, edges: Edges) -> Callable[[], Iterable[Two]]:
    import rustworkx  # noqa: PLC0415

    graph = rustworkx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(people))
    graph.add_edges_from(list(zip(edges.one.tolist(), edges.other.tolist(), edges.worth.tolist(), strict=True)))
    return lambda: rustworkx.max_weight_matching(graph, weight_fn=int)


def by_networkx(people: int, edges: Edges) -> Callable[[], Iterable[Two]]:
    import networkx  # noqa: PLC0415

    graph = networkx.Graph()
    graph.add_nodes_from(range(people))
    graph.add_weighted_edges_from(zip(edges.one.tolist(), edges.other.tolist(), edges.worth.tolist(), strict=True))
    return lambda: networkx.max_weight_matching(graph)


PEERS = {"rustworkx": by_rustworkx, "networkx": by_networkx}


def measured(people: int, seed: int, peers: Iterable[str]) -> Iterable[Measured]:
    problem = problem_from_json("".join(lines(people, seed)))
    _ = problem.free, problem.free_and_good
    a_round = many.Round(problem, Search(36_000, seed=seed))
    found, seconds, work = timed(a_round.found)
    edges, points = a_round.edges, sum(points_of(problem, session) for session in found.sessions)
    places = [a_round.crowd.terms.places[person] for session in found.sessions for person in session.people]
    yield Measured(
        "peerhub", people, len(edges), seconds, work, points, found.bound, 1 - points / found.bound, len(places),
        points + a_round.step * int(a_round.weights[places].sum()),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
    )  # fmt: skip
    bound = fractional(people, edges).most
    for name, prepare in {"peerhub, matching": by_peerhub, **{name: PEERS[name] for name in peers}}.items():
        twos, seconds, work = timed(prepare(people, edges))
        yield replace(on_the_same_edges(name, a_round, twos, bound), seconds=seconds, work=work)


def on_the_same_edges(name: str, a_round: many.Round, twos: Iterable[Two], bound: int) -> Measured:
    """What a matching of the graph is worth: its gap is that of its weight, people before points."""
    edges, people = a_round.edges, a_round.crowd.count
    keys = edges.one * people + edges.other
    order = np.argsort(keys)
    chosen = np.sort(np.array(list(twos), np.int64).reshape(-1, 2), axis=1)
    where = order[np.searchsorted(keys[order], chosen @ np.array([people, 1]))]
    weight = int(edges.worth[where].sum())
    counted = a_round.step * int(a_round.weights[chosen].sum())
    return Measured(
        name, people, len(edges), 0, 0, weight - counted, bound - counted, 1 - weight / bound, chosen.size, weight
    )  # fmt: skip


def main() -> None:
    ask = argparse.ArgumentParser(description="Time large rounds of buddies.")
    ask.add_argument("--people", type=int, nargs="+", default=[1000])
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--peers", choices=PEERS, nargs="*", default=["rustworkx"])
    ask.add_argument("--out", type=Path, help="add a JSON line for each measurement to this file")
    asked = ask.parse_args()
    titles = f"{'people':>7} {'solver':<18} {'edges':>9} {'clock':>9} {'work':>9} {'times ours':>10}"
    print(f"{titles} {'weight / ours':>14} {'proven gap':>10} {'matched':>7}")
    for people in asked.people:
        ours: Measured | None = None
        for one in measured(people, asked.seed, asked.peers):
            ours = one if one.solver == "peerhub, matching" else ours
            print(row(one, ours), flush=True)
            if asked.out:
                with asked.out.open("a") as out:
                    out.write(json.dumps(asdict(one)) + "\n")


def row(one: Measured, ours: Measured | None) -> str:
    text = f"{one.people:>7} {one.solver:<18} {one.edges:>9} {one.seconds:>9.2f} {one.work:>9.2f}"
    if ours is not None:
        text += f" {one.work / max(ours.work, TICK):>10.1f} {one.weight / ours.weight:>14.9f}"
    else:
        text += f" {'':>10} {'':>14}"
    return f"{text} {one.gap:>10.6%} {one.matched:>7}"


if __name__ == "__main__":
    sys.exit(main())
