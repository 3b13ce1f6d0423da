"""The job queue of one version: batches jobs and gives them to idle workers. On the loop; hot.

TorchServe's rule for batches: an idle worker takes the first job and waits up to `max_batch_delay` for `batch_size`
jobs; only one worker gathers at a time. A job that goes alone ends the wait and follows by itself. A job whose caller
has gone is not run, and counted as failed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from engine.runtime.frames import FrameError
from engine.snapshots import QueueSnapshot
from engine.workers.channel import DIED

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.serving.jobs import Job
    from engine.workers.channel import Channel, Result


class Batch:
    """Jobs that are with one worker; splits the worker's answer among them."""

    __slots__ = ("_jobs", "_queue")

    def __init__(self, queue: JobQueue, jobs: list[Job]) -> None:
        """`jobs` in the order in which they were sent."""
        self._queue = queue
        self._jobs = jobs

    def partial(self, results: list[Result], body: memoryview) -> None:
        """Give each job a piece of its answer."""
        self._check(results, body)
        self._share(results, body, last=False)

    def done(self, results: list[Result], body: memoryview) -> None:
        """Give each job its answer, or the last piece of it."""
        self._check(results, body)
        self._queue.in_flight -= len(self._jobs)
        self._queue.answered += len(self._jobs)
        self._share(results, body, last=True)

    def failed(self, status: int, message: str) -> None:
        """Fail every job; a second call, when its worker dies of the same cause, finds none left."""
        jobs, self._jobs = self._jobs, []
        self._queue.in_flight -= len(jobs)
        self._queue.failed += len(jobs)
        for job in jobs:
            job.fail(status, message)

    def _check(self, results: list[Result], body: memoryview) -> None:
        if len(results) != len(self._jobs) or sum(result[0] for result in results) != len(body):
            self.failed(500, DIED)
            raise FrameError(f"{len(results)} answers of {len(body)} bytes do not fit {len(self._jobs)} requests")

    def _share(self, results: list[Result], body: memoryview, *, last: bool) -> None:
        start = 0
        for job, result in zip(self._jobs, results, strict=True):
            end = start + result[0]
            job.answer(result, body[start:end], last=last)
            start = end


class JobQueue:
    """Jobs of one version, first in, first out, and the workers that take them.

    `expected` is how many workers serve or will: while it is 0 nothing should be submitted, and what waits is failed.
    """

    def __init__(self, batch_size: int, max_batch_delay: float, capacity: int) -> None:
        """`max_batch_delay` in seconds; `capacity` jobs may wait."""
        self.capacity = capacity
        self.expected = 0
        self.accepted = 0
        self.answered = 0
        self.failed = 0
        self.in_flight = 0
        self._batch_size = batch_size
        self._delay = max_batch_delay
        self._pending: deque[Job] = deque()
        self._idle: deque[Channel] = deque()
        self._serving: set[Channel] = set()
        self._retiring: dict[Channel, Callable[[], None]] = {}
        self._gathering: asyncio.TimerHandle | asyncio.Handle | None = None

    @property
    def open(self) -> bool:
        """Whether a job may be submitted: a worker serves or will, and there is room."""
        return self.expected > 0 and len(self._pending) < self.capacity

    def snapshot(self) -> QueueSnapshot:
        """Return the figures of this moment."""
        return QueueSnapshot(
            pending=len(self._pending),
            capacity=self.capacity,
            in_flight=self.in_flight,
            accepted=self.accepted,
            answered=self.answered,
            failed=self.failed,
        )

    def submit(self, job: Job) -> None:
        """Queue a job; its future gets the answer. Check `open` first."""
        self.accepted += 1
        self._pending.append(job)
        if self._idle and self._gathering is None:
            self._dispatch()
        elif self._gathering is not None and not self._may_grow():
            self._gathered()

    def expect(self, workers: int) -> None:
        """Note how many workers serve or will; with none left, what waits fails."""
        self.expected = workers
        if workers == 0 and not self._serving:
            self._fail_pending(503, "The model's workers were stopped before the request could run. Scale it up again.")

    # The workers' side: engine.workers.worker.Dispatcher

    def serve(self, channel: Channel) -> None:
        """Give this worker jobs from now on."""
        channel.idle = self._is_idle
        self._serving.add(channel)
        self._is_idle(channel)

    def retire(self, channel: Channel, done: Callable[[], None]) -> None:
        """Give this worker no more jobs, unless it is the last one and jobs still wait; then call `done`."""
        self._retiring[channel] = done
        self._let_retired_go()

    def drop(self, channel: Channel) -> None:
        """Forget this worker at once."""
        self._forget(channel)
        self._let_retired_go()

    def _forget(self, channel: Channel) -> None:
        self._serving.discard(channel)
        self._retiring.pop(channel, None)
        if channel in self._idle:
            self._idle.remove(channel)

    def _is_idle(self, channel: Channel) -> None:
        self._idle.append(channel)
        self._let_retired_go()
        if self._pending and self._gathering is None:
            self._dispatch()

    def _let_retired_go(self) -> None:
        if not self._retiring:
            return
        for channel, done in list(self._retiring.items()):
            needed = self._pending and channel in self._serving and self._serving <= self._retiring.keys()
            if not channel.busy and not needed:
                self._forget(channel)
                done()

    def _dispatch(self) -> None:
        while self._pending and self._idle:
            if self._delay > 0 and self._may_grow():
                self._gathering = asyncio.get_running_loop().call_later(self._delay, self._gathered)
                return
            self._send()

    def _may_grow(self) -> bool:
        """Whether a further job could join the batch that comes next."""
        return len(self._pending) < self._batch_size and not any(job.alone for job in self._pending)

    def _gathered(self) -> None:
        """End the wait of the worker that gathers: the batch is full or the delay is over."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if self._pending and self._idle:
            self._send()
            self._dispatch()

    def _send(self) -> None:
        jobs = self._take()
        if jobs:
            self._give(jobs)
        self._let_retired_go()

    def _give(self, jobs: list[Job]) -> None:
        """Send jobs to the worker that has been idle longest; jobs that no frame can hold fail, and cost it nothing."""
        batch = Batch(self, jobs)
        parts = jobs[0].parts if len(jobs) == 1 else [part for job in jobs for part in job.parts]
        self.in_flight += len(jobs)
        try:
            self._idle[0].send([job.meta for job in jobs], parts, batch)
        except (TypeError, ValueError) as error:
            batch.failed(400, f"The request cannot be passed on to the handler: {error}")
        else:
            self._idle.popleft()

    def _take(self) -> list[Job]:
        jobs: list[Job] = []
        while self._pending and len(jobs) < self._batch_size:
            if jobs and (jobs[0].alone or self._pending[0].alone):
                break
            job = self._pending.popleft()
            if job.future.done():
                self.failed += 1
            else:
                jobs.append(job)
        return jobs

    def _fail_pending(self, status: int, message: str) -> None:
        while self._pending:
            self._pending.popleft().fail(status, message)
            self.failed += 1
