"""Large bodies between the real ends of one channel: the engine's on the loop, and a worker's, which the test plays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from engine.runtime import channel as worker_side
from engine.runtime.channel import encode
from engine.runtime.frames import Kind
from engine.runtime.shared_memory import LEAST, MOST, STEP, open_memory
from engine.workers.channel import Channel
from tests.support.loops import real_time, turn, virtual_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from engine.runtime.channel import Frame
    from engine.workers.channel import Emitted, Result

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the memory needs Linux")

MAX_BODY = 20_000_000


class Owner:
    """Notes what breaks, and gives up on the worker like the real one."""

    def __init__(self) -> None:
        self.channel = Channel(self, max_body=MAX_BODY, response_timeout=60)
        self.causes: list[str] = []
        self.devices: list[str] = []

    def loaded(self, device: str) -> None:
        self.devices.append(device)

    def load_failed(self, code: int, message: str, traceback: str) -> None:
        raise AssertionError((code, message, traceback))

    def metrics(self, metrics: list[Emitted]) -> None:
        raise AssertionError(metrics)

    def took(self, milliseconds: float, request_ids: tuple[str, ...]) -> None:
        raise AssertionError((milliseconds, request_ids))

    def broken(self, cause: str) -> None:
        self.causes.append(cause)
        self.channel.abort(500, "Worker died.")

    def disconnected(self) -> None:
        self.causes.append("disconnected")


class Listener:
    """Keeps what becomes of a batch."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.failure = ""
        self.keep: Callable[[memoryview], None] = lambda _: None

    def partial(self, results: list[Result], body: memoryview) -> bool:
        self.answers.append(bytes(body))
        return bool(results)

    def done(self, results: list[Result], body: memoryview) -> None:
        assert sum(result[0] for result in results) == len(body)
        self.answers.append(bytes(body))
        self.keep(body)

    def failed(self, status: int, message: str) -> None:
        self.failure = f"{status} {message}"


class Ends:
    """Both ends of one channel."""

    def __init__(self, owner: Owner, theirs: socket.socket) -> None:
        self.owner = owner
        self.engine = owner.channel
        self.worker = worker_side.Channel(theirs)
        self._theirs = theirs
        self.load: dict[str, Any] = {}

    async def loads(self, *, shares: bool = True) -> None:
        """Send LOAD and answer it."""
        self.engine.load({"model_name": "net"})
        frame = self.worker.receive()
        assert frame is not None
        self.load = frame.meta
        self.worker.memory = open_memory(frame.meta["shared_memory"]) if shares else None
        await self.says(Kind.LOADED, {"device": "cpu", "shared_memory": shares})

    def sends(self, *bodies: bytes) -> Listener:
        """Have the engine send a batch of one job per body."""
        listener = Listener()
        self.engine.send([{"id": str(number)} for number in range(len(bodies))], bodies, listener)
        return listener

    def hears(self) -> Frame:
        """Return the next frame that the worker gets."""
        frame = self.worker.receive()
        assert frame is not None
        return frame

    async def says(self, kind: Kind, meta: dict[str, Any], *body: bytes) -> None:
        """Send a frame from the worker."""
        self.worker.send(encode(kind, meta, body))
        await turn()

    def hang_up(self) -> None:
        """Close the worker's end."""
        self._theirs.close()

    async def replies(self, batch: int, *answers: bytes, **changes: Any) -> None:
        """Answer a batch as a worker does that has the memory."""
        meta = {"batch": batch, "results": [[len(answer), 200, "", {}] for answer in answers]}
        left = self.worker.lay(meta, answers)
        self.worker.send(encode(Kind.REPLY, {**meta, **changes}, left))
        await turn()


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[Ends]:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    theirs.settimeout(10)
    owner = Owner()
    await asyncio.get_running_loop().create_unix_connection(lambda: owner.channel, sock=ours)
    with theirs:
        ends = Ends(owner, theirs)
        yield ends
        if ends.worker.memory is not None:
            ends.worker.memory.close()
        owner.channel.abort(500, "The test is over.")
        await turn()


def descriptors() -> int:
    return psutil.Process().num_fds()


@virtual_time
async def test_large_bodies_pass_exactly_in_any_order_of_sizes() -> None:
    async with connected() as ends:
        await ends.loads()
        for batch, size in enumerate((10_000_000, LEAST, 100, 12_345_678, LEAST - 1, 10_000_000), 1):
            request, answer = os.urandom(size), os.urandom(size + 1)
            listener = ends.sends(request)
            frame = ends.hears()
            assert frame.meta["in_memory"] == (size if size >= LEAST else 0)
            assert frame.body == request
            await ends.replies(batch, answer)
            assert listener.answers == [answer]
        assert ends.owner.causes == []


@virtual_time
async def test_a_batch_of_several_large_bodies_is_one() -> None:
    async with connected() as ends:
        await ends.loads()
        bodies = [os.urandom(300_000), b"", os.urandom(50_000)]
        listener = ends.sends(*bodies)
        assert ends.hears().body == b"".join(bodies)
        await ends.replies(1, *bodies)
        assert listener.answers == [b"".join(bodies)]


@virtual_time
async def test_an_answer_stays_as_it_was_when_the_next_one_comes() -> None:
    async with connected() as ends:
        await ends.loads()
        kept: list[memoryview] = []
        listener = ends.sends(b"first")
        listener.keep = kept.append
        ends.hears()
        await ends.replies(1, b"1" * LEAST)
        ends.sends(b"2" * LEAST)
        assert kept == [b"1" * LEAST]


@virtual_time
async def test_the_memory_is_one_batch_s_at_a_time() -> None:
    async with connected() as ends:
        await ends.loads()
        first, second = ends.sends(b"1" * LEAST), ends.sends(b"2" * LEAST)
        frames = [ends.hears(), ends.hears()]
        assert [frame.meta.get("in_memory") for frame in frames] == [LEAST, None]
        assert [frame.body for frame in frames] == [b"1" * LEAST, b"2" * LEAST]
        await ends.says(Kind.REPLY, {"batch": 2, "results": [[3, 200, "", {}]]}, b"two")
        assert (first.answers, second.answers) == ([], [b"two"])
        ends.sends(b"3" * LEAST)
        assert "in_memory" not in ends.hears().meta
        await ends.says(Kind.FAILED, {"batch": 1, "code": 503, "message": "no"})
        ends.sends(b"4" * LEAST)
        assert ends.hears().meta["in_memory"] == LEAST


@virtual_time
async def test_pieces_before_a_large_answer_leave_it_the_memory() -> None:
    async with connected() as ends:
        await ends.loads()
        listener = ends.sends(b"x" * LEAST)
        ends.hears()
        await ends.says(Kind.PARTIAL, {"batch": 1, "results": [[5, 200, "", {}]]}, b"piece")
        await ends.replies(1, b"y" * STEP)
        assert listener.answers == [b"piece", b"y" * STEP]


@virtual_time
async def test_a_job_that_no_frame_can_hold_leaves_the_memory_free() -> None:
    async with connected() as ends:
        await ends.loads()
        with pytest.raises(TypeError):
            ends.engine.send([{"id": object()}], [b"x" * LEAST], Listener())
        ends.sends(b"y" * LEAST)
        assert ends.hears().body == b"y" * LEAST


@pytest.mark.parametrize(("size", "shares"), [(LEAST, False), (MOST + 1, True)])
@real_time
async def test_without_memory_and_beyond_it_bodies_go_over_the_socket(size: int, shares: bool) -> None:  # noqa: FBT001 - a case
    async with connected() as ends:
        await ends.loads(shares=shares)
        ends.sends(b"x" * size)
        frame = await asyncio.to_thread(ends.hears)
        assert frame.body == b"x" * size
        assert not frame.meta.get("in_memory")


@virtual_time
async def test_a_worker_that_cannot_open_the_memory_ends_it() -> None:
    async with connected() as ends:
        before = descriptors()
        await ends.loads(shares=False)
        assert descriptors() == before
        assert ends.owner.devices == ["cpu"]
        ends.sends(b"small")
        assert "in_memory" not in ends.hears().meta


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "longer than the memory": ({"in_memory": 5 * STEP}, "does not fit the shared memory"),
    "over max_response_size": ({"in_memory": MAX_BODY + 1}, f"over the limit of {MAX_BODY}"),
    "a length below nothing": ({"in_memory": -1}, "a body of -1 bytes"),
    "a length in words": ({"in_memory": "much"}, "Expected `int`"),
    "memory of another batch": ({"in_memory": LEAST, "batch": 2}, "lent to batch 1"),
}


@pytest.mark.parametrize("case", LIES)
@virtual_time
async def test_a_lie_about_the_memory_breaks_the_worker(case: str) -> None:
    lie, cause = LIES[case]
    async with connected() as ends:
        await ends.loads()
        listeners = [ends.sends(b"x" * LEAST), ends.sends(b"y")]
        await ends.says(Kind.REPLY, {"batch": 1, "results": [[LEAST, 200, "", {}]], **lie})
        assert len(ends.owner.causes) == 1
        assert cause in ends.owner.causes[0]
        assert [listener.failure for listener in listeners] == ["500 Worker died."] * 2


@virtual_time
async def test_answers_in_memory_and_in_their_frame_break_the_worker() -> None:
    async with connected() as ends:
        await ends.loads()
        ends.sends(b"x" * LEAST)
        await ends.says(Kind.REPLY, {"batch": 1, "results": [[LEAST, 200, "", {}]], "in_memory": LEAST}, b"x")
        assert "in their frame" in ends.owner.causes[0]


@virtual_time
async def test_answers_in_memory_that_was_never_shared_break_the_worker() -> None:
    async with connected() as ends:
        ends.sends(b"x")
        await ends.says(Kind.REPLY, {"batch": 1, "results": [[LEAST, 200, "", {}]], "in_memory": LEAST})
        assert "there is none" in ends.owner.causes[0]


@pytest.mark.parametrize("end", ["abort", "close", "hang up"])
@virtual_time
async def test_no_descriptor_outlives_the_channel(end: str) -> None:
    before = descriptors()
    async with connected() as ends:
        await ends.loads()
        for batch, size in enumerate((LEAST, 3 * STEP), 1):
            ends.sends(b"x" * size)
            ends.hears()
            await ends.replies(batch, b"y" * (2 * size))
        ends.sends(b"x" * LEAST)
        if end == "abort":
            ends.engine.abort(500, "Worker died.")
        elif end == "close":
            ends.engine.close()
        else:
            ends.hang_up()
        await turn()
        assert ends.engine._memory is None
    assert descriptors() == before
