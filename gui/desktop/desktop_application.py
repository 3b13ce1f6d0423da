"""The application object: what the desktop knows of Marina, and the one thing that it says to it. The GUI thread.

macOS: files that are opened with an application reach it as events, never as arguments.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication
from typing_extensions import override

from engine.settings.openings import opening
from gui.desktop.icon import app_icon


class DesktopApplication(QApplication):
    """Signals: `asked_to_open` with a path or an address. A filter would see every event; this sees its own alone."""

    asked_to_open = Signal(object)

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(arguments)
        self.setOrganizationName("Marina")
        self.setApplicationName("Marina")
        self.setDesktopFileName("marina")
        # A dialog that closes while the window is hidden must not end the run; only `Application` does.
        self.setQuitOnLastWindowClosed(False)
        self.setWindowIcon(app_icon())

    @override
    def event(self, event: QEvent) -> bool:
        if isinstance(event, QFileOpenEvent):
            self.asked_to_open.emit(opening(event.file() or event.url().toString(), Path.cwd()))
            return True
        return bool(super().event(event))
