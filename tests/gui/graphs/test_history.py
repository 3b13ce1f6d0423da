"""What the history knows of versions: rates, percentiles, gaps, and what it forgets."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.snapshots import BUCKETS, Key, Work
from gui.graphs.history import MARK_SECONDS, SECONDS, TICKS, Figures, History, Track
from tests.gui.fakes import a_queue, a_version, a_worker

if TYPE_CHECKING:
    from engine.snapshots import VersionSnapshot

DIGITS = Key("digits", "1.0")


def counts(*seconds: float) -> tuple[int, ...]:
    found = [0] * (len(BUCKETS) + 1)
    for value in seconds:
        found[bisect_left(BUCKETS, value)] += 1
    return tuple(found)


def note(history: History, now: float, *versions: VersionSnapshot) -> None:
    history.begin(versions, now)
    history.work()


def newest(history: History, key: Key = DIGITS) -> Figures:
    series = history.series(key)
    assert series is not None
    return series.at(-1)


def test_rates_are_per_second_of_the_time_that_passed() -> None:
    history = History()
    note(history, 10.0, a_version(queue=a_queue(answered=100, failed=3)))
    note(history, 12.0, a_version(queue=a_queue(answered=150, failed=4)))
    assert (newest(history).answered, newest(history).failed) == (25, 0.5)


def test_the_first_sample_has_no_rate() -> None:
    history = History()
    note(history, 10.0, a_version(queue=a_queue(answered=100)))
    assert math.isnan(newest(history).answered)
    assert newest(history).memory == 61_000_000


def test_a_count_that_started_anew_is_no_negative_rate() -> None:
    history = History()
    note(history, 1.0, a_version(queue=a_queue(answered=100)))
    note(history, 2.0, a_version(queue=a_queue(answered=5)))
    assert newest(history).answered == 0


def test_percentiles_are_milliseconds_of_the_jobs_in_between() -> None:
    history = History()
    before = Work(latencies=counts(*[5.0] * 50))
    after = Work(latencies=counts(*[5.0] * 50, *[0.02] * 100))
    note(history, 1.0, a_version(queue=a_queue(work=before)))
    note(history, 2.0, a_version(queue=a_queue(work=after)))
    assert newest(history).p50 == pytest.approx(20, rel=0.2)
    assert newest(history).p50 < newest(history).p95 < newest(history).p99
    note(history, 3.0, a_version(queue=a_queue(work=after)))
    assert math.isnan(newest(history).p50)


def test_a_still_version_writes_nothing_and_its_newest_row_counts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    put = Track.put

    def counted(track: Track, tick: int, row: Figures) -> None:
        written.append(tick)
        put(track, tick, row)

    monkeypatch.setattr(Track, "put", counted)
    history, version = History(), a_version(queue=a_queue(pending=3, answered=9))
    for second in range(1, 51):
        note(history, second, version)
    assert written == [0, 1]
    series = history.series(DIGITS)
    assert series is not None
    assert series.figures["pending"][-50:] == [3.0] * 50
    assert series.figures["answered"][-49:] == [0.0] * 49
    assert all(math.isnan(value) for value in series.figures["pending"][:-50])


def test_a_version_that_was_still_is_measured_from_the_last_tick_on() -> None:
    history, version = History(), a_version(queue=a_queue(answered=100))
    for second in range(1, TICKS + 100):
        note(history, second, version)
    note(history, TICKS + 100, a_version(queue=a_queue(answered=107)))
    assert newest(history).answered == 7
    note(history, TICKS + 101, a_version(queue=a_queue(answered=107)))
    series = history.series(DIGITS)
    assert series is not None
    assert series.figures["answered"] == [0.0] * (TICKS - 2) + [7.0, 0.0]


def test_the_mark_of_a_still_version_moves_on() -> None:
    history, version = History(), a_version(queue=a_queue(work=Work(fills=(0, 3))))
    for second in range(2 * SECONDS):
        note(history, second, version)
    mark = history.mark(DIGITS)
    assert mark is not None
    assert mark.work.fills == (0, 3)
    assert SECONDS <= 2 * SECONDS - 1 - mark.time < SECONDS + MARK_SECONDS


def test_gpu_memory_is_none_without_a_gpu() -> None:
    history = History()
    note(history, 1.0, a_version(workers=(a_worker(gpu_memory=5), a_worker("2", gpu_memory=7))))
    assert newest(history).gpu_memory == 12
    note(history, 2.0, a_version(workers=(a_worker(),)))
    assert math.isnan(newest(history).gpu_memory)


def test_a_version_that_rests_costs_nothing() -> None:
    history = History()
    note(history, 1.0, a_version(workers=(), queue=a_queue(answered=7, accepted=7)))
    assert len(history) == 0
    assert history.series(DIGITS) is None
    assert history.mark(DIGITS) is None


def test_a_version_is_forgotten_when_it_is_gone() -> None:
    history = History()
    note(history, 1.0, a_version(), a_version("denoiser"))
    note(history, 2.0, a_version("denoiser"))
    assert history.series(DIGITS) is None
    assert len(history) == 1


def test_a_version_is_forgotten_after_five_minutes_of_rest() -> None:
    history = History()
    note(history, 0.0, a_version())
    for second in range(1, TICKS):
        note(history, second, a_version(workers=()))
    assert len(history) == 1
    note(history, TICKS, a_version(workers=()))
    note(history, TICKS + 1, a_version(workers=()))
    assert len(history) == 0


def test_a_request_wakes_a_version_that_rested() -> None:
    history = History()
    note(history, 1.0, a_version(workers=()))
    note(history, 2.0, a_version(workers=(), queue=a_queue(pending=1)))
    assert newest(history).pending == 1


def test_the_ring_keeps_the_newest_five_minutes() -> None:
    history = History()
    for second in range(TICKS + 50):
        note(history, second, a_version(queue=a_queue(pending=second)))
    series = history.series(DIGITS)
    assert series is not None
    assert series.figures["pending"] == [float(second) for second in range(50, TICKS + 50)]
    assert series.ages == [float(age) for age in range(1 - TICKS, 1)]


def test_a_time_without_looks_breaks_the_line() -> None:
    history = History()
    for now in (1.0, 2.0, 60.0):
        note(history, now, a_version())
    series = history.series(DIGITS)
    assert series is not None
    assert series.ages[-4:-2] == [-59, -58]
    assert math.isnan(series.ages[-2])
    assert series.ages[-1] == 0


def test_samples_older_than_the_axis_are_left_out() -> None:
    history = History()
    note(history, 1.0, a_version())
    note(history, 2.0 + SECONDS, a_version())
    series = history.series(DIGITS)
    assert series is not None
    assert [age for age in series.ages if not math.isnan(age)] == [0]


def test_the_nearest_sample_is_found_by_its_age() -> None:
    history = History()
    for now in (1.0, 2.0, 60.0):
        note(history, now, a_version())
    series = history.series(DIGITS)
    assert series is not None
    assert series.nearest(-58.7) == TICKS - 4
    assert series.nearest(0) == TICKS - 1
    assert series.nearest(-30) is None


def test_marks_reach_five_minutes_back() -> None:
    history = History()
    for second in range(0, 2 * SECONDS, 10):
        note(history, second, a_version(queue=a_queue(work=Work(fills=(0, second)))))
    mark = history.mark(DIGITS)
    assert mark is not None
    assert mark.work.fills == (0, mark.time)
    assert SECONDS <= 2 * SECONDS - 10 - mark.time < SECONDS + MARK_SECONDS


def test_a_tick_is_filled_a_slice_at_a_time() -> None:
    history = History()
    history.begin([a_version(str(number)) for number in range(5)], 1.0)
    assert history.work(0)
    assert len(history) == 1
    assert history.work(0)
    assert not history.work()
    assert len(history) == 5


def test_an_unfinished_tick_is_finished_by_the_next() -> None:
    history = History()
    history.begin([a_version(queue=a_queue(pending=1))], 1.0)
    note(history, 2.0, a_version(queue=a_queue(pending=2)))
    series = history.series(DIGITS)
    assert series is not None
    assert series.figures["pending"][-2:] == [1, 2]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.integers(0, 9)), max_size=60))
def test_whatever_comes_the_newest_row_is_that_of_the_newest_tick(story: list[tuple[str, int, int]]) -> None:
    history, versions, answered = History(), dict[str, "VersionSnapshot"](), 0
    for second, (name, workers, jobs) in enumerate(story):
        answered += jobs
        version = a_version(name, workers=tuple(a_worker(str(n)) for n in range(workers)))
        versions[name] = replace(version, queue=a_queue(answered=answered, accepted=answered, pending=jobs))
        if not jobs and not workers:
            versions.pop(name)
        note(history, second, *versions.values())
        assert all((series := history.series(Key(key, "1.0"))) is None or series.ages[-1] == 0 for key in versions)
        for known, snapshot in versions.items():
            if snapshot.workers:
                assert newest(history, Key(known, "1.0")).pending == snapshot.queue.pending


@given(
    st.lists(st.tuples(st.sampled_from("ab "), st.integers(0, 9), st.sampled_from((1, 1, 1, 7, TICKS))), max_size=30)
)
def test_still_versions_read_as_if_every_row_had_been_written(story: list[tuple[str, int, int]]) -> None:
    """The same figures in fresh snapshots, which are written each time, give the same series."""
    lazy, eager, now = History(), History(), 0.0
    versions = {name: a_version(name) for name in "ab"}
    for name, jobs, seconds in story:
        if name in versions:
            before = versions[name].queue
            queue = replace(before, answered=before.answered + jobs, accepted=before.accepted + jobs, pending=jobs)
            versions[name] = replace(versions[name], queue=queue)
        now += seconds
        note(lazy, now, *versions.values())
        note(eager, now, *map(replace, versions.values()))
    for name in versions:
        one, other = lazy.series(Key(name, "1.0")), eager.series(Key(name, "1.0"))
        assert str(one) == str(other)
