"""Measures every callback on the loop while a test runs. Test process only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Call(NamedTuple):
    """One callback: seconds on the clock, seconds of this thread's processor time, and what it was."""

    wall: float
    cpu: float
    what: str


@contextmanager
def watched_loop() -> Iterator[list[Call]]:
    """Yield a list that grows by one entry for each callback that any loop of this thread runs."""
    calls: list[Call] = []
    run = asyncio.events.Handle._run

    def measured(handle: asyncio.Handle) -> None:
        started, cpu_before = time.perf_counter(), time.thread_time()
        try:
            run(handle)
        finally:
            calls.append(Call(time.perf_counter() - started, time.thread_time() - cpu_before, repr(handle)[:200]))

    asyncio.events.Handle._run = measured  # type: ignore[assignment,method-assign]  # the one door all callbacks go through
    try:
        yield calls
    finally:
        asyncio.events.Handle._run = run  # type: ignore[method-assign]  # as it was
