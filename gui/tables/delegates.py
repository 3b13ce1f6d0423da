"""How a cell is painted: by its type, with the theme's colours, over a row that ends in a rule. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget
from typing_extensions import override

from gui import theme
from gui.marks import SIZE, paint_mark
from gui.tables import columns
from gui.tables.models import CELL, OPEN, CellModel
from gui.tables.records import NameCell, NumberCell, StateCell, TextCell, TrendCell
from gui.words import tr

if TYPE_CHECKING:
    from gui.tables.records import Cell
    from gui.theme import Tokens

Index = QModelIndex | QPersistentModelIndex
GAP = 8
LINE = 1.2
ARROW = 4.0
HAIR = 1.4
# Where the arrow that opens a row stands, and where the row's name begins.
ARROW_AT, INDENT, WITHIN_INDENT = 16, 28, 18
# The row that the keyboard acts on has a bar of this many pixels at its left edge while the table has the focus.
FOCUS_BAR = 3
BAR, BAR_WIDTH = 5, 64
TREND_HEIGHT = 14
LOWEST = 0.85  # of the least rate: a sparkline shows the shape, the number beside it the size
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
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
        width = metrics.horizontalAdvance(text)
        shown = text
        if width > self._rest.width():
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, self._rest.width())
            width = metrics.horizontalAdvance(shown)
        self._painter.setFont(font)
        self._painter.setPen(colour)
        self._painter.drawText(self._rest, flags, shown)
        self._rest.setLeft(self._rest.left() + width + GAP)

    def mark(self, state: StateCell, colour: QColor) -> None:
        """The state's mark."""
        centre = QPointF(self._rest.left() + SIZE / 2, self._rest.center().y() + 0.5)
        paint_mark(self._painter, centre, state.state, colour)
        self._rest.setLeft(self._rest.left() + round(SIZE) + GAP)

    def bar(self, done: float, colour: QColor, ground: QColor) -> None:
        """How much is done, from 0 to 1."""
        track = QRectF(self._rest.left(), self._rest.center().y() - BAR / 2 + 1, BAR_WIDTH, BAR)
        paint_bar(self._painter, track, done, colour, ground)
        self._rest.setLeft(round(track.right()) + GAP)

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


def paint_bar(painter: QPainter, track: QRectF, done: float, colour: QColor, ground: QColor) -> None:
    """Fill a rounded track from the left up to `done`, from 0 to 1."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    for width, brush in ((1.0, ground), (done, colour)):
        painter.setBrush(brush)
        part = QRectF(track.left(), track.top(), track.width() * width, track.height())
        painter.drawRoundedRect(part, track.height() / 2, track.height() / 2)
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
        cell, colours = index.data(CELL), theme.tokens(option.palette)
        painter.save()
        model = index.model()
        within = isinstance(model, CellModel) and model.is_within(index.row())
        paint_ground(painter, option.rect, colours, selected=selected, alternate=within)
        pill = colours.surface if selected else colours.selection
        self._paint_cell(painter, option, index, cell, colours, pill)
        if index.column() == columns.NAME and _is_current(option.widget, index):
            rect = option.rect
            painter.fillRect(rect.left(), rect.top(), FOCUS_BAR, rect.height() - 1, colours.accent)
        painter.restore()

    def _paint_cell(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: Index,
        cell: Cell,
        colours: Tokens,
        pill: QColor,
    ) -> None:
        font = option.font
        rect = option.rect.adjusted(theme.PADDING, 0, -theme.PADDING, -1)
        if isinstance(cell, NameCell):
            is_open = index.data(OPEN)
            if is_open is not None:
                _arrow(painter, option.rect, colours.dim, is_open=is_open)
            if is_open is not None or cell.is_within:
                rect.setLeft(option.rect.left() + INDENT + (WITHIN_INDENT if cell.is_within else 0))
            _name(Pen(painter, rect, font), cell, font, colours, ground=pill)
        elif isinstance(cell, StateCell):
            _state(Pen(painter, rect, font), cell, font, colours)
        elif isinstance(cell, TrendCell):
            _trend(painter, rect, cell, colours)
        else:
            dim = isinstance(cell, TextCell) and cell.dim
            flags = RIGHT
            if not isinstance(cell, NumberCell):
                flags = index.data(Qt.ItemDataRole.TextAlignmentRole) | Qt.TextFlag.TextSingleLine
            Pen(painter, rect, font).write(cell.text, font, colours.dim if dim else colours.text, flags)


def _is_current(view: QWidget, index: Index) -> bool:
    """Whether the keyboard acts on the index's row now."""
    return isinstance(view, QAbstractItemView) and view.hasFocus() and view.currentIndex().row() == index.row()


def _arrow(painter: QPainter, rect: QRect, colour: QColor, *, is_open: bool) -> None:
    half = ARROW / 2
    points = [(-ARROW, -half), (0, half), (ARROW, -half)] if is_open else [(-half, -ARROW), (half, 0), (-half, ARROW)]
    centre = QPointF(rect.left() + ARROW_AT, rect.center().y() + 0.5)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, HAIR))
    painter.drawPolyline(QPolygonF([centre + QPointF(x, y) for x, y in points]))


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
    if cell.done is not None:
        pen.bar(cell.done, colour, colours.border)
    if cell.cause or cell.going_on:
        pen.write(cell.cause or cell.going_on, theme.small(font), colours.dim)


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
