"""The left side: models by state with their counts, devices, and where the server listens. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from engine.snapshots import VersionState
from gui import theme, words
from gui.marks import SIZE, paint_mark
from gui.panels.devices import Devices
from gui.widgets.basics import Caption, CopyLink, Panel
from gui.words import tr

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from gui.face import EngineFace
    from gui.tables.catalog import Catalog

WIDTH = 180
ROW = 30
STATE, COUNT = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
CENTRED = Qt.AlignmentFlag.AlignVCenter


class FilterDelegate(QStyledItemDelegate):
    """Paints mark, word and count of one filter."""

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, max(ROW, option.fontMetrics.height() + 3 * theme.GRID))

    @override
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = theme.tokens(option.palette)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setLayoutDirection(option.direction)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.selection)
            painter.drawRoundedRect(QRectF(option.rect).adjusted(0, 1, 0, -1), theme.RADIUS, theme.RADIUS)
        inner = option.rect.adjusted(10, 0, -10, 0)
        state = index.data(STATE)
        ink = colours.accent if chosen else colours.text
        painter.setFont(theme.semibold(option.font) if chosen else option.font)
        painter.setPen(ink if chosen else colours.dim)
        painter.drawText(inner, CENTRED | Qt.AlignmentFlag.AlignRight, words.number(index.data(COUNT)))
        if state:
            mark = VersionState(state)
            place = QRect(inner.left(), inner.top(), round(SIZE), inner.height())
            centre = QRectF(QStyle.visualRect(option.direction, option.rect, place)).center()
            paint_mark(painter, centre, mark, colours.states[mark])
            inner = QStyle.visualRect(option.direction, option.rect, inner.adjusted(20, 0, 0, 0))
        painter.setPen(ink)
        painter.drawText(inner, CENTRED, index.data(Qt.ItemDataRole.DisplayRole))
        painter.restore()


class StateFilters(QListWidget):
    """All models, then one row per state.

    Signals: `chosen` with the state, None for all.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Filter by state"))
        self.setItemDelegate(FilterDelegate(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self._states: list[VersionState | None] = [None, *VersionState]
        for state in self._states:
            item = QListWidgetItem(tr("All models") if state is None else words.state_name(state), self)
            item.setData(STATE, state.value if state else "")
            item.setData(COUNT, 0)
        self.setFixedHeight(self.sizeHintForRow(0) * self.count())
        self.setCurrentRow(0)
        self.currentRowChanged.connect(self._choose)

    @property
    def choice(self) -> VersionState | None:
        """The state chosen, None for all."""
        return self._states[self.currentRow()]

    def count_states(self, counts: Counter[VersionState]) -> None:
        """Show how many models are in each state."""
        for row, state in enumerate(self._states):
            count = counts.total() if state is None else counts[state]
            item = self.item(row)
            if item.data(COUNT) != count:
                item.setData(COUNT, count)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{item.text()}: {count}")

    def clear_choice(self) -> None:
        """Show all models."""
        self.setCurrentRow(0)

    def _choose(self, row: int) -> None:
        self.chosen.emit(self._states[row])


class Sidebar(Panel):
    """State filters, devices, and the addresses below; scrolls when there is no room for all."""

    def __init__(self, engine: EngineFace, catalog: Catalog, parent: QWidget | None = None) -> None:
        super().__init__(QPalette.ColorRole.Window, parent)
        self.setFixedWidth(WIDTH)
        self.filters = StateFilters()
        self.devices = Devices(engine, catalog)
        self._addresses = QVBoxLayout()
        self._addresses.setSpacing(2)
        self._addresses.setContentsMargins(10, 0, 10, 0)
        self.devices.setContentsMargins(10, 0, 10, 0)
        page = Panel(QPalette.ColorRole.Window)
        column = QVBoxLayout(page)
        column.setContentsMargins(8, 12, 8, 12)
        column.addWidget(self.filters)
        column.addSpacing(4 * theme.GRID)
        column.addWidget(self.devices)
        column.addSpacing(3 * theme.GRID)
        column.addLayout(self._addresses)
        column.addStretch()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(_scrolling(page))

    def show_addresses(self, addresses: Mapping[str, str]) -> None:
        """Name each listener with its address, which a click copies."""
        while item := self._addresses.takeAt(0):
            if widget := item.widget():
                widget.deleteLater()
        for name, address in addresses.items():
            self._addresses.addWidget(Caption(tr(name[:1].upper() + name[1:])))
            self._addresses.addWidget(CopyLink(short_address(address), address))
            self._addresses.addSpacing(theme.GRID)


def _scrolling(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def short_address(address: str) -> str:
    """Shorten "http://127.0.0.1:8081" to "127.0.0.1:8081"; anything but http keeps its scheme."""
    return address.removeprefix("http://").rstrip("/")
