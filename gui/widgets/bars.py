"""A small histogram: a bar for each label, its count above it. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from gui import theme, words
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gui.graphs.fills import Bar

WIDEST = 96
GAP = 6
LEAST_HEIGHT = 90
# A bar of few among very many is still to be seen.
LEAST_BAR = 1.5


class Bars(QWidget):
    """Bars that share the width, each in the middle of its part, on a line with their labels under it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars: tuple[Bar, ...] = ()
        self.setAccessibleName(name)
        self.setFont(theme.small(self.font()))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(LEAST_HEIGHT)

    def show_bars(self, bars: Sequence[Bar]) -> None:
        """Show these."""
        if self.bars == tuple(bars):
            return
        self.bars = tuple(bars)
        said = (
            tr("{label}: {count}").format(label=bar.label, count=words.number(bar.amount)) for bar in bars if bar.amount
        )
        self.setAccessibleDescription(", ".join(said))
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(0, LEAST_HEIGHT)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.bars:
            return
        line = self.fontMetrics().height() + theme.GRID
        room = max(1, self.height() - 2 * line)
        width = self.width() / len(self.bars)
        most = max(1, *(bar.amount for bar in self.bars))
        painter = QPainter(self)
        for place, bar in enumerate(self.bars):
            height = max(LEAST_BAR, room * bar.amount / most) if bar.amount else 0
            self._paint_bar(painter, QRectF(place * width, line + room - height, width, height), bar)
        painter.fillRect(QRectF(0, line + room, self.width(), 1), theme.tokens(self.palette()).border)
        painter.end()

    def _paint_bar(self, painter: QPainter, box: QRectF, bar: Bar) -> None:
        colours, line = theme.tokens(self.palette()), self.fontMetrics().height() + theme.GRID
        beside = max(GAP, box.width() - WIDEST) / 2
        painter.fillRect(box.adjusted(beside, 0, -beside, 0), colours.accent)
        painter.setPen(colours.dim)
        under = QRectF(box.left(), box.bottom() + 1, box.width(), line)
        painter.drawText(under, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip, bar.label)
        count = words.number(bar.amount)
        if bar.amount and self.fontMetrics().horizontalAdvance(count) <= box.width():
            painter.setPen(colours.text)
            above = QRectF(box.left(), box.top() - line, box.width(), line)
            painter.drawText(above, Qt.AlignmentFlag.AlignCenter, count)
