"""The titles over a table: small, dim and semibold on its own ground, an arrow at the sorted one. The GUI thread.

The arrow stands on the side where there is room: after a title at the left, before one at the right.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QHeaderView, QStyle, QWidget
from typing_extensions import override

from gui import theme
from gui.tables.delegates import ARROW, HAIR, paint_ground

# What the arrow takes beside a title.
ROOM = 14


class Header(QHeaderView):
    """Columns can be moved and resized; one of them takes the room that is left."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setSectionsClickable(True)
        self.setSectionsMovable(True)
        self.setHighlightSections(False)
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
        painter.setLayoutDirection(self.layoutDirection())
        paint_ground(painter, rect, colours, selected=False, alternate=False)
        alignment = self.model().headerData(logicalIndex, self.orientation(), Qt.ItemDataRole.TextAlignmentRole)
        title = self.model().headerData(logicalIndex, self.orientation()) or ""
        inner = rect.adjusted(theme.PADDING, 0, -theme.PADDING, -1)
        is_sorted = self.isSortIndicatorShown() and self.sortIndicatorSection() == logicalIndex
        room = inner.width() - (ROOM if is_sorted else 0)
        title = self.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, room)
        painter.setFont(self.font())
        painter.setPen(colours.text if is_sorted else colours.dim)
        painter.drawText(inner, alignment, title)
        if is_sorted:
            self._paint_arrow(painter, inner, title, alignment)
        painter.restore()

    def _paint_arrow(self, painter: QPainter, rect: QRect, title: str, alignment: Qt.AlignmentFlag) -> None:
        width = self.fontMetrics().horizontalAdvance(title)
        to_right = QStyle.visualAlignment(self.layoutDirection(), alignment) & Qt.AlignmentFlag.AlignRight
        away = width + ROOM - ARROW
        x = rect.right() + 1 - away if to_right else rect.left() + away
        up = -ARROW / 2 if self.sortIndicatorOrder() is Qt.SortOrder.AscendingOrder else ARROW / 2
        y = rect.center().y() + 1
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(painter.pen().color(), HAIR))
        painter.drawPolyline(QPolygonF([QPointF(x - ARROW, y - up), QPointF(x, y + up), QPointF(x + ARROW, y - up)]))
