"""One quiet line that says what was just done, with a button that takes it back while there is time. The GUI thread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal

from gui.undo import Undo, UndoStack
from gui.widgets.basics import ActionButton
from gui.widgets.strip import Strip
from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QWidget


class UndoStrip(Strip):
    """Hidden until `offer`; `action` is enabled for as long as the newest act can be taken back.

    Signals: `undone` with the `Undo` that the user wants to have taken back.
    """

    undone = Signal(object)

    def __init__(self, action: QAction, stack: UndoStack | None = None, parent: QWidget | None = None) -> None:
        super().__init__(tr("Last act"), ActionButton(action), parent)
        self._action = action
        self._stack = stack or UndoStack()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._show_newest)
        self.dismiss.clicked.connect(self._forget)
        action.triggered.connect(self._take_back)
        self._show_newest()

    def offer(self, undo: Undo) -> None:
        """Say what was done, and offer to take it back."""
        self._stack.push(undo)
        self._show_newest()

    def _show_newest(self) -> None:
        newest = self._stack.newest
        self._action.setEnabled(newest is not None)
        done = newest.done if newest is not None else ""
        self.say(done, done)
        if newest is not None:
            self._timer.start(math.ceil(self._stack.seconds_left * 1000))

    def _take_back(self) -> None:
        newest = self._stack.pop()
        self._show_newest()
        if newest is not None:
            self.undone.emit(newest)

    def _forget(self) -> None:
        self._stack.clear()
        self._show_newest()
