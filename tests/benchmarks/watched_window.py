"""`marina`, with a clock in its loop, which writes the `watch_files` into its folder. A process of its own."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PySide6 import QtWidgets
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication

from tests.benchmarks.watch_files import LATENESS, SHOWN

PERIOD = 0.01
AT_ONCE = 20  # lines that are written together


class Watch(QObject):
    """Notes how much later than due the loop of the GUI thread comes back."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._shown = False
        self._seen = time.monotonic()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._look)
        self._timer.start(round(PERIOD * 1000))

    def _look(self) -> None:
        now = time.monotonic()
        self._lines.append(f"{now} {max(0.0, now - self._seen - PERIOD) * 1000:.3f}\n")
        if len(self._lines) >= AT_ONCE:
            with Path(LATENESS).open("a", encoding="ascii") as file:
                file.writelines(self._lines)
            self._lines.clear()
        if not self._shown and any(window.isExposed() for window in QGuiApplication.topLevelWindows()):
            self._shown = True
            Path(SHOWN).touch()
        self._seen = time.monotonic()


class Watched(QtWidgets.QApplication):
    """The application, with its watch."""

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(arguments)
        self._watch = Watch()


def main() -> int:
    """Run Marina with an application that is watched; returns the exit status."""
    QtWidgets.QApplication = Watched  # type: ignore[assignment,misc]  # before anything of Marina's has looked it up
    from gui.__main__ import main as marina  # noqa: PLC0415 - see above

    return marina()


if __name__ == "__main__":
    sys.exit(main())
