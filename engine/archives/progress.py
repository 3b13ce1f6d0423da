"""Progress and cancelling of long acts on the disk. Runs in the thread of whoever works."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import IO

from engine.errors import CancelledActError
from engine.snapshots import Progress

ProgressCallback = Callable[[Progress], None]

CHUNK = 256 * 1024
_STEP = 1024 * 1024


class Meter:
    """Counts the bytes of one phase, reports about every MiB, and stops the work when the cancel event is set."""

    def __init__(self, phase: str, total: int, progress: ProgressCallback | None, cancel: Event | None) -> None:
        """`total` is 0 when nobody knows it yet."""
        self.done = 0
        self.told = 0
        self._phase = phase
        self._total = total
        self._progress = progress
        self._cancel = cancel

    def begin(self, total: int) -> None:
        """Count from nothing again, up to `total`; what is told, `told`, stays where it is until that is passed."""
        self.done = 0
        self._total = max(total, self.told) if total else 0

    def check(self) -> None:
        """Raise CancelledActError when the cancel event is set."""
        if self._cancel is not None and self._cancel.is_set():
            raise CancelledActError(f"{self._phase.capitalize()} was cancelled.")

    def add(self, count: int) -> None:
        """Count `count` more bytes; raise CancelledActError when the cancel event is set."""
        self.check()
        self.done += count
        if self.done - self.told >= _STEP:
            self.report()

    def report(self) -> None:
        """Tell how far it is now; worth a call at the end."""
        self.told = max(self.told, self.done)
        if self._progress is not None:
            self._progress(Progress(self._phase, self.told, self._total))


def copy(source: IO[bytes], target: IO[bytes], meter: Meter) -> str:
    """Copy all of `source` and return its sha256 in hexadecimal."""
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        meter.add(len(chunk))
        target.write(chunk)
        digest.update(chunk)
    return digest.hexdigest()


def sha256(path: Path, progress: ProgressCallback | None = None, cancel: Event | None = None) -> str:
    """Return the sha256 of a file in hexadecimal."""
    meter = Meter("hashing", path.stat().st_size, progress, cancel)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            meter.add(len(chunk))
            digest.update(chunk)
    meter.report()
    return digest.hexdigest()
