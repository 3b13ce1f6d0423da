"""Which Marina this is, and what it runs on. The GUI thread."""

from __future__ import annotations

import platform
from importlib import metadata

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from gui import theme
from gui.widgets.basics import Button, Label
from gui.words import tr


class AboutDialog(QDialog):
    """Versions to quote in a report."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("About Marina"))
        title = Label(tr("Marina {version}").format(version=metadata.version("marina-desktop")))
        title.setFont(theme.semibold(title.font()))
        versions = (f"Python {platform.python_version()}", f"PySide6 {metadata.version('PySide6-Essentials')}")
        facts = Label("\n".join((tr("A desktop model-server manager."), *versions)), selectable=True)
        close = Button(tr("Close"))
        buttons = QDialogButtonBox()
        buttons.addButton(close, QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(5 * theme.GRID, 5 * theme.GRID, 5 * theme.GRID, 4 * theme.GRID)
        column.setSpacing(3 * theme.GRID)
        for widget in (title, facts, buttons):
            column.addWidget(widget)
