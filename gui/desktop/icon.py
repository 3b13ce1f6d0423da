"""Marina's icon, drawn from the one file that the icons of the bundle are drawn from too. The GUI thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QIcon, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

DRAWING = Path(__file__).resolve().parents[2] / "resources" / "icons" / "marina.svg"
SIZES = (16, 22, 24, 32, 48, 64, 128, 256)


def app_icon() -> QIcon:
    """The icon in every size that desktops ask for."""
    icon = QIcon()
    for size in SIZES:
        icon.addPixmap(QPixmap.fromImage(drawn(DRAWING, size)))
    return icon


def drawn(drawing: Path, size: int) -> QImage:
    """An SVG file as a square picture of `size` pixels on nothing."""
    picture = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    picture.fill(0)
    painter = QPainter(picture)
    QSvgRenderer(str(drawing)).render(painter)
    painter.end()
    return picture
