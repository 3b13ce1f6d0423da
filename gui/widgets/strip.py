"""One quiet line across the window: a text, and buttons that answer it. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from gui import theme
from gui.widgets.basics import Button, Label, Panel, Rule
from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtWidgets import QPushButton


class Strip(Panel):
    """Shown while it says something; `button` does what is offered, `dismiss` ends it."""

    def __init__(self, name: str, button: QPushButton, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setAccessibleName(name)
        self.text = Label(selectable=True)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = button
        self.dismiss = Button(tr("Dismiss"))
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

    def say(self, text: str, tip: str) -> None:
        """Show this text, and more in its tool tip; without a text hide."""
        self.setVisible(bool(text))
        if text:
            self.text.setText(text)
            self.text.setToolTip(tip)
            self.setAccessibleDescription(text)
