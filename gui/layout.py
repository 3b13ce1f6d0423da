"""The layout of a window from one run to the next: place, splitters, columns, the current tab. The GUI thread.

A widget is known by its object name, or a table by its accessible name; one without either is not remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from PySide6.QtCore import QByteArray, QRect, QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractItemView, QSplitter, QTabBar, QWidget

from gui.preferences import TAB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gui.preferences import Preferences

# Counted up when a table's columns change: widths of others say nothing.
COLUMNS_VERSION = 1
# So much of the window's top must lie on a screen to be taken hold of.
GRIP = QSize(120, 40)


@runtime_checkable
class KeepsColumns(Protocol):
    """A table that can say how its columns stand."""

    def save_columns(self) -> bytes:
        """Order, widths, what is hidden and what is sorted by."""
        ...

    def restore_columns(self, state: bytes) -> None:
        """Make it so again; a state of other columns changes nothing."""
        ...


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
        if isinstance(table, KeepsColumns):
            yield f"columns-{COLUMNS_VERSION}/{table.objectName() or table.accessibleName()}", table
