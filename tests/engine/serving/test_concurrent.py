"""Several requests at a time with one worker, over the real channel and a fake socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from engine.errors import PredictionError
from engine.runtime.frames import Kind
from engine.serving.concurrent import ConcurrentQueue
from engine.serving.jobs import Input, Job
from engine.workers.channel import Channel
from tests.support.fakes_workers import FakeProcess, frame, reply
from tests.support.loops import virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable


class Owner:
    """Notes why a worker was given up."""

    def __init__(self) -> None:
        self.causes: list[str] = []

    def broken(self, cause: str) -> None:
        self.causes.append(cause)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


class Worker(FakeProcess):
    """A worker's process behind a real channel."""

    def __init__(self, queue: ConcurrentQueue, response_timeout: float = 60) -> None:
        self.owner = Owner()
        channel = Channel(self.owner, max_body=1000, response_timeout=response_timeout)
        super().__init__(1, channel, lambda *_: None)
        queue.serve(channel)

    @property
    def got(self) -> list[list[str]]:
        """The ids of each batch."""
        return [[job["id"] for job in meta["jobs"]] for _, meta, _ in self.frames]


def a_queue(capacity: int = 10) -> ConcurrentQueue:
    queue = ConcurrentQueue(capacity)
    queue.expect(1)
    return queue


def submit(queue: ConcurrentQueue, *names: str, **options: Any) -> list[Job]:
    jobs = [Job(name, {}, [Input("body", "", b"")], **options) for name in names]
    assert [queue.submit(job) for job in jobs] == [""] * len(jobs)
    return jobs


@virtual_time
async def test_requests_go_to_one_worker_at_once_and_are_answered_as_they_finish() -> None:
    queue = a_queue()
    worker = Worker(queue)
    a, b, c = submit(queue, "a", "b", "c")
    assert worker.got == [["a"], ["b"], ["c"]]
    worker.says(reply(2, b"B") + reply(3, b"C"))
    assert [bytes((await job.future).body) for job in (b, c)] == [b"B", b"C"]
    assert not a.future.done()
    worker.says(reply(1, b"A"))
    assert bytes((await a.future).body) == b"A"
    assert (queue.in_flight, queue.answered) == (0, 3)


@virtual_time
async def test_a_request_that_fails_fails_alone() -> None:
    queue = a_queue()
    worker = Worker(queue)
    a, b = submit(queue, "a", "b")
    worker.says(frame(Kind.FAILED, {"batch": 1, "code": 503, "message": "Prediction failed"}))
    with pytest.raises(PredictionError, match="Prediction failed"):
        await a.future
    worker.says(reply(2, b"B"))
    assert bytes((await b.future).body) == b"B"


@virtual_time
async def test_a_worker_holds_as_many_requests_as_may_wait() -> None:
    queue = a_queue(capacity=2)
    worker = Worker(queue)
    submit(queue, "a", "b", "c", "d")
    assert worker.got == [["a"], ["b"]]
    assert "queue is full" in queue.submit(Job("e", {}, []))
    worker.says(reply(2, b"B"))
    assert worker.got[2:] == [["c"]]


@virtual_time
async def test_workers_take_turns() -> None:
    queue = a_queue()
    first, second = Worker(queue), Worker(queue)
    submit(queue, "a", "b", "c", "d")
    assert (first.got, second.got) == ([["a"], ["c"]], [["b"], ["d"]])


@virtual_time
async def test_a_worker_that_retires_ends_what_it_holds_and_gets_no_more() -> None:
    queue = a_queue()
    first, second = Worker(queue), Worker(queue)
    submit(queue, "a", "b")
    gone: list[bool] = []
    queue.retire(first.channel, lambda: gone.append(True))
    submit(queue, "c", "d")
    assert (second.got, gone) == ([["b"], ["c"], ["d"]], [])
    first.says(reply(1, b"A"))
    assert gone == [True]


@virtual_time
async def test_the_last_worker_takes_what_waits_before_it_goes() -> None:
    queue = a_queue(capacity=1)
    worker = Worker(queue)
    submit(queue, "a", "b")
    gone: list[bool] = []
    queue.retire(worker.channel, lambda: gone.append(True))
    queue.expect(0)
    worker.says(reply(1, b"A"))
    assert (worker.got[1:], gone) == ([["b"]], [])
    worker.says(reply(2, b"B"))
    assert gone == [True]


@virtual_time
async def test_each_request_has_a_deadline_of_its_own() -> None:
    queue = a_queue()
    worker = Worker(queue, response_timeout=1)
    submit(queue, "stuck")
    for number in range(2, 5):
        await asyncio.sleep(0.4)
        submit(queue, f"job {number}")
        worker.says(reply(number, b"fine"))
    assert worker.owner.causes == ["no answer within 1 s (response_timeout)"]
    worker.channel.abort(500, "Worker died.")


@virtual_time
async def test_a_stream_that_nobody_reads_does_not_cost_the_others_their_worker() -> None:
    queue = a_queue()
    worker = Worker(queue, response_timeout=1)
    left, _ = submit(queue, "left", "stays")
    left.future.cancel()
    for _ in range(4):
        await asyncio.sleep(0.4)
        worker.says(reply(1, b"piece", kind=Kind.PARTIAL) + reply(2, b"piece", kind=Kind.PARTIAL))
    assert worker.owner.causes == []
    worker.channel.abort(500, "Worker died.")
