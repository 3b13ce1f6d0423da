"""Blocking work off the loop: one small pool of threads for disk, unpacking and hashing.

The loop's own default executor is not used: under qasync its threads are Qt's, and closing it waits without a limit.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Report = TypeVar("Report")


SLICE = 0.001


class Pauses:
    """Called again and again by work in a thread that only computes: sleeps for `SLICE` seconds after as much work.

    Without pauses such a thread keeps Python's lock for 5 ms at a time, and the loop needs that lock again after each
    call of the system: a request with ten of them would be 50 ms late.
    """

    def __init__(self) -> None:
        """Start the first slice now."""
        self._until = time.perf_counter() + SLICE

    def __call__(self) -> None:
        """Sleep if a slice has been worked."""
        if time.perf_counter() >= self._until:
            time.sleep(SLICE)
            self._until = time.perf_counter() + SLICE


def no_pause() -> None:
    """Stand in for `Pauses` where the work is small and runs on the loop."""


class Threads:
    """A named pool of `size` threads, owned by whoever made it."""

    def __init__(self, name: str, size: int) -> None:
        """Threads start when first needed and are called `name`_0, `name`_1 and so on."""
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `work` in a thread and return its result; the loop goes on meanwhile.

        When the caller is cancelled the thread still finishes: work that can be stopped takes an event of its own.
        """
        return await asyncio.wrap_future(self._pool.submit(work, *args, **kwargs))

    async def run_cancellable(
        self, work: Callable[[Callable[[Report], None], threading.Event], T], progress: Callable[[Report], None] | None
    ) -> T:
        """Call `work(report, cancel)` in a thread; what it reports reaches `progress` on the loop.

        Cancelling the caller sets the event, and ends only when the thread has ended: nothing is written afterwards.
        """
        loop = asyncio.get_running_loop()
        cancel = threading.Event()

        def report(step: Report) -> None:
            if progress is not None and not cancel.is_set():
                loop.call_soon_threadsafe(progress, step)

        working = asyncio.wrap_future(self._pool.submit(work, report, cancel))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            cancel.set()
            await asyncio.wait([working])
            if not working.cancelled():
                working.exception()  # the work says that it was cancelled; nobody else has to hear of it
            raise

    def close(self) -> None:
        """Take no more work and wait for what runs; call it once nothing long is running."""
        self._pool.shutdown(wait=True, cancel_futures=True)
