"""What stands in the table's place when it is empty: on the first run, for a filter without result. The GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QAction, QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme
from gui.widgets.basics import ActionButton, Caption, Label, Panel
from gui.words import tr

WIDTH = 440
HEIGHT = 220
DASHES = [5.0, 4.0]


class DropZone(Panel):
    """A dashed box in the middle that invites a drop and offers the same by button."""

    def __init__(self, register: QAction, sample: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        title = Label(tr("Drop a .mar here"))
        font = theme.semibold(title.font())
        font.setPointSizeF(font.pointSizeF() * 1.4)
        title.setFont(font)
        hint = Caption(tr("Nothing runs until you have seen what is inside and registered it."))
        buttons = QHBoxLayout()
        buttons.setSpacing(2 * theme.GRID)
        buttons.addStretch()
        buttons.addWidget(ActionButton(register, primary=True))
        buttons.addWidget(ActionButton(sample))
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setSpacing(3 * theme.GRID)
        column.addStretch()
        column.addWidget(title, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(hint, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(theme.GRID)
        column.addLayout(buttons)
        column.addStretch()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(colours.dim, 1)
        pen.setDashPattern(DASHES)
        painter.setPen(pen)
        painter.setBrush(colours.alternate)
        box = QRectF(0, 0, min(WIDTH, self.width() - 24), min(HEIGHT, self.height() - 24))
        box.moveCenter(QRectF(self.rect()).center())
        painter.drawRoundedRect(box, 2 * theme.RADIUS, 2 * theme.RADIUS)
        painter.end()


class NoResult(Panel):
    """Says that the filter hides every model, and how to see them again."""

    def __init__(self, clear: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.text = Label()
        column = QVBoxLayout(self)
        column.setSpacing(3 * theme.GRID)
        column.addStretch()
        column.addWidget(self.text, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(ActionButton(clear), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()

    def name_filter(self, text: str) -> None:
        """Say what was looked for."""
        self.text.setText(
            tr("No model matches “{text}”").format(text=text) if text else tr("No model is in this state")
        )


class DropVeil(QWidget):
    """Covers the window while an archive is held over it; lets the mouse through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._covered = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def cover(self) -> None:
        """Lie over the whole parent."""
        self.setGeometry(self._covered.rect())
        self.raise_()
        self.show()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = QColor(colours.surface)
        ground.setAlphaF(0.8)
        painter.fillRect(self.rect(), ground)
        pen = QPen(colours.accent, 2)
        pen.setDashPattern(DASHES)
        painter.setPen(pen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(12, 12, -12, -12), 2 * theme.RADIUS, 2 * theme.RADIUS)
        font = theme.semibold(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.4)
        painter.setFont(font)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, tr("Drop to see what is inside"))
        painter.end()
