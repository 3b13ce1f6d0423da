"""Real worker processes that share memory with the test: when their answers lie there, and when not."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from engine.runtime.channel import encode
from engine.runtime.frames import Kind
from engine.runtime.shared_memory import LEAST, NAME, SharedMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.runtime.channel import Frame
    from tests.runtime.conftest import WorkerProcess

    Start = Callable[..., WorkerProcess]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the memory needs Linux")

SIZE = 300_000
# Answers what it is given; a row without a body is one of a later cycle.
HANDLER = """
    def handle(data, context):
        if data is None:
            return None
        context.set_response_header(0, "ts_stream_next", "true")
        return [row.get("body", "again" * 100_000) for row in data]
"""
STREAM = """
    from ts.handler_utils.utils import send_intermediate_predict_response

    def handle(data, context):
        if data is None:
            return None
        piece = bytes(data[0]["body"])
        send_intermediate_predict_response([piece], context.request_ids, "More", 200, context)
        return [piece]
"""


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    memory = SharedMemory(os.memfd_create(NAME))
    yield memory
    memory.close()


def path(memory: SharedMemory) -> str:
    return f"/proc/{os.getpid()}/fd/{memory._descriptor}"


def predict(worker: WorkerProcess, body: bytes, *in_frame: bytes, **in_memory: int) -> Frame:
    """Send one job, whose body is in the frame, in memory or nowhere, and return the next answer."""
    inputs = [["body", "", len(body)]] if body else []
    meta: dict[str, Any] = {"batch": 7, "jobs": [{"id": "a", "headers": {}, "inputs": inputs}], **in_memory}
    worker.channel.send(encode(Kind.PREDICT, meta, in_frame))
    return worker.receive()


def test_a_worker_tells_that_it_shares_the_memory(start_worker: Start, memory: SharedMemory) -> None:
    assert start_worker(HANDLER).load("h", shared_memory=path(memory)).meta["shared_memory"] is True
    assert start_worker(HANDLER).load("h", shared_memory="/proc/self/fd/99").meta["shared_memory"] is False


def test_inputs_and_answers_lie_in_memory_cycle_after_cycle(start_worker: Start, memory: SharedMemory) -> None:
    worker, body = start_worker(HANDLER), os.urandom(SIZE)
    worker.load("h", shared_memory=path(memory), continuous=True)
    worker.channel.memory = memory
    memory.lay([body], SIZE)
    first = predict(worker, body, in_memory=SIZE)
    assert (first.meta["in_memory"], bytes(first.body)) == (SIZE, body)
    again = predict(worker, b"", in_memory=0)
    assert (again.meta["in_memory"], bytes(again.body)) == (500_000, b"again" * 100_000)


def test_a_batch_that_has_not_the_memory_is_answered_over_the_socket(start_worker: Start, memory: SharedMemory) -> None:
    worker, body = start_worker(HANDLER), os.urandom(SIZE)
    worker.load("h", shared_memory=path(memory))
    memory.lay([b"x" * LEAST], LEAST)
    answer = predict(worker, body, body)
    assert "in_memory" not in answer.meta
    assert answer.body == body
    assert memory.read(LEAST, bytes) == b"x" * LEAST


def test_pieces_go_over_the_socket_and_the_end_lies_in_memory(start_worker: Start, memory: SharedMemory) -> None:
    worker, body = start_worker(STREAM), os.urandom(SIZE)
    worker.load("h", shared_memory=path(memory))
    worker.channel.memory = memory
    memory.lay([body], SIZE)
    piece = predict(worker, body, in_memory=SIZE)
    assert (piece.kind, piece.meta.get("in_memory"), bytes(piece.body)) == (Kind.PARTIAL, None, body)
    end = worker.receive()
    assert (end.kind, end.meta["in_memory"], bytes(end.body)) == (Kind.REPLY, SIZE, body)


def test_an_answer_over_the_limit_fails_as_ever(start_worker: Start, memory: SharedMemory) -> None:
    worker, body = start_worker(HANDLER), os.urandom(SIZE)
    worker.load("h", shared_memory=path(memory), max_response_size=SIZE - 1)
    memory.lay([body], SIZE)
    failed = predict(worker, body, in_memory=SIZE)
    assert (failed.kind, failed.meta["message"]) == (Kind.FAILED, "Worker died.")
