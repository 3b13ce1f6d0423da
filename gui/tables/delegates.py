"""How a cell is painted: by its type, with the theme's colours, over a row that ends in a rule. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem
from typing_extensions import override

from gui import theme
from gui.marks import SIZE, paint_mark
from gui.tables.models import CELL
from gui.tables.records import NameCell, StateCell, TextCell, TrendCell
from gui.words import tr

if TYPE_CHECKING:
    from gui.theme import Tokens

Index = QModelIndex | QPersistentModelIndex
GAP = 8
LINE = 1.2
TREND_HEIGHT = 14
LOWEST = 0.85  # of the least rate: a sparkline shows the shape, the number beside it the size
CENTRED = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


class Pen:
    """Writes along one cell from left to right."""

    def __init__(self, painter: QPainter, rect: QRect, font: QFont) -> None:
        self._painter = painter
        self._rest = QRect(rect)
        self._font = font

    def write(self, text: str, font: QFont, colour: QColor, flags: int = CENTRED) -> None:
        """One piece of text, elided at the cell's end, and the gap after it."""
        metrics = QFontMetrics(font)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, self._rest.width())
        self._painter.setFont(font)
        self._painter.setPen(colour)
        self._painter.drawText(self._rest, flags, shown)
        self._rest.setLeft(self._rest.left() + metrics.horizontalAdvance(shown) + GAP)

    def mark(self, state: StateCell, colour: QColor) -> None:
        """The state's mark."""
        centre = QPointF(self._rest.left() + SIZE / 2, self._rest.center().y() + 0.5)
        paint_mark(self._painter, centre, state.state, colour)
        self._rest.setLeft(self._rest.left() + round(SIZE) + GAP)

    def pill(self, text: str, colours: Tokens, ground: QColor) -> None:
        """A word in a rounded box."""
        font = theme.small(self._font)
        metrics = QFontMetrics(font)
        box = QRectF(self._rest.left(), 0, metrics.horizontalAdvance(text) + 2 * GAP, metrics.height() + 2)
        box.moveCenter(QPointF(box.center().x(), self._rest.center().y() + 0.5))
        paint_pill(self._painter, box, text, font, colours.accent, ground)
        self._rest.setLeft(round(box.right()) + GAP)


def paint_pill(painter: QPainter, box: QRectF, text: str, font: QFont, ink: QColor, ground: QColor) -> None:
    """Write a word on a rounded ground."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
    painter.setFont(font)
    painter.setPen(ink)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()


def paint_ground(painter: QPainter, rect: QRect, colours: Tokens, *, selected: bool, alternate: bool) -> None:
    """A row's background and the rule under it."""
    fill = colours.selection if selected else colours.alternate if alternate else colours.surface
    painter.fillRect(rect, fill)
    painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, colours.border)


class CellDelegate(QStyledItemDelegate):
    """Paints every cell of every table."""

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        text = index.data(Qt.ItemDataRole.DisplayRole) or ""
        metrics = option.fontMetrics
        return QSize(
            metrics.horizontalAdvance(text) + 2 * theme.PADDING,
            max(theme.ROW_HEIGHT, metrics.height() + 2 * theme.GRID),
        )

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        colours = theme.tokens(option.palette)
        paint_ground(painter, option.rect, colours, selected=selected, alternate=index.parent().isValid())
        pill = colours.surface if selected else colours.selection
        self._paint_cell(painter, option, index, colours, pill)
        painter.restore()

    def _paint_cell(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, colours: Tokens, pill: QColor
    ) -> None:
        cell, font = index.data(CELL), option.font
        # A model's name stands close to the arrow that opens it.
        left = theme.GRID if isinstance(cell, NameCell) and not cell.is_version else theme.PADDING
        rect = option.rect.adjusted(left, 0, -theme.PADDING, -1)
        pen = Pen(painter, rect, font)
        if isinstance(cell, NameCell):
            _name(pen, cell, font, colours, ground=pill)
        elif isinstance(cell, StateCell):
            _state(pen, cell, font, colours)
        elif isinstance(cell, TrendCell):
            _trend(painter, rect, cell, colours)
        else:
            dim = isinstance(cell, TextCell) and cell.dim
            flags = index.data(Qt.ItemDataRole.TextAlignmentRole) | Qt.TextFlag.TextSingleLine
            pen.write(cell.text, font, colours.dim if dim else colours.text, flags)


def _name(pen: Pen, cell: NameCell, font: QFont, colours: Tokens, *, ground: QColor) -> None:
    if cell.is_version:
        pen.write(tr("version {version}").format(version=cell.name), font, colours.text)
    else:
        pen.write(cell.name, theme.semibold(font), colours.text)
    if cell.detail:
        pen.write(cell.detail, font, colours.dim)
    if cell.is_default:
        pen.pill(tr("default"), colours, ground)


def _state(pen: Pen, cell: StateCell, font: QFont, colours: Tokens) -> None:
    colour = colours.states[cell.state]
    pen.mark(cell, colour)
    pen.write(cell.label, theme.semibold(font), colour)
    if cell.cause:
        pen.write(cell.cause, theme.small(font), colours.dim)


def _trend(painter: QPainter, rect: QRect, cell: TrendCell, colours: Tokens) -> None:
    top = max(cell.points, default=0.0)
    if len(cell.points) <= 1 or top <= 0:
        return
    low = LOWEST * min(cell.points)
    step = rect.width() / (len(cell.points) - 1)
    base = rect.center().y() + TREND_HEIGHT / 2
    line = [
        QPointF(rect.left() + step * at, base - TREND_HEIGHT * (point - low) / (top - low))
        for at, point in enumerate(cell.points)
    ]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colours.accent, LINE))
    painter.drawPolyline(QPolygonF(line))
