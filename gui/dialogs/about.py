"""Which Marina this is, what it runs on and where it keeps its things. The GUI thread."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLayout, QVBoxLayout, QWidget

from engine.home import Home
from gui import theme
from gui.dialogs.operation import dialog_width
from gui.widgets.basics import Button, Caption, Label
from gui.words import tr

if TYPE_CHECKING:
    from engine.settings import Settings


class AboutDialog(QDialog):
    """Versions and folders to quote in a report; each can be selected, all are copied at once."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("About Marina"))
        self.setMinimumWidth(dialog_width(self))
        self._facts = {**_versions(), **_folders(settings)}
        title = Label(tr("Marina {version}").format(version=metadata.version("marina-desktop")))
        font = theme.semibold(title.font())
        font.setPointSizeF(font.pointSizeF() * 1.4)
        title.setFont(font)
        copy, close = Button(tr("Copy")), Button(tr("Close"))
        copy.setAutoDefault(False)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text))
        close.setDefault(True)
        buttons = QDialogButtonBox()
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(close, QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(5 * theme.GRID, 5 * theme.GRID, 5 * theme.GRID, 4 * theme.GRID)
        column.setSpacing(3 * theme.GRID)
        column.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)
        for widget in (title, Caption(tr("A desktop model-server manager."))):
            column.addWidget(widget)
        column.addLayout(self._form())
        column.addWidget(buttons)
        close.setFocus()

    @property
    def text(self) -> str:
        """Every fact, one a line."""
        marina = f"Marina {metadata.version('marina-desktop')}"
        return "\n".join([marina, *(f"{name}: {value}" for name, value in self._facts.items())])

    def _form(self) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(4 * theme.GRID)
        form.setVerticalSpacing(theme.GRID)
        for name, value in self._facts.items():
            label = Label(value, selectable=True)
            label.setAccessibleName(name)
            title = Label(name)
            title.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            form.addRow(title, label)
        return form


def _versions() -> dict[str, str]:
    return {
        tr("Licence"): "Apache-2.0",
        "Python": platform.python_version(),
        "Qt for Python": _version("PySide6-Essentials"),
        "torch": _version("torch"),
        tr("System"): platform.platform(terse=True),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return tr("not installed")


def _folders(settings: Settings) -> dict[str, str]:
    home = Home.find(os.environ).with_model_store(settings.model_store)
    return {
        tr("Model store"): str(home.model_store),
        tr("Unpacked archives"): str(home.unpacked),
        tr("Logs"): str(home.logs),
        tr("Record of models"): str(home.database),
        tr("Environments"): str(home.environments),
    }
