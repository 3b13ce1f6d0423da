"""Asynchronous handlers: several requests at a time with one worker, answered as they finish. On the loop; hot.

TorchServe's rule (`asyncCommunication`): each request is a batch of its own, whatever the batch size. TorchServe sets
no limit; here a worker holds as many requests as may wait for one, so that a queue can fill at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.serving.batch import Batch
from engine.serving.queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.serving.jobs import Job
    from engine.workers.channel import Channel, Result


class ConcurrentBatch(Batch):
    """One request, beside others at its worker."""

    __slots__ = ()

    def partial(self, results: list[Result], body: memoryview) -> bool:
        """Give the job a piece; others need the worker, so it is not given up for a stream that nobody reads."""
        super().partial(results, body)
        return True


class ConcurrentQueue(JobQueue):
    """A job queue in which a worker counts as idle until it holds `capacity` requests; workers take turns."""

    def __init__(self, capacity: int, *, tickets: bool = False) -> None:
        """`capacity` jobs may wait, and as many may be with each worker."""
        super().__init__(1, 0, capacity, tickets=tickets)

    def retire(self, channel: Channel, done: Callable[[], None]) -> None:
        """Give this worker no more jobs, unless it is the last one and jobs still wait; then call `done`."""
        if channel in self._idle:
            self._idle.remove(channel)
        super().retire(channel, done)

    def _give(self, jobs: list[Job]) -> None:
        channel = self._idle[0]
        if ConcurrentBatch(self, jobs).send(channel):
            self._idle.popleft()
        if channel.batches < self.capacity and channel not in self._idle:
            self._idle.append(channel)

    def _is_idle(self, channel: Channel) -> None:
        spared = channel in self._retiring and not self._serving <= self._retiring.keys()
        if channel in self._idle or spared:
            self._let_retired_go()
            return
        self._offer(channel)
