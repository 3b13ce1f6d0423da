"""Choosing a file to send or to save to, without stopping the loop. The GUI thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget


def choose_file(parent: QWidget, title: str, chosen: Callable[[Path], None]) -> QFileDialog:
    """Open the chooser for one file that exists."""
    chooser = QFileDialog(parent, title)
    chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
    return _open(chooser, chosen)


def choose_place(parent: QWidget, title: str, name: str, chosen: Callable[[Path], None]) -> QFileDialog:
    """Open the chooser for a file to write."""
    chooser = QFileDialog(parent, title)
    chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    chooser.selectFile(name)
    return _open(chooser, chosen)


def _open(chooser: QFileDialog, chosen: Callable[[Path], None]) -> QFileDialog:
    chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    chooser.fileSelected.connect(lambda path: chosen(Path(path)))
    chooser.open()
    return chooser
