"""Collects Python's cyclic garbage on the GUI thread, and nowhere else.

Python collects in whatever thread happens to allocate. A widget or a timer that goes in one of the engine's threads
takes Qt's down with it, so while there is a window automatic collection is off and this runs in its place.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QTimer

# Often enough that what came in between is looked through in a few ms.
INTERVAL_MS = 50
# How often everything but the imports is looked through: a few ms, and more with thousands of versions. In between,
# what has outlived two looks is left alone.
FULL_SECONDS = 300.0


@contextmanager
def collected_here() -> Iterator[None]:
    """Collect in this thread, which must be the GUI's, for as long as the block lasts, and once more at its end."""
    was_on = gc.isenabled()
    gc.disable()
    # What the imports made stays for good: nine tenths of all that a full collection would look through.
    gc.collect()
    gc.freeze()
    timer, collector = QTimer(), Collector()
    timer.timeout.connect(collector.collect_due)
    timer.start(INTERVAL_MS)
    try:
        yield
    finally:
        timer.stop()
        gc.unfreeze()
        gc.collect()
        if was_on:
            gc.enable()


class Collector:
    """Collects the young often and everything seldom."""

    def __init__(self) -> None:
        self._full = time.monotonic()

    def collect_due(self) -> None:
        """Collect what is due, by the thresholds that automatic collection would use."""
        (young, older, _), (most_young, most_older, _) = gc.get_count(), gc.get_threshold()
        if time.monotonic() >= self._full + FULL_SECONDS:
            self._full = time.monotonic()
            gc.collect()
        elif older > most_older:
            gc.collect(1)
        elif young > most_young:
            gc.collect(0)
