"""When the window looks at the engine: soon after a change, once a second for live figures, never while hidden.

A wake only starts a timer, so a storm of changes costs one look per interval and an idle engine costs none.
The GUI thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from gui.face import EngineFace
    from gui.tables.catalog import Catalog

CHANGES_MS = 250
FIGURES_MS = 1000


class Refresher(QObject):
    """Keeps a catalog up to date.

    Signals: `refreshed` after each look.
    """

    refreshed = Signal()

    def __init__(self, engine: EngineFace, catalog: Catalog, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._catalog = catalog
        self._active = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(CHANGES_MS)
        self._soon.timeout.connect(self._pull_changes)
        self._figures = QTimer(self)
        self._figures.setInterval(FIGURES_MS)
        self._figures.timeout.connect(self.pull)
        self._unsubscribe = engine.subscribe(self._wake)

    def set_active(self, *, active: bool) -> None:
        """Look while the window can be seen; becoming active looks at once."""
        if active == self._active:
            return
        self._active = active
        if active:
            self.pull()
            self._figures.start()
        else:
            self._soon.stop()
            self._figures.stop()

    def pull(self) -> None:
        """Look now, at what changed and at how fast it goes."""
        self._look(time.monotonic())

    def close(self) -> None:
        """Look no more; harmless when closed already."""
        self.set_active(active=False)
        self._unsubscribe()
        self._unsubscribe = _nothing

    def _wake(self) -> None:
        if self._active and not self._soon.isActive():
            self._soon.start()

    def _pull_changes(self) -> None:
        self._look(None)

    def _look(self, now: float | None) -> None:
        self._soon.stop()
        self._catalog.apply(self._engine.changes(self._catalog.revision), now)
        self.refreshed.emit()


def _nothing() -> None:
    return
