"""Answers that are looked at: an image fitted into the room there is, a wave form. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from gui import theme
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST = QSize(120, 32)


def fitted(image: QSize, room: QSize) -> QSize:
    """The size of an image in a room: it fills it, enlarged by a whole number so that each pixel stays square."""
    if image.isEmpty() or room.isEmpty():
        return QSize(0, 0)
    scale = min(room.width() // image.width(), room.height() // image.height())
    if scale > 1:
        return image * scale
    return image.scaled(room, Qt.AspectRatioMode.KeepAspectRatio)


class ImageView(QWidget):
    """One image, at the upper left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(LEAST)
        self.setAccessibleName(tr("Image"))
        self._image = QImage()

    def show_image(self, image: QImage, words: str) -> None:
        """Show an image; `words` describe it to who does not see it."""
        self._image = image
        self.setAccessibleDescription(words)
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        size = fitted(self._image.size(), self.size() - QSize(2, 2))
        painter = QPainter(self)
        smooth = not self._image.isNull() and size.width() % self._image.width() != 0
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        box = QRectF(1, 1, size.width(), size.height())
        painter.drawImage(box, self._image)
        painter.setPen(QPen(theme.tokens(self.palette()).border, 1))
        painter.drawRect(box.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.end()


class WaveView(QWidget):
    """The wave form of a sound: a stroke from the least to the greatest sample of each stretch."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(LEAST)
        self.setAccessibleName(tr("Wave form"))
        self._peaks: Sequence[tuple[float, float]] = ()

    def show_peaks(self, peaks: Sequence[tuple[float, float]], words: str) -> None:
        """Show a wave form; `words` describe it to who does not see it."""
        self._peaks = peaks
        self.setAccessibleDescription(words)
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        painter.setPen(QPen(colours.border, 1))
        painter.drawLine(QLineF(0, middle, self.width(), middle))
        painter.setPen(QPen(colours.accent, 1))
        step = self.width() / max(1, len(self._peaks))
        strokes = [
            QLineF(place * step, middle - high * middle, place * step, middle - low * middle + 1)
            for place, (low, high) in enumerate(self._peaks)
        ]
        painter.drawLines(strokes)
        painter.end()
