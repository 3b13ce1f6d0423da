"""How a line of the log is painted: dim time and worker, a mark and a word for what is serious, hits on a ground.

The GUI thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPen,
    QPolygonF,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget
from typing_extensions import override

from engine.snapshots import Stream, VersionState
from gui import theme
from gui.logs.book import TAB
from gui.logs.book import width as width_of
from gui.logs.levels import Level
from gui.logs.model import LEVEL, ROW, TEXT, TIME
from gui.logs.text import clock, level_name
from gui.marks import SIZE, STROKE, paint_mark
from gui.words import tr

if TYPE_CHECKING:
    import re

    from gui.logs.book import Row
    from gui.theme import Tokens

Index = QModelIndex | QPersistentModelIndex
GAP = 6
# Above and below a line of text.
SPACE = 2
# Longer lines are cut on the screen alone: laying out a screen full of them would hold the loop.
MOST_SHOWN = 1000
TINT = 22
HIT = 90


class LineDelegate(QStyledItemDelegate):
    """Paints every cell of the log; `pattern` is what is searched for, `wraps` whether long lines go on below."""

    def __init__(self, font: QFont, parent: QWidget) -> None:
        super().__init__(parent)
        self._font = font
        self._metrics = QFontMetrics(font)
        self.pattern: re.Pattern[str] | None = None
        self.wraps = False

    @property
    def line_height(self) -> int:
        """The height of a row of one line, in pixels."""
        return self._metrics.height() + 2 * SPACE

    def height(self, index: Index, width: int) -> int:
        """How high a row is when its text has so much width."""
        row: Row = index.data(ROW)
        if not self.wraps or width_of(row.line.text) * self._metrics.horizontalAdvance("0") <= width - theme.PADDING:
            return self.line_height
        return round(self._lay_out(row, width - theme.PADDING).boundingRect().height()) + 2 * SPACE

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: Row = index.data(ROW)
        colours = theme.tokens(option.palette)
        painter.save()
        painter.fillRect(
            option.rect, _ground(row, colours, selected=bool(option.state & QStyle.StateFlag.State_Selected))
        )
        painter.setFont(self._font)
        if index.column() == TEXT:
            self._paint_text(painter, option.rect, row, colours)
        else:
            self._paint_margin(painter, option.rect, row, colours, index.column())
        painter.restore()

    def _paint_margin(self, painter: QPainter, rect: QRect, row: Row, colours: Tokens, column: int) -> None:
        line = QRect(rect.left() + theme.PADDING, rect.top() + SPACE, rect.width(), self._metrics.height())
        if column == LEVEL:
            _paint_level(painter, line, row.level, colours)
        else:
            painter.setPen(colours.dim)
            painter.drawText(
                line, Qt.TextFlag.TextSingleLine, clock(row.line.time) if column == TIME else row.line.worker
            )

    def _paint_text(self, painter: QPainter, rect: QRect, row: Row, colours: Tokens) -> None:
        painter.setPen(colours.states[VersionState.FAILED] if row.level >= Level.ERROR else colours.text)
        if (
            row.line.stream is not Stream.MARINA
            and not self.wraps
            and self.pattern is None
            and "\t" not in row.line.text
        ):
            # Most lines are plain, and this takes a fifth of the time of a layout.
            line = rect.adjusted(0, SPACE, 0, 0)
            painter.drawText(line, Qt.TextFlag.TextSingleLine, shown_text(row))
            return
        painter.setClipRect(rect)
        layout = self._lay_out(row, rect.width() - theme.PADDING)
        layout.draw(painter, QPointF(rect.left(), rect.top() + SPACE), self._hits(row, colours))

    def _lay_out(self, row: Row, width: int) -> QTextLayout:
        font = theme.semibold(self._font) if row.line.stream is Stream.MARINA else self._font
        layout = QTextLayout(shown_text(row), font)
        option = QTextOption()
        option.setTabStopDistance(TAB * self._metrics.horizontalAdvance(" "))
        wrap = QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere if self.wraps else QTextOption.WrapMode.NoWrap
        option.setWrapMode(wrap)
        layout.setTextOption(option)
        layout.beginLayout()
        top = 0.0
        while (line := layout.createLine()).isValid():
            line.setLineWidth(max(width, self._metrics.averageCharWidth()))
            line.setPosition(QPointF(0, top))
            top += line.height()
        layout.endLayout()
        return layout

    def _hits(self, row: Row, colours: Tokens) -> list[QTextLayout.FormatRange]:
        if self.pattern is None:
            return []
        ground = QColor(colours.states[VersionState.LOADING])
        ground.setAlpha(HIT)
        found = []
        for match in self.pattern.finditer(shown_text(row)):
            hit = QTextLayout.FormatRange()
            hit.start, hit.length = match.start(), len(match[0])
            shape = QTextCharFormat()
            shape.setBackground(ground)
            hit.format = shape
            found.append(hit)
        return found


def shown_text(row: Row) -> str:
    """The text as it is on the screen, cut when it is very long."""
    line = row.line.text
    if len(line) <= MOST_SHOWN:
        return line
    rest = tr("… (%n more characters)", len(line) - MOST_SHOWN)
    return f"{line[:MOST_SHOWN]}{rest}"


def _ground(row: Row, colours: Tokens, *, selected: bool) -> QColor:
    if selected:
        return colours.selection
    if row.level < Level.ERROR:
        return colours.surface
    tint = QColor(colours.states[VersionState.FAILED])
    tint.setAlpha(TINT)
    return tint


def _paint_level(painter: QPainter, rect: QRect, level: Level, colours: Tokens) -> None:
    centre = QPointF(rect.left() + SIZE / 2, rect.center().y() + 0.5)
    colour = colours.dim
    if level >= Level.ERROR:
        colour = colours.states[VersionState.FAILED]
        paint_mark(painter, centre, VersionState.FAILED, colour)
    elif level is Level.WARNING:
        colour = colours.states[VersionState.LOADING]
        _paint_warning(painter, centre, colour)
    painter.setPen(colour)
    painter.drawText(rect.adjusted(round(SIZE) + GAP, 0, 0, 0), Qt.TextFlag.TextSingleLine, level_name(level))


def _paint_warning(painter: QPainter, centre: QPointF, colour: QColor) -> None:
    """Paint a triangle that stands: no state has that shape."""
    half = SIZE / 2
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, STROKE))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    corners = [(0, 1 - half), (half - 0.5, half - 1), (0.5 - half, half - 1)]
    painter.drawPolygon(QPolygonF([centre + QPointF(x, y) for x, y in corners]))
    painter.restore()
