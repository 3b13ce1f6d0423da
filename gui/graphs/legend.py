"""A graph's legend in its title line: a stroke of each line's colour, its name and a value. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from gui import theme
from gui.graphs.trace import colour_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gui.graphs.subjects import Line

STROKE = QSize(10, 3)
GAP = 4
BETWEEN = 10


class Entry(NamedTuple):
    """A line and what to say of it."""

    line: Line
    value: str


class Legend(QWidget):
    """Entries from the right; where there is no room for the values, names alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: tuple[Entry, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Show these."""
        if self.entries != tuple(entries):
            self.entries = tuple(entries)
            self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(0, self.fontMetrics().height())

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        right = float(self.width())
        for entry in reversed(self._fitting()):
            right = self._write(painter, right, entry.value, colours.text) - (GAP if entry.value else 0)
            right = self._write(painter, right, entry.line.title, colours.dim) - GAP - STROKE.width()
            middle = (self.height() - STROKE.height()) / 2
            stroke = QRectF(right, middle, STROKE.width(), STROKE.height())
            painter.fillRect(stroke, colour_of(entry.line.colour, colours))
            right -= BETWEEN
        painter.end()

    def _fitting(self) -> tuple[Entry, ...]:
        wanted = sum(self._width(entry) for entry in self.entries) - BETWEEN
        return self.entries if wanted <= self.width() else tuple(entry._replace(value="") for entry in self.entries)

    def _width(self, entry: Entry) -> int:
        text = self.fontMetrics().horizontalAdvance(entry.line.title + entry.value)
        return STROKE.width() + GAP + text + (GAP if entry.value else 0) + BETWEEN

    def _write(self, painter: QPainter, right: float, text: str, colour: QColor) -> float:
        """Write a text that ends there; returns where it begins."""
        left = right - self.fontMetrics().horizontalAdvance(text)
        painter.setPen(colour)
        painter.drawText(QRectF(left, 0, right - left + 1, self.height()), Qt.AlignmentFlag.AlignVCenter, text)
        return left
