"""The one view of all tables: quiet rows, no jumping under the pointer, copying, columns to choose. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from PySide6.QtCore import QAbstractItemModel, QItemSelectionModel, QModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QMenu, QTableView, QWidget
from typing_extensions import override

from gui import theme
from gui.style import paint_by_delegate
from gui.tables.choice import ColumnChoice
from gui.tables.delegates import CellDelegate
from gui.tables.header import Header
from gui.tables.proxies import SortProxy
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QAction

    from gui.tables.columns import Column

CHOOSE_ROW = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
Cursor = QAbstractItemView.CursorAction


class Ordered(Protocol):
    """A model that sorts itself while the view lets it."""

    def hold(self, *, held: bool) -> None:
        """Keep rows where they are for a while, whatever their values become."""
        ...


class TableView(QTableView):
    """A table over a model that sorts itself, in whole rows.

    Signals: `current_changed` when another row became current or none is; `activated_row` at Enter and double click.
    """

    current_changed = Signal()
    activated_row = Signal()

    def __init__(
        self, model: QAbstractItemModel, columns: Sequence[Column], name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setHorizontalHeader(Header(self))
        self.setItemDelegate(CellDelegate(self))
        self._look_flat()
        self.setModel(model)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.choice = ColumnChoice(self.header(), columns, self.fontMetrics().averageCharWidth())
        self.header().setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.header().customContextMenuRequested.connect(self._open_choice)
        self.selectionModel().currentRowChanged.connect(self._row_changed)
        self.doubleClicked.connect(self.activated_row)
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self.copy_rows)

    def _look_flat(self) -> None:
        paint_by_delegate(self)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        rows = self.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(1)
        rows.setDefaultSectionSize(max(theme.ROW_HEIGHT, self.fontMetrics().height() + 2 * theme.GRID))
        rows.hide()

    def header(self) -> QHeaderView:
        """The titles."""
        return self.horizontalHeader()

    def save_columns(self) -> bytes:
        """Which columns are shown, where and how wide, and the sorted one; for `restore_columns`."""
        return self.choice.save()

    def restore_columns(self, state: bytes) -> None:
        """Show columns as they were saved; what was saved of other columns is ignored."""
        self.choice.restore(state)

    def source_current(self) -> QModelIndex:
        """The current row in the store's model, invalid when there is none."""
        return self.to_source(self.currentIndex())

    def to_source(self, index: QModelIndex) -> QModelIndex:
        """Where a row of the view is in the store's model."""
        model = self.model()
        return model.mapToSource(index) if isinstance(model, SortProxy) else index

    def choose(self, source: QModelIndex) -> None:
        """Select one row, given in the store's model, and bring it into view."""
        model = self.model()
        index = model.mapFromSource(source) if isinstance(model, SortProxy) else source
        if index.isValid():
            self.selectionModel().setCurrentIndex(index, CHOOSE_ROW)
            self.scrollTo(index)
        else:
            self.setCurrentIndex(index)

    def copy_rows(self) -> None:
        """Put the shown columns of the selected rows on the clipboard, cells parted by tabs."""
        header = self.header()
        places = [header.logicalIndex(place) for place in range(header.count())]
        shown = [column for column in places if not header.isSectionHidden(column)]
        rows = sorted(self.selectionModel().selectedRows(), key=QModelIndex.row)
        lines = ("\t".join(str(row.siblingAtColumn(column).data() or "") for column in shown) for row in rows)
        QGuiApplication.clipboard().setText("\n".join(lines))

    def open_menu(self, actions: Sequence[QAction], event: QContextMenuEvent) -> None:
        """Show a context menu, at the current row when a key asked for it; rows keep their places while it is open."""
        menu = QMenu(self)
        menu.addActions(list(actions))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._hold(held=True)
        menu.aboutToHide.connect(lambda: self._hold(held=False))
        place = event.globalPos()
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            place = self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).center())
        menu.popup(place)

    def _open_choice(self, place: QPoint) -> None:
        menu = QMenu(tr("Columns"), self)
        self.choice.fill(menu)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.header().mapToGlobal(place))

    def _hold(self, *, held: bool) -> None:
        cast("Ordered", self.model()).hold(held=held)

    def _row_changed(self) -> None:
        # The bar at the current row's left edge belongs to no cell that Qt would paint again by itself.
        self.viewport().update()
        self.current_changed.emit()

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._hold(held=True)
        super().mousePressEvent(event)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        self._hold(held=False)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self.currentIndex().isValid():
            self.activated_row.emit()
        else:
            super().keyPressEvent(event)

    @override
    def moveCursor(self, cursorAction: Cursor, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        """Move by rows alone: Home and End are the first row and the last."""
        current, last = self.currentIndex(), self.model().rowCount() - 1
        if last >= 0 and cursorAction in {Cursor.MoveHome, Cursor.MoveEnd}:
            return self.model().index(0 if cursorAction is Cursor.MoveHome else last, max(0, current.column()))
        if current.isValid() and cursorAction in {Cursor.MoveLeft, Cursor.MoveRight}:
            return current
        return super().moveCursor(cursorAction, modifiers)

    @override
    def viewportSizeHint(self) -> QSize:
        return QSize(super().viewportSizeHint().width(), 4 * theme.ROW_HEIGHT)
