"""What a version asks of whoever orders its jobs: the base of every job queue, with its figures. On the loop; hot."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from engine.metrics.traffic import JobTimes
from engine.serving.tally import Tally
from engine.snapshots import QueueSnapshot, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.serving.jobs import Job
    from engine.workers.channel import Channel

NO_WORKER = "The model has no workers. Scale it up with PUT /models/{model_name}?min_worker=1."
STOPPED = "The model's workers were stopped before the request could run. Scale it up again."


class Discipline(ABC):
    """Orders the jobs of one version and gives them to its workers.

    `expected` is how many workers serve or will: while it is 0 every job is refused, and what waits is failed, but for
    jobs whose own timeout reaches to the next attempt to load the model, which is due at `retry_due`. The
    other figures are jobs since registration, `in_flight` those that are with a worker now; `times` are the newest's,
    and `tally` counts what all were like.
    """

    def __init__(self, capacity: int) -> None:
        """`capacity` jobs may wait."""
        self.capacity = capacity
        self.expected = 0
        self.reason = ""
        self.retry_due = math.inf
        self.accepted = 0
        self.answered = 0
        self.failed = 0
        self.in_flight = 0
        self.times = JobTimes()
        self.tally = Tally()
        self._work = Work()
        self._work_of = self.activity

    @property
    @abstractmethod
    def pending(self) -> int:
        """How many jobs wait whose callers are still there."""

    @abstractmethod
    def submit(self, job: Job) -> str:
        """Take a job, whose future gets the answer, and return ""; or return why it is refused and what helps."""

    @property
    def activity(self) -> tuple[int, int, int, int]:
        """Figures that are others once a job came, moved on or went."""
        return (self.accepted, self.in_flight, self.answered, self.failed)

    def snapshot(self) -> QueueSnapshot:
        """Return the figures of this moment."""
        if self._work_of != self.activity:
            self._work, self._work_of = self.tally.work(), self.activity
        return QueueSnapshot(
            pending=self.pending,
            capacity=self.capacity,
            in_flight=self.in_flight,
            accepted=self.accepted,
            answered=self.answered,
            failed=self.failed,
            work=self._work,
        )

    def expect(self, workers: int, reason: str = "", retry_due: float = math.inf) -> None:
        """Note how many workers serve or will; with none left, what waits fails.

        `reason` says why they could not load and what helps, `retry_due` when one is tried next: on the loop's clock,
        0 for now.
        """
        self.expected, self.reason, self.retry_due = workers, reason, retry_due
        if workers == 0 and not self.has_channels:
            self.refuse_waiting()

    def is_hopeless(self, job: Job) -> bool:
        """Whether no worker will take a new job in time."""
        return self.expected == 0 and job.expires < self.retry_due

    def end(self, job: Job) -> None:
        """Fail a job that waits for workers which do not come."""
        self.failed += 1
        if self.reason:
            job.refuse(self.reason)
        else:
            job.fail(503, STOPPED)

    @property
    @abstractmethod
    def has_channels(self) -> bool:
        """Whether any worker is being given jobs."""

    @abstractmethod
    def refuse_waiting(self) -> None:
        """End every job that waits and is hopeless."""

    @abstractmethod
    def fail_waiting(self, status: int, message: str) -> None:
        """Fail every job that waits."""

    def hand_over(self, take: Callable[[Job], bool]) -> None:
        """Offer `take` every job that waits; those it takes are no longer this queue's. Here jobs stay where they are.

        What belongs together, as the jobs of a sequence do, is the business of the version that began it.
        """
        del take

    # The workers' side: engine.workers.worker.Dispatcher

    def keeps(self, channel: Channel) -> bool:  # noqa: ARG002 - only disciplines that bind requests to workers look
        """Whether later requests need this very worker, though it has no job now."""
        return False

    @abstractmethod
    def serve(self, channel: Channel) -> None:
        """Give this worker jobs from now on."""

    @abstractmethod
    def retire(self, channel: Channel, done: Callable[[], None]) -> None:
        """Give this worker no more jobs, unless it is the last one and jobs still wait; then call `done`."""

    @abstractmethod
    def drop(self, channel: Channel) -> None:
        """Forget this worker at once."""
