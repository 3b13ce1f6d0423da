"""How much memory processes hold. Blocking: runs in a thread.

Workers that were forked share most of their pages with the fork server and with each other. The resident set counts
such a page in full for each of them; the share divides it among those that have it, so that shares add up.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

KILOBYTE = 1024


class Memory(NamedTuple):
    """Bytes that a process holds: its share of the pages that it has, and all of these, the resident set.

    `share` is Linux' proportional set size; where nobody tells it, it is the resident set.
    """

    share: int
    resident: int


def memory_of(pids: Iterable[int]) -> dict[int, Memory]:
    """Return the memory of each process; processes that are gone are left out."""
    sizes = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            sizes[pid] = _rollup(pid) or _resident(pid)
    return sizes


def _rollup(pid: int) -> Memory | None:
    """Read what the system adds up over all mappings, None where it does not or will not tell."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return None
    sizes = {words[0]: int(words[1]) * KILOBYTE for line in text.splitlines()[1:] if (words := line.split())}
    return Memory(sizes["Pss:"], sizes["Rss:"]) if "Pss:" in sizes else None


def _resident(pid: int) -> Memory:
    size = psutil.Process(pid).memory_info().rss
    return Memory(size, size)
