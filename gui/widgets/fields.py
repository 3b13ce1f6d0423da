"""Fields to type in and boxes to tick, in the theme's flat look. The GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QLineEdit, QWidget
from typing_extensions import override

from gui import theme

BOX = 16
TICK = ((4.0, 8.2), (7.0, 11.2), (12.0, 5.2))
TICK_WIDTH = 1.8


class TextField(QLineEdit):
    """One line with a rounded edge, in the accent while it has the focus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrame(False)
        self.setMinimumHeight(self.fontMetrics().height() + 14)
        self.setTextMargins(2 * theme.GRID, 0, theme.GRID, 0)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colours.accent if self.hasFocus() else colours.border, 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), theme.RADIUS, theme.RADIUS)
        painter.end()


class TickBox(QCheckBox):
    """A box that can be seen in both schemes; its words are in the text's colour, dim when it cannot be used."""

    @override
    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(BOX + 2 * theme.GRID + metrics.horizontalAdvance(self.text()), max(BOX + 2, metrics.height()) + 2)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setLayoutDirection(self.layoutDirection())
        mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        corner = QPointF(self.width() - BOX - 1 if mirrored else 1, (self.height() - BOX) / 2)
        ticked = self.isChecked() and self.isEnabled()
        painter.setPen(QPen(colours.accent if ticked or self.hasFocus() else colours.dim, 1))
        painter.setBrush(colours.accent if ticked else colours.surface)
        painter.drawRoundedRect(QRectF(corner.x() + 0.5, corner.y() + 0.5, BOX - 1, BOX - 1), 3, 3)
        if self.isChecked():
            painter.setPen(QPen(colours.on_accent if ticked else colours.dim, TICK_WIDTH))
            painter.drawPolyline([corner + QPointF(x, y) for x, y in TICK])
        painter.setPen(colours.text if self.isEnabled() else colours.dim)
        space = BOX + 2 * theme.GRID
        area = self.rect().adjusted(0 if mirrored else space, 0, -space if mirrored else 0, 0)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeading, self.text())
        painter.end()
