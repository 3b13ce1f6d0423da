"""A window's place on the desktop: its theme, its layout, the tray and the notifications. The GUI thread.

Wishes come from `Preferences` and count at once when they change.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from gui import layout
from gui.desktop.handover import ACTIVATION
from gui.desktop.notices import Notices
from gui.desktop.tray import Tray, tray_reason
from gui.preferences import NOTIFICATIONS, SCHEME, TRAY, TRAY_EXPLAINED, Preferences
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PySide6.QtGui import QAction

    from gui.theme import Theme
    from gui.window import Window


class Presence(QObject):
    """Follows the wishes for one window until `close`."""

    def __init__(self, window: Window, theme: Theme, preferences: Preferences) -> None:
        super().__init__(window)
        self._window = window
        self._theme = theme
        self._preferences = preferences
        self._first = Preferences(parent=self)
        self._closed = False
        self.tray = Tray(window.actions_.quit, window)
        self.notices = Notices(self._may_tell, self)
        self._connect()
        self._show_scheme()
        self._show_tray()
        self._show_notices()
        layout.save(window, window.details.tabs, self._first)
        layout.restore(window, window.details.tabs, preferences)
        self._layout = layout.Keeper(window, window.details.tabs, preferences)

    def _connect(self) -> None:
        actions = self._window.actions_
        actions.scheme.triggered.connect(self._choose_scheme)
        actions.reset_layout.triggered.connect(self.reset_layout)
        self.tray.wanted.connect(self.come_forward)
        self.tray.told.connect(self._open_newest)
        self.notices.due.connect(self._tell)
        self._preferences.changed.connect(self._follow)
        self._window.refresher.refreshed.connect(self.look)
        application = QCoreApplication.instance()
        if isinstance(application, QGuiApplication):
            application.applicationStateChanged.connect(self.look)

    def look(self) -> None:
        """See what happened to models, for as long as nobody looks at the window."""
        self.notices.look(self._window.catalog.models.values())

    def stay_hidden(self) -> bool:
        """When the user closes the window: hide it, if that is the wish and the tray is there to bring it back."""
        if not self.tray.is_there:
            return False
        self._window.hide()
        self.look()
        if not self._preferences.get(TRAY_EXPLAINED):
            self._preferences.put(TRAY_EXPLAINED, value=True)
            self.tray.tell(tr("Marina keeps running"), tr("Its models answer on. To end it, choose Quit in this menu."))
        return True

    def come_forward(self, activation: str = "") -> None:
        """Show the window, in front, with the leave (an activation token) that the desktop gave for it."""
        self._window.setWindowState(self._window.windowState() & ~Qt.WindowState.WindowMinimized)
        self._window.show()
        self._window.raise_()
        with activating(activation):
            self._window.activateWindow()

    def reset_layout(self) -> None:
        """Make the window look as on the first day."""
        self._preferences.forget_layout()
        layout.restore(self._window, self._window.details.tabs, self._first)

    def close(self) -> None:
        """Save the layout, leave the tray and follow nothing any more; harmless when closed already."""
        if self._closed:
            return
        self._closed = True
        self.notices.close()
        self._preferences.changed.disconnect(self._follow)
        self.tray.show_icon(visible=False)
        self._layout.close()

    # What follows from a wish.

    def _follow(self, key: str) -> None:
        follow = {SCHEME.key: self._show_scheme, TRAY.key: self._show_tray, NOTIFICATIONS.key: self._show_notices}
        follow.get(key, _nothing)()

    def _show_scheme(self) -> None:
        scheme = self._preferences.get(SCHEME)
        self._theme.choose(scheme)
        for action in self._window.actions_.scheme.actions():
            action.setChecked(action.data() == scheme)

    def _show_tray(self) -> None:
        self.tray.show_icon(visible=self._preferences.get(TRAY) and not tray_reason())

    def _show_notices(self) -> None:
        self._window.refresher.keep_watching(watching=self._preferences.get(NOTIFICATIONS))

    def _choose_scheme(self, action: QAction) -> None:
        self._preferences.put(SCHEME, Qt.ColorScheme(action.data()))

    # What is said while nobody looks.

    def _may_tell(self) -> bool:
        seen = self._window.isVisible() and not self._window.isMinimized() and QApplication.activeWindow() is not None
        return self._preferences.get(NOTIFICATIONS) and not seen

    def _tell(self, lines: Sequence[str]) -> None:
        if self.tray.is_there:
            self.tray.tell(tr("Marina"), "\n".join(lines))
        else:
            QApplication.alert(self._window)

    def _open_newest(self) -> None:
        self.come_forward()
        if self.notices.newest:
            self._window.clear_filter()
            self._window.browser.choose(*self.notices.newest)


def _nothing() -> None:
    return


@contextlib.contextmanager
def activating(token: str) -> Iterator[None]:
    """Lend Qt an activation token, which it looks for in this variable alone (xdg-activation)."""
    if not token:
        yield
        return
    os.environ[ACTIVATION] = token
    try:
        yield
    finally:
        os.environ.pop(ACTIVATION, None)
