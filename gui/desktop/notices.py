"""Notifications about models, only while the window is not in front, collected for a while. The GUI thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from gui.desktop.happenings import look, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine.snapshots import Key
    from gui.desktop.happenings import Happening, Looks
    from gui.tables.records import VersionRecord

TOGETHER_MS = 2000


class Notices(QObject):
    """Looks at states whenever it is told to; `wanted` asks whether something may be said now.

    While nothing may be said nothing is looked at, so the first look after that only sets out from what there is.

    Signals: `due` with the lines to say; what they are about is in `newest` until the next ones.
    """

    due = Signal(list)

    def __init__(self, wanted: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted = wanted
        self._seen: Looks | None = None
        self._collected: list[Happening] = []
        self.newest: Key | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TOGETHER_MS)
        self._timer.timeout.connect(self.flush)

    def look(self, records: Iterable[VersionRecord], now: float | None = None) -> None:
        """Note what happened since the last look; `now` is in seconds on a steady clock."""
        if not self._wanted():
            self._seen = None
            return
        states = {record.snapshot.key: record.snapshot.state for record in records}
        self._seen, happened = look(self._seen, states, time.monotonic() if now is None else now)
        if happened:
            self._collected += happened
            if not self._timer.isActive():
                self._timer.start()

    def flush(self) -> None:
        """Say what has been collected, unless somebody looks by now."""
        self._timer.stop()
        happenings, self._collected = self._collected, []
        if happenings and self._wanted():
            self.newest = happenings[0].key
            self.due.emit(sentences(happenings))

    def close(self) -> None:
        """Say nothing more."""
        self._timer.stop()
        self._collected = []
