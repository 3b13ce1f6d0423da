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
from gui.tables.records import NameCell, StateCell, TextCell, TrendCell
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
CENTRED = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


class Pen:
    """Writes along one cell in the reading direction; places are counted from the left and mirrored when painted."""

    def __init__(self, painter: QPainter, rect: QRect, font: QFont, direction: Qt.LayoutDirection) -> None:
        self._painter = painter
        self._cell = rect
        self._rest = QRect(rect)
        self._font = font
        self._direction = direction

    def _take(self, width: int) -> QRect:
        """The place of the next piece, and the gap after it gone from the rest."""
        piece = QRect(self._rest.left(), self._rest.top(), width, self._rest.height())
        self._rest.setLeft(piece.right() + 1 + GAP)
        return QStyle.visualRect(self._direction, self._cell, piece)

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
        self._painter.drawText(QStyle.visualRect(self._direction, self._cell, self._rest), flags, shown)
        self._take(width)

    def mark(self, state: StateCell, colour: QColor) -> None:
        """The state's mark."""
        centre = QRectF(self._take(round(SIZE))).center()
        paint_mark(self._painter, centre, state.state, colour)

    def bar(self, done: float, colour: QColor, ground: QColor) -> None:
        """How much is done, from 0 to 1."""
        track = QRectF(0, 0, BAR_WIDTH, BAR)
        track.moveCenter(QRectF(self._take(BAR_WIDTH)).center() + QPointF(0, 0.5))
        paint_bar(self._painter, track, done, colour, ground)

    def pill(self, text: str, colours: Tokens, ground: QColor) -> None:
        """A word in a rounded box."""
        font = theme.small(self._font)
        metrics = QFontMetrics(font)
        box = QRectF(0, 0, metrics.horizontalAdvance(text) + 2 * GAP, metrics.height() + 2)
        box.moveCenter(QRectF(self._take(round(box.width()))).center())
        paint_pill(self._painter, box, text, font, colours.accent, ground)


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
    """Fill a rounded track from where reading begins up to `done`, from 0 to 1."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    for width, brush in ((1.0, ground), (done, colour)):
        painter.setBrush(brush)
        part = QRectF(track)
        if painter.layoutDirection() is Qt.LayoutDirection.RightToLeft:
            part.setLeft(track.right() - track.width() * width)
        else:
            part.setWidth(track.width() * width)
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
        painter.setLayoutDirection(option.direction)
        model = index.model()
        within = isinstance(model, CellModel) and model.is_within(index.row())
        paint_ground(painter, option.rect, colours, selected=selected, alternate=within)
        pill = colours.surface if selected else colours.selection
        self._paint_cell(painter, option, index, cell, colours, pill)
        if index.column() == columns.NAME and _is_current(option.widget, index):
            bar = QRect(option.rect.left(), option.rect.top(), FOCUS_BAR, option.rect.height() - 1)
            painter.fillRect(QStyle.visualRect(option.direction, option.rect, bar), colours.accent)
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
                _arrow(painter, option, colours.dim, is_open=is_open)
            if is_open is not None or cell.is_within:
                indent = INDENT - theme.PADDING + (WITHIN_INDENT if cell.is_within else 0)
                inner = rect.adjusted(indent, 0, 0, 0)
                rect = QStyle.visualRect(option.direction, rect, inner)
            _name(Pen(painter, rect, font, option.direction), cell, font, colours, ground=pill)
        elif isinstance(cell, StateCell):
            _state(Pen(painter, rect, font, option.direction), cell, font, colours)
        elif isinstance(cell, TrendCell):
            _trend(painter, rect, cell, colours)
        else:
            dim = isinstance(cell, TextCell) and cell.dim
            flags = index.data(Qt.ItemDataRole.TextAlignmentRole) | Qt.TextFlag.TextSingleLine
            pen = Pen(painter, rect, font, option.direction)
            pen.write(cell.text, font, colours.dim if dim else colours.text, flags)


def _is_current(view: QWidget, index: Index) -> bool:
    """Whether the keyboard acts on the index's row now."""
    return isinstance(view, QAbstractItemView) and view.hasFocus() and view.currentIndex().row() == index.row()


def _arrow(painter: QPainter, option: QStyleOptionViewItem, colour: QColor, *, is_open: bool) -> None:
    half, rect = ARROW / 2, option.rect
    mirrored = option.direction is Qt.LayoutDirection.RightToLeft
    points = [(-ARROW, -half), (0, half), (ARROW, -half)] if is_open else [(-half, -ARROW), (half, 0), (-half, ARROW)]
    centre = QPointF(rect.right() - ARROW_AT if mirrored else rect.left() + ARROW_AT, rect.center().y() + 0.5)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, HAIR))
    painter.drawPolyline(QPolygonF([centre + QPointF(-x if mirrored else x, y) for x, y in points]))


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
