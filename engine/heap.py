"""How the C library deals with memory that Python has freed. Called once, on the main thread of a process that serves.

glibc hands the end of its heap back to the system whenever much of it is free, and asks for it again, page by page,
with the next large body. For bodies of megabytes that was half of the engine's time.
"""

from __future__ import annotations

import ctypes
import sys

# The names and numbers of glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
# Bytes that stay at the end of the heap for the next body; the largest block that is taken from there (glibc's limit).
KEPT = 64 * 1024 * 1024
LARGEST = 32 * 1024 * 1024


def keep_freed_memory() -> None:
    """Have up to `KEPT` bytes that are freed stay for what comes next; does nothing where there is no glibc."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST)
        mallopt(M_TRIM_THRESHOLD, KEPT)
