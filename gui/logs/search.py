"""The search box of the log: what to look for, how many lines have it, the way to the next one. The GUI thread."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget
from typing_extensions import override

from gui import theme
from gui.widgets.basics import Button, Caption
from gui.words import counted, number, tr

if TYPE_CHECKING:
    from collections.abc import Sequence


class SearchField(QLineEdit):
    """Enter goes to the next line, Shift+Enter to the one before, Esc clears."""

    moved = Signal(int)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.moved.emit(-1 if back else 1)
        elif event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)


class Search(QWidget):
    """Signals: `changed` with the text to look for; `moved` by 1 or -1 to go to the next or the previous hit.

    F3 and Shift+F3 move wherever the focus is in `page`.
    """

    changed = Signal(str)
    moved = Signal(int)

    def __init__(self, page: QWidget) -> None:
        super().__init__(page)
        self.field = SearchField()
        self.field.setPlaceholderText(tr("Search the log (F3)"))
        self.field.setAccessibleName(tr("Search the log"))
        self.field.setClearButtonEnabled(True)
        self.field.setMinimumWidth(30 * theme.GRID)
        self.found = Caption()
        self.found.setMinimumWidth(self.found.fontMetrics().horizontalAdvance(found_text(range(1000), 999)))
        self.back, self.on = Button("↑"), Button("↓")
        for button, name, key, step in (
            (self.back, tr("Previous hit"), QKeySequence.StandardKey.FindPrevious, -1),
            (self.on, tr("Next hit"), QKeySequence.StandardKey.FindNext, 1),
        ):
            self._set_up(button, name, QKeySequence(key), step, page)
        self.field.textChanged.connect(self.changed)
        self.field.moved.connect(self.moved)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        for widget in (self.field, self.found, self.back, self.on):
            row.addWidget(widget)
        self.show_found([], None)

    def _set_up(self, button: Button, name: str, key: QKeySequence, step: int, page: QWidget) -> None:
        button.setAccessibleName(name)
        button.setToolTip(f"{name} ({key.toString()})")
        button.clicked.connect(lambda: self.moved.emit(step))
        shortcut = QShortcut(key, page)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(lambda: self.moved.emit(step))

    def show_found(self, hits: Sequence[int], current: int | None) -> None:
        """Say how many lines were found and which of them is the current one, by their numbers."""
        self.found.setText(found_text(hits, current))
        for widget in (self.found, self.back, self.on):
            widget.setVisible(bool(self.field.text()))
            widget.setEnabled(bool(hits))


def found_text(hits: Sequence[int], current: int | None) -> str:
    """Return "12 of 40", or how many there are while none is the current one."""
    if not hits:
        return tr("no hits")
    at = bisect_left(hits, current) if current is not None else len(hits)
    if at < len(hits) and hits[at] == current:
        return tr("{at} of {all}").format(at=number(at + 1), all=number(len(hits)))
    return counted(len(hits), "%n hit", "%n hits")


def neighbour(hits: Sequence[int], start: int, step: int) -> int | None:
    """The hit after `start` (`step` 1) or before it (-1), going round at the ends; None without hits."""
    if not hits:
        return None
    at = bisect_right(hits, start) if step > 0 else bisect_left(hits, start) - 1
    return hits[at % len(hits)]
