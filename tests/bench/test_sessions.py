"""When ours passed a peer, as the table tells it."""

from typing import Any

from bench.sessions import compared


def row(solver: str, weight: int, matched: int, points: int, **more: Any) -> dict[str, Any]:
    return {"solver": solver, "weight": weight, "matched": matched, "points": points, "seconds": 9.0} | more


OURS = row("ours", 20, 16, 700, bound=800, trail=[[1.0, 12, 0], [2.0, 16, 0], [3.0, 16, 500], [5.0, 16, 700]])


def test_ours_passed_a_peer_when_it_had_as_many_people_and_points() -> None:
    assert compared(row("greedy", 20, 16, 600), OURS)["ours_passed_after"] == 5.0


def test_ours_passed_a_peer_of_less_weight_as_soon_as_its_people_were_settled() -> None:
    assert compared(row("greedy", 19, 17, 900), OURS)["ours_passed_after"] == 2.0


def test_ours_never_passed_a_peer_that_is_better() -> None:
    assert compared(row("greedy", 20, 16, 701), OURS)["ours_passed_after"] is None


def test_only_a_peer_that_matched_as_many_has_a_gap_to_the_bound() -> None:
    assert compared(row("greedy", 20, 16, 600), OURS)["gap"] == 0.25
    assert "gap" not in compared(row("greedy", 19, 17, 600), OURS)


def test_who_failed_costs_its_own_row_only() -> None:
    failed = {"solver": "greedy", "error": "it fell"}

    assert compared(failed, OURS) == failed
    assert compared(row("greedy", 1, 1, 1), {"error": "it fell"}) == row("greedy", 1, 1, 1)
