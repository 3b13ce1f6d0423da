"""`marina`, with a clock in its loop: how late it comes back is appended to a file once a second. A process of its own.

Each figure is a line: the milliseconds by which a timer of 10 ms was late.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from gui import __main__ as marina

PERIOD = 0.01
FILE = Path("lateness")


class Watch(QObject):
    """Notes how much later than due the loop of the GUI thread comes back."""

    def __init__(self) -> None:
        super().__init__()
        self._late: list[float] = []
        self._seen = time.perf_counter()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._look)
        self._timer.start(round(PERIOD * 1000))

    def _look(self) -> None:
        now = time.perf_counter()
        self._late.append(max(0.0, now - self._seen - PERIOD) * 1000)
        if len(self._late) >= 1 / PERIOD:
            with FILE.open("a", encoding="ascii") as file:
                file.writelines(f"{late:.3f}\n" for late in self._late)
            self._late.clear()
        self._seen = time.perf_counter()


class Watched(QApplication):
    """The application, with its watch."""

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(arguments)
        self._watch = Watch()


if __name__ == "__main__":
    marina.QApplication = Watched  # type: ignore[assignment,attr-defined]  # the one place where the application is made
    sys.exit(marina.main())
