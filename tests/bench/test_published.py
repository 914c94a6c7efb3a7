"""What others published, read and counted right."""

from functools import cache
from itertools import combinations
from random import Random

import numpy as np
import pytest

from bench.published import Couple, best_of_ours, exchanges, random_costs
from bench.survey import hours_free, read_survey
from peerhub.domain.availability import WeeklyHours
from peerhub.matching.match import match

SURVEY = """\
Timestamp,What is your first name?,What is your last name?,Check the times you are UNAVAILABLE. [Sunday],\
Check the times you are UNAVAILABLE. [Monday],Names of people you would like to have on your team,\
Names of people you would like to not have on your team
,Ana,Alves,8AM;9AM;10AM;11AM;noon;1PM;2PM;3PM;4PM;5PM;6PM;7PM;8PM;9PM,8AM;9AM;10AM;11AM;noon;1PM;5PM;6PM;7PM;8PM;9PM,\
"Ben Bauer, Nobody Known",
,Ben,Bauer,,,Ana Alvess,
,Cat,Cole,,,,Ana Alves
"""


@cache
def most_pairs(people: frozenset[str], pairs: frozenset[tuple[str, str]]) -> int:
    """By trying all: the first person stays alone, or is with each of those they could be with."""
    if len(people) < 2:
        return 0
    first = min(people)
    rest = people - {first}
    with_each = (1 + most_pairs(rest - {other}, pairs) for other in rest if {(first, other), (other, first)} & pairs)
    return max(most_pairs(rest, pairs), *with_each, 0)


def test_a_survey_says_who_is_free_when() -> None:
    row = {"Times [Monday]": "8AM;9AM;10AM;11AM;noon;1PM;5PM;6PM;7PM;8PM;9PM", "Times [Sunday]": "8AM-9PM"}

    assert hours_free(row)[:3] == [WeeklyHours(0, h * 60, h * 60 + 60) for h in (14, 15, 16)]


def test_a_survey_says_who_wishes_whom_and_who_keeps_apart() -> None:
    ana, ben, cat = read_survey(SURVEY, 4).participants

    assert [ana.prefers, ben.prefers, cat.keep_apart] == [
        frozenset({"Ben Bauer"}),
        frozenset({"Ana Alves"}),
        frozenset({"Ana Alves"}),
    ]


def test_couples_who_cannot_exchange_are_never_matched() -> None:
    problem = exchanges(14, Random(3))

    found = match(problem, time_limit=10)

    names = [person.id for person in problem.participants]
    pairs = [two for two in combinations(names, 2) if frozenset(two) not in problem.apart]
    assert found.matched == 2 * most_pairs(frozenset(names), frozenset(pairs))


def test_nobody_gets_a_kidney_of_a_blood_that_does_not_fit() -> None:
    draw = Random(0)
    couples = [Couple(draw) for _ in range(200)]

    gifts = {(b.donor, a.recipient) for a in couples for b in couples if a.gets_from(b, draw)}

    bloods = ("O", "A", "B", "AB")
    fits = {("O", any_blood) for any_blood in bloods} | {(any_blood, "AB") for any_blood in bloods}
    assert gifts == fits | {("A", "A"), ("B", "B")}


def test_the_cheapest_edges_of_everybody_are_among_all_edges() -> None:
    everything, edges = random_costs(60, 0)

    degrees = np.bincount(np.concatenate([edges.one, edges.other]))
    assert len(everything) == 60 * 59 // 2
    assert degrees.min() >= 40


@pytest.mark.parametrize("seed", range(20))
def test_the_graph_level_pairs_as_many_as_can_be(seed: int) -> None:
    draw = Random(seed)
    edges = [(a, b, draw.randint(1, 20)) for a, b in combinations("abcdefghij", 2) if draw.random() < 0.3]

    pairs = best_of_ours(list("abcdefghij"), edges, most=True)

    assert len(pairs) == most_pairs(frozenset("abcdefghij"), frozenset((a, b) for a, b, _ in edges))
