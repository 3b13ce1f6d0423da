"""Jobs that are with one worker together. On the loop; hot."""

from __future__ import annotations

from bisect import bisect_left
from time import perf_counter
from typing import TYPE_CHECKING, Any

from engine.runtime.frames import FrameError
from engine.snapshots import BUCKETS
from engine.workers.channel import DIED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.serving.discipline import Discipline
    from engine.serving.jobs import Job
    from engine.workers.channel import Channel, Result


class Batch:
    """Goes to a worker and splits its answer among the jobs; keeps the queue's figures."""

    __slots__ = ("_queue", "_sending", "_waits", "jobs", "sent")

    def __init__(self, queue: Discipline, jobs: list[Job]) -> None:
        """`jobs` in the order in which they are sent; `sent` is when they were, on the clock of `perf_counter`."""
        self._queue = queue
        self._sending = 0.0
        self._waits = False
        self.jobs = jobs
        self.sent = 0.0

    def send(self, channel: Channel) -> bool:
        """Give the jobs to an idle worker; jobs that no frame can hold fail, cost it nothing, and False comes back."""
        jobs = self.jobs
        self.sent = self._schedule(jobs)
        self._queue.in_flight += len(jobs)
        if not self._pass_on(channel.send):
            return False
        self._queue.tally.filled(len(jobs))
        return True

    def send_ahead(self, channel: Channel) -> bool:
        """Give the jobs to a busy worker, where they wait until they have `begun`; returns as `send` does."""
        self._waits = True
        self.sent = perf_counter()
        return self._pass_on(channel.send_ahead)

    def begun(self) -> None:
        """Note that the worker has the jobs to itself now."""
        self._waits = False
        self._schedule(self.jobs)
        self._queue.in_flight += len(self.jobs)
        self._queue.tally.filled(len(self.jobs))

    def partial(self, results: list[Result], body: memoryview) -> bool:
        """Give each job a piece of its answer; returns whether any caller is still there."""
        self._check(results, body)
        self._share(results, body, last=False)
        return not all(job.gone for job in self.jobs)

    def done(self, results: list[Result], body: memoryview) -> None:
        """Give each job its answer, or the last piece of it."""
        self._check(results, body)
        self._queue.in_flight -= len(self.jobs)
        self._queue.answered += len(self.jobs)
        started = perf_counter()
        latencies = self._queue.tally.latencies
        for job in self.jobs:
            latencies[bisect_left(BUCKETS, started - job.arrived)] += 1
        self._share(results, body, last=True)
        self._queue.times.engine = self._sending + perf_counter() - started

    def failed(self, status: int, message: str) -> None:
        """Fail every job; a second call, when its worker dies of the same cause, finds none left."""
        jobs, self.jobs = self.jobs, []
        if not self._waits:
            self._queue.in_flight -= len(jobs)
        self._queue.failed += len(jobs)
        for job in jobs:
            job.fail(status, message)

    def _pass_on(self, send: Callable[[list[dict[str, Any]], Sequence[bytes], Batch], None]) -> bool:
        jobs = self.jobs
        parts = jobs[0].parts if len(jobs) == 1 else [part for job in jobs for part in job.parts]
        try:
            send([job.meta for job in jobs], parts, self)
        except (TypeError, ValueError) as error:
            self.failed(400, unsendable(error))
            return False
        self._sending = perf_counter() - self.sent
        return True

    def _schedule(self, jobs: list[Job]) -> float:
        """Note that jobs go to the worker now, and return when that is."""
        now = perf_counter()
        waits = self._queue.tally.waits
        for job in jobs:
            job.scheduled = now
            waits[bisect_left(BUCKETS, now - job.arrived)] += 1
        if jobs:
            times = self._queue.times
            times.at, times.queued = now, now - jobs[-1].arrived
        return now

    def _check(self, results: list[Result], body: memoryview) -> None:
        count = len(self.jobs)
        if len(results) != count or sum([result[0] for result in results]) != len(body):
            self.failed(500, DIED)
            raise FrameError(f"{len(results)} answers of {len(body)} bytes do not fit {count} requests")

    def _share(self, results: list[Result], body: memoryview, *, last: bool) -> None:
        start = 0
        for job, result in zip(self.jobs, results, strict=True):
            end = start + result[0]
            job.answer(result, body[start:end], last=last)
            start = end


def unsendable(error: Exception) -> str:
    """Return what the caller of a job is told that no frame can hold."""
    return f"The request cannot be passed on to the handler: {error}"
