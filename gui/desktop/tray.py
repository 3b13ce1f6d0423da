"""Marina in the desktop's tray, where there is one and the user wants it. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from gui.desktop.icon import app_icon
from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QAction


def tray_reason() -> str:
    """Say why Marina cannot be in the tray; empty when it can."""
    return "" if QSystemTrayIcon.isSystemTrayAvailable() else tr("This desktop has no tray.")


class Tray(QObject):
    """The icon with its menu, hidden until `show_icon`.

    Signals: `wanted` when the user asks for the window, `told` when a message of the tray was clicked.
    """

    wanted = Signal()
    told = Signal()

    def __init__(self, quit_action: QAction, parent: QWidget) -> None:
        super().__init__(parent)
        self.menu = QMenu(parent)
        self.menu.addAction(tr("Show window"), self.wanted.emit)
        self.menu.addAction(quit_action)
        self._icon = QSystemTrayIcon(app_icon(), self)
        self._icon.setToolTip(tr("Marina"))
        self._icon.setContextMenu(self.menu)
        self._icon.activated.connect(self._activated)
        self._icon.messageClicked.connect(self.told)

    @property
    def is_there(self) -> bool:
        """Whether the icon can be seen."""
        return self._icon.isVisible()

    def show_icon(self, *, visible: bool) -> None:
        """Be in the tray, or leave it."""
        if visible != self.is_there:
            self._icon.setVisible(visible)

    def tell(self, title: str, text: str) -> None:
        """Show a message of the desktop."""
        self._icon.showMessage(title, text, self._icon.icon())

    def _activated(self, why: QSystemTrayIcon.ActivationReason) -> None:
        if why in {QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick}:
            self.wanted.emit()
