from __future__ import annotations

import pytest

from engine.serving.choice import make_queue
from engine.serving.concurrent import ConcurrentQueue
from engine.serving.continuous import ContinuousQueue
from engine.serving.discipline import Discipline
from engine.serving.queue import JobQueue
from engine.serving.sequences import SequenceQueue
from engine.snapshots import Batching
from tests.support.loops import virtual_time


@pytest.mark.parametrize(
    ("batching", "kind"),
    [
        (Batching(), JobQueue),
        (Batching(job_tickets=True), JobQueue),
        (Batching(asynchronous=True), ConcurrentQueue),
        (Batching(continuous=True), ContinuousQueue),
        (Batching(continuous=True, sequences=True, max_sequences=2, max_sequence_jobs=3), SequenceQueue),
    ],
)
@virtual_time
async def test_the_configuration_decides_how_jobs_come_together(batching: Batching, kind: type[Discipline]) -> None:
    queue = make_queue(1, 0.1, 6, batching)
    assert type(queue) is kind
    assert queue.snapshot().capacity == 6
