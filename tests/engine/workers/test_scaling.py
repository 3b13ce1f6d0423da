"""How many workers to have: what each rule does, and what no series of looks can bring about."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.registry.records import Target
from engine.workers.scaling import Load, Rules, Scaling

RULES = Rules(up=2, down=10, unload=30)
TARGET = Target(1, 3)
PRESSED = Load(accepted=9, pending=4, workers=2, ready=2, busy=2, spare=0)
BUSY = PRESSED._replace(pending=0)
SPARE = BUSY._replace(busy=1, spare=1)
QUIET = BUSY._replace(busy=0, spare=2)


@dataclass
class Looks:
    """Looks once a second, and does at once what it is told."""

    rules: Rules = RULES
    target: Target = TARGET
    now: int = 0
    counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scaling = Scaling(self.rules, self.now)

    def see(self, load: Load, times: int = 1) -> int:
        """Return the last answer to seeing the same `times` on end."""
        for _ in range(times):
            self.now += 1
            self.counts.append(self.scaling.wanted(self.now, load, self.target))
        return self.counts[-1]


def test_a_further_worker_comes_once_jobs_have_waited_long_enough() -> None:
    looks = Looks()
    assert looks.see(BUSY) == 2
    assert looks.see(PRESSED) == 2
    assert looks.see(PRESSED) == 3


@pytest.mark.parametrize("relief", [BUSY, SPARE._replace(pending=3), PRESSED._replace(ready=1)])
def test_relief_for_a_moment_starts_the_wait_again(relief: Load) -> None:
    looks = Looks()
    looks.see(PRESSED)
    assert looks.see(relief) == 2
    assert looks.see(PRESSED) == 2
    assert looks.see(PRESSED) == 3


def test_no_worker_comes_above_the_maximum() -> None:
    assert Looks(target=Target(1, 2)).see(PRESSED, 100) == 2


def test_no_worker_comes_while_one_is_on_its_way_or_in_trouble() -> None:
    assert Looks().see(PRESSED._replace(ready=1, busy=1), 100) == 2


def test_a_worker_goes_once_one_was_spare_long_enough() -> None:
    looks = Looks()
    looks.see(BUSY)
    assert looks.see(SPARE, 9) == 2
    assert looks.see(SPARE) == 1


def test_no_worker_goes_that_keeps_something() -> None:
    kept = QUIET._replace(spare=0)
    assert Looks().see(kept, 100) == 2


def test_no_worker_goes_while_jobs_gather_for_it() -> None:
    assert Looks().see(SPARE._replace(pending=1), 100) == 2


def test_no_worker_goes_below_the_minimum() -> None:
    assert Looks(Rules(2, 10, 0), Target(2, 3)).see(QUIET, 100) == 2


def test_all_go_once_no_request_came_for_long_enough() -> None:
    looks = Looks(target=Target(2, 2))
    looks.see(BUSY)
    assert looks.see(QUIET, 29) == 2
    assert looks.see(QUIET) == 0


def test_a_single_request_between_two_looks_keeps_them() -> None:
    looks = Looks(target=Target(2, 2))
    looks.see(QUIET, 29)
    assert looks.see(QUIET._replace(accepted=10)) == 2
    assert looks.see(QUIET._replace(accepted=10), 29) == 2
    assert looks.see(QUIET._replace(accepted=10)) == 0


def test_a_version_in_trouble_is_not_hidden_by_unloading_it() -> None:
    assert Looks(target=Target(2, 2)).see(QUIET._replace(ready=1, spare=1), 100) == 2


@pytest.mark.parametrize(
    ("rules", "target", "matter"),
    [
        (RULES, Target(0, 0), False),
        (RULES, Target(0, 2), False),
        (Rules(2, 10, 0), Target(2, 2), False),
        (Rules(2, 10, 0), Target(2, 3), True),
        (RULES, Target(2, 2), True),
    ],
)
def test_rules_matter_where_there_is_something_to_decide(rules: Rules, target: Target, *, matter: bool) -> None:
    assert rules.matter(target) is matter


ONE_LOOK = st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 4), st.booleans(), st.integers(0, 1))


@given(st.lists(ONE_LOOK, max_size=200), st.integers(1, 3), st.integers(0, 3), st.sampled_from([0, 15]))
def test_never_outside_the_target_and_never_up_and_down_in_a_hurry(
    looks: list[tuple[int, int, int, bool, int]], least: int, more: int, unload: int
) -> None:
    target, rules = Target(least, least + more), Rules(2, 6, unload)
    scaling = Scaling(rules, 0)
    workers, accepted, changes = least, 0, [(0, 0)]
    for now, (pending, running, kept, coming, came) in enumerate(looks, 1):
        busy, accepted = min(running, workers), accepted + came
        spare = max(0, workers - busy - kept)
        load = Load(accepted, pending, workers, workers - (coming and workers > 0), busy, spare)
        count = scaling.wanted(now, load, target)
        assert count == 0 or target.min_workers <= count <= target.max_workers
        if count == 0:
            assert unload
            break
        assert abs(count - workers) <= 1
        if count != workers:
            changes.append((now, count - workers))
        workers = count
    for (before, _), (now, step) in pairwise(changes):
        assert now - before >= (rules.up if step > 0 else rules.down)


@given(st.integers(0, 8), st.integers(1, 4), st.integers(0, 3))
def test_a_number_of_workers_that_the_target_excludes_is_mended_at_once(workers: int, least: int, more: int) -> None:
    target = Target(least, least + more)
    load = Load(0, 0, workers, workers, workers, 0)
    assert Scaling(RULES, 0).wanted(1, load, target) == min(max(workers, least), least + more)
