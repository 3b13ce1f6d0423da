"""Quantiles from counts by bucket: as near to the exact ones as the buckets are wide."""

import bisect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.snapshots import BUCKETS
from gui.percentiles import Latency, latency

WIDTH = 2**0.25
times = st.lists(st.floats(BUCKETS[0], BUCKETS[-1]), min_size=1, max_size=300)


def count(seconds: list[float]) -> tuple[int, ...]:
    counts = [0] * (len(BUCKETS) + 1)
    for time in seconds:
        counts[bisect.bisect_left(BUCKETS, time)] += 1
    return tuple(counts)


def exact(seconds: list[float], share: float) -> float:
    return sorted(seconds)[math.ceil(share * len(seconds)) - 1]


@given(times)
def test_quantiles_are_within_a_bucket_of_the_exact_ones(seconds: list[float]) -> None:
    found = latency((), count(seconds))
    assert found is not None
    for told, share in zip(found, (0.5, 0.95, 0.99), strict=True):
        assert exact(seconds, share) / WIDTH * 0.999 <= told <= exact(seconds, share) * WIDTH * 1.001


@given(times)
def test_quantiles_rise(seconds: list[float]) -> None:
    found = latency((), count(seconds))
    assert found is not None
    assert found.p50 <= found.p95 <= found.p99


@given(times, times)
def test_only_what_happened_in_between_counts(early: list[float], late: list[float]) -> None:
    assert latency(count(early), count(early + late)) == latency((), count(late))


@given(st.lists(st.floats(BUCKETS[0], BUCKETS[-1]), max_size=50))
def test_nothing_in_between_has_no_latency(seconds: list[float]) -> None:
    assert latency(count(seconds), count(seconds)) is None


def test_a_version_without_jobs_has_no_latency() -> None:
    assert latency((), ()) is None


def test_times_beyond_the_last_bucket_count_as_its_end() -> None:
    assert latency((), count([1000.0])) == Latency(BUCKETS[-1], BUCKETS[-1], BUCKETS[-1])


def test_times_below_the_first_bucket_stay_in_it() -> None:
    found = latency((), count([0.00001]))
    assert found is not None
    assert BUCKETS[0] / WIDTH < found.p50 < found.p99 <= BUCKETS[0]


def test_counts_that_shrank_started_anew() -> None:
    assert latency(count([0.5, 0.5]), count([0.01])) == latency((), count([0.01]))


def test_one_job_of_many_moves_only_the_last_quantile() -> None:
    found = latency((), count([0.01] * 98 + [10.0] * 2))
    assert found is not None
    assert found.p95 == pytest.approx(0.01, rel=0.2)
    assert found.p99 == pytest.approx(10, rel=0.2)
