"""What stands in the table's place: on the first run, without a server, for a filter without result. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QAction, QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme
from gui.widgets.basics import ActionButton, ActionLink, Caption, Label, Panel
from gui.words import tr

if TYPE_CHECKING:
    from gui.actions import Actions

DASHES = [5.0, 4.0]
TITLE = 1.4
# How many characters long a line of words is at most.
LINE = 72


class Invitation(QWidget):
    """A column of lines in a dashed box, as large as they need."""

    def __init__(self) -> None:
        super().__init__()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(14 * theme.GRID, 11 * theme.GRID, 14 * theme.GRID, 9 * theme.GRID)
        self.column.setSpacing(3 * theme.GRID)

    def add(self, *widgets: QWidget) -> None:
        """Add one line of these widgets, in the middle."""
        row = QHBoxLayout()
        row.setSpacing(2 * theme.GRID)
        row.addStretch()
        for widget in widgets:
            row.addWidget(widget)
        row.addStretch()
        self.column.addLayout(row)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(colours.dim, 1)
        pen.setDashPattern(DASHES)
        painter.setPen(pen)
        painter.setBrush(colours.alternate)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(box, 2 * theme.RADIUS, 2 * theme.RADIUS)
        painter.end()


class DropZone(Panel):
    """The first run: invites a drop, offers the same by button, and what to do without an archive."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        box = Invitation()
        box.add(_title(tr("Drop a .mar here")))
        box.add(Caption(tr("Nothing runs until you have seen what is inside and registered it.")))
        box.column.addSpacing(theme.GRID)
        box.add(ActionButton(actions.register, primary=True), ActionButton(actions.sample))
        box.column.addSpacing(theme.GRID)
        box.add(Caption(tr("A .pt file or a folder can be dropped, too:")), ActionLink(actions.make_archive))
        column = QVBoxLayout(self)
        column.addStretch()
        column.addWidget(box, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()


class NotRunning(Panel):
    """Says why the server does not run, and offers to start it again."""

    def __init__(self, start: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.why = Label(selectable=True)
        self.why.setWordWrap(True)
        self.why.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.why.setFixedWidth(LINE * self.why.fontMetrics().averageCharWidth())
        column = QVBoxLayout(self)
        column.setContentsMargins(12 * theme.GRID, 6 * theme.GRID, 12 * theme.GRID, 6 * theme.GRID)
        column.setSpacing(3 * theme.GRID)
        column.addStretch()
        column.addWidget(_title(tr("The server is not running")), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.why, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(theme.GRID)
        column.addWidget(ActionButton(start, primary=True), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()


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
        self._text = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def cover(self, text: str) -> None:
        """Lie over the whole parent and say what a drop would do."""
        self._text = text
        self.setGeometry(self._covered.rect())
        self.raise_()
        self.show()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = QColor(colours.surface)
        ground.setAlphaF(0.92)
        painter.fillRect(self.rect(), ground)
        pen = QPen(colours.accent, 2)
        pen.setDashPattern(DASHES)
        painter.setPen(pen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(12, 12, -12, -12), 2 * theme.RADIUS, 2 * theme.RADIUS)
        font = theme.semibold(self.font())
        font.setPointSizeF(font.pointSizeF() * TITLE)
        painter.setFont(font)
        painter.setPen(colours.text)
        within = self.rect().adjusted(*(side * 12 * theme.GRID for side in (1, 1, -1, -1)))
        painter.drawText(within, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._text)
        painter.end()


def _title(text: str) -> Label:
    label = Label(text)
    font = theme.semibold(label.font())
    font.setPointSizeF(font.pointSizeF() * TITLE)
    label.setFont(font)
    return label
