"""How the C library deals with memory that Python has freed: it keeps it under load, and gives it back when idle.

glibc hands the end of its heap back to the system whenever much of it is free, and asks for it again, page by page,
with the next large body. For bodies of megabytes that was half of the engine's time. What lies before the end it keeps
for ever, which after many large bodies is hundreds of megabytes. `keep_freed_memory` runs on the main thread at the
start, `HeapTrimmer` on the loop and in a thread.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.threads import Threads

# The names and numbers of glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
# Bytes that stay at the end of the heap for the next body; the largest block that is taken from there (glibc's limit).
KEPT = 64 * 1024 * 1024
LARGEST = 32 * 1024 * 1024
# Seconds between two looks, bytes of bodies that an idle server holds at most, and by how many bytes the process must
# have grown since memory was last given back.
TRIM_SECONDS = 5.0
IDLE = 8 * 1024 * 1024
GROWN = 4 * 1024 * 1024
PAGE = 4096 if sys.platform == "win32" else os.sysconf("SC_PAGE_SIZE")


def keep_freed_memory() -> None:
    """Have up to `KEPT` bytes that are freed stay for what comes next; does nothing where there is no glibc."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST)
        mallopt(M_TRIM_THRESHOLD, KEPT)


class HeapTrimmer:
    """Gives memory that was freed back to the system once no large body is held any more."""

    def __init__(self, held: Callable[[], int], threads: Threads) -> None:
        """`held` returns the bytes of all bodies that are held."""
        self._held = held
        self._threads = threads
        self._smallest = 0
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None

    async def look(self) -> None:
        """Give memory back if the process has grown since, and no large body is held; does nothing without glibc."""
        if self._trim is not None and self._held() <= IDLE:
            await self._threads.run(self._give_back, self._trim)

    def _give_back(self, trim: Callable[[int], object]) -> None:
        if resident() > self._smallest + GROWN:
            trim(0)
            self._smallest = resident()


def resident() -> int:
    """Return the bytes of this process that are in memory. Linux; reads a file that the system makes up."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE
