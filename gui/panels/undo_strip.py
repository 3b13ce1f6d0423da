"""One quiet line that says what was just done, with a button that takes it back while there is time. The GUI thread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from gui import theme
from gui.undo import Undo, UndoStack
from gui.widgets.basics import ActionButton, Button, Label, Panel, Rule
from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QAction


class UndoStrip(Panel):
    """Hidden until `offer`; `action` is enabled for as long as the newest act can be taken back.

    Signals: `undone` with the `Undo` that the user wants to have taken back.
    """

    undone = Signal(object)

    def __init__(self, action: QAction, stack: UndoStack | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setAccessibleName(tr("Last act"))
        self._action = action
        self._stack = stack or UndoStack()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._show_newest)
        self.text = Label(selectable=True)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = ActionButton(action)
        self.dismiss = Button(tr("Dismiss"))
        self.dismiss.clicked.connect(self._forget)
        action.triggered.connect(self._take_back)
        row = QHBoxLayout()
        row.setContentsMargins(theme.PADDING, theme.GRID, theme.PADDING, theme.GRID)
        row.setSpacing(2 * theme.GRID)
        row.addWidget(self.text, 1)
        row.addWidget(self.button)
        row.addWidget(self.dismiss)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Rule())
        column.addLayout(row)
        self._show_newest()

    def offer(self, undo: Undo) -> None:
        """Say what was done, and offer to take it back."""
        self._stack.push(undo)
        self._show_newest()

    def _show_newest(self) -> None:
        newest = self._stack.newest
        self._action.setEnabled(newest is not None)
        self.setVisible(newest is not None)
        if newest is not None:
            self.text.setText(newest.done)
            self.text.setToolTip(newest.done)
            self.setAccessibleDescription(newest.done)
            self._timer.start(math.ceil(self._stack.seconds_left * 1000))

    def _take_back(self) -> None:
        newest = self._stack.pop()
        self._show_newest()
        if newest is not None:
            self.undone.emit(newest)

    def _forget(self) -> None:
        self._stack.clear()
        self._show_newest()
