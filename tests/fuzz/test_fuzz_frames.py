"""What stands on the socket between engine and worker, garbled: a broken channel, and never anything worse."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from hypothesis import strategies as st

from engine.runtime import channel as worker_side
from engine.runtime.frames import MAX_META, PREFIX, FrameError, Kind
from engine.serving.jobs import Input, Job
from engine.serving.queue import JobQueue
from engine.workers.channel import Channel, Emitted
from engine.workers.shared_memory import make_memory
from tests.support.fakes_workers import EMITTED, FakeTransport, frame, reply
from tests.support.fuzzing import fuzz, garbled

MAX_BODY = 100_000
JOBS = 3
IN_MEMORY = 200_000
LENGTHS = [
    b"\x00" * 8,
    b"\xff" * 8,
    b"\x00\x00\x00\x01",
    b"\x7f" * 8,
    b"MF\x01\x06",
    b"[" * 3000,
    b"-1",
    b"1e99",
    b"null",
]
FROM_WORKER = b"".join(
    (
        frame(Kind.LOADED, {"device": "cpu", "shared_memory": True}),
        frame(Kind.METRICS, {"metrics": [EMITTED]}),
        reply(1, b"part", kind=Kind.PARTIAL),
        frame(Kind.REPLY, {"batch": 1, "results": [[90_000, 200, "", {}]], "in_memory": 90_000}),
        frame(Kind.FAILED, {"batch": 2, "code": 503, "message": "no"}),
        frame(Kind.LOAD_FAILED, {"code": 500, "message": "no", "traceback": "Traceback"}),
        reply(3, bytes(70_000)),
    )
)
FROM_ENGINE = b"".join(
    (
        frame(Kind.LOAD, {"model_name": "net", "handler": "service.py", "model_config": {"a": [1]}}),
        frame(Kind.PREDICT, {"batch": 1, "jobs": [{"id": "a", "headers": {}, "inputs": [["body", "", 4]]}]}, b"data"),
        frame(Kind.PREDICT, {"batch": 2, "jobs": []}, bytes(70_000)),
        frame(Kind.PREDICT, {"batch": 3, "jobs": [], "in_memory": 200_000}),
    )
)


class Owner:
    """Ends the channel as the worker's owner does."""

    def __init__(self, queue: JobQueue) -> None:
        self.channel = Channel(self, max_body=MAX_BODY, response_timeout=60)
        self.channel.connection_made(cast("asyncio.Transport", FakeTransport(lambda: None)))
        self.channel.load({})
        if memory := self.channel._memory:
            memory.lay([bytes(IN_MEMORY)], IN_MEMORY)
        self.is_over = False
        queue.expect(1)
        queue.serve(self.channel)

    def loaded(self, device: str) -> None:
        assert isinstance(device, str)

    def load_failed(self, code: int, message: str, traceback: str) -> None:
        assert isinstance(message + traceback, str)
        self.end(code)

    def metrics(self, metrics: list[Emitted]) -> None:
        assert all(isinstance(one.value, float) for one in metrics)

    def took(self, milliseconds: float, request_ids: tuple[str, ...]) -> None:
        assert isinstance(milliseconds, float)
        assert request_ids

    def broken(self, cause: str) -> None:
        assert cause
        self.end(500)

    def disconnected(self) -> None:
        raise AssertionError("nobody hung up")

    def end(self, status: int) -> None:
        self.is_over = True
        self.channel.abort(status, "Worker died.")


async def read_as_engine(value: tuple[bytes, int]) -> None:
    data, size = value
    queue = JobQueue(1, 0, 100)
    owner = Owner(queue)
    jobs = [Job(str(number), {}, [Input("body", "", b"data")]) for number in range(JOBS)]
    for job in jobs:
        queue.submit(job)
    while data and not owner.is_over:
        buffer = owner.channel.get_buffer(-1)
        taken = data[: min(size, len(buffer))]
        assert taken, "asyncio takes an empty buffer for a mistake"
        buffer[: len(taken)] = taken
        data = data[len(taken) :]
        owner.channel.buffer_updated(len(taken))
    owner.end(500)
    queue.drop(owner.channel)
    queue.expect(0)
    for job in jobs:
        assert job.future.done(), "a request is left without an answer"
        job.future.exception()
    assert queue.in_flight == 0


def test_what_workers_send() -> None:
    inputs = st.tuples(garbled(FROM_WORKER, tokens=LENGTHS), st.sampled_from([7, 16, 1000, 65_536, 1 << 20]))
    with asyncio.Runner() as runner:
        fuzz("frames of workers", inputs, lambda value: runner.run(read_as_engine(value)))


def read_as_worker(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        channel = worker_side.Channel(theirs)
        memory = make_memory()
        if memory is not None:
            memory.lay([bytes(IN_MEMORY)], IN_MEMORY)
        channel.memory = memory
        try:
            while (found := channel.receive()) is not None:
                assert isinstance(found.meta, dict)
        finally:
            if memory is not None:
                memory.close()


def is_bounded(data: bytes) -> bool:
    """Whether the first lengths are those that the engine may mean: a worker makes room for what it is told."""
    return len(data) < PREFIX.size or (data[8:12] == bytes(4) and int.from_bytes(data[4:8], "big") <= MAX_META)


def test_what_the_engine_sends() -> None:
    inputs = garbled(FROM_ENGINE, tokens=LENGTHS).filter(is_bounded)
    fuzz("frames of the engine", inputs, read_as_worker, FrameError, MemoryError)
