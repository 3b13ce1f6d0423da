"""The marks of the states, painted: a shape of its own for each, so that colour never speaks alone. The GUI thread.

Ready is a disc, busy a triangle to the right, loading an open half circle, failed a cross, draining a triangle down,
idle a ring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from engine.snapshots import VersionState

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 9.0
STROKE = 1.8
SIXTEENTH = 16  # Qt counts angles in sixteenths of a degree


def paint_mark(painter: QPainter, centre: QPointF, state: VersionState, colour: QColor) -> None:
    """Paint the state's mark, `SIZE` pixels wide, around a point."""
    box = QRectF(0, 0, SIZE, SIZE)
    box.moveCenter(centre)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    _SHAPES[state](painter, box, colour)
    painter.restore()


def _outline(painter: QPainter, colour: QColor) -> None:
    pen = QPen(colour, STROKE)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _disc(painter: QPainter, box: QRectF, _colour: QColor) -> None:
    painter.drawEllipse(box)


def _right(painter: QPainter, box: QRectF, _colour: QColor) -> None:
    tip = QPointF(box.right(), box.center().y())
    painter.drawPolygon(QPolygonF([box.topLeft() + QPointF(1, 0), tip, box.bottomLeft() + QPointF(1, 0)]))


def _down(painter: QPainter, box: QRectF, _colour: QColor) -> None:
    tip = QPointF(box.center().x(), box.bottom())
    painter.drawPolygon(QPolygonF([box.topLeft() + QPointF(0, 1), box.topRight() + QPointF(0, 1), tip]))


def _open(painter: QPainter, box: QRectF, colour: QColor) -> None:
    _outline(painter, colour)
    painter.drawArc(box.adjusted(1, 0, -1, -2), 170 * SIXTEENTH, 200 * SIXTEENTH)


def _cross(painter: QPainter, box: QRectF, colour: QColor) -> None:
    _outline(painter, colour)
    inner = box.adjusted(1, 1, -1, -1)
    painter.drawLine(inner.topLeft(), inner.bottomRight())
    painter.drawLine(inner.topRight(), inner.bottomLeft())


def _ring(painter: QPainter, box: QRectF, colour: QColor) -> None:
    _outline(painter, colour)
    painter.drawEllipse(box.adjusted(1, 1, -1, -1))


_SHAPES: dict[VersionState, Callable[[QPainter, QRectF, QColor], None]] = {
    VersionState.READY: _disc,
    VersionState.BUSY: _right,
    VersionState.LOADING: _open,
    VersionState.FAILED: _cross,
    VersionState.DRAINING: _down,
    VersionState.IDLE: _ring,
}
