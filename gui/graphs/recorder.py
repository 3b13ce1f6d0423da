"""Feeds the history with what each look at figures found, in short slices with pauses between them. The GUI thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from gui.graphs.history import History
    from gui.refresh import Refresher
    from gui.tables.catalog import Catalog

SLICE_SECONDS = 0.003
PAUSE_MS = 10


class Recorder(QObject):
    """Notes what a catalog says whenever its refresher has measured."""

    def __init__(self, history: History, catalog: Catalog, refresher: Refresher) -> None:
        super().__init__(refresher)
        self._history = history
        self._catalog = catalog
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(PAUSE_MS)
        self._rest.timeout.connect(lambda: self._note(SLICE_SECONDS))
        refresher.measured.connect(self._begin)

    def _begin(self, now: float) -> None:
        started = time.perf_counter()
        self._history.begin((record.snapshot for record in self._catalog), now)
        self._note(SLICE_SECONDS - (time.perf_counter() - started))

    def _note(self, seconds: float) -> None:
        if self._history.work(seconds):
            self._rest.start()
