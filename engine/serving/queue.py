"""The job queue of one version: batches jobs and gives them to idle workers. On the loop; hot.

TorchServe's rule for batches: an idle worker takes the first job and waits up to `max_batch_delay` for `batch_size`
jobs; only one worker gathers at a time. When the wait is over, the jobs are dealt in equal parts among all idle
workers, so that none is idle while another has several jobs. A job that goes alone ends the wait and follows by itself.
A job whose caller has gone is not run, and counted as failed; when the queue is full its place goes to the next.

Once every worker is busy, each gets a further full batch ahead of its answer (`engine/serving/ahead.py`). Its jobs
still count as waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

from engine.serving.ahead import LARGEST, Ahead
from engine.serving.batch import Batch
from engine.serving.discipline import NO_WORKER, Discipline

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.serving.jobs import Job
    from engine.workers.channel import Channel

# Seconds after which a full queue is looked through again for callers that have gone: a look costs time in overload.
LOOK_AGAIN = 0.01
BUSY = "Every worker is busy, and the model takes no request that would have to wait (useJobTicket). Try again later."


class JobQueue(Discipline):
    """Jobs of one version, first in, first out, and the workers that take them."""

    def __init__(self, batch_size: int, max_batch_delay: float, capacity: int, *, tickets: bool = False) -> None:
        """`max_batch_delay` in seconds; `capacity` jobs may wait; with `tickets` only an idle worker lets a job in."""
        super().__init__(capacity)
        self._batch_size = batch_size
        self._delay = max_batch_delay
        self._tickets = tickets
        self._pending: deque[Job] = deque()
        self._ahead = Ahead()
        self._idle: deque[Channel] = deque()
        self._serving: set[Channel] = set()
        self._retiring: dict[Channel, Callable[[], None]] = {}
        self._gathering: asyncio.TimerHandle | asyncio.Handle | None = None
        self._full_until = 0.0

    @property
    def pending(self) -> int:
        """How many jobs wait whose callers are still there."""
        return sum(not job.future.done() for job in chain(self._pending, self._ahead.jobs))

    def submit(self, job: Job) -> str:
        """Take a job, whose future gets the answer, and return ""; or return why it is refused and what helps."""
        taken = len(self._pending) + len(self._ahead.batches) * self._batch_size
        full = taken >= self.capacity and not self._make_room()
        if full or (self.expected == 0 and self.is_hopeless(job)) or (self._tickets and not self._has_ticket()):
            return self._refusal(job)
        self.accepted += 1
        self._pending.append(job)
        if self._idle and self._gathering is None:
            self._dispatch()
        elif self._gathering is not None:
            if not self._may_grow():
                self._gathered()
        elif self._ahead.room:
            self._send_ahead()
        return ""

    @property
    def has_channels(self) -> bool:
        """Whether any worker is being given jobs."""
        return bool(self._serving)

    def refuse_waiting(self) -> None:
        """End every job that waits and is hopeless."""
        waiting, self._pending = self._pending, deque()
        for job in waiting:
            if self.is_hopeless(job):
                self.end(job)
            else:
                self._pending.append(job)

    def hand_over(self, take: Callable[[Job], bool]) -> None:
        """Offer `take` every job that waits; those it takes are no longer this queue's."""
        self._put_back(self._ahead.take_all_back())
        self._sweep()
        staying = deque(job for job in self._pending if not take(job))
        self.accepted -= len(self._pending) - len(staying)
        self._pending = staying
        self._let_retired_go()

    # The workers' side

    def serve(self, channel: Channel) -> None:
        """Give this worker jobs from now on."""
        channel.idle = self._is_idle
        self._serving.add(channel)
        self._is_idle(channel)

    def retire(self, channel: Channel, done: Callable[[], None]) -> None:
        """Give this worker no more jobs, unless it is the last one and jobs still wait; then call `done`."""
        self._retiring[channel] = done
        self._have_back(self._ahead.part_with(channel))
        self._let_retired_go()

    def drop(self, channel: Channel) -> None:
        """Forget this worker at once."""
        jobs = self._ahead.part_with(channel)
        self._forget(channel)
        self._have_back(jobs)
        self._let_retired_go()

    def _have_back(self, jobs: list[Job]) -> None:
        """Put back jobs that were sent ahead, and give them to whoever can take them."""
        self._put_back(jobs)
        if jobs and self._gathering is None:
            self._dispatch()

    def _put_back(self, jobs: list[Job]) -> None:
        """Let jobs wait here again, before all others."""
        self._pending.extendleft(reversed(jobs))

    def _forget(self, channel: Channel) -> None:
        self._serving.discard(channel)
        self._retiring.pop(channel, None)
        if channel in self._idle:
            self._idle.remove(channel)

    def _is_idle(self, channel: Channel) -> None:
        """Go on with a worker that has ended a batch: it is idle now, or has begun the one that it had ahead."""
        late = bool(self._ahead.batches) and self._ahead.begun(channel)
        if not channel.busy:
            self._offer(channel)
            return
        if channel.has_room and channel not in self._retiring:
            self._ahead.room[channel] = None
        if late:
            self._put_back(self._ahead.take_back_oldest())
        self._send_ahead()

    def _offer(self, channel: Channel) -> None:
        """Give an idle worker the next batch, be it one that waits at another worker."""
        if channel in self._ahead.room:
            del self._ahead.room[channel]
        self._idle.append(channel)
        if self._ahead.batches:
            self._put_back(self._ahead.take_back_oldest())
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
        if self._pending and self._idle and self._delay > 0 and self._may_grow():
            self._gathering = asyncio.get_running_loop().call_later(self._delay, self._gathered)
            return
        while self._pending and self._idle:
            self._send()
        if self._pending and self._ahead.room:
            self._send_ahead()

    def _may_grow(self) -> bool:
        """Whether a further job could join the batch that comes next."""
        return len(self._pending) < self._batch_size and not any(job.alone for job in self._pending)

    def _gathered(self) -> None:
        """End the wait of the worker that gathers: the batch is full or the delay is over."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        while self._pending and self._idle:
            self._send()
        self._dispatch()

    def _send(self) -> None:
        """Give a worker its part of what waits: an equal one, and a batch at most."""
        room = self._batch_size
        if room > 1:
            room = min(room, -(-len(self._pending) // len(self._idle)))
        jobs = self._take(room)
        if jobs:
            self._give(jobs)
        self._let_retired_go()

    def _give(self, jobs: list[Job]) -> None:
        """Send jobs to the worker that has been idle longest."""
        channel = self._idle[0]
        if Batch(self, jobs).send(channel):
            self._idle.popleft()
            if channel.has_room and channel not in self._retiring:
                self._ahead.room[channel] = None

    def _send_ahead(self) -> None:
        """Send full batches to the busy workers that have room for one."""
        while self._ahead.room and len(self._pending) >= self._batch_size:
            jobs = self._take(self._batch_size)
            if sum([len(part) for job in jobs for part in job.parts]) > LARGEST:
                self._put_back(jobs)
                return
            if jobs:
                self._ahead.send(Batch(self, jobs))

    def _take(self, room: int) -> list[Job]:
        jobs: list[Job] = []
        while self._pending and len(jobs) < room:
            if jobs and (jobs[0].alone or self._pending[0].alone):
                break
            job = self._pending.popleft()
            if job.future.done():
                self.failed += 1
            else:
                jobs.append(job)
        return jobs

    def _make_room(self) -> bool:
        """Whether a queue that seems full has room after all, since batches were not, or callers have gone."""
        if self._waiting() < self.capacity:
            return True
        now = asyncio.get_running_loop().time()
        if now < self._full_until:
            return False
        self._sweep()
        if self._waiting() < self.capacity:
            return True
        self._full_until = now + LOOK_AGAIN
        return False

    def _sweep(self) -> None:
        """Take out the jobs whose callers have gone."""
        waiting = deque(job for job in self._pending if not job.future.done())
        if len(waiting) < len(self._pending):
            self.failed += len(self._pending) - len(waiting)
            self._pending = waiting
            self._let_retired_go()

    def fail_waiting(self, status: int, message: str) -> None:
        """Fail every job that waits."""
        self._put_back(self._ahead.take_all_back())
        self.failed += len(self._pending)
        while self._pending:
            self._pending.popleft().fail(status, message)

    def _waiting(self) -> int:
        """How many places of the queue are taken."""
        return len(self._pending) + sum(not job.future.done() for job in self._ahead.jobs)

    def _has_ticket(self) -> bool:
        """Whether an idle worker has room for one more job (TorchServe: a job ticket)."""
        return len(self._pending) < len(self._idle) * self._batch_size

    def _refusal(self, job: Job) -> str:
        if self.is_hopeless(job):
            return self.reason or NO_WORKER
        if self._waiting() < self.capacity:
            return BUSY
        return (
            f"The job queue is full: {self.capacity} requests wait (jobQueueSize in the model's configuration, else "
            "job_queue_size). Try again later, or scale the model up."
        )
