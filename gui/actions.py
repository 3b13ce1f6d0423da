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
        self.make_archive = self._make(tr("Make an archive…"), "Ctrl+M")
        self.sample = self._make(tr("Load the sample"))
        self.start = self._make(tr("Start again"))
        self.settings = self._make(tr("Settings…"), "Ctrl+,")
        self.quit = self._make(tr("Quit"), "Ctrl+Q")
        self.undo = self._make(tr("Undo"), "Ctrl+Z")
        self.scale = self._make(tr("Scale…"))
        self.set_default = self._make(tr("Set default…"))
        self.retry = self._make(tr("Retry failed workers"))
        self.unregister = self._make(tr("Unregister…"), "Del")
        self.try_it = self._make(tr("Try it"), "Ctrl+T")
        self.retry_worker = self._make(tr("Retry worker"))
        self.kill_worker = self._make(tr("Kill worker…"))
        self.worker_log = self._make(tr("Show log of this worker"))
        self.copy_traceback = self._make(tr("Copy traceback"))
        self.log = self._make(tr("Show log"), "Ctrl+L")
        self.refresh = self._make(tr("Refresh"), "F5")
        self.filter = self._make(tr("Filter models"), "Ctrl+F")
        self.clear_filter = self._make(tr("Clear filter"))
        self.expand = self._make(tr("Expand all"))
        self.collapse = self._make(tr("Collapse all"))
        self.reset_layout = self._make(tr("Reset layout"))
        self.palette = self._make(tr("Find a command…"), "Ctrl+K", "Ctrl+Shift+P")
        self.diagnostics = self._make(tr("Save diagnostics…"))
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

    @property
    def of_worker(self) -> list[QAction]:
        """The actions that need a selected worker."""
        return [self.retry_worker, self.kill_worker, self.worker_log]
