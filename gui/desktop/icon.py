"""Marina's icon, painted: a harbour basin with a mast. The GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

from gui import theme

SIZES = (16, 22, 24, 32, 48, 64, 128, 256)


def app_icon() -> QIcon:
    """The icon in every size that desktops ask for."""
    icon = QIcon()
    for size in SIZES:
        icon.addPixmap(_painted(size))
    return icon


def _painted(size: int) -> QPixmap:
    picture = QPixmap(size, size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 16, size / 16)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.LIGHT.accent)
    painter.drawRoundedRect(QRectF(0.5, 0.5, 15, 15), 3.5, 3.5)
    _paint_boat(painter, theme.LIGHT.on_accent)
    painter.end()
    return picture


def _paint_boat(painter: QPainter, ink: QColor) -> None:
    painter.setBrush(ink)
    painter.drawPolygon([QPointF(8.6, 2.8), QPointF(12.6, 9), QPointF(8.6, 9)])
    painter.drawPolygon([QPointF(7.4, 4.4), QPointF(7.4, 9), QPointF(4.2, 9)])
    wave = QPainterPath(QPointF(3, 12))
    wave.cubicTo(QPointF(4.6, 10.4), QPointF(6.4, 10.4), QPointF(8, 12))
    wave.cubicTo(QPointF(9.6, 13.6), QPointF(11.4, 13.6), QPointF(13, 12))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    pen = QPen(ink, 1.4)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawPath(wave)
