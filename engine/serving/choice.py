"""Which discipline the jobs of a version follow: its model's configuration decides. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.serving.concurrent import ConcurrentQueue
from engine.serving.continuous import ContinuousQueue
from engine.serving.queue import JobQueue
from engine.serving.sequences import SequenceQueue

if TYPE_CHECKING:
    from engine.serving.discipline import Discipline
    from engine.snapshots import Batching


def make_queue(batch_size: int, max_batch_delay: float, capacity: int, rules: Batching) -> Discipline:
    """Return an empty queue; `max_batch_delay` in seconds. Sequences go before continuous before asynchronous."""
    if rules.sequences:
        return SequenceQueue(batch_size, max_batch_delay, capacity, rules)
    if rules.continuous:
        return ContinuousQueue(batch_size, max_batch_delay, capacity, tickets=rules.job_tickets)
    if rules.asynchronous:
        return ConcurrentQueue(capacity, tickets=rules.job_tickets)
    return JobQueue(batch_size, max_batch_delay, capacity, tickets=rules.job_tickets)
