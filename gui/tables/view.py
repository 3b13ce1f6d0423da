"""The one view of all tables: flat header, quiet rows, no jumping under the pointer, copying. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QGuiApplication,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPen,
    QPolygonF,
    QShortcut,
)
from PySide6.QtWidgets import QFrame, QHeaderView, QMenu, QStyleOptionViewItem, QTreeView, QWidget
from typing_extensions import override

from gui import theme
from gui.tables.delegates import CellDelegate, paint_ground

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QAction

    from gui.tables.columns import Column
    from gui.tables.proxies import SortProxy

ARROW = 4.0
HAIR = 1.4
# The row that the keyboard acts on has a bar of this many pixels at its left edge while the table has the focus.
FOCUS_BAR = 3


class Header(QHeaderView):
    """Column titles: small, dim and semibold on the table's own ground, an arrow at the sorted one."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setSectionsClickable(True)
        self.setSectionsMovable(True)
        self.setStretchLastSection(False)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setMinimumSectionSize(theme.HEADER_HEIGHT)
        self.setFont(theme.semibold(theme.small(self.font())))

    @override
    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), max(theme.HEADER_HEIGHT, self.fontMetrics().height() + 2 * theme.GRID))

    @override
    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        colours = theme.tokens(self.palette())
        painter.save()
        paint_ground(painter, rect, colours, selected=False, alternate=False)
        alignment = self.model().headerData(logicalIndex, self.orientation(), Qt.ItemDataRole.TextAlignmentRole)
        title = self.model().headerData(logicalIndex, self.orientation()) or ""
        inner = rect.adjusted(theme.PADDING, 0, -theme.PADDING, -1)
        painter.setFont(self.font())
        painter.setPen(colours.dim)
        painter.drawText(inner, alignment, title)
        if self.isSortIndicatorShown() and self.sortIndicatorSection() == logicalIndex and title:
            self._paint_arrow(painter, inner, title, alignment)
        painter.restore()

    def _paint_arrow(self, painter: QPainter, rect: QRect, title: str, alignment: Qt.AlignmentFlag) -> None:
        width = self.fontMetrics().horizontalAdvance(title)
        to_right = bool(alignment & Qt.AlignmentFlag.AlignRight)
        x = rect.right() - width - 2 * ARROW if to_right else rect.left() + width + 2 * ARROW
        up = -ARROW / 2 if self.sortIndicatorOrder() is Qt.SortOrder.AscendingOrder else ARROW / 2
        y = rect.center().y() + 1
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(painter.pen().color(), HAIR))
        painter.drawPolyline(QPolygonF([QPointF(x - ARROW, y - up), QPointF(x, y + up), QPointF(x + ARROW, y - up)]))


class TableView(QTreeView):
    """A table or tree over a `SortProxy`.

    Signals: `current_changed` when another row became current or none is.
    """

    current_changed = Signal()

    def __init__(self, proxy: SortProxy, columns: Sequence[Column], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._proxy = proxy
        self.setAccessibleName(name)
        self.setHeader(Header(self))
        self.setItemDelegate(CellDelegate(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QTreeView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        self.setModel(proxy)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        unit = self.fontMetrics().averageCharWidth()
        for section, column in enumerate(columns):
            self.setColumnWidth(section, column.width * unit)
            if column.stretches:
                self.header().setSectionResizeMode(section, QHeaderView.ResizeMode.Stretch)
        self.selectionModel().currentRowChanged.connect(self.current_changed)
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self.copy_rows)

    def make_flat(self) -> None:
        """No tree: rows begin at the left edge."""
        self.setRootIsDecorated(False)
        self.setItemsExpandable(False)

    def source_current(self) -> QModelIndex:
        """The current row in the store's model, invalid when there is none."""
        return self._proxy.mapToSource(self.currentIndex())

    def choose(self, source: QModelIndex) -> None:
        """Select one row, given in the store's model, and bring it into view."""
        index = self._proxy.mapFromSource(source)
        self.setCurrentIndex(index)
        self.scrollTo(index)

    def copy_rows(self) -> None:
        """Put the selected rows on the clipboard, cells parted by tabs."""
        rows = self.selectionModel().selectedRows()
        lines = ("\t".join(self._words(row, column) for column in range(self._proxy.columnCount())) for row in rows)
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _words(self, row: QModelIndex, column: int) -> str:
        return str(row.siblingAtColumn(column).data() or "")

    def open_menu(self, actions: Sequence[QAction], event: QContextMenuEvent) -> None:
        """Show a context menu; rows keep their places while it is open."""
        menu = QMenu(self)
        menu.addActions(list(actions))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._proxy.setDynamicSortFilter(False)
        menu.aboutToHide.connect(self._unfreeze)
        menu.popup(event.globalPos())

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._proxy.setDynamicSortFilter(False)
        super().mousePressEvent(event)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        self._unfreeze()

    def _unfreeze(self) -> None:
        self._proxy.setDynamicSortFilter(True)

    @override
    def drawRow(
        self, painter: QPainter, options: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().drawRow(painter, options, index)
        row = QModelIndex(index) if isinstance(index, QModelIndex) else index.model().index(index.row(), 0)
        if self.hasFocus() and row.siblingAtColumn(0) == self.currentIndex().siblingAtColumn(0):
            area = self.visualRect(row.siblingAtColumn(0))
            painter.fillRect(0, area.top(), FOCUS_BAR, area.height() - 1, theme.tokens(self.palette()).accent)

    @override
    def drawBranches(self, painter: QPainter, rect: QRect, index: QModelIndex | QPersistentModelIndex) -> None:
        colours = theme.tokens(self.palette())
        row = QModelIndex(index) if isinstance(index, QModelIndex) else index.model().index(index.row(), 0)
        selected = self.selectionModel().isSelected(row)
        paint_ground(painter, rect, colours, selected=selected, alternate=row.parent().isValid())
        if not self.rootIsDecorated() or not self.model().hasChildren(row):
            return
        centre = QPointF(rect.right() - self.indentation() / 2 + 1, rect.center().y() + 0.5)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colours.dim, HAIR))
        painter.drawPolyline(_chevron(centre, expanded=self.isExpanded(row)))
        painter.restore()

    @override
    def viewportSizeHint(self) -> QSize:
        return QSize(super().viewportSizeHint().width(), 4 * theme.ROW_HEIGHT)


def _chevron(centre: QPointF, *, expanded: bool) -> QPolygonF:
    half = ARROW / 2
    points = [(-ARROW, -half), (0, half), (ARROW, -half)] if expanded else [(-half, -ARROW), (half, 0), (-half, ARROW)]
    return QPolygonF([centre + QPointF(x, y) for x, y in points])
