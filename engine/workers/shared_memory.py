"""The engine's end of the memory that it shares with a worker: made here, lent to one batch at a time. On the loop.

`engine/runtime/shared_memory.py` has what both ends do. The worker opens the memory by its path below /proc, so that no
launcher has to hand down a descriptor.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from engine.memory_account import Account, counted_copy
from engine.runtime.frames import FrameError
from engine.runtime.shared_memory import LEAST, NAME, SharedMemory

if TYPE_CHECKING:
    from collections.abc import Sequence


class LentMemory(SharedMemory):
    """Belongs to the batch `holder` until that batch is answered: its inputs may lie here, and then its answers."""

    def __init__(self, descriptor: int, answers: Account | None = None) -> None:
        """Own `descriptor`; batches are numbered from 1. `answers` counts what copies of answers hold."""
        super().__init__(descriptor)
        self._answers = answers or Account()
        self.holder = 0
        self.path = f"/proc/{os.getpid()}/fd/{descriptor}"

    def lend(self, batch: int, bodies: Sequence[bytes], length: int) -> int:
        """Make `batch` the holder; return how many of the `length` bytes of its inputs lie here now, all or none."""
        self.holder = batch
        return self.lay(bodies, length) if length >= LEAST else 0

    def fetch(self, batch: int, length: int, limit: int) -> memoryview:
        """Return a copy of the answers to `batch`, which is counted.

        Raises FrameError when they cannot lie here, or are over `limit`, and MemoryError.
        """
        if batch != self.holder:
            raise FrameError(f"the answers to batch {batch} lie in memory that was lent to batch {self.holder}")
        if length > limit:
            raise FrameError(f"frame body of {length} bytes is over the limit of {limit}")
        return self.read(length, lambda body: counted_copy(body, self._answers))


def make_memory(answers: Account | None = None) -> LentMemory | None:
    """Make memory to share with one worker; `answers` counts its answers.

    Returns None where the system has no such thing, or no more of it.
    """
    if sys.platform != "linux":
        return None
    import fcntl  # noqa: PLC0415 - not on every platform

    try:
        descriptor = os.memfd_create(NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:
        return None
    # A handler that made the file shorter than its mapping would have the engine killed by SIGBUS.
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return LentMemory(descriptor, answers)
