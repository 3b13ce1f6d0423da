from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from engine.errors import PredictionError, TimedOutError
from engine.serving.jobs import EXPIRY_GRACE, Input, Job, Stream
from tests.support.loops import now, stand_still, turn, virtual_time

if TYPE_CHECKING:
    from engine.workers.channel import Result

PLAIN: Result = (3, 0, "", {})


@virtual_time
async def test_a_job_describes_its_inputs() -> None:
    job = Job("id-1", {"a": "b"}, [Input("body", "text/plain", b"abc"), Input("more", "", b"")])
    assert job.meta == {"id": "id-1", "headers": {"a": "b"}, "inputs": [("body", "text/plain", 3), ("more", "", 0)]}
    assert job.parts == [b"abc", b""]


@virtual_time
async def test_what_came_in_pieces_is_one_input_and_stays_in_pieces() -> None:
    job = Job("id-1", {}, [Input("body", "", b"abc", (b"de", b"f")), Input("more", "", b"g")])
    assert job.meta["inputs"] == [("body", "", 6), ("more", "", 1)]
    assert job.parts == [b"abc", b"de", b"f", b"g"]


@virtual_time
async def test_an_answer_carries_what_the_handler_set() -> None:
    job = Job("id-1", {}, [])
    job.answer((3, 201, "Made", {"x": "y"}), memoryview(b"abc"), last=True)
    reply = await job.future
    assert (reply.status, reply.phrase, reply.headers, bytes(reply.body)) == (201, "Made", {"x": "y"}, b"abc")
    assert reply.stream is None


@virtual_time
async def test_a_caller_that_has_gone_gets_nothing() -> None:
    job = Job("id-1", {}, [])
    job.future.cancel()
    job.answer(PLAIN, memoryview(b"abc"), last=False)
    job.answer(PLAIN, memoryview(b"abc"), last=True)
    job.fail(500, "no")
    assert job.future.cancelled()
    assert job.stream is None


@virtual_time
async def test_a_job_expires_and_its_late_answer_is_dropped() -> None:
    job = Job("id-1", {}, [])
    job.expire_after(0.5)
    with pytest.raises(TimedOutError, match=r"^No answer within 0\.5 s \(clientTimeoutInMills\)\.$"):
        await job.future
    assert now() == 0.5 + EXPIRY_GRACE
    job.answer(PLAIN, memoryview(b"abc"), last=True)


@virtual_time
async def test_an_answer_that_arrives_during_a_standstill_counts() -> None:
    job = Job("id-1", {}, [])
    job.expire_after(0.5)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, lambda: job.answer(PLAIN, memoryview(ours.recv(3)), last=True))
        theirs.send(b"abc")
        await stand_still(5)
        assert bytes((await job.future).body) == b"abc"
        loop.remove_reader(ours)


@virtual_time
async def test_a_job_that_is_answered_in_time_does_not_expire() -> None:
    job = Job("id-1", {}, [])
    job.expire_after(0.5)
    await asyncio.sleep(0.5)
    job.answer(PLAIN, memoryview(b"abc"), last=True)
    await asyncio.sleep(1)
    assert bytes((await job.future).body) == b"abc"


@virtual_time
async def test_a_reader_of_a_stream_waits_for_the_next_piece() -> None:
    stream = Stream("id-1")

    async def read() -> list[bytes]:
        return [piece async for piece in stream]

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read())
        for piece in (b"a", b"b", None):
            await turn()
            assert not reading.done()
            stream.put(piece)
    assert reading.result() == [b"a", b"b"]


@virtual_time
async def test_a_failure_is_raised_after_the_pieces_before_it() -> None:
    stream = Stream("id-1")
    stream.put(b"a")
    stream.put(PredictionError("gone", 500))
    assert await anext(stream) == b"a"
    with pytest.raises(PredictionError, match="gone"):
        await anext(stream)


@virtual_time
async def test_a_reader_that_is_too_slow_loses_the_answer_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    stream = Stream("id-1", limit=10)
    stream.put(bytes(11))
    assert len(await anext(stream)) == 11, "one piece may be larger than the limit"
    stream.put(bytes(10))
    stream.put(b"x")
    assert stream.closed
    stream.put(b"never seen")
    stream.put(None)
    with pytest.raises(PredictionError, match="more slowly"):
        await anext(stream)
    [line] = caplog.messages
    assert "request id-1 is ended: its client reads too slowly" in line


@virtual_time
async def test_a_stream_that_nobody_reads_any_more_keeps_nothing() -> None:
    job = Job("id-1", {}, [])
    assert not job.gone
    job.answer(PLAIN, memoryview(b"abc"), last=False)
    stream = (await job.future).stream
    assert stream is not None
    assert not job.gone
    stream.close()
    job.answer(PLAIN, memoryview(b"abc"), last=False)
    assert job.gone
    assert not stream._pieces
