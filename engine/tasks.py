"""The one place that starts asyncio tasks: named, kept, supervised and closed by their owner. Runs on the loop.

Work that is done again and again runs through `TaskGroup.repeat`, so that an error costs one turn and not the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class TaskGroup:
    """The tasks of one owner. A task that fails is logged with its name; `aclose` cancels what still runs."""

    def __init__(
        self,
        on_error: Callable[[str, BaseException], None] | None = None,
        failures: Counter[str] | None = None,
    ) -> None:
        """`on_error(name, error)` replaces the log line for a task that failed.

        `failures` counts the failed turns of repeated work, by its name.
        """
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on_error = on_error or _log_error
        self._failures: Counter[str] = Counter() if failures is None else failures

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run `work` as a task called `name`, kept until it ends."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def repeat(
        self, work: Callable[[], Awaitable[object]], name: str, seconds: float, *, at_once: bool = True
    ) -> asyncio.Task[None]:
        """Call `work` every `seconds` after its last end until the group is closed, first at once or after a wait.

        An error in `work` is logged and counted, and `work` is called again all the same.
        """
        return self.start(self._repeat(work, name, seconds, at_once=at_once), name)

    async def _repeat(self, work: Callable[[], Awaitable[object]], name: str, seconds: float, *, at_once: bool) -> None:
        failed = 0
        await asyncio.sleep(0 if at_once else seconds)
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever went wrong, the next turn may go well
                failed += 1
                self._failures[name] += 1
                _log_failed_turn(name, failed, error)
            else:
                if failed:
                    log.info("Periodic task %r works again after %d failures in a row", name, failed)
                failed = 0
            await asyncio.sleep(seconds)

    async def join(self) -> None:
        """Wait until every task has ended by itself."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def aclose(self) -> None:
        """Cancel every task and wait until each has ended. Safe to call twice."""
        running = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(task.get_name(), error)


def _log_error(name: str, error: BaseException) -> None:
    log.error("Task %s failed", name, exc_info=error)


def _log_failed_turn(name: str, failed: int, error: Exception) -> None:
    """Log the first failure of a row in full, and then the second, fourth, eighth and so on in one line."""
    if failed == 1:
        log.error("Periodic task %r failed and will be tried again", name, exc_info=error)
    elif failed & (failed - 1) == 0:
        log.warning("Periodic task %r failed %d times in a row: %s", name, failed, error)
