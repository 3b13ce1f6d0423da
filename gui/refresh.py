"""When the window looks at the engine: soon after a change, once a second for live figures, never while hidden.

A wake only starts a timer, so a storm of changes costs one look per interval and an idle engine costs none. What a look
finds is shown in short slices with pauses between them, so that thousands of versions at work do not hold the loop.
The GUI thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from gui.face import EngineFace
    from gui.tables.catalog import Catalog

CHANGES_MS = 250
FIGURES_MS = 1000
# While nobody can see the window.
WATCH_MS = 2000
# How long one slice may take, and the pause after it, which leaves at least half of the loop to everybody else.
SLICE_SECONDS = 0.004
PAUSE_MS = 5


class Refresher(QObject):
    """Keeps a catalog up to date.

    Signals: `refreshed` when all that a look found is shown; `measured`, with the time on a steady clock, when the look
    was at figures too.
    """

    refreshed = Signal()
    measured = Signal(float)

    def __init__(self, engine: EngineFace, catalog: Catalog, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._catalog = catalog
        self._active = False
        self._watching = False
        self._measuring: float | None = None
        self._then: list[Callable[[], object]] = []
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._pull_changes)
        self._figures = QTimer(self)
        self._figures.setInterval(FIGURES_MS)
        self._figures.timeout.connect(self._pull_figures)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(PAUSE_MS)
        self._rest.timeout.connect(self._show_slice)
        self._unsubscribe = engine.subscribe(self._wake)

    def set_active(self, *, active: bool) -> None:
        """Look while the window can be seen; becoming active looks at once."""
        if active == self._active:
            return
        self._active = active
        if active:
            self._pull_figures()
            self._figures.start()
        else:
            for timer in (self._soon, self._figures, self._rest):
                timer.stop()
            self._wake_slowly()

    def keep_watching(self, *, watching: bool) -> None:
        """Whether to note changes, at a slow pace, while the window cannot be seen."""
        self._watching = watching
        self._wake_slowly()

    def pull(self, *, then: Callable[[], object] | None = None) -> None:
        """Look now, at what changed and at how fast it goes; `then` is called when all of it is shown."""
        if then is not None:
            self._then.append(then)
        self._pull_figures()

    def close(self) -> None:
        """Look no more; harmless when closed already."""
        self._watching = False
        self.set_active(active=False)
        self._unsubscribe()
        self._unsubscribe = _nothing

    def _wake(self) -> None:
        if not self._active:
            self._wake_slowly()
        elif not self._soon.isActive():
            self._soon.start(CHANGES_MS)

    def _wake_slowly(self) -> None:
        if self._watching and not self._active and not self._soon.isActive():
            self._soon.start(WATCH_MS)

    def _pull_changes(self) -> None:
        self._begin(None)

    def _pull_figures(self) -> None:
        self._begin(time.monotonic())

    def _begin(self, now: float | None) -> None:
        """Look and show a first slice, which is the shorter the longer the look took."""
        started = time.perf_counter()
        self._look(now)
        self._show(SLICE_SECONDS - (time.perf_counter() - started))

    def _look(self, now: float | None) -> None:
        self._soon.stop()
        self._measuring = self._measuring if now is None else now
        self._catalog.take(self._engine.changes(self._catalog.revision), now)

    def _show_slice(self) -> None:
        self._show(SLICE_SECONDS)

    def _show(self, seconds: float) -> None:
        """Show what there is in so many seconds; the end is told after a pause unless hardly any of them are over."""
        until = time.perf_counter() + seconds / 8
        left = self._catalog.work(seconds)
        if not left and self._measuring is not None:
            measured, self._measuring = self._measuring, None
            self.measured.emit(measured)
            left = time.perf_counter() >= until
        if left:
            self._rest.start()
        else:
            self._rest.stop()
            self.refreshed.emit()
            waiting, self._then = self._then, []
            for call in waiting:
                call()


def _nothing() -> None:
    return
