"""Collects Python's cyclic garbage on the GUI thread, and nowhere else.

Python collects in whatever thread happens to allocate. A widget or a timer that goes in one of the engine's threads
takes Qt's down with it, so while there is a window automatic collection is off and this runs in its place.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QTimer

INTERVAL_MS = 250


@contextmanager
def collected_here() -> Iterator[None]:
    """Collect in this thread, which must be the GUI's, for as long as the block lasts, and once more at its end."""
    was_on = gc.isenabled()
    gc.disable()
    # What the imports made stays for good; left out, a full collection takes a few ms instead of holding the loop.
    gc.collect()
    gc.freeze()
    timer = QTimer()
    timer.timeout.connect(collect_due)
    timer.start(INTERVAL_MS)
    try:
        yield
    finally:
        timer.stop()
        gc.unfreeze()
        gc.collect()
        if was_on:
            gc.enable()


def collect_due() -> None:
    """Collect the oldest generation whose turn it is, by the thresholds that automatic collection would use."""
    for generation, (count, threshold) in reversed(
        list(enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)))
    ):
        if threshold and count > threshold:
            gc.collect(generation)
            return
