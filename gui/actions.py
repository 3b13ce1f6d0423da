"""Every act of the window as one QAction, which menus, toolbar and context menu share. The GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from gui.words import tr


class Actions(QObject):
    """The actions, not yet connected; `scheme` is the group of the three themes."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.register = self._make(tr("Register model…"), "Ctrl+N", "Ctrl+O")
        self.sample = self._make(tr("Load the sample"))
        self.quit = self._make(tr("Quit"), "Ctrl+Q")
        self.scale = self._make(tr("Scale…"))
        self.set_default = self._make(tr("Set default…"))
        self.retry = self._make(tr("Retry failed workers"))
        self.unregister = self._make(tr("Unregister…"), "Del")
        self.refresh = self._make(tr("Refresh"), "F5")
        self.filter = self._make(tr("Filter models"), "Ctrl+F")
        self.clear_filter = self._make(tr("Clear filter"))
        self.expand = self._make(tr("Expand all"))
        self.collapse = self._make(tr("Collapse all"))
        self.about = self._make(tr("About Marina"))
        self.scheme = QActionGroup(self)
        for text, scheme in (
            (tr("Follow the desktop"), Qt.ColorScheme.Unknown),
            (tr("Light"), Qt.ColorScheme.Light),
            (tr("Dark"), Qt.ColorScheme.Dark),
        ):
            action = self._make(text)
            action.setCheckable(True)
            action.setData(scheme)
            action.setChecked(scheme is Qt.ColorScheme.Unknown)
            self.scheme.addAction(action)

    def _make(self, text: str, *shortcuts: str) -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(shortcut) for shortcut in shortcuts])
        return action

    @property
    def of_selection(self) -> list[QAction]:
        """The actions that need a selected version."""
        return [self.scale, self.set_default, self.unregister]
