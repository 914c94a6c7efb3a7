"""Large rounds of buddies: how long, how near the proven bound, and beside exact matchings on the same edges.

    .venv/bin/python -m bench.buddies --people 1000 --peers rustworkx networkx

Needs the extra ``bench`` for the peers. Seconds are of the clock and, in brackets, of the processor.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.people import lines
from peerhub.matching import many
from peerhub.matching.flow import Edges
from peerhub.matching.preferences import points_of
from peerhub.matching.problem_file import problem_from_json
from peerhub.matching.search import Search


def timed(what: Callable[[], Any]) -> tuple[Any, float, float]:
    began, work = time.perf_counter(), time.process_time()
    answer = what()
    return answer, time.perf_counter() - began, time.process_time() - work


def by_rustworkx(edges: Edges) -> int:
    import rustworkx  # noqa: PLC0415

    graph = rustworkx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(int(edges.other.max()) + 1))
    graph.add_edges_from(list(zip(edges.one.tolist(), edges.other.tolist(), edges.worth.tolist(), strict=True)))
    chosen = rustworkx.max_weight_matching(graph, weight_fn=int)
    return sum(graph.get_edge_data(*two) for two in chosen)


def by_networkx(edges: Edges) -> int:
    import networkx  # noqa: PLC0415

    graph = networkx.Graph()
    graph.add_weighted_edges_from(zip(edges.one.tolist(), edges.other.tolist(), edges.worth.tolist(), strict=True))
    return sum(graph.edges[two]["weight"] for two in networkx.max_weight_matching(graph))


PEERS = {"rustworkx": by_rustworkx, "networkx": by_networkx}


def main() -> None:
    ask = argparse.ArgumentParser(description="Time large rounds of buddies.")
    ask.add_argument("--people", type=int, nargs="+", default=[1000])
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--peers", choices=PEERS, nargs="*", default=["rustworkx"])
    asked = ask.parse_args()
    print(
        f"{'people':>7} {'edges':>8} {'seconds':>16} {'gap':>9} {'matched':>15}  peers: seconds, our time, our weight"
    )
    for people in asked.people:
        print(row(people, asked.seed, asked.peers), flush=True)


def row(people: int, seed: int, peers: list[str]) -> str:
    problem = problem_from_json("".join(lines(people, seed)))
    _ = problem.free, problem.free_and_good
    a_round = many.Round(problem, Search(3600, seed=seed))
    found, seconds, work = timed(a_round.found)
    points = sum(points_of(problem, session) for session in found.sessions)
    matched = np.array([a_round.crowd.terms.places[p] for s in found.sessions for p in s.people], np.int64)
    weight = points + a_round.step * int(a_round.weights[matched].sum())
    text = f"{people:>7} {len(a_round.edges):>8} {seconds:>7.2f} [{work:>5.2f}] {1 - points / found.bound:>9.5%}"
    text += f" {len(matched):>7}/{found.matched_bound:<7}"
    for peer in peers:
        best, its_seconds, its_work = timed(lambda peer=peer: PEERS[peer](a_round.edges))
        text += f"  {peer} {its_seconds:.2f} [{its_work:.2f}], {its_work / work:.1f} x, {weight / best:.7f}"
    return text


if __name__ == "__main__":
    main()
