"""Why Marina does not start, for somebody without a terminal. Runs before there is a loop or a window."""

from __future__ import annotations

import sys

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout

from gui import theme
from gui.desktop.desktop_application import DesktopApplication
from gui.dialogs.operation import dialog_width
from gui.theme import Theme
from gui.widgets.basics import Button, Label
from gui.words import tr


class RefusalDialog(QDialog):
    """Says the reason, and waits to be closed."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.setWindowTitle(tr("Marina does not start"))
        self.setFixedWidth(dialog_width(self))
        self.text = Label(reason, selectable=True)
        self.text.setWordWrap(True)
        self.close_button = Button(tr("Close"), primary=True)
        self.close_button.setDefault(True)
        self.close_button.clicked.connect(self.accept)
        buttons = QDialogButtonBox()
        buttons.addButton(self.close_button, QDialogButtonBox.ButtonRole.AcceptRole)
        column = QVBoxLayout(self)
        column.setContentsMargins(5 * theme.GRID, 5 * theme.GRID, 5 * theme.GRID, 4 * theme.GRID)
        column.setSpacing(4 * theme.GRID)
        column.addWidget(self.text)
        column.addWidget(buttons)


def show_refusal(reason: str) -> None:
    """Show the reason until the dialog is closed; there is no task yet that a loop of its own could disturb."""
    app = DesktopApplication(sys.argv[:1])
    Theme(app)
    RefusalDialog(reason).exec()
