from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from engine.snapshots import Changes, VersionState, WorkerState
from gui.tables import columns
from gui.tables.catalog import Catalog
from gui.tables.outline import Outline
from gui.tables.outline_view import OutlineView
from tests.gui.fakes import a_queue, a_version, a_worker

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture
def view(qtbot: QtBot, catalog: Catalog) -> OutlineView:
    outline = Outline(catalog)
    view = OutlineView(outline)
    outline.setParent(view)
    qtbot.addWidget(view)
    view.resize(1200, 300)
    return view


def test_rows_are_copied_as_tab_separated_text(view: OutlineView, catalog: Catalog) -> None:
    catalog.apply(Changes(1, (a_version(), a_version("denoiser", "0.9", workers=()))))
    view.selectAll()
    view.copy_rows()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert [line.split("\t")[:4] for line in lines] == [
        ["denoiser 0.9", "Ready", "0 of 1", ""],
        ["digits 1.0", "Ready", "1 of 1", "cpu"],
    ]


def test_every_kind_of_cell_is_painted(view: OutlineView, catalog: Catalog) -> None:
    failed = a_worker(state=WorkerState.FAILED, last_death="cv2 is missing")
    catalog.apply(Changes(1, tuple(a_version(state.value, state=state, workers=(failed,)) for state in VersionState)))
    for now in range(4):
        catalog.apply(Changes(now, (a_version("ready", queue=a_queue(answered=now * now)),)), float(now))
    view.expand_all()
    view.selectAll()
    picture = view.grab().toImage()
    colours = {picture.pixelColor(x, y).name() for x in range(0, 1200, 3) for y in range(0, 300, 3)}
    assert len(colours) > 10


def test_rows_stay_put_while_one_is_pressed(view: OutlineView, catalog: Catalog) -> None:
    catalog.apply(Changes(1, (a_version("b"), a_version("c"))))
    view.show()
    place = view.visualRect(view.model().index(0, 0)).center() + QPoint(30, 0)
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    view.sortByColumn(4, Qt.SortOrder.DescendingOrder)
    before = [view.model().index(row, 0).data() for row in range(2)]
    catalog.apply(Changes(2, (a_version(before[1].split()[0], queue=a_queue(pending=50)),)), 1.0)
    assert [view.model().index(row, 0).data() for row in range(2)] == before
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert [view.model().index(row, 0).data() for row in range(2)] == before[::-1]


def test_the_header_tells_what_a_figure_is_of(view: OutlineView) -> None:
    titles = [column.title for column in columns.MODELS]
    tip = Qt.ItemDataRole.ToolTipRole
    horizontal = Qt.Orientation.Horizontal
    assert "slowest version" in str(view.model().headerData(titles.index("p95, ms"), horizontal, tip))
    assert view.model().headerData(titles.index("Model"), horizontal, tip) is None
    assert all(titles)


def test_a_mirrored_table_is_the_mirror_image(view: OutlineView, catalog: Catalog) -> None:
    catalog.apply(Changes(1, (a_version("b", workers=()),)))
    states = columns.STATE

    def inked() -> float:
        """Where mark and word of the state lie in their cell, from 0 at its left to 1."""
        cell = view.visualRect(view.model().index(0, states))
        picture = view.viewport().grab(cell).toImage()
        ground = picture.pixelColor(0, 5)
        middle = range(picture.height() // 2 - 3, picture.height() // 2 + 4)
        xs = [x for x in range(picture.width()) if any(picture.pixelColor(x, y) != ground for y in middle)]
        return (min(xs) + max(xs)) / 2 / picture.width()

    view.show()
    at_left = inked()
    view.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    at_right = inked()
    assert at_left < 0.5 < at_right
    assert at_left + at_right == pytest.approx(1, abs=0.03)


def test_arrow_and_keys_are_mirrored(view: OutlineView, catalog: Catalog) -> None:
    catalog.apply(Changes(1, (a_version("b"),)))
    view.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    view.show()
    index = view.model().index(0, 0)
    cell = view.visualRect(index)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(cell.right() - 14, cell.center().y()))
    assert view.is_open(index)
    view.setCurrentIndex(index)
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert not view.is_open(index)
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert view.is_open(index)


def test_columns_keep_their_widths_and_one_stretches(view: OutlineView) -> None:
    view.show()
    assert view.header().sectionSizeFromContents(0).height() > 0
    widths = sum(view.columnWidth(section) for section in range(len(columns.MODELS)))
    assert abs(widths - view.viewport().width()) <= 2


def test_columns_are_chosen_moved_saved_and_restored(view: OutlineView, qtbot: QtBot) -> None:
    header = view.header()
    hidden = [section for section, column in enumerate(columns.MODELS) if column.hidden]
    assert [section for section in range(header.count()) if header.isSectionHidden(section)] == hidden
    menu = QMenu()
    qtbot.addWidget(menu)
    view.choice.fill(menu)
    texts = [action.text() for action in menu.actions()]
    assert "Model" not in texts
    assert {"State", "Recent requests", "GPU memory", "Reset columns"} <= set(texts)
    menu.actions()[texts.index("GPU memory")].trigger()
    menu.actions()[texts.index("Queue")].trigger()
    header.moveSection(header.visualIndex(8), 1)
    header.resizeSection(0, 333)
    view.sortByColumn(5, Qt.SortOrder.DescendingOrder)
    saved = view.save_columns()
    view.choice.reset()
    view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert header.isSectionHidden(9)
    view.restore_columns(saved)
    assert not header.isSectionHidden(9)
    assert header.isSectionHidden(4)
    assert (header.visualIndex(8), header.sectionSize(0)) == (1, 333)
    assert (header.sortIndicatorSection(), header.sortIndicatorOrder()) == (5, Qt.SortOrder.DescendingOrder)
    assert view.outline._arrangement.column == 5


@pytest.mark.parametrize("state", [b"", b"no record", bytes(range(256))])
def test_columns_of_another_time_are_ignored(view: OutlineView, state: bytes) -> None:
    saved = view.save_columns()
    view.restore_columns(state)
    view.restore_columns(saved.replace(b"p95, ms", b"p99, ms"))
    assert view.save_columns() == saved


def test_keys_open_close_and_walk_rows(view: OutlineView, catalog: Catalog, qtbot: QtBot) -> None:
    catalog.apply(Changes(1, (a_version("a"), a_version("b"), a_version("b", "2.0"))))
    model = view.outline
    view.choose(model.find("b"))

    def at() -> str:
        return str(view.currentIndex().siblingAtColumn(0).data())

    def press(key: Qt.Key) -> str:
        QTest.keyClick(view, key)
        return at()

    assert press(Qt.Key.Key_Right) == "version 1.0 default"
    assert press(Qt.Key.Key_Left) == "b"
    assert press(Qt.Key.Key_Left) == "b"
    assert model.rowCount() == 2
    assert press(Qt.Key.Key_Home) == "a 1.0"
    assert press(Qt.Key.Key_End) == "b"
    assert press(Qt.Key.Key_Asterisk) == "b"
    assert model.rowCount() == 5
    assert press(Qt.Key.Key_End) == "version 2.0 default"
    view.collapse_all()
    assert at() == "b"
    QTest.keyClicks(view, "a")
    assert at() == "a 1.0"
    with qtbot.waitSignal(view.activated_row):
        QTest.keyClick(view, Qt.Key.Key_Return)


def test_the_arrow_before_a_name_opens_its_row_without_choosing_it(view: OutlineView, catalog: Catalog) -> None:
    catalog.apply(Changes(1, (a_version("a"),)))
    view.show()
    place = view.visualRect(view.model().index(0, 0)).topLeft() + QPoint(16, 16)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert view.model().rowCount() == 2
    assert not view.currentIndex().isValid()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert view.model().rowCount() == 1
