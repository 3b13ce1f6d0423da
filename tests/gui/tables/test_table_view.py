from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from engine.snapshots import Changes, VersionState, WorkerState
from gui.tables import columns
from gui.tables.catalog import Catalog
from gui.tables.models import TreeModel
from gui.tables.proxies import ModelsProxy
from gui.tables.view import TableView
from tests.gui.fakes import a_queue, a_version, a_worker

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture
def view(qtbot: QtBot, catalog: Catalog) -> TableView:
    proxy = ModelsProxy(TreeModel(catalog))
    view = TableView(proxy, columns.MODELS, "Models")
    proxy.setParent(view)
    proxy.cell_model.setParent(view)
    qtbot.addWidget(view)
    view.resize(1200, 300)
    return view


def test_rows_are_copied_as_tab_separated_text(view: TableView, catalog: Catalog) -> None:
    catalog.apply(Changes(1, (a_version(), a_version("denoiser", "0.9", workers=()))))
    view.selectAll()
    view.copy_rows()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert [line.split("\t")[:4] for line in lines] == [
        ["denoiser 0.9", "Ready", "0 of 1", ""],
        ["digits 1.0", "Ready", "1 of 1", "cpu"],
    ]


def test_every_kind_of_cell_is_painted(view: TableView, catalog: Catalog) -> None:
    failed = a_worker(state=WorkerState.FAILED, last_death="cv2 is missing")
    catalog.apply(Changes(1, tuple(a_version(state.value, state=state, workers=(failed,)) for state in VersionState)))
    for now in range(4):
        catalog.apply(Changes(now, (a_version("ready", queue=a_queue(answered=now * now)),)), float(now))
    view.expandAll()
    view.selectAll()
    picture = view.grab().toImage()
    colours = {picture.pixelColor(x, y).name() for x in range(0, 1200, 3) for y in range(0, 300, 3)}
    assert len(colours) > 10


def test_rows_stay_put_while_one_is_pressed(view: TableView, catalog: Catalog) -> None:
    catalog.apply(Changes(1, (a_version("b"), a_version("c"))))
    view.show()
    place = view.visualRect(view.model().index(0, 0)).center() + QPoint(30, 0)
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    view.sortByColumn(4, Qt.SortOrder.DescendingOrder)
    before = [view.model().index(row, 0).data() for row in range(2)]
    catalog.apply(Changes(2, (a_version(before[1].split()[0], queue=a_queue(pending=50)),)))
    assert [view.model().index(row, 0).data() for row in range(2)] == before
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert [view.model().index(row, 0).data() for row in range(2)] == before[::-1]


def test_columns_keep_their_widths_and_one_stretches(view: TableView) -> None:
    assert view.header().sectionSizeFromContents(0).height() > 0
    widths = sum(view.columnWidth(section) for section in range(len(columns.MODELS)))
    assert abs(widths - view.viewport().width()) <= 2
