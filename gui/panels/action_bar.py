"""The toolbar: the most used actions as buttons, and the filter box. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget
from typing_extensions import override

from gui import theme
from gui.widgets.basics import ActionButton, Caption, Panel
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QAction

FILTER_WIDTH = 260


class FilterBox(QLineEdit):
    """The text to look for in the models table; Esc empties it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(tr("Filter models (Ctrl+F)"))
        self.setAccessibleName(tr("Filter models"))
        self.setFrame(False)
        self.setClearButtonEnabled(True)
        self.setFixedWidth(FILTER_WIDTH)
        self.setMinimumHeight(self.fontMetrics().height() + 14)
        self.setTextMargins(2 * theme.GRID, 0, theme.GRID, 0)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(colours.accent if self.hasFocus() else colours.border, 1))
        painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
        painter.end()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.clear()
        else:
            super().keyPressEvent(event)


class ActionBar(Panel):
    """One primary action, then the others."""

    def __init__(self, primary: QAction, others: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setMinimumHeight(theme.BAR_HEIGHT)
        self.filter = FilterBox()
        self.found = Caption()
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.PADDING, 2 * theme.GRID, theme.PADDING, 2 * theme.GRID)
        row.setSpacing(2 * theme.GRID)
        row.addWidget(ActionButton(primary, primary=True))
        for action in others:
            row.addWidget(ActionButton(action))
        self._buttons = row
        row.addStretch()
        row.addWidget(self.found)
        row.addWidget(self.filter)

    def add_button(self, button: QWidget) -> None:
        """Put one more button after the others."""
        place = self._buttons.count() - 3
        self._buttons.insertWidget(place, button)
        before = self._buttons.itemAt(place - 1)
        if before is not None and (neighbour := before.widget()):
            self.setTabOrder(neighbour, button)

    def show_found(self, shown: int, total: int) -> None:
        """Say how many models the filter leaves: "12 of 40"; nothing when it leaves all."""
        self.found.setText("" if shown == total else tr("{shown} of {total}").format(shown=shown, total=total))
