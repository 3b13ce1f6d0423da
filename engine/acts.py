"""Long acts that go on now, archives on their way in: how far they are, and how to end them. On the loop."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from engine.errors import CancelledActError
from engine.snapshots import Act, Progress
from engine.tasks import TaskGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

log = logging.getLogger(__name__)

BEGINNING = Progress("starting", 0, 0)


class Acts:
    """The acts of one engine, oldest first. Each is a task, which must leave nothing behind when it is cancelled."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        """`on_change` is called when an act begins and when it ends; its progress is for who looks."""
        self._on_change = on_change
        self._ids = itertools.count(1)
        self._acts: dict[int, Act] = {}
        self._working: dict[int, asyncio.Task[Any]] = {}
        self._cancelled: set[int] = set()
        self._tasks = TaskGroup(on_error=told_to_the_caller)

    @property
    def running(self) -> tuple[Act, ...]:
        """The acts that go on now."""
        return tuple(self._acts.values())

    async def carry(
        self,
        title: str,
        work: Callable[[Callable[[Progress], None]], Coroutine[Any, Any, T]],
        progress: Callable[[Progress], None] | None = None,
    ) -> T:
        """Do `work(report)` as an act called `title`; what it reports reaches `progress` too.

        Cancelling the caller cancels the act. Raises what the work raises, and CancelledActError when `cancel`
        ended it.
        """
        number = next(self._ids)
        began = time.time()
        self._acts[number] = Act(number, title, began, BEGINNING, began)

        def report(step: Progress) -> None:
            if act := self._acts.get(number):
                phase_started = act.phase_started if step.phase == act.progress.phase else time.time()
                self._acts[number] = replace(act, progress=step, phase_started=phase_started)
            if progress is not None:
                progress(step)

        self._working[number] = task = self._tasks.start(work(report), title)
        task.add_done_callback(lambda _: self._ended(number))
        self._on_change()
        try:
            return await task
        except asyncio.CancelledError:
            if number in self._cancelled and not _is_cancelled():
                raise CancelledActError(f"{title} was cancelled.") from None
            raise
        finally:
            self._cancelled.discard(number)

    def cancel(self, number: int) -> None:
        """End an act; nothing happens when it is over."""
        task = self._working.get(number)
        if task is not None and task.cancel():
            self._cancelled.add(number)

    async def aclose(self) -> None:
        """Cancel every act and wait until each has ended. Safe to call twice."""
        await self._tasks.aclose()

    def _ended(self, number: int) -> None:
        del self._acts[number], self._working[number]
        self._on_change()


def told_to_the_caller(name: str, error: BaseException) -> None:
    """Leave a failed act to whoever asked for it; the log is only for who looks closely."""
    log.debug("%s failed: %r", name, error)


def _is_cancelled() -> bool:
    """Whether somebody wants the very task that runs now to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
