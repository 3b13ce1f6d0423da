"""What a version's jobs were like: waits, latencies and fills, whatever the discipline."""

from __future__ import annotations

import asyncio
import sys
from bisect import bisect_left
from typing import TYPE_CHECKING, cast

import pytest

from engine.serving.choice import make_queue
from engine.serving.continuous import STREAM_NEXT
from engine.serving.jobs import Input, Job
from engine.serving.tally import Tally
from engine.snapshots import BUCKETS, Batching, Work
from tests.support.fakes_workers import UNSENDABLE, FakeChannel
from tests.support.loops import virtual_time

if TYPE_CHECKING:
    from engine.serving.discipline import Discipline
    from engine.workers.channel import Channel

SEQUENCES = Batching(sequences=True, sequence_max_idle=60_000, max_sequences=10, max_sequence_jobs=10)
KINDS = {
    "plain": Batching(),
    "continuous": Batching(continuous=True),
    "asynchronous": Batching(asynchronous=True),
    "sequences": SEQUENCES,
}


def a_queue(rules: Batching, batch_size: int = 2, delay: float = 0.0) -> tuple[Discipline, FakeChannel]:
    queue, worker = make_queue(batch_size, delay, 100, rules), FakeChannel()
    queue.expect(1)
    queue.serve(cast("Channel", worker))
    return queue, worker


def submit(queue: Discipline, *names: str, waited: float = 0.0) -> list[Job]:
    """Submit a job for each name, as if it had arrived `waited` seconds ago."""
    jobs = [Job(name, {}, [Input("body", "", name.encode())]) for name in names]
    for job in jobs:
        job.arrived -= waited
        assert queue.submit(job) == ""
    return jobs


def test_the_buckets_reach_from_a_tenth_of_a_millisecond_to_minutes() -> None:
    assert list(BUCKETS) == sorted(BUCKETS)
    assert (BUCKETS[0], round(BUCKETS[-1])) == (0.0001, 105)


def test_fills_grow_with_the_largest_batch() -> None:
    tally = Tally()
    assert tally.work() == Work()
    for jobs in (1, 3, 3, 2):
        tally.filled(jobs)
    assert tally.work().fills == (0, 1, 1, 2)


@pytest.mark.parametrize("rules", KINDS.values(), ids=KINDS)
def test_every_discipline_counts_its_jobs(rules: Batching) -> None:
    @virtual_time
    async def scenario() -> None:
        queue, worker = a_queue(rules)
        assert queue.snapshot().work == Work()
        submit(queue, "a", waited=1.0)
        assert (sum(queue.snapshot().work.waits), sum(queue.snapshot().work.latencies)) == (1, 0)
        worker.answers_all()
        await asyncio.sleep(0)
        work = queue.snapshot().work
        assert len(work.waits) == len(work.latencies) == len(BUCKETS) + 1
        assert (sum(work.waits), sum(work.latencies), work.fills) == (1, 1, (0, 1))
        assert work.waits.index(1) == work.latencies.index(1) == bisect_left(BUCKETS, 1.0)

    scenario()


@virtual_time
async def test_what_waited_longer_than_the_last_bucket_has_one_of_its_own() -> None:
    queue, worker = a_queue(Batching())
    submit(queue, "a", waited=1000.0)
    worker.answers_all()
    assert queue.snapshot().work.waits[-1] == queue.snapshot().work.latencies[-1] == 1


@virtual_time
async def test_fills_tell_how_full_batches_were() -> None:
    queue, worker = a_queue(Batching(), batch_size=4, delay=0.1)
    submit(queue, "a", "b", "c", "d", "e")
    worker.answers_all()
    await asyncio.sleep(1)
    worker.answers_all()
    assert queue.snapshot().work.fills == (0, 1, 0, 0, 1)


@virtual_time
async def test_failed_jobs_have_no_latency_and_unsendable_ones_fill_no_batch() -> None:
    queue, worker = a_queue(Batching())
    job = Job("a", {UNSENDABLE: ""}, [])
    queue.submit(job)
    assert job.future.exception()
    (other,) = submit(queue, "b")
    worker.fails(500, "as asked")
    assert other.future.exception()
    work = queue.snapshot().work
    assert (sum(work.latencies), work.fills) == (0, (0, 1))


@virtual_time
async def test_a_continuous_batch_counts_each_cycle_and_each_job_once() -> None:
    queue, worker = a_queue(Batching(continuous=True))
    submit(queue, "a", "b")
    worker.answers_with({STREAM_NEXT: "true"})
    worker.answers_with({STREAM_NEXT: "true"}, {})
    worker.answers_with({})
    work = queue.snapshot().work
    assert (sum(work.waits), sum(work.latencies), work.fills) == (2, 2, (0, 2, 1))


@virtual_time
async def test_a_snapshot_is_made_only_when_something_changed() -> None:
    queue, worker = a_queue(Batching())
    submit(queue, "a")
    worker.answers_all()
    first = queue.snapshot().work
    assert queue.snapshot().work is first
    submit(queue, "b")
    assert queue.snapshot().work is not first
    assert sys.getsizeof(first.waits) < 1000
