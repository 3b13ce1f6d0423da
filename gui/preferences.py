"""What the user wishes of the window itself, and how it was laid out: an Ini file in the home. The GUI thread.

Qt writes the file, some kilobytes, in one piece when the loop is next idle. A value that cannot be read falls back
alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from PySide6.QtCore import QByteArray, QObject, QSettings, Qt, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish(Generic[T]):
    """One value of the file: its key, its default, and how its text becomes it; `read` raises ValueError."""

    key: str
    default: T
    read: Callable[[str], T]


def _boolean(text: str) -> bool:
    words = {"true": True, "false": False}
    if text not in words:
        raise ValueError("write true or false")
    return words[text]


def _scheme(text: str) -> Qt.ColorScheme:
    return {"desktop": Qt.ColorScheme.Unknown, "light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}[text]


SCHEME = Wish("window/theme", Qt.ColorScheme.Unknown, _scheme)
NOTIFICATIONS = Wish("window/notifications", default=True, read=_boolean)
TRAY = Wish("window/keep_in_tray", default=False, read=_boolean)
TRAY_EXPLAINED = Wish("window/tray_explained", default=False, read=_boolean)
TAB = Wish("layout/tab", -1, int)
LAYOUT = "layout"


class Preferences(QObject):
    """Wishes by key. Without a path they last as long as this object.

    Signals: `changed` with the key of each wish that got another value.
    """

    changed = Signal(str)

    def __init__(self, path: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = QSettings(str(path), QSettings.Format.IniFormat, self) if path else None
        self._values: dict[str, Any] = dict(_entries(self._file)) if self._file else {}
        if self._file and self._file.status() is not QSettings.Status.NoError:
            log.warning("%s cannot be read; the window starts with its defaults", path)

    def get(self, wish: Wish[T]) -> T:
        """The wish's value; its default when there is none, or none that can be read."""
        text = self._values.get(wish.key)
        if text is None:
            return wish.default
        try:
            return wish.read(str(text))
        except (ValueError, KeyError):
            log.warning("%s = %r in the window's file cannot be used; it is %s instead", wish.key, text, wish.default)
            del self._values[wish.key]
            return wish.default

    def put(self, wish: Wish[T], value: T) -> None:
        """Keep a value from now on."""
        if self.get(wish) != value:
            self._write(wish.key, _text(value))
            self.changed.emit(wish.key)

    def state(self, key: str) -> QByteArray:
        """What a widget said of its state, empty when it said nothing."""
        value = self._values.get(f"{LAYOUT}/{key}")
        return value if isinstance(value, QByteArray) else QByteArray()

    def put_state(self, key: str, state: QByteArray) -> None:
        """Keep a widget's state."""
        self._write(f"{LAYOUT}/{key}", state)

    def forget_layout(self) -> None:
        """Drop every state of the layout."""
        self._values = {key: value for key, value in self._values.items() if not key.startswith(f"{LAYOUT}/")}
        if self._file:
            self._file.remove(LAYOUT)

    def sync(self) -> None:
        """Write now what is not yet written."""
        if self._file:
            self._file.sync()

    def _write(self, key: str, value: str | QByteArray) -> None:
        if self._values.get(key) != value:
            self._values[key] = value
            if self._file:
                self._file.setValue(key, value)


def _entries(file: QSettings) -> Iterator[tuple[str, object]]:
    return ((key, file.value(key)) for key in file.allKeys())


def _text(value: object) -> str:
    if isinstance(value, Qt.ColorScheme):
        return {Qt.ColorScheme.Light: "light", Qt.ColorScheme.Dark: "dark"}.get(value, "desktop")
    return str(value).lower()
