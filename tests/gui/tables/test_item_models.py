from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from engine.snapshots import Changes, Key, VersionSnapshot, VersionState, WorkerState
from gui.tables import columns
from gui.tables import outline as outline_module
from gui.tables.catalog import Catalog, queue_records, worker_records
from gui.tables.model_cells import row_cells
from gui.tables.models import CELL, SHOWN_ROLES, FlatModel
from gui.tables.outline import Outline
from gui.tables.outline_view import OutlineView
from gui.tables.proxies import SortProxy
from gui.tables.records import ModelRecord, QueueRecord, VersionRecord, WorkerRecord, queue_cells, worker_cells
from tests.gui.fakes import a_queue, a_version, a_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.usefixtures("qapp")

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal
PENDING = 4
NAMES, VERSIONS = ("a", "b", "c", "d"), ("1.0", "1.10", "1.9")


def a_history(seed: int, steps: int = 25) -> Iterator[Changes]:
    """Registering, unregistering, scaling and dying in any order, several at once."""
    dice = random.Random(seed)
    there: set[Key] = set()
    for revision in range(1, steps):
        keys = [Key(name, version) for name in NAMES for version in VERSIONS]
        changed = {key: _any_version(dice, key) for key in dice.sample(keys, dice.randint(0, 4))}
        there |= changed.keys()
        removed = [key for key in dice.sample(sorted(there), min(len(there), dice.randint(0, 3))) if key not in changed]
        there -= set(removed)
        yield Changes(revision, tuple(changed.values()), tuple(removed))


def _any_version(dice: random.Random, key: Key) -> VersionSnapshot:
    workers = tuple(
        a_worker(str(9000 + number), dice.choice(list(WorkerState)), memory=dice.randint(0, 3))
        for number in range(dice.randint(0, 3))
    )
    queue = a_queue(pending=dice.randint(0, 9), answered=dice.randint(0, 99))
    state = dice.choice(list(VersionState))
    return a_version(*key, state=state, workers=workers, queue=queue, is_default=dice.random() < 0.5)


def expected(
    catalog: Catalog, *, text: str, state: VersionState | None, opened: set[str]
) -> set[tuple[str, str | None]]:
    """The rows to be shown, in no order."""
    shown = [
        model
        for model in catalog.models.values()
        if (state is None or model.state is state) and all(word in model.searched for word in text.split())
    ]
    rows: set[tuple[str, str | None]] = {(model.name, None) for model in shown}
    return rows | {(m.name, s.key.version) for m in shown if m.name in opened for s in m.snapshots}


@pytest.mark.parametrize("seed", range(8))
def test_the_outline_survives_any_history(seed: int) -> None:
    catalog = Catalog()
    outline = Outline(catalog)
    tester = QAbstractItemModelTester(outline, FATAL)
    resets: list[int] = []
    outline.modelReset.connect(lambda: resets.append(1))
    dice = random.Random(seed)
    text, state, held, opened = "", None, False, set[str]()
    outline.set_open(NAMES, is_open=False)
    for revision, changes in enumerate(a_history(seed, 60)):
        catalog.apply(changes, float(revision))
        act = dice.randrange(6)
        if act == 0:
            text, state = dice.choice(["", "a", "1.9"]), dice.choice([None, VersionState.READY])
            outline.show_only(text, state)
        elif act == 1:
            outline.sort(dice.randrange(len(columns.MODELS)), dice.choice(list(Qt.SortOrder)))
        elif act == 2:
            opened = set(dice.sample(NAMES, 2))
            outline.set_open(NAMES, is_open=False)
            outline.set_open(sorted(opened), is_open=True)
        elif act == 3:
            held = not held
            outline.hold(held=held)
        rows = [outline.row(outline.index(row, 0)) for row in range(outline.rowCount())]
        assert len(set(rows)) == len(rows)
        if not held:
            assert set(rows) == expected(catalog, text=text, state=state, opened=opened)
            assert outline.shown_models == sum(version is None for _, version in rows)
        for row, key in enumerate(rows):
            assert outline.find(*key).row() == row
            assert outline.cells(row) == row_cells(outline.record(outline.index(row, 0)))
    assert not resets
    assert tester.model() is outline


def test_a_sort_in_slices_ends_right_whatever_comes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline_module, "SORT_SECONDS", 0.0)
    for seed in range(4):
        catalog = Catalog()
        outline = Outline(catalog)
        tester = QAbstractItemModelTester(outline, FATAL)
        for revision, changes in enumerate(a_history(seed, 40)):
            catalog.apply(changes, float(revision))
            outline.sort(PENDING if revision % 2 else columns.NAME, Qt.SortOrder.DescendingOrder)
            if revision % 5 == 0:
                outline.show_only("1" if revision % 10 else "", None)
            if revision % 3 == 0:
                outline._sort_on()
        outline.show_only("", None)
        outline.sort(PENDING, Qt.SortOrder.DescendingOrder)
        assert outline._coming is not None, "all of it was sorted at once"
        while outline._coming is not None:
            outline._sort_on()
        tops = [outline.record(outline.index(row, 0)) for row in range(outline.rowCount())]
        pending = [record.pending for record in tops if isinstance(record, ModelRecord)]
        assert pending == sorted(pending, reverse=True)
        assert {record.name for record in tops if isinstance(record, ModelRecord)} == set(catalog.models)
        assert tester.model() is outline


@pytest.mark.parametrize("seed", range(6))
def test_a_reader_that_listens_always_has_what_is_there(seed: int) -> None:
    catalog = Catalog()
    outline = Outline(catalog)
    dice = random.Random(seed)
    screen: dict[tuple[int, int], object] = {}

    def read(*_: object) -> None:
        places = ((row, column) for row in range(outline.rowCount()) for column in range(outline.columnCount()))
        screen.clear()
        screen.update({(row, column): outline.index(row, column).data() for row, column in places})

    def read_some(first: QModelIndex, last: QModelIndex) -> None:
        for row in range(first.row(), last.row() + 1):
            for column in range(first.column(), last.column() + 1):
                screen[row, column] = outline.index(row, column).data()

    for signal in (outline.rowsInserted, outline.rowsRemoved, outline.layoutChanged):
        signal.connect(read)
    outline.dataChanged.connect(read_some)
    for revision, changes in enumerate(a_history(seed, 40)):
        catalog.apply(changes, float(revision) if dice.random() < 0.5 else None)
        if dice.random() < 0.2:
            outline.sort(dice.randrange(len(columns.MODELS)))
        shown = dict(screen)
        read()
        assert shown == screen


@pytest.mark.parametrize("seed", range(4))
def test_the_flat_tables_survive_any_history(seed: int) -> None:
    catalog = Catalog()
    workers: FlatModel[WorkerRecord] = FlatModel(columns.WORKERS, worker_cells)
    queues: FlatModel[QueueRecord] = FlatModel(columns.QUEUES, queue_cells)
    proxies = [SortProxy(workers), SortProxy(queues)]
    models: list[QAbstractItemModel] = [workers, queues, *proxies]
    testers = [QAbstractItemModelTester(model, FATAL) for model in models]
    for changes in a_history(seed):
        catalog.apply(changes)
        workers.rows.replace(worker_records(list(catalog), now=1.0))
        queues.rows.replace(queue_records(list(catalog)))
        assert workers.rowCount() == sum(len(record.snapshot.workers) for record in catalog)
        assert queues.rowCount() == len(list(catalog))
    assert len(testers) == 4


def test_one_changed_cell_is_one_signal_with_its_roles() -> None:
    catalog = Catalog()
    model = Outline(catalog)
    catalog.apply(Changes(1, (a_version(), a_version(version="2.0"))))
    for row in range(model.rowCount()):
        model.index(row, 0).data()
    signals: list[tuple[object, ...]] = []
    model.dataChanged.connect(
        lambda first, last, roles: signals.append((first.row(), last.row(), first.column(), last.column(), roles))
    )
    catalog.apply(Changes(2, (a_version(version="2.0", queue=a_queue(pending=4)),)))
    roles = [int(role) for role in SHOWN_ROLES]
    assert sorted(signals) == [(0, 0, 4, 4, roles), (2, 2, 4, 4, roles)]


def test_rows_out_of_sight_are_announced_whole_and_together() -> None:
    catalog = Catalog()
    model = Outline(catalog)
    catalog.apply(Changes(1, tuple(a_version(name) for name in NAMES)))
    signals: list[tuple[int, int, int, int]] = []
    model.dataChanged.connect(
        lambda first, last: signals.append((first.row(), last.row(), first.column(), last.column()))
    )
    catalog.apply(Changes(2, tuple(a_version(name, queue=a_queue(pending=4)) for name in NAMES)))
    assert signals == [(0, len(NAMES) - 1, 0, len(columns.MODELS) - 1)]


def test_versions_sort_as_versions_and_selection_and_openness_survive(qtbot: QtBot) -> None:
    catalog = Catalog()
    model = Outline(catalog)
    view = OutlineView(model)
    model.setParent(view)
    qtbot.addWidget(view)
    catalog.apply(Changes(1, tuple(a_version("b", version) for version in ("1.10", "1.9", "1.0"))))
    assert [model.index(row, 0).data() for row in range(1, 4)] == [
        "version 1.0 default",
        "version 1.9 default",
        "version 1.10 default",
    ]
    view.choose(model.find("b", "1.9"))
    catalog.apply(Changes(2, (a_version("a"), a_version("b", "1.1"), a_version("b", "1.9", state=VersionState.FAILED))))
    assert view.is_open(model.index(1, 0))
    assert view.currentIndex().data() == "version 1.9 default"
    assert [index.row() for index in view.selectionModel().selectedRows()] == [4]


def test_live_values_move_rows_only_when_they_are_measured() -> None:
    catalog = Catalog()
    model = Outline(catalog)
    model.sort(columns.STATE + 3, Qt.SortOrder.DescendingOrder)
    catalog.apply(Changes(1, (a_version("a", queue=a_queue(pending=1)), a_version("b"))), 0.0)
    catalog.apply(Changes(2, (a_version("b", queue=a_queue(pending=9)),)))
    assert [model.index(row, 0).data() for row in range(2)] == ["a 1.0", "b 1.0"]
    catalog.apply(Changes(2), 1.0)
    assert [model.index(row, 0).data() for row in range(2)] == ["b 1.0", "a 1.0"]


def test_roles_say_the_same_in_words() -> None:
    catalog = Catalog()
    model = Outline(catalog)
    catalog.apply(Changes(1, (a_version(state=VersionState.FAILED),)))
    state = model.index(0, columns.STATE)
    assert state.data(Qt.ItemDataRole.AccessibleTextRole) == state.data(Qt.ItemDataRole.ToolTipRole) == "Failed"
    assert state.data(CELL).state is VersionState.FAILED
    assert state.data(Qt.ItemDataRole.DecorationRole) is None
    memory = model.index(0, 8).data(Qt.ItemDataRole.TextAlignmentRole)
    assert memory & Qt.AlignmentFlag.AlignRight


def test_an_index_leads_to_its_record_and_back() -> None:
    catalog = Catalog()
    model = Outline(catalog)
    catalog.apply(Changes(1, (a_version(),)))
    assert isinstance(model.record(model.find("digits")), ModelRecord)
    model.set_open(["digits"], is_open=True)
    assert isinstance(model.record(model.find("digits", "1.0")), VersionRecord)
    assert not model.find("digits", "9").isValid()
    assert not model.find("nothing").isValid()


def test_headers_are_titles() -> None:
    model = Outline(Catalog())
    assert model.headerData(0, Qt.Orientation.Horizontal) == "Model"
    assert model.headerData(0, Qt.Orientation.Vertical) is None
    assert model.headerData(99, Qt.Orientation.Horizontal) is None
