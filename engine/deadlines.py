"""Deadlines for what arrives through the event loop: what has arrived is read before a deadline is judged. On the loop.

After a standstill of the process or its loop (Ctrl+Z, a suspended machine, a callback that takes long) a timer can be
due before the loop has read what arrived meanwhile: `epoll_wait` reports no event when a signal interrupted it and its
timeout is over. So a timer that is due first gives the loop as long as the timer came late, and at least one further
turn, in which it reads.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

# The most seconds that a deadline is put off after a standstill.
LONGEST_GRACE = 10.0


class Deadline:
    """Calls back once, after a number of seconds and after what has arrived by then is read."""

    __slots__ = ("_callback", "_handle", "_loop", "due")

    def __init__(self, seconds: float, callback: Callable[[], object]) -> None:
        """Start to wait; `callback` is called on the running loop. `due` is when the seconds are over, in its time."""
        self._loop = asyncio.get_running_loop()
        self._callback = callback
        self.due = self._loop.time() + seconds
        self._handle: asyncio.TimerHandle | asyncio.Handle = self._loop.call_at(self.due, self._read_first)

    def cancel(self) -> None:
        """Wait no more; harmless when the callback was called already."""
        self._handle.cancel()

    def _read_first(self) -> None:
        late = max(0.0, self._loop.time() - self.due)
        self._handle = self._loop.call_later(min(late, LONGEST_GRACE), self._judge)

    def _judge(self) -> None:
        # uvloop takes a delay of 0 for "soon", which is before it looks at sockets again; what follows that is after.
        self._handle = self._loop.call_soon(self._callback)


@asynccontextmanager
async def time_limit(seconds: float | None) -> AsyncIterator[None]:
    """Raise TimeoutError in the block as `asyncio.timeout` does, but read first; None is no limit."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:
        deadline = None if seconds is None else Deadline(seconds, lambda: timeout.reschedule(loop.time()))
        try:
            yield
        finally:
            if deadline is not None:
                deadline.cancel()


class ReadClock:
    """The loop's time, but after a standstill it stands until what has arrived meanwhile is read.

    For idle times that are judged when something else happens. It has a timer while it runs, and is the loop's time
    itself while it does not.
    """

    def __init__(self, step: float, is_needed: Callable[[], bool]) -> None:
        """A standstill of more than `step` seconds is noticed; the clock runs until `is_needed` is false."""
        self._step = step
        self._is_needed = is_needed
        self._read_at = 0.0
        self._timer: Deadline | None = None

    def time(self) -> float:
        """Return the time in seconds."""
        now = asyncio.get_running_loop().time()
        return now if self._timer is None else min(now, self._read_at + self._step)

    def run(self) -> None:
        """Notice standstills from now on."""
        if self._timer is None:
            self._look()

    def _look(self) -> None:
        self._read_at = asyncio.get_running_loop().time()
        self._timer = Deadline(self._step, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        if self._is_needed():
            self._look()
