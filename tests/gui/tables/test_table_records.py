from __future__ import annotations

import pytest

from engine.snapshots import VersionState, WorkerState
from gui.tables import columns
from gui.tables.model_cells import row_cells
from gui.tables.records import (
    ModelRecord,
    NameCell,
    NumberCell,
    QueueRecord,
    StateCell,
    TrendCell,
    VersionRecord,
    WorkerRecord,
    queue_cells,
    version_order,
    worker_cells,
)
from gui.words import DASH
from tests.gui.fakes import a_queue, a_version, a_worker


def a_model(*versions: VersionRecord) -> ModelRecord:
    return ModelRecord("digits", versions)


def test_versions_sort_as_versions() -> None:
    mixed = ["1.10", "1.9", "1.0-rc1", "1.0.1", "2", "v1", "1.0"]
    assert sorted(mixed, key=version_order) == ["v1", "1.0", "1.0-rc1", "1.0.1", "1.9", "1.10", "2"]


@pytest.mark.parametrize("odd", ["", "²", "٣", "1..2", "a/b", "1_0"])
def test_any_text_is_a_version(odd: str) -> None:
    assert sorted([odd, "1.0"], key=version_order)


def test_versions_of_any_length_sort() -> None:
    long = ["9" * 5_000, "1" + "0" * 5_000, "007", "8", "1.0", "x" * 100_000]
    assert sorted(long, key=version_order) == ["x" * 100_000, "1.0", "007", "8", "9" * 5_000, "1" + "0" * 5_000]


def test_a_model_is_as_bad_as_its_worst_version() -> None:
    ready, idle = VersionRecord(a_version()), VersionRecord(a_version(version="0.9", state=VersionState.IDLE))
    failed = VersionRecord(a_version(version="2.0", state=VersionState.FAILED, is_default=False))
    assert a_model(idle, ready).state is VersionState.READY
    assert a_model(ready, failed).state is VersionState.FAILED


def test_a_model_tells_of_the_version_that_gives_it_its_state_the_default_first() -> None:
    old = VersionRecord(a_version(version="1.0", is_default=False))
    new = VersionRecord(a_version(version="2.0"))
    failed = VersionRecord(a_version(version="3.0", state=VersionState.FAILED, is_default=False))
    assert a_model(old, new).telling is new
    assert a_model(old, new, failed).telling is failed


def test_the_cause_of_a_failed_version_stands_beside_its_state() -> None:
    worker = a_worker(state=WorkerState.FAILED, last_death="ModuleNotFoundError: cv2")
    failed = VersionRecord(a_version(state=VersionState.FAILED, workers=(worker,)))
    cell = row_cells(a_model(failed))[1]
    assert isinstance(cell, StateCell)
    assert cell == StateCell(VersionState.FAILED, "Failed", "ModuleNotFoundError: cv2")
    assert cell.text == "Failed: ModuleNotFoundError: cv2"


def test_a_model_with_one_version_names_it() -> None:
    assert row_cells(a_model(VersionRecord(a_version())))[0] == NameCell("digits", "1.0")


def test_a_default_version_says_so_in_words() -> None:
    name = row_cells(VersionRecord(a_version()))[0]
    assert isinstance(name, NameCell)
    assert name.text == "version 1.0 default"


def test_figures_add_up_over_versions() -> None:
    one = VersionRecord(a_version(queue=a_queue(pending=3)), rate=10.0, trend=(4.0, 10.0))
    two = VersionRecord(a_version(version="2.0", workers=(a_worker(device="cuda:0"),)), rate=2.0, trend=(2.0,))
    cells = row_cells(a_model(one, two))
    assert [cell.text for cell in cells[2:6] if isinstance(cell, NumberCell)] == ["2 of 2", "3", "12"]
    assert cells[3].text == "cpu, cuda:0"  # type: ignore[attr-defined]  # cells are objects to the store
    assert cells[6] == TrendCell((12.0,))
    assert cells[7] == NumberCell(DASH, 0.0)
    assert cells[8] == NumberCell("122 MB", 122_000_000)


def test_a_model_is_as_slow_as_its_slowest_version() -> None:
    quick, slow = VersionRecord(a_version(), p95=0.0019), VersionRecord(a_version(version="2.0"), p95=0.212)
    assert row_cells(quick)[7] == NumberCell("1.9", 0.0019)
    assert row_cells(a_model(quick, slow))[7] == NumberCell("212", 0.212)


def test_a_loading_version_says_since_when_and_how_many_workers_are_ready() -> None:
    workers = (a_worker(), a_worker(state=WorkerState.LOADING))
    loading = a_version(state=VersionState.LOADING, workers=workers, min_workers=2)
    cell = row_cells(VersionRecord(loading, loads=3))[1]
    assert cell == StateCell(VersionState.LOADING, "Loading", going_on="loading, 3 s", done=0.5)
    assert row_cells(VersionRecord(loading, loads=65))[1].text == "Loading: loading, 00:01:05"  # type: ignore[attr-defined]


def test_there_is_a_cell_for_every_column() -> None:
    assert len(row_cells(VersionRecord(a_version()))) == len(columns.MODELS)


def test_more_workers_than_wanted_are_not_counted_as_too_many() -> None:
    draining = VersionRecord(a_version(min_workers=0, workers=(a_worker(),)))
    assert row_cells(draining)[2] == NumberCell("1 of 1", 1)


def test_a_worker_without_a_process_has_dashes() -> None:
    cells = worker_cells(WorkerRecord("1.0", a_worker(state=WorkerState.FAILED, pid=None, memory=0), uptime=9))
    assert [cells[column].text for column in (2, 4, 5, 6)] == [DASH] * 4  # type: ignore[attr-defined]


def test_worker_ids_sort_by_number_when_they_are_numbers() -> None:
    ids = [worker_cells(WorkerRecord("1.0", a_worker(worker_id), 0))[0] for worker_id in ("9010", "999")]
    assert ids[1].order < ids[0].order  # type: ignore[attr-defined]


def test_a_queue_shows_every_figure() -> None:
    queue = a_queue(pending=1, capacity=2, in_flight=3, accepted=4, answered=5, failed=6)
    texts = [cell.text for cell in queue_cells(QueueRecord("1.0", is_default=False, queue=queue))]  # type: ignore[attr-defined]
    assert texts == ["version 1.0", "1", "2", "3", "4", "5", "6"]
