"""The layout of a window from one run to the next: place, splitters, columns, the current tab. The GUI thread.

It is saved in the end, and a moment after each change, so that a crash loses little. A widget is
known by its object name; one without is not remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from PySide6.QtCore import QByteArray, QEvent, QObject, QRect, QSize, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QSplitter, QTabBar, QWidget
from typing_extensions import override

from gui.preferences import TAB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gui.preferences import Preferences

# Counted up when a table's columns change: widths of others say nothing.
COLUMNS_VERSION = 1
# So much of the window's top must lie on a screen to be taken hold of.
GRIP = QSize(120, 40)
PAUSE_MS = 2000
PLACING = {QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.WindowStateChange}


@runtime_checkable
class KeepsColumns(Protocol):
    """A table that can say how its columns stand."""

    def save_columns(self) -> bytes:
        """Order, widths, what is hidden and what is sorted by."""
        ...

    def restore_columns(self, state: bytes) -> None:
        """Make it so again; a state of other columns changes nothing."""
        ...


class Keeper(QObject):
    """Saves the layout of one window when it has not changed for `PAUSE_MS`, and when it is closed."""

    def __init__(self, window: QWidget, tabs: QTabBar, preferences: Preferences) -> None:
        super().__init__(window)
        self._window = window
        self._tabs = tabs
        self._preferences = preferences
        self.pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self.pause.timeout.connect(self._save)
        window.installEventFilter(self)
        tabs.currentChanged.connect(self._touch)
        for _, splitter in _splitters(window):
            splitter.splitterMoved.connect(self._touch)
        for header in window.findChildren(QHeaderView):
            for signal in (header.sectionResized, header.sectionMoved, header.sortIndicatorChanged):
                signal.connect(self._touch)

    def close(self) -> None:
        """Save a last time, and follow nothing any more."""
        self._window.removeEventFilter(self)
        self.pause.stop()
        self.pause.timeout.disconnect(self._save)
        self._save()

    def _touch(self) -> None:
        self.pause.start()

    def _save(self) -> None:
        save(self._window, self._tabs, self._preferences)
        self._preferences.sync()

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in PLACING:
            self._touch()
        return False


def save(window: QWidget, tabs: QTabBar, preferences: Preferences) -> None:
    """Remember how the window looks now."""
    preferences.put_state("geometry", window.saveGeometry())
    preferences.put(TAB, tabs.currentIndex())
    for name, splitter in _splitters(window):
        preferences.put_state(f"splitters/{name}", splitter.saveState())
    for name, table in _tables(window):
        preferences.put_state(name, QByteArray(table.save_columns()))


def restore(window: QWidget, tabs: QTabBar, preferences: Preferences) -> None:
    """Make the window look as remembered, as far as that is known, on a screen that is there."""
    window.restoreGeometry(preferences.state("geometry"))
    keep_on_screen(window)
    if 0 <= preferences.get(TAB) < tabs.count():
        tabs.setCurrentIndex(preferences.get(TAB))
    for name, splitter in _splitters(window):
        splitter.restoreState(preferences.state(f"splitters/{name}"))
    for name, table in _tables(window):
        if not (state := preferences.state(name)).isEmpty():
            table.restore_columns(bytes(state.data()))


def keep_on_screen(window: QWidget) -> None:
    """Bring the window back when the screen that it stood on is gone; make it no larger than its screen."""
    if window.isMaximized() or window.isFullScreen():
        return
    frames = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    home = next((frame for frame in frames if can_be_held(window.frameGeometry(), frame)), None)
    if home is None:
        home = QGuiApplication.primaryScreen().availableGeometry()
        window.move(home.topLeft())
    window.resize(window.size().boundedTo(home.size()))


def can_be_held(window: QRect, screen: QRect) -> bool:
    """Whether enough of the window's top edge lies on this screen."""
    top = QRect(window.topLeft(), QSize(window.width(), GRIP.height()))
    seen = top.intersected(screen)
    return seen.width() >= GRIP.width() and seen.height() >= GRIP.height() // 2


def _splitters(window: QWidget) -> Iterator[tuple[str, QSplitter]]:
    found = window.findChildren(QSplitter)
    return ((splitter.objectName(), splitter) for splitter in found if splitter.objectName())


def _tables(window: QWidget) -> Iterator[tuple[str, KeepsColumns]]:
    for table in window.findChildren(QAbstractItemView):
        if isinstance(table, KeepsColumns) and table.objectName():
            yield f"columns-{COLUMNS_VERSION}/{table.objectName()}", table
