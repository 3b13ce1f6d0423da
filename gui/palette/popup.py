"""The palette itself: a line to type in and the list of what matches, over the top of the window. The GUI thread.

It is a child of the window, not a window of its own, so that no desktop decides where it goes. Return runs the chosen
line, the arrows move, Esc or a click elsewhere closes.
"""

from __future__ import annotations

from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)
from typing_extensions import override

from gui import theme
from gui.palette.entries import Entry, Offer, of_actions, of_models
from gui.palette.lines import ENTRY, Lines
from gui.palette.match import MOST, ranked
from gui.widgets.basics import Caption
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gui.window import Window

WIDTH = 600
ROWS = 11
TOP = 56
MOVES = {Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}
TO_THE_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeading
TO_THE_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignTrailing


class EntryDelegate(QStyledItemDelegate):
    """Paints name and place to one side, the shortcut or the state to the other."""

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, max(theme.ROW_HEIGHT, option.fontMetrics.height() + 3 * theme.GRID))

    @override
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = theme.tokens(option.palette)
        entry: Entry = index.data(ENTRY)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.selection)
            painter.drawRoundedRect(QRectF(option.rect).adjusted(0, 1, 0, -1), theme.RADIUS, theme.RADIUS)
        inner = option.rect.adjusted(theme.PADDING, 0, -theme.PADDING, 0)
        painter.setLayoutDirection(option.direction)
        painter.setPen(colours.dim)
        painter.setFont(theme.small(option.font))
        painter.drawText(inner, TO_THE_RIGHT, f"{entry.where}   {entry.shortcut}" if entry.shortcut else entry.where)
        taken = painter.fontMetrics().horizontalAdvance(f"{entry.where}   {entry.shortcut}") + theme.PADDING
        painter.setPen(colours.text if entry.enabled else colours.dim)
        painter.setFont(option.font)
        text = option.fontMetrics.elidedText(entry.text, Qt.TextElideMode.ElideRight, inner.width() - taken)
        painter.drawText(inner, TO_THE_LEFT, text)
        painter.restore()


class Palette(QFrame):
    """Made when it is opened, gone when it is closed."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(tr("Commands"))
        self._window = window
        window.installEventFilter(self)
        self.lines = Lines()
        self.line = QLineEdit()
        self.line.setPlaceholderText(tr("Find a command or a model"))
        self.line.setAccessibleName(tr("Find a command or a model"))
        self.line.installEventFilter(self)
        self.list = self._list()
        self.nothing = Caption(tr("Nothing is called that."))
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * theme.GRID, 2 * theme.GRID, 2 * theme.GRID, 2 * theme.GRID)
        for widget in (self.line, self.list, self.nothing):
            column.addWidget(widget)
        self.line.textChanged.connect(self._find)
        self.list.clicked.connect(self._run)
        self._find("")

    def _list(self) -> QListView:
        rows = QListView()
        rows.setModel(self.lines)
        rows.setAccessibleName(tr("Commands"))
        rows.setFrameShape(QFrame.Shape.NoFrame)
        rows.setItemDelegate(EntryDelegate(rows))
        rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        rows.setUniformItemSizes(True)
        rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return rows

    def open_at_top(self) -> None:
        """Show it over the top centre of the window, ready to type."""
        self.show()
        self.raise_()
        self.line.setFocus()

    def _fit(self) -> None:
        """Be as high as what was found, up to some rows."""
        shown = min(self.lines.rowCount(), ROWS)
        self.list.setFixedHeight(shown * self.list.sizeHintForRow(0) if shown else 0)
        self.list.setVisible(shown > 0)
        self.nothing.setVisible(shown == 0)
        self._place()

    def _place(self) -> None:
        """Stay at the top centre, however wide the window is."""
        area = self._window.rect()
        width = min(WIDTH, area.width() - 4 * theme.PADDING)
        self.setGeometry(area.center().x() - width // 2, TOP, width, self.sizeHint().height())

    def _find(self, query: str) -> None:
        self.lines.show(self._found(query))
        self.list.setCurrentIndex(self.lines.index(0))
        self._fit()

    def _found(self, query: str) -> list[Offer]:
        """What a query finds, best first; thousands are only looked through once somebody types."""
        if query.strip():
            found = [self._offers[place] for place in ranked(query, self._texts)]
        else:
            found = list(islice(self._every(), MOST))
        return sorted(found, key=lambda offer: offer.standing)

    def _every(self) -> Iterator[Offer]:
        window = self._window
        models = of_models(window.catalog.models.values(), self._go_to)
        return chain(of_actions(window.menuBar().actions(), window.browser.columns_menu), models)

    @cached_property
    def _offers(self) -> list[Offer]:
        return list(self._every())

    @cached_property
    def _texts(self) -> list[str]:
        return [offer.text for offer in self._offers]

    def _run(self, line: QModelIndex) -> None:
        entry: Entry | None = line.data(ENTRY)
        if entry is not None and entry.enabled:
            self.close()
            entry.run()

    def _go_to(self, name: str, version: str | None) -> None:
        self._window.clear_filter()
        self._window.browser.choose(name, version)
        self._window.browser.table.setFocus()

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window:
            if event.type() is QEvent.Type.Resize:
                self._place()
            return False
        if event.type() is QEvent.Type.FocusOut:
            self.close()
        if not isinstance(event, QKeyEvent) or event.type() is not QEvent.Type.KeyPress:
            return super().eventFilter(watched, event)
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._run(self.list.currentIndex())
        elif event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() in MOVES:
            QApplication.sendEvent(self.list, event)
        else:
            return super().eventFilter(watched, event)
        return True

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colours.dim, 1))
        painter.setBrush(self.palette().color(QPalette.ColorRole.Base))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), theme.RADIUS, theme.RADIUS)
        painter.end()
