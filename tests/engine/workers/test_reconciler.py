from __future__ import annotations

import pytest

from engine.registry.records import Target
from engine.workers.reconciler import Plan, plan


@pytest.mark.parametrize(
    ("target", "wanted", "expected"),
    [
        (Target(0, 0), [], Plan(0, ())),
        (Target(2, 2), [], Plan(2, ())),
        (Target(2, 2), ["1"], Plan(1, ())),
        (Target(2, 2), ["1", "2"], Plan(0, ())),
        (Target(1, 3), ["1", "2"], Plan(0, ())),
        (Target(1, 3), ["1", "2", "3", "4", "5"], Plan(0, ("5", "4"))),
        (Target(1, 1), ["1", "2", "3"], Plan(0, ("3", "2"))),
        (Target(0, 0), ["1", "2"], Plan(0, ("2", "1"))),
        (Target(0, 4), ["1", "2"], Plan(0, ("2", "1"))),
    ],
)
def test_a_plan_starts_below_the_minimum_and_drains_the_newest_above_the_maximum(
    target: Target, wanted: list[str], expected: Plan
) -> None:
    assert plan(target, wanted) == expected
