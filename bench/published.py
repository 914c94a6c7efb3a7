"""What others published, and what our matcher makes of it: kidney exchange, random matching, and others' own tests.

    .venv/bin/python -m bench.published
    .venv/bin/python -m bench.published kidneys --draws 500
    .venv/bin/python -m bench.published survey --file testdata.csv --seconds 30

``kidneys``: the two-way exchanges of Roth, Sönmez and Ünver (American Economic Review 2007), drawn anew as they
describe (after Saidman and others 2006) and matched through the whole of ``match()``: a pair of a donor and a recipient
is a participant, and who cannot exchange keeps apart. The number of transplants is what they report.

``random``: the cheapest perfect matching where all edges cost a random amount from 0 to 1. Mézard and Parisi said in
1985 that it costs pi^2 / 12 for many people, and Aldous proved it in 2001. Matched on the graph level of large rounds
of buddies; the prices prove how near it is on each graph, those of all edges, and rustworkx's exact blossom stands
beside it.

``tests``: the graphs on which networkx tests its maximum-weight matching (after Joris van Rantwijk's: blossoms in
blossoms and other traps), matched by the graph level of large rounds. That mends to whole pairs with a proven bound,
not to the last point, so it may lose a little: how often it does not is what is counted.

``survey``: a file of answers as gruepr (https://github.com/gruepr/gruepr) reads it, made into teams by our matcher and
by the genetic algorithm of its kind, and counted alike. The file is not brought along: give its path.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from random import Random
from statistics import mean, stdev
from typing import Any, Final

import numpy as np

from bench.golfers import EVENING, WEEK
from bench.judge import judge
from bench.peers.genetic import genetic
from bench.peers.greedy import greedy
from bench.survey import read_survey
from peerhub.domain.programs import WEIGHTS, Kind, MatchOn, Program
from peerhub.matching.flow import Edges, fractional
from peerhub.matching.match import match
from peerhub.matching.mending import Matching
from peerhub.matching.problem import Participant, Problem

# Kidneys

TRANSPLANTS: Final = {25: 8.86, 50: 21.792, 100: 49.708}  # two-way, the mean of 500 draws
BLOOD: Final = {"O": 0.4814, "A": 0.3373, "B": 0.1428, "AB": 0.0385}
CROSSMATCH: Final = ((0.7019, 0.05), (0.2, 0.45), (0.0981, 0.9))  # how many react, to how many donors
FEMALE: Final = 0.4090
SPOUSES: Final = 0.4897
HUSBAND: Final = 0.75  # as often as to others, a recipient does not react to her husband


class Couple:
    """A recipient and their donor, who do not fit."""

    def __init__(self, draw: Random) -> None:
        while True:
            self.recipient, self.donor = draw.choices(tuple(BLOOD), tuple(BLOOD.values()), k=2)
            (self.reacts,) = draw.choices([to for _, to in CROSSMATCH], [share for share, _ in CROSSMATCH])
            married = draw.random() < FEMALE and draw.random() < SPOUSES
            reacts = 1 - HUSBAND * (1 - self.reacts) if married else self.reacts
            if not _blood_fits(self.donor, self.recipient) or draw.random() < reacts:
                return

    def gets_from(self, other: "Couple", draw: Random) -> bool:
        return _blood_fits(other.donor, self.recipient) and draw.random() >= self.reacts


def _blood_fits(donor: str, recipient: str) -> bool:
    return set(donor) - {"O"} <= set(recipient)


def exchanges(couples: int, draw: Random) -> Problem:
    """Couples as participants; whoever cannot exchange with each other keeps apart."""
    pool = [Couple(draw) for _ in range(couples)]
    fits = [[one is not other and one.gets_from(other, draw) for other in pool] for one in pool]
    nothing = dict.fromkeys(("topics", "languages", "roles"), MatchOn.IGNORE)
    program = Program(
        Kind.BUDDIES, 60, 2, 2, 2, mediums=("video",), match_on=nothing, weights=dict.fromkeys(WEIGHTS, 0)
    )
    people = (
        Participant(
            f"c{n}",
            "UTC",
            EVENING,
            keep_apart=frozenset(f"c{m}" for m in range(n) if not (fits[n][m] and fits[m][n])),
        )
        for n in range(couples)
    )
    return Problem(program, WEEK, tuple(people))


def kidneys(draws: int) -> None:
    print("couples  draws  transplants: ours    +- (95 %)  published  proven most  seconds each")
    for couples, published in TRANSPLANTS.items():
        began = time.monotonic()
        found = [match(exchanges(couples, Random(f"{couples} {n}")), time_limit=30) for n in range(draws)]
        matched = [one.matched for one in found]
        proven = sum(one.matched == one.matched_bound for one in found)
        error = 1.96 * stdev(matched) / math.sqrt(draws)
        print(
            f"{couples:>7} {draws:>6} {mean(matched):>18.3f} {error:>12.2f} {published:>10.3f}"
            f" {proven:>6} of {draws:<4} {(time.monotonic() - began) / draws:>7.3f}",
            flush=True,
        )


# Random costs

ONE: Final = 10**6
NEAREST: Final = 40
NO_TRIOS: Final = 1 << 62


def random_costs(people: int, seed: int) -> tuple[Edges, Edges]:
    """A complete graph with random costs, as worths: all edges, and the cheapest of each person."""
    draw = np.random.default_rng(seed)
    one, other = np.triu_indices(people, 1)
    costs = draw.random(len(one))
    table = np.full((people, people), 2.0)
    table[one, other] = table[other, one] = costs
    cheap = np.sort(table, axis=1)[:, NEAREST - 1]
    edges = Edges(one.astype(np.int64), other.astype(np.int64), (3 * ONE - costs * ONE).astype(np.int64))
    return edges, edges.where((costs <= cheap[one]) | (costs <= cheap[other]))


def random(sizes: Iterable[int], draws: int) -> None:
    print("people  draws      ours  the limit  worst proven gap  ours / blossom   (the limit is pi^2 / 12)")
    for people in sizes:
        costs, gaps, beside = [], [], []
        for seed in range(draws):
            everything, edges = random_costs(people, seed)
            pairs = paired(people, edges)
            worth = _worth(edges, pairs)
            cost = 3 * len(pairs) - worth / ONE
            costs.append(cost if 2 * len(pairs) == people else math.inf)
            gaps.append(_proven_gap(people, everything, edges, worth))
            beside.append(cost / (3 * people // 2 - _worth(edges, by_blossoms(people, edges)) / ONE))
        limit = math.pi**2 / 12
        print(
            f"{people:>6} {draws:>6} {mean(costs):>9.4f} {limit:>10.4f} {max(gaps):>17.4%} {mean(beside):>15.6f}",
            flush=True,
        )


def paired(people: int, edges: Edges) -> list[tuple[int, int]]:
    """As large rounds of buddies are matched: the best half and half, mended to whole pairs."""
    matching = Matching(edges, fractional(people, edges), lambda *_: None, NO_TRIOS)
    while matching.mend_next():
        pass
    return matching.pairs


def by_blossoms(people: int, edges: Edges) -> Iterable[tuple[int, int]]:
    import rustworkx  # noqa: PLC0415

    graph = rustworkx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(people))
    graph.add_edges_from(list(zip(edges.one.tolist(), edges.other.tolist(), edges.worth.tolist(), strict=True)))
    return set(rustworkx.max_weight_matching(graph, weight_fn=int))


def _worth(edges: Edges, pairs: Iterable[Any]) -> int:
    known = {
        (a, b): worth
        for a, b, worth in zip(*(column.tolist() for column in (edges.one, edges.other, edges.worth)), strict=True)
    }
    return sum(known[min(pair), max(pair)] for pair in pairs)


def _proven_gap(people: int, everything: Edges, edges: Edges, worth: int) -> float:
    """How much less all could cost at most: prices that do not hold for an edge left out are raised until they do."""
    twice = fractional(people, edges).twice
    lacks = 2 * everything.worth - twice[everything.one] - twice[everything.other]
    raised = twice.copy()
    np.maximum.at(raised, everything.one, twice[everything.one] + np.maximum(0, lacks))
    bound = int(raised.sum()) // 2
    most = 3 * ONE * (people // 2)
    return (bound - worth) / max(1, most - worth)


# The tests that networkx brings

SCALE: Final = 10**6


def best_of_ours(
    names: list[Any], edges: Sequence[tuple[Any, Any, float]], *, most: bool = False
) -> list[tuple[Any, Any]]:
    """The matching of most weight, or of most pairs and then most weight, by the graph level of large rounds."""
    place = {name: n for n, name in enumerate(names)}
    known = [(*sorted((place[a], place[b])), round(weight * SCALE)) for a, b, weight in edges if a != b]
    extra = 1 + sum(abs(worth) for *_, worth in known) if most else 0
    good = sorted((one, other, worth + extra) for one, other, worth in known if worth + extra > 0)
    if not good:
        return []
    one, other, worths = (np.array(column, np.int64) for column in zip(*good, strict=True))
    return [(names[a], names[b]) for a, b in paired(len(names), Edges(one, other, worths))]


def tests() -> None:
    import networkx as nx  # noqa: PLC0415
    from networkx.algorithms.tests import test_matching  # noqa: PLC0415

    graphs: list[tuple[Any, bool]] = []
    theirs = nx.max_weight_matching

    def collected(graph: Any, maxcardinality: bool = False, weight: str = "weight") -> Any:
        graphs.append((graph.copy(), maxcardinality))
        return theirs(graph, maxcardinality, weight)

    nx.max_weight_matching = collected
    try:
        suite = test_matching.TestMaxWeightMatching()
        for name in dir(suite):
            if name.startswith("test"):
                getattr(suite, name)()
    finally:
        nx.max_weight_matching = theirs
    as_good = [_as_good(graph, full, theirs) for graph, full in graphs]
    print(
        f"networkx {nx.__version__}: {len(graphs)} graphs of its tests, {sum(as_good)} with the best matching by ours"
    )


def _as_good(graph: Any, maxcardinality: bool, theirs: Callable[..., Any]) -> bool:
    def worth(pairs: Iterable[tuple[Any, Any]]) -> tuple[int, float]:
        pairs = list(pairs)
        weight = sum(graph.edges[pair].get("weight", 1) for pair in pairs)
        return (len(pairs) if maxcardinality else 0), round(weight, 6)

    ours = best_of_ours(list(graph), list(graph.edges(data="weight", default=1)), most=maxcardinality)
    return worth(ours) == worth(theirs(graph, maxcardinality))


# gruepr's surveys


def survey(file: Path, size: int, seconds: float) -> None:
    problem = read_survey(file.read_text("utf-8-sig"), size)
    people = len(problem.participants)
    clock = time.monotonic
    began = clock()
    ours = match(problem, time_limit=seconds)
    answers = {"ours": (clock() - began, ours.sessions)}
    began = clock()
    sessions = greedy(problem)
    answers["greedy"] = (clock() - began, sessions)
    found = [*genetic(problem, seconds, marks=(1, 2, 5, 10, 20, 40))]
    best = max(judge(problem, sessions).rank for _, sessions in found)
    answers["genetic"] = next(one for one in found if judge(problem, one[1]).rank == best)
    print(f"{people} people in teams of {size} around; at most {ours.matched_bound} matched, {ours.bound:,} points")
    for name, (took, sessions) in answers.items():
        verdict = judge(problem, sessions)
        apart = sum(
            len({a, b} & set(session.people)) == 2 for session in sessions for a, b in map(tuple, problem.apart)
        )
        wished = sum(
            other in problem.by_id[one].prefers or one in problem.by_id[other].prefers
            for session in sessions
            for one, other in combinations(session.people, 2)
        )
        print(
            f"{name:8} {verdict.points:>8,} points, {verdict.matched} of {people} in {verdict.sessions} teams,"
            f" {wished} wishes kept, {apart} kept apart who are together, {took:.1f} s"
        )


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    ask.add_argument("what", nargs="*", choices=("kidneys", "random", "tests", "survey", []), default=[])
    ask.add_argument("--draws", type=int, default=100, help="Of couples; a tenth as many of random costs.")
    ask.add_argument("--people", type=int, nargs="+", default=[100, 300, 1000], help="In random matching.")
    ask.add_argument("--file", type=Path, help="A survey's answers.")
    ask.add_argument("--size", type=int, default=4, help="Of the survey's teams.")
    ask.add_argument("--seconds", type=float, default=30)
    asked = ask.parse_args()
    what = asked.what or ["kidneys", "random", "tests"]
    if "kidneys" in what:
        kidneys(asked.draws)
    if "random" in what:
        random(asked.people, max(2, asked.draws // 10))
    if "tests" in what:
        tests()
    if "survey" in what:
        if not asked.file:
            ask.error("survey needs --file")
        survey(asked.file, asked.size, asked.seconds)


if __name__ == "__main__":
    main()
