"""How much memory processes hold. Blocking: runs in a thread."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable


def resident_memory(pids: Iterable[int]) -> dict[int, int]:
    """Return the resident set of each process in bytes; processes that are gone are left out."""
    sizes = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            sizes[pid] = psutil.Process(pid).memory_info().rss
    return sizes
