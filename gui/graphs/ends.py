"""What stands under a graph: the ends of its time axis and, between them, a time that is pointed at. The GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from gui import theme
from gui.words import tr


class Ends(QWidget):
    """Painted rather than made of labels: with each text a label would have the whole page laid out anew."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pointed_at = ""
        self.minutes = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def point_at(self, when: str) -> None:
        """Say this between the ends; an empty text is nothing."""
        if when != self.pointed_at:
            self.pointed_at = when
            self.update()

    def show_minutes(self, minutes: int) -> None:
        """The axis begins so long ago."""
        if minutes != self.minutes:
            self.minutes = minutes
            self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(0, self.fontMetrics().height())

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(theme.tokens(self.palette()).dim)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignAbsolute
        begin = tr("{minutes} min ago").format(minutes=self.minutes)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | middle, begin)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignHCenter | middle, self.pointed_at)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignRight | middle, tr("now"))
        painter.end()
