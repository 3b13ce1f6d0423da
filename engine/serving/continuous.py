"""Continuous batching: jobs join and leave a batch that stays with its worker, cycle after cycle. On the loop; hot.

TorchServe's rules (`continuousBatching`): every cycle the handler gives each request one part of its answer. A request
whose part has the header `ts_stream_next: true` stays; the worker then sees its id and headers again, without inputs.
New requests fill the places that are free, without a wait as long as one stays.
"""

from __future__ import annotations

from bisect import bisect_left
from time import perf_counter
from typing import TYPE_CHECKING

from engine.serving.batch import Batch, unsendable
from engine.serving.queue import JobQueue
from engine.snapshots import BUCKETS

if TYPE_CHECKING:
    from engine.serving.discipline import Discipline
    from engine.serving.jobs import Job
    from engine.workers.channel import Channel, Result

STREAM_NEXT = "ts_stream_next"


class ContinuousBatch(Batch):
    """The jobs that stay with one worker. Ends when none is left."""

    __slots__ = ()

    def __init__(self, queue: Discipline) -> None:
        """Start without a job."""
        super().__init__(queue, [])

    def cycle(self, channel: Channel, new: list[Job]) -> bool:
        """Send the jobs that stay and `new` to the idle worker; returns whether there was any to send."""
        staying = self.jobs
        if not staying:
            self.jobs = new
            return bool(new) and self.send(channel)
        try:
            self._send_all(channel, new)
        except (TypeError, ValueError) as error:
            self._queue.failed += len(new)
            for job in new:
                job.fail(400, unsendable(error))
            self._send_all(channel, [])
        # Who stays is no further request.
        channel.requests -= len(staying)
        return True

    def done(self, results: list[Result], body: memoryview) -> None:
        """Give each job its part; those that are not at their end, and whose callers are still there, stay."""
        self._check(results, body)
        staying: list[Job] = []
        start = answered = 0
        now, latencies = perf_counter(), self._queue.tally.latencies
        for job, result in zip(self.jobs, results, strict=True):
            last = result[3].get(STREAM_NEXT) != "true"
            job.answer(result, body[start : start + result[0]], last=last)
            start += result[0]
            if last:
                answered += 1
                latencies[bisect_left(BUCKETS, now - job.arrived)] += 1
            elif not job.gone:
                job.parts, job.meta["inputs"] = [], []
                staying.append(job)
        ended = len(self.jobs) - len(staying)
        self._queue.in_flight -= ended
        self._queue.answered += answered
        self._queue.failed += ended - answered
        self.jobs = staying

    def _send_all(self, channel: Channel, new: list[Job]) -> None:
        jobs = [*self.jobs, *new]
        self._schedule(new)
        channel.send([job.meta for job in jobs], [part for job in new for part in job.parts], self)
        self._queue.tally.filled(len(jobs))
        self._queue.in_flight += len(new)
        self.jobs = jobs


class ContinuousQueue(JobQueue):
    """A job queue whose batches take in new jobs while others stay."""

    def __init__(self, batch_size: int, max_batch_delay: float, capacity: int, *, tickets: bool = False) -> None:
        """As for `JobQueue`; the delay matters to a worker without a job alone."""
        super().__init__(batch_size, max_batch_delay, capacity, tickets=tickets)
        self._batches: dict[Channel, ContinuousBatch] = {}

    def _give(self, jobs: list[Job]) -> None:
        channel, batch = self._idle[0], ContinuousBatch(self)
        if batch.cycle(channel, jobs):
            self._idle.popleft()
            self._batches[channel] = batch

    def _is_idle(self, channel: Channel) -> None:
        batch = self._batches.get(channel)
        if batch is not None and batch.jobs:
            batch.cycle(channel, self._joining(channel, batch))
            self._let_retired_go()
            return
        self._batches.pop(channel, None)
        super()._is_idle(channel)

    def _joining(self, channel: Channel, batch: ContinuousBatch) -> list[Job]:
        """Return the jobs that join; none while one goes alone, nor at a worker that retires while others serve."""
        next_is_alone = self._pending and self._pending[0].alone
        spared = channel in self._retiring and not self._serving <= self._retiring.keys()
        if spared or next_is_alone or batch.jobs[0].alone:
            return []
        return self._take(self._batch_size - len(batch.jobs))

    def _forget(self, channel: Channel) -> None:
        self._batches.pop(channel, None)
        super()._forget(channel)
