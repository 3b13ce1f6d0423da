from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from engine.snapshots import Changes, Key, VersionSnapshot, VersionState, WorkerState
from gui.tables import columns
from gui.tables.catalog import Catalog, queue_records, worker_records
from gui.tables.models import CELL, SHOWN_ROLES, FlatModel, TreeModel
from gui.tables.proxies import ModelsProxy, SortProxy
from gui.tables.records import ModelRecord, QueueRecord, WorkerRecord, queue_cells, worker_cells
from gui.tables.view import TableView
from tests.gui.fakes import a_queue, a_version, a_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.usefixtures("qapp")

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal
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


def shown(model: QAbstractItemModel, parent: QModelIndex | None = None) -> list[tuple[object, ...]]:
    """Everything a view would read, depth first."""
    place = parent or QModelIndex()
    rows = []
    for row in range(model.rowCount(place)):
        first = model.index(row, 0, place)
        rows.append(tuple(first.siblingAtColumn(column).data() for column in range(model.columnCount(place))))
        rows.extend(shown(model, first))
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_the_tree_survives_any_history_directly_and_through_the_proxy(seed: int) -> None:
    catalog = Catalog()
    model = TreeModel(catalog)
    proxy = ModelsProxy(model)
    testers = [QAbstractItemModelTester(model, FATAL), QAbstractItemModelTester(proxy, FATAL)]
    resets: list[int] = []
    model.modelReset.connect(lambda: resets.append(1))
    dice = random.Random(seed)
    for revision, changes in enumerate(a_history(seed)):
        catalog.apply(changes, float(revision))
        if dice.random() < 0.2:
            proxy.show_only(dice.choice(["", "a", "1.9"]), dice.choice([None, VersionState.READY]))
        if dice.random() < 0.2:
            proxy.sort(dice.randrange(len(columns.MODELS)), dice.choice(list(Qt.SortOrder)))
        fresh = Catalog()
        fresh.apply(Changes(1, tuple(record.snapshot for record in catalog)))
        assert sorted(row[:2] for row in shown(model)) == sorted(row[:2] for row in shown(TreeModel(fresh)))
    assert not resets
    assert len(testers) == 2


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
    model = TreeModel(catalog)
    catalog.apply(Changes(1, (a_version(), a_version(version="2.0"))))
    signals: list[tuple[object, ...]] = []
    model.dataChanged.connect(
        lambda first, last, roles: signals.append(
            (first.parent().isValid(), first.row(), first.column(), last.column(), roles)
        )
    )
    catalog.apply(Changes(2, (a_version(version="2.0", queue=a_queue(pending=4)),)))
    roles = [int(role) for role in SHOWN_ROLES]
    assert signals == [(True, 1, 4, 4, roles), (False, 0, 4, 4, roles)]


def test_versions_sort_as_versions_and_selection_and_expansion_survive(qtbot: QtBot) -> None:
    catalog = Catalog()
    model = TreeModel(catalog)
    proxy = ModelsProxy(model)
    view = TableView(proxy, columns.MODELS, "Models")
    qtbot.addWidget(view)
    catalog.apply(Changes(1, tuple(a_version("b", version) for version in ("1.10", "1.9", "1.0"))))
    top = proxy.index(0, 0)
    assert [proxy.index(row, 0, top).data() for row in range(3)] == [
        "version 1.0 default",
        "version 1.9 default",
        "version 1.10 default",
    ]
    view.expand(top)
    view.choose(model.find("b", "1.9"))
    catalog.apply(Changes(2, (a_version("a"), a_version("b", "1.1"), a_version("b", "1.9", state=VersionState.FAILED))))
    assert view.isExpanded(proxy.index(1, 0))
    assert view.currentIndex().data() == "version 1.9 default"
    assert view.selectionModel().isRowSelected(2, proxy.index(1, 0))


def test_roles_say_the_same_in_words() -> None:
    catalog = Catalog()
    model = TreeModel(catalog)
    catalog.apply(Changes(1, (a_version(state=VersionState.FAILED),)))
    state = model.index(0, columns.STATE)
    assert state.data(Qt.ItemDataRole.AccessibleTextRole) == state.data(Qt.ItemDataRole.ToolTipRole) == "Failed"
    assert state.data(CELL).state is VersionState.FAILED
    assert state.data(Qt.ItemDataRole.DecorationRole) is None
    memory = model.index(0, 7).data(Qt.ItemDataRole.TextAlignmentRole)
    assert memory & Qt.AlignmentFlag.AlignRight


def test_an_index_leads_to_its_record_and_back() -> None:
    catalog = Catalog()
    model = TreeModel(catalog)
    catalog.apply(Changes(1, (a_version(),)))
    assert isinstance(model.record(model.find("digits")), ModelRecord)
    assert model.parent(model.find("digits", "1.0")) == model.find("digits")
    assert not model.find("digits", "9").isValid()
    assert not model.find("nothing").isValid()


def test_headers_are_titles() -> None:
    model = TreeModel(Catalog())
    assert model.headerData(0, Qt.Orientation.Horizontal) == "Model"
    assert model.headerData(0, Qt.Orientation.Vertical) is None
    assert model.headerData(99, Qt.Orientation.Horizontal) is None
