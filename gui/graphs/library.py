"""Fetches the plotting library, before somebody wants to see graphs. Asked on the GUI thread, works in its own.

The import takes 0.3 s and makes no Qt object, so that a thread may do it while the loop goes on; it happens once in a
process: some time after the window has something to show, or when the Graphs page is shown before that.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gui.graphs.plot import Plot


@cache
def plots() -> Future[type[Plot]]:
    """The widget that plots, when it is there; fails with ImportError where the library does not load."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="graphs")
    plot = thread.submit(_fetch)
    thread.shutdown(wait=False)
    return plot


def _fetch() -> type[Plot]:
    from gui.graphs.plot import Plot  # noqa: PLC0415 - it is what takes so long

    return Plot
