"""The one place that starts asyncio tasks: named, kept, supervised and closed by their owner. Runs on the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class TaskGroup:
    """The tasks of one owner. A task that fails is logged with its name; `aclose` cancels what still runs."""

    def __init__(self, on_error: Callable[[str, BaseException], None] | None = None) -> None:
        """`on_error(name, error)` replaces the log line for a task that failed."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on_error = on_error or _log_error

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run `work` as a task called `name`, kept until it ends."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

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
