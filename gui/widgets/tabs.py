"""A flat row of tabs with a line under the current one. The GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QTabBar, QWidget
from typing_extensions import override

from gui import theme

HEIGHT = 36
LINE = 2


class Tabs(QTabBar):
    """A tab bar that paints itself: the current tab semibold over an accent line, the others dim."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDrawBase(False)
        self.setExpanding(False)

    @override
    def tabSizeHint(self, index: int) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.tabText(index)) + 2 * theme.PADDING + theme.GRID, HEIGHT)

    @override
    def minimumTabSizeHint(self, index: int) -> QSize:
        return self.tabSizeHint(index)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        for index in range(self.count()):
            self._paint_tab(painter, index, self.tabRect(index))
        painter.end()

    def _paint_tab(self, painter: QPainter, index: int, rect: QRect) -> None:
        colours = theme.tokens(self.palette())
        current = index == self.currentIndex()
        painter.setFont(theme.semibold(self.font()) if current else self.font())
        painter.setPen(colours.text if current else colours.dim)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self.tabText(index))
        if current:
            colour = colours.accent if not self.hasFocus() else colours.text
            painter.fillRect(rect.left(), rect.bottom() + 1 - LINE, rect.width(), LINE, colour)
