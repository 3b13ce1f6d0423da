"""Event loops for tests: a real one, and one whose clock jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import functools
import selectors
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")


class JumpingSelector(selectors.DefaultSelector):
    """Never waits: where a selector would, the clock of its loop moves on instead."""

    now = 0.0
    standstill = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; with nothing ready, let `timeout` seconds pass at once.

        After a `standstill` of so many seconds nothing is reported once, as by `epoll_wait` when a signal interrupted
        it and its timeout is over by then.
        """
        if self.standstill:
            self.now, self.standstill = self.now + self.standstill, 0.0
            return []
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise AssertionError("the test waits for what will never happen: no timer is set and no socket is ready")
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time, for tests without threads and processes; sockets within the test work."""

    def __init__(self) -> None:
        self.selector = JumpingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self.selector.now


def virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def real_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in real time, for real processes."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def now() -> float:
    """Return the running loop's time in seconds."""
    return asyncio.get_running_loop().time()


async def turn(times: int = 10) -> None:
    """Let everything that is ready run, a few times over, while no time passes."""
    for _ in range(times):
        await asyncio.sleep(0)


async def stand_still(seconds: float) -> None:
    """Let the loop, which must be in virtual time, do nothing for `seconds`; what arrives meanwhile stays unread."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.selector.standstill = seconds
    await asyncio.sleep(0)
