from __future__ import annotations

import math

import pytest

from engine.snapshots import Key
from gui.graphs.history import SECONDS, History, Series
from gui.graphs.means import calmed, mean_of_last, span_of
from tests.gui.fakes import a_queue, a_version

NAN = math.nan


def series_of(seconds: int, pending: int = 0) -> Series:
    history = History()
    for second in range(seconds):
        history.begin([a_version(queue=a_queue(pending=pending * (second % 2)))], float(second))
        history.work()
    series = history.series(Key("digits", "1.0"))
    assert series is not None
    return series


def test_a_mean_is_that_of_the_last_values_as_far_as_there_are_any() -> None:
    assert mean_of_last([4, 0, 2, 6, 8], count=3) == [4, 2, 2, pytest.approx(8 / 3), pytest.approx(16 / 3)]


def test_a_gap_stays_a_gap_and_parts_the_means() -> None:
    means = mean_of_last([9, 9, NAN, 1, 3], count=3)
    assert math.isnan(means[2])
    assert [mean for mean in means if not math.isnan(mean)] == [9, 9, 1, 2]


def test_jobs_that_come_and_go_are_a_calm_line() -> None:
    raw, calm = series_of(60, pending=10), calmed(series_of(60, pending=10))
    assert set(raw.figures["pending"][-20:]) == {0, 10}
    assert {round(value) for value in calm.figures["pending"][-20:]} == {4, 6}
    assert calm.figures["memory"][-20:] == raw.figures["memory"][-20:]


@pytest.mark.parametrize(("seconds", "span"), [(1, 60), (20, 60), (61, 60), (63, 120), (200, 240), (400, SECONDS)])
def test_the_axis_has_the_minutes_that_something_is_known_of(seconds: int, span: int) -> None:
    assert span_of(series_of(seconds)) == span
