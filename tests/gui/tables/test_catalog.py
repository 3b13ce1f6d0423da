from __future__ import annotations

import time

from engine.snapshots import Changes, Key, VersionSnapshot, VersionState, Work, WorkerState
from gui.tables.catalog import TREND_LENGTH, Catalog, Totals, queue_records, worker_records
from tests.gui.fakes import FakeEngine, a_queue, a_version, a_worker


def test_a_model_appears_with_its_versions(engine: FakeEngine) -> None:
    engine.put(a_version(), a_version(version="2.0", is_default=False))
    catalog = Catalog()
    catalog.apply(engine.changes(catalog.revision))
    assert list(catalog.models) == ["digits"]
    assert list(catalog.versions("digits")) == ["1.0", "2.0"]


def test_only_what_changed_is_asked_for_next_time(engine: FakeEngine) -> None:
    engine.put(a_version())
    catalog = Catalog()
    catalog.apply(engine.changes(0))
    assert engine.changes(catalog.revision).changed == ()


def test_the_last_version_takes_its_model_along(engine: FakeEngine) -> None:
    engine.put(a_version(), a_version(version="2.0"))
    catalog = Catalog()
    catalog.apply(engine.changes(0))
    engine.remove(Key("digits", "1.0"))
    catalog.apply(engine.changes(catalog.revision))
    assert list(catalog.versions("digits")) == ["2.0"]
    engine.remove(Key("digits", "2.0"))
    catalog.apply(engine.changes(catalog.revision))
    assert len(catalog.models) == 0
    assert catalog.version(Key("digits", "2.0")) is None


def test_a_complete_answer_drops_what_is_not_in_it() -> None:
    catalog = Catalog()
    catalog.apply(Changes(1, (a_version(), a_version("denoiser"))))
    catalog.apply(Changes(9, (a_version("denoiser"),), complete=True))
    assert list(catalog.models) == ["denoiser"]
    assert catalog.revision == 9


def test_removing_what_was_never_seen_is_harmless() -> None:
    catalog = Catalog()
    catalog.apply(Changes(1, (), (Key("ghost", "1"),)))
    assert len(catalog.models) == 0


def test_a_rate_needs_two_samples() -> None:
    catalog = Catalog()
    catalog.apply(Changes(1, (a_version(queue=a_queue(answered=100)),)), 10.0)
    assert [record.rate for record in catalog] == [None]
    catalog.apply(Changes(2, (a_version(queue=a_queue(answered=150)),)), 12.0)
    assert [record.rate for record in catalog] == [25.0]


def test_a_quiet_version_has_no_trend_and_a_busy_one_a_limited_one() -> None:
    catalog = Catalog()
    catalog.apply(Changes(1, (a_version(),)))
    for now in range(5):
        catalog.apply(Changes(1), float(now))
    assert [record.trend for record in catalog] == [()]
    for now in range(5, 50):
        catalog.apply(Changes(now, (a_version(queue=a_queue(answered=now)),)), float(now))
    assert [len(record.trend) for record in catalog] == [TREND_LENGTH]


def test_a_rate_falls_to_nothing_when_no_more_answers_come() -> None:
    catalog = Catalog()
    catalog.apply(Changes(1, (a_version(),)), 0.0)
    catalog.apply(Changes(2, (a_version(queue=a_queue(answered=9)),)), 1.0)
    assert [record.rate for record in catalog] == [9.0]
    catalog.apply(Changes(2), 2.0)
    assert [(record.rate, record.trend) for record in catalog] == [(0.0, (9.0, 0.0))]


def test_answers_seen_between_two_measurements_count() -> None:
    catalog = Catalog()
    for now in range(2):
        catalog.apply(Changes(1, (a_version(),)), float(now))
    catalog.apply(Changes(2, (a_version(queue=a_queue(answered=9)),)))
    catalog.apply(Changes(2), 2.0)
    assert [record.rate for record in catalog] == [9.0]


def test_a_removed_version_is_not_measured_back_into_life() -> None:
    catalog = Catalog()
    catalog.apply(Changes(1, (a_version(),)), 0.0)
    catalog.apply(Changes(2, (), (Key("digits", "1.0"),)), 1.0)
    assert len(catalog.models) == 0


def test_counters_that_fell_after_registering_anew_give_no_negative_rate() -> None:
    catalog = Catalog()
    catalog.apply(Changes(1, (a_version(queue=a_queue(answered=100)),)), 1.0)
    catalog.apply(Changes(2, (a_version(queue=a_queue(answered=1)),)), 2.0)
    assert [record.rate for record in catalog] == [0.0]


def test_states_are_counted_by_model() -> None:
    catalog = Catalog()
    failed = a_version(version="2.0", state=VersionState.FAILED)
    catalog.apply(Changes(1, (a_version(), failed, a_version("denoiser"))))
    assert catalog.counts() == {VersionState.FAILED: 1, VersionState.READY: 1}


def test_a_version_at_rest_is_not_looked_at_and_measured_right_when_it_wakes() -> None:
    catalog = Catalog()
    for now in range(60):
        catalog.apply(Changes(1, (a_version(),) if now == 0 else ()), float(now))
    catalog.take(Changes(1), 60.0)
    assert not catalog._due
    catalog.apply(Changes(2, (a_version(queue=a_queue(answered=10)),)), 61.0)
    assert [record.rate for record in catalog] == [10.0]


def test_percentiles_are_of_the_last_seconds_and_go_with_the_requests() -> None:
    def at(slow: int, fast: int) -> VersionSnapshot:
        counts = [0] * 82
        counts[8], counts[28] = fast, slow
        return a_version(queue=a_queue(answered=slow + fast, work=Work(latencies=tuple(counts))))

    catalog = Catalog()
    catalog.apply(Changes(1, (at(0, 0),)), 0.0)
    catalog.apply(Changes(2, (at(50, 0),)), 1.0)
    [slow] = [record.p95 for record in catalog]
    for second in range(2, 8):
        catalog.apply(Changes(second, (at(50, 1000 * second),)), float(second))
    [fast] = [record.p95 for record in catalog]
    assert slow is not None
    assert fast is not None
    assert fast < 0.001 < slow
    for second in range(8, 16):
        catalog.apply(Changes(9), float(second))
    assert [record.p95 for record in catalog] == [None]


def test_a_load_is_timed_while_it_lasts() -> None:
    catalog = Catalog()
    loading = a_worker(state=WorkerState.LOADING, started=time.time() - 30)
    catalog.apply(Changes(1, (a_version(workers=(loading,)),)), 0.0)
    [record] = catalog
    assert record.loads in {29, 30, 31}
    catalog.apply(Changes(2, (a_version(),)), 1.0)
    assert [record.loads for record in catalog] == [None]


def test_totals_are_of_all_models() -> None:
    catalog = Catalog()
    assert catalog.totals() == Totals()
    catalog.apply(Changes(1, (a_version(queue=a_queue(pending=2)), a_version("denoiser"))))
    assert catalog.totals() == Totals(0.0, 2, 2, 122_000_000)
    catalog.apply(Changes(2, (), (Key("denoiser", "1.0"),)))
    assert catalog.totals().ready == 1


def test_workers_and_queues_are_keyed_across_models() -> None:
    catalog = Catalog()
    workers = (a_worker("1", started=100.0), a_worker("2", started=101.5))
    catalog.apply(Changes(1, (a_version(workers=workers), a_version("denoiser"))))
    records = worker_records(list(catalog), now=110.0)
    assert [record.uptime for record in records.values()] == [10, 8, 110]
    assert len(queue_records(list(catalog))) == 2
