"""Sequence batching: requests that belong together run in their order, at one worker. On the loop; hot.

TorchServe's rules (`sequenceBatching`): a request names its sequence in the header `ts_request_sequence_id`; one
without begins a sequence of its own. A batch holds at most one job of each sequence. A sequence keeps to the worker
that ran its first job, where the handler has its state, until it has been idle too long. With `continuousBatching` too
a handler closes sequences by the response header `ts_request_sequence_end`, and a batch may hold twice the batch size.

A new sequence goes to whichever worker is free first. When a worker dies, its sequences are closed and what waits in
them fails: another worker would not know what came before.

After a sequence has expired, or has lost its worker, the next request under its id is refused, so that its client
learns that the state is gone. The request after that begins a new sequence, and the handler gets
`ts_request_sequence_start` with it. Ids that Marina made are not used again. (TorchServe gives such a request to
another worker, whose handler does not know the sequence.)
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from engine.deadlines import ReadClock
from engine.serving.batch import Batch
from engine.serving.continuous import ContinuousBatch
from engine.serving.discipline import NO_WORKER, Discipline
from engine.serving.lanes import ExpiredSequences, Lane, Sequence
from engine.serving.queue import BUSY
from engine.workers.channel import DIED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine.serving.jobs import Job, Reply
    from engine.snapshots import Batching
    from engine.workers.channel import Channel, Result

SEQUENCE_ID = "ts_request_sequence_id"
SEQUENCE_START = "ts_request_sequence_start"
SEQUENCE_END = "ts_request_sequence_end"
GENERATED_ID = "ts-seq-"  # TorchServe's prefix
# The most seconds of a standstill that may count as idle time of a sequence.
LONGEST_STEP = 1.0
CLOSED = "The handler has closed the sequence before the request could run."
EXPIRED = "The sequence has expired, or its worker has stopped, and its state is lost. Begin a new sequence."


class SequenceQueue(Discipline):
    """Jobs of one version, first in, first out in each sequence, and the workers that the sequences keep to."""

    def __init__(self, batch_size: int, max_batch_delay: float, descriptions: int, rules: Batching) -> None:
        """`max_batch_delay` in seconds; `descriptions` is how many jobs without a sequence may wait."""
        super().__init__(rules.max_sequences * rules.max_sequence_jobs)
        self._rules = rules
        self._batch_size = batch_size
        self._delay = max_batch_delay
        self._descriptions = descriptions
        self._open: dict[str, Sequence] = {}
        self._expired = ExpiredSequences()
        self._lanes: dict[Channel, Lane] = {}
        # The line of sequences that keep to no worker yet.
        self._unbound: deque[Sequence] = deque()
        self._turns = 0
        self._clock = ReadClock(min(LONGEST_STEP, rules.sequence_max_idle / 4000), self._has_live_sequence)

    @property
    def pending(self) -> int:
        """How many jobs wait whose callers are still there."""
        return sum(len(sequence.jobs) for sequence in {*self._open.values(), *self._unbound})

    def submit(self, job: Job) -> str:
        """Take a job, whose future gets the answer, and return ""; or return why it is refused and what helps."""
        if self.is_hopeless(job):
            return self.reason or NO_WORKER
        sequence = self._unlisted() if job.alone else self._sequence_of(job.meta["headers"])
        if isinstance(sequence, str):
            return sequence
        self.accepted += 1
        sequence.jobs[job.future] = job
        job.future.add_done_callback(partial(self._left, sequence))
        if self._line_up(sequence) and (lane := sequence.lane or self._free_lane()):
            self._start(lane)
        return ""

    @property
    def has_channels(self) -> bool:
        """Whether any worker is being given jobs."""
        return bool(self._lanes)

    def refuse_waiting(self) -> None:
        """End every job that waits and is hopeless, and close the sequences that have no other."""
        for sequence in (*self._open.values(), *self._unbound):
            for future, job in list(sequence.jobs.items()):
                if self.is_hopeless(job):
                    del sequence.jobs[future]
                    self.end(job)
        self._expire([name for name, sequence in self._open.items() if not sequence.jobs])
        self._unbound = deque(sequence for sequence in self._unbound if sequence.jobs)

    def fail_waiting(self, status: int, message: str) -> None:
        """Fail every job that waits."""
        self._fail_jobs([*self._open.values(), *self._unbound], status, message)

    # Which sequences are open

    def _unlisted(self) -> Sequence | str:
        """Return a sequence for one job that belongs to none."""
        if len(self._unbound) >= self._descriptions:
            return "The job queue is full. Try again later."
        return Sequence(asyncio.get_running_loop().time())

    def _sequence_of(self, headers: dict[str, str]) -> Sequence | str:
        """Return the sequence that a request belongs to, a new one if need be; or why it is refused."""
        name = headers.get(SEQUENCE_ID, "")
        sequence = self._open.get(name)
        if sequence is not None and self._has_ended(sequence):
            self._expire([name])
            sequence = None
        if self._rules.job_tickets and not self._has_ticket(sequence):
            return BUSY
        if sequence is None:
            return self._begin(headers)
        if self._is_over(sequence):
            return "The sequence has outlived sequenceTimeoutMSec. Begin a new one."
        if len(sequence.jobs) >= self._rules.max_sequence_jobs:
            limit = self._rules.max_sequence_jobs
            return f"The sequence has {limit} requests waiting (maxSequenceJobQueueSize). Wait for an answer first."
        return sequence

    def _begin(self, headers: dict[str, str]) -> Sequence | str:
        limit = self._rules.max_sequences
        if len(self._open) >= limit:
            self._expire([name for name, found in self._open.items() if self._has_ended(found)])
        if len(self._open) >= limit:
            return f"{limit} sequences are open (maxNumSequence). Try again when one has ended, or raise the number."
        name = headers.get(SEQUENCE_ID)
        if name and SEQUENCE_START not in headers:
            if name.startswith(GENERATED_ID) or self._expired.refuses(name):
                return EXPIRED
            if self._expired.forget(name):
                headers[SEQUENCE_START] = "true"
        if not name:
            name = headers[SEQUENCE_ID] = f"{GENERATED_ID}{uuid4()}"
            headers[SEQUENCE_START] = "true"
        self._open[name] = sequence = Sequence(asyncio.get_running_loop().time())
        self._clock.run()
        return sequence

    def _expire(self, names: Iterable[str]) -> None:
        """Close sequences whose state is lost; the next request is refused, unless a failed one has shown the loss."""
        for name in names:
            sequence = self._open.pop(name)
            self._expired.add(name, refused=sequence.busy)

    def _has_live_sequence(self) -> bool:
        return any(not self._has_ended(sequence) for sequence in self._open.values())

    def _has_ended(self, sequence: Sequence) -> bool:
        """Whether nothing of the sequence is left to do, and its time or its worker's is over."""
        if sequence.busy:
            return False
        retiring = sequence.lane is not None and sequence.lane.leave is not None
        idle = (self._clock.time() - sequence.last) * 1000 > self._rules.sequence_max_idle
        return retiring or idle or self._is_over(sequence)

    def _is_over(self, sequence: Sequence) -> bool:
        return 0 < self._rules.sequence_timeout < (self._clock.time() - sequence.opened) * 1000

    def _has_ticket(self, sequence: Sequence | None) -> bool:
        lanes = [sequence.lane] if sequence is not None and sequence.lane else self._lanes.values()
        return any(not lane.channel.busy and len(lane.line) + len(self._unbound) < self._batch_size for lane in lanes)

    def close(self, names: Iterable[str]) -> None:
        """Close sequences whose end the handler tells; what waits in them fails."""
        closed = [self._open.pop(name) for name in names if name in self._open]
        self._fail_jobs(closed, 503, CLOSED)

    def _left(self, sequence: Sequence, future: asyncio.Future[Reply]) -> None:
        """Take out a job whose caller has gone before it ran."""
        if sequence.jobs.pop(future, None) is not None:
            self.failed += 1
            self._let_retired_go()

    def _fail_jobs(self, sequences: list[Sequence], status: int, message: str) -> None:
        for sequence in sequences:
            jobs = list(sequence.jobs.values())
            sequence.jobs.clear()
            self.failed += len(jobs)
            for job in jobs:
                job.fail(status, message)

    # The workers' side

    def serve(self, channel: Channel) -> None:
        """Give this worker jobs from now on."""
        channel.idle = self._is_idle
        self._lanes[channel] = lane = Lane(channel)
        self._start(lane)
        self._let_retired_go()

    def keeps(self, channel: Channel) -> bool:
        """Whether a sequence that keeps to this worker is not over."""
        kept = (one for one in self._open.values() if one.lane is not None and one.lane.channel is channel)
        return any(not self._has_ended(sequence) for sequence in kept)

    def retire(self, channel: Channel, done: Callable[[], None]) -> None:
        """Give this worker no new sequence, unless it is the last one and some wait; then call `done`."""
        lane = self._lanes.get(channel)
        if lane is None:
            done()
            return
        lane.leave = done
        self._let_retired_go()

    def drop(self, channel: Channel) -> None:
        """Forget this worker at once, and fail what waits in its sequences."""
        lane = self._lanes.get(channel)
        if lane is not None:
            self._fail_jobs(self._forget(lane), 500, DIED)
            self._let_retired_go()

    def _forget(self, lane: Lane) -> list[Sequence]:
        """Close the sequences of a worker that goes, and return them."""
        del self._lanes[lane.channel]
        lane.stop_gathering()
        closed = {name: sequence for name, sequence in self._open.items() if sequence.lane is lane}
        self._expire(closed)
        return list(closed.values())

    def _let_retired_go(self) -> None:
        for lane in [lane for lane in self._lanes.values() if lane.leave is not None]:
            needed = any(sequence.jobs for line in self._lines(lane) for sequence in line)
            if lane.leave is not None and not lane.channel.busy and not needed:
                self._forget(lane)
                lane.leave()

    def _is_idle(self, channel: Channel) -> None:
        lane = self._lanes.get(channel)
        if lane is None:
            return
        self._release(lane)
        if isinstance(lane.batch, ContinuousBatch) and lane.batch.jobs:
            lane.batch.cycle(channel, self._take(lane, 2 * self._batch_size - len(lane.active)))
        else:
            self._start(lane)
        self._let_retired_go()

    # From line to worker

    def _line_up(self, sequence: Sequence) -> bool:
        """Put a sequence with a job into its line, unless it stands there or is with the worker."""
        if sequence.queued or sequence.active is not None:
            return False
        self._turns += 1
        sequence.queued, sequence.turn = True, self._turns
        line = self._unbound if sequence.lane is None else sequence.lane.line
        line.append(sequence)
        return True

    def _lines(self, lane: Lane) -> list[deque[Sequence]]:
        """Return the lines that a worker serves; one that retires begins no sequence unless all do."""
        if lane.leave is not None and any(other.leave is None for other in self._lanes.values()):
            return [lane.line]
        return [lane.line, self._unbound]

    def _free_lane(self) -> Lane | None:
        """Return the worker for a new sequence: one that gathers, else the idle one that keeps the fewest."""
        idle = [lane for lane in self._lanes.values() if self._may_begin(lane)]
        kept = Counter(sequence.lane for sequence in self._open.values())
        return min(idle, key=lambda lane: (lane.timer is None, kept[lane]), default=None)

    def _may_begin(self, lane: Lane) -> bool:
        """Whether a worker is idle and may begin sequences."""
        return not lane.channel.busy and len(self._lines(lane)) > 1

    def _start(self, lane: Lane) -> None:
        """Give an idle worker what there is, at once or, when more could join, after the delay."""
        if lane.channel.busy or lane.channel not in self._lanes:
            return
        waiting = [sequence.first for line in self._lines(lane) for sequence in line]
        alone = any(job is not None and job.alone for job in waiting)
        if self._delay == 0 or alone or len(waiting) >= self._batch_size:
            self._gathered(lane)
        elif waiting and lane.timer is None:
            lane.timer = asyncio.get_running_loop().call_later(self._delay, self._gathered, lane)

    def _gathered(self, lane: Lane) -> None:
        """Send what has gathered, dealt among all idle workers where it keeps to none."""
        lane.stop_gathering()
        idle = sum(self._may_begin(other) for other in self._lanes.values())
        part = -(-len(self._unbound) // max(1, idle))
        jobs = self._take(lane, min(len(lane.line) + part, self._batch_size))
        if jobs and not self._send(lane, jobs):
            self._release(lane)
            asyncio.get_running_loop().call_soon(self._start, lane)
        self._let_retired_go()
        if jobs and self._unbound and (other := self._free_lane()):
            self._gathered(other)

    def _send(self, lane: Lane, jobs: list[Job]) -> bool:
        if self._rules.continuous:
            lane.batch = stays = ContinuousSequences(self)
            return stays.cycle(lane.channel, jobs)
        lane.batch = Batch(self, jobs)
        return lane.batch.send(lane.channel)

    def _take(self, lane: Lane, room: int) -> list[Job]:
        """Take the first job of each sequence, in the order in which they lined up."""
        jobs: list[Job] = []
        while len(jobs) < room:
            line = min((line for line in self._lines(lane) if line), key=lambda line: line[0].turn, default=None)
            if line is None:
                break
            sequence = line[0]
            job = sequence.first
            if job is None:
                line.popleft().queued = False
            elif job.future.done():
                del sequence.jobs[job.future]
                self.failed += 1
            elif lane.active and (job.alone or _is_alone(lane)):
                break
            else:
                line.popleft().queued = False
                jobs.append(_bind(sequence, job, lane))
        return jobs

    def _release(self, lane: Lane) -> None:
        """Let the sequences line up again whose jobs have ended."""
        staying = lane.batch.jobs if isinstance(lane.batch, ContinuousBatch) else []
        ended = [sequence for sequence in lane.active if sequence.active not in staying]
        lane.active = [sequence for sequence in lane.active if sequence.active in staying]
        now = asyncio.get_running_loop().time()
        for sequence in ended:
            sequence.active, sequence.last = None, now
            if sequence.jobs:
                self._line_up(sequence)


class ContinuousSequences(ContinuousBatch):
    """A continuous batch whose handler may close sequences."""

    __slots__ = ("_sequences",)

    def __init__(self, queue: SequenceQueue) -> None:
        """Start without a job."""
        super().__init__(queue)
        self._sequences = queue

    def done(self, results: list[Result], body: memoryview) -> None:
        """Give each job its part, and close the sequences that the handler names (TorchServe: separated by `;`)."""
        super().done(results, body)
        for _, _, _, headers in results:
            if SEQUENCE_END in headers:
                self._sequences.close(headers[SEQUENCE_END].split(";"))


def _is_alone(lane: Lane) -> bool:
    job = lane.active[0].active
    return job is not None and job.alone


def _bind(sequence: Sequence, job: Job, lane: Lane) -> Job:
    """Note that a job of the sequence goes to the worker, which it keeps to from now on."""
    del sequence.jobs[job.future]
    sequence.lane, sequence.active = lane, job
    lane.active.append(sequence)
    return job
