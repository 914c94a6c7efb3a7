"""Each step needs both."""

from itertools import product

from peerhub.domain.trust import STEPS, Step, reached


def test_a_step_is_reached_only_as_far_as_both_want() -> None:
    assert reached(Step.CALL, Step.TEXT) == Step.TEXT
    assert reached(Step.GROUP, Step.HELLO) == Step.HELLO
    assert reached(Step.CALL, Step.CALL) == Step.CALL


def test_who_is_asked_first_makes_no_difference() -> None:
    assert [(one, other) for one, other in product(STEPS, STEPS) if reached(one, other) != reached(other, one)] == []
