"""The toolbar: the most used actions as buttons, and the filter box. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QWidget
from typing_extensions import override

from gui import theme
from gui.widgets.basics import ActionButton, Caption, Panel
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QAction

FILTER_WIDTH = 260
# Where the window is narrow.
LEAST_FILTER_WIDTH = 120


class FilterBox(QLineEdit):
    """The text to look for in the models table; Esc empties it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(tr("Filter models (Ctrl+F)"))
        self.setAccessibleName(tr("Filter models"))
        self.setClearButtonEnabled(True)
        self.setMinimumWidth(LEAST_FILTER_WIDTH)
        self.setMaximumWidth(FILTER_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @override
    def sizeHint(self) -> QSize:
        return QSize(FILTER_WIDTH, super().sizeHint().height())

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
        row.addStretch(1)
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
