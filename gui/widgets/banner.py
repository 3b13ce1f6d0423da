"""One line across the window that says what went wrong, or what to know, until it is dismissed. The GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget
from typing_extensions import override

from engine.snapshots import VersionState
from gui import theme
from gui.widgets.basics import Button, Label
from gui.words import tr

TINT = 28
STRIPE = 3


class Banner(QWidget):
    """Hidden until `show_error` or `show_note`; its text can be selected, copied and dismissed (Esc)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Message"))
        self._is_error = True
        self.text = Label(selectable=True)
        self.text.setWordWrap(True)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.copy = Button(tr("Copy"))
        self.dismiss = Button(tr("Dismiss"))
        self.copy.clicked.connect(self._copy)
        self.dismiss.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.PADDING + STRIPE, theme.GRID, theme.PADDING, theme.GRID)
        for widget in (self.text, self.copy, self.dismiss):
            row.addWidget(widget)
        self.hide()

    def show_error(self, text: str) -> None:
        """Say what failed, why and what to do."""
        self._say(text, is_error=True)

    def show_note(self, text: str) -> None:
        """Say something that is no error."""
        self._say(text, is_error=False)

    def _say(self, text: str, *, is_error: bool) -> None:
        self._is_error = is_error
        self.text.setText(text)
        self.setAccessibleDescription(text)
        self.show()
        self.update()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.text())

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        colour = colours.states[VersionState.FAILED] if self._is_error else colours.accent
        tint = QColor(colour)
        tint.setAlpha(TINT)
        painter = QPainter(self)
        painter.fillRect(self.rect(), colours.surface)
        painter.fillRect(self.rect(), tint)
        painter.fillRect(0, 0, STRIPE, self.height(), colour)
        painter.end()
