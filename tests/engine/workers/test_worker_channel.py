from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.runtime.ahead import open_claims
from engine.runtime.frames import MAX_META, PREFIX, Kind
from engine.workers.channel import QUICK, SCRATCH, Channel, Emitted
from tests.support.fakes_workers import EMITTED, frame, reply, split_frames
from tests.support.loops import now, stand_still, turn, virtual_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engine.workers.channel import Result

linux = pytest.mark.skipif(sys.platform != "linux", reason="the pipe of what goes ahead is opened under /proc")
MAX_BODY = 300_000
TIMEOUT = 60.0


class Owner:
    """Notes what a channel tells of its worker; gives up on it like the real one."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.channel: Channel | None = None

    def loaded(self, device: str) -> None:
        self.told.append(("loaded", device))

    def load_failed(self, code: int, message: str, traceback: str) -> None:
        self.told.append(("load failed", (code, message, traceback)))

    def metrics(self, metrics: list[Emitted]) -> None:
        self.told.append(("metrics", metrics))

    def took(self, milliseconds: float, request_ids: tuple[str, ...]) -> None:
        self.told.append(("took", (milliseconds, request_ids)))

    def broken(self, cause: str) -> None:
        self.told.append(("broken", cause))
        if self.channel is not None:
            self.channel.abort(500, "Worker died.")

    def disconnected(self) -> None:
        self.told.append(("disconnected", None))


class Listener:
    """Notes what becomes of a batch."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.wanted = True

    def partial(self, results: list[Result], body: memoryview) -> bool:
        self.told.append(("partial", bytes(body)))
        assert sum(result[0] for result in results) == len(body)
        return self.wanted

    def done(self, results: list[Result], body: memoryview) -> None:
        self.told.append(("done", bytes(body)))
        assert sum(result[0] for result in results) == len(body)

    def failed(self, status: int, message: str) -> None:
        self.told.append(("failed", (status, message)))


class Peer:
    """A scripted worker at the other end of a real socket."""

    def __init__(self, channel: Channel, owner: Owner, theirs: socket.socket) -> None:
        self.channel = channel
        self.owner = owner
        self.socket = theirs
        self.idle = 0
        channel.idle = self._is_idle

    def _is_idle(self, _channel: Channel) -> None:
        self.idle += 1

    async def says(self, data: bytes) -> None:
        """Send `data` and let the channel read it all."""
        await asyncio.get_running_loop().sock_sendall(self.socket, data)
        await turn()

    async def hears(self) -> list[tuple[Kind, dict[str, Any], bytes]]:
        """Return the frames that the engine has sent."""
        await turn()
        data = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := self.socket.recv(SCRATCH):
                data += chunk
        return split_frames(data)

    def sends(self, jobs: int = 1) -> Listener:
        """Have the engine send a batch."""
        listener = Listener()
        self.channel.send([{"id": str(number)} for number in range(jobs)], [b"x"] * jobs, listener)
        return listener


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[Peer]:
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.settimeout(0)
    owner = Owner()
    channel = owner.channel = Channel(owner, max_body=MAX_BODY, response_timeout=TIMEOUT)
    await asyncio.get_running_loop().create_unix_connection(lambda: channel, sock=ours)
    with theirs:
        yield Peer(channel, owner, theirs)
        channel.abort(500, "The test is over.")
        await turn()


ANSWER_TO_ONE = reply(1, b"result")


@virtual_time
async def test_a_batch_is_one_frame_with_every_input() -> None:
    async with connected() as peer:
        peer.channel.send([{"id": "a"}, {"id": "b"}], [b"one", b"", b"three"], Listener())
        assert await peer.hears() == [(Kind.PREDICT, {"batch": 1, "jobs": [{"id": "a"}, {"id": "b"}]}, b"onethree")]
        assert (peer.channel.requests, peer.channel.in_flight, peer.channel.busy) == (2, 2, True)


@virtual_time
async def test_a_large_batch_arrives_whole() -> None:
    async with connected() as peer:
        peer.channel.send([{"id": "a"}], [b"x" * 40_000, b"y" * 40_000], Listener())
        assert (await peer.hears())[0][2] == b"x" * 40_000 + b"y" * 40_000


@virtual_time
async def test_an_answer_ends_its_batch_and_makes_the_worker_idle() -> None:
    async with connected() as peer:
        listener = peer.sends()
        await peer.says(ANSWER_TO_ONE)
        assert listener.told == [("done", b"result")]
        assert (peer.idle, peer.channel.busy, peer.channel.in_flight) == (1, False, 0)


@virtual_time
async def test_an_answer_may_be_split_at_any_byte() -> None:
    async with connected() as peer:
        for cut in range(1, len(ANSWER_TO_ONE)):
            listener = peer.sends()
            answer = reply(cut, b"result")
            await peer.says(answer[:cut])
            assert listener.told == []
            await peer.says(answer[cut:])
            assert listener.told == [("done", b"result")]
        assert peer.owner.told == []


@virtual_time
async def test_several_frames_may_come_in_one_read() -> None:
    async with connected() as peer:
        listener = peer.sends()
        metrics = frame(Kind.METRICS, {"metrics": [EMITTED]})
        half = len(metrics) // 2
        await peer.says(metrics + reply(1, b"one", kind=Kind.PARTIAL) + reply(1, b"two") + metrics[:half])
        await peer.says(metrics[half:])
        assert listener.told == [("partial", b"one"), ("done", b"two")]
        assert peer.owner.told == [("metrics", [Emitted("t", 1.5, "ms", "gauge", (("Level", "Model"),), ("a",))])] * 2


@pytest.mark.parametrize("size", [SCRATCH - 100, SCRATCH, SCRATCH + 1, MAX_BODY])
@virtual_time
async def test_an_answer_may_be_larger_than_one_read(size: int) -> None:
    async with connected() as peer:
        first, body = peer.sends(), bytes(range(256)) * (size // 256) + bytes(size % 256)
        await peer.says(frame(Kind.METRICS, {"metrics": []}) + reply(1, body))
        assert first.told == [("done", body)]
        second = peer.sends()
        await peer.says(reply(2, b"small"))
        assert second.told == [("done", b"small")]


@virtual_time
async def test_a_failed_batch_tells_its_listener() -> None:
    async with connected() as peer:
        listener = peer.sends()
        await peer.says(frame(Kind.FAILED, {"batch": 1, "code": 503, "message": "Prediction failed"}))
        assert listener.told == [("failed", (503, "Prediction failed"))]
        assert peer.idle == 1


@virtual_time
async def test_the_outcome_of_a_load_reaches_the_owner() -> None:
    async with connected() as peer:
        await peer.says(frame(Kind.LOADED, {"device": "cuda:0"}))
        await peer.says(frame(Kind.LOAD_FAILED, {"code": 507, "message": "MemoryError", "traceback": "Traceback"}))
        assert peer.owner.told == [("loaded", "cuda:0"), ("load failed", (507, "MemoryError", "Traceback"))]


NONSENSE = {
    "garbage": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not a frame"),
    "another format": (PREFIX.pack(b"MF", 9, Kind.REPLY, 0, 0), "not a frame"),
    "an unknown kind": (PREFIX.pack(b"MF", 1, 99, 0, 0), "unknown frame kind 99"),
    "an oversized body": (PREFIX.pack(b"MF", 1, Kind.REPLY, 2, MAX_BODY + 1), f"over the limit of {MAX_BODY}"),
    "oversized meta": (PREFIX.pack(b"MF", 1, Kind.REPLY, MAX_META + 1, 0), f"over the limit of {MAX_META}"),
    "meta that is no JSON": (PREFIX.pack(b"MF", 1, Kind.REPLY, 2, 0) + b"{]", "malformed"),
    "meta that is no text": (PREFIX.pack(b"MF", 1, Kind.LOADED, 14, 0) + b'{"device":"\xff"}', "utf-8"),
    "an unknown batch": (reply(7, b"x"), "batch 7"),
    "a piece of an unknown batch": (reply(7, b"x", kind=Kind.PARTIAL), "batch 7"),
    "a kind of the engine's": (frame(Kind.PREDICT, {}), "does not send PREDICT"),
    "no results": (frame(Kind.REPLY, {"batch": 1}), "results"),
    "null results": (frame(Kind.REPLY, {"batch": 1, "results": None}), "Expected `array`"),
    "a short result": (frame(Kind.REPLY, {"batch": 1, "results": [[0, 200, ""]]}), "length 4"),
    "a length in words": (frame(Kind.REPLY, {"batch": 1, "results": [["x", 0, "", {}]]}), "Expected `int`"),
    "a negative length": (frame(Kind.REPLY, {"batch": 1, "results": [[-1, 0, "", {}]]}), ">= 0"),
    "a failure without a code": (frame(Kind.FAILED, {"batch": 1, "message": "no"}), "code"),
    "a load without a device": (frame(Kind.LOADED, {}), "device"),
}


@pytest.mark.parametrize("case", NONSENSE)
@virtual_time
async def test_nonsense_breaks_the_worker_and_fails_what_is_in_flight(case: str) -> None:
    data, cause = NONSENSE[case]
    async with connected() as peer:
        listener = peer.sends()
        await peer.says(data)
        ((what, told),) = peer.owner.told
        assert what == "broken"
        assert cause in told
        assert listener.told == [("failed", (500, "Worker died."))]
        assert peer.idle == 0


@virtual_time
async def test_an_answer_that_is_late_breaks_the_worker() -> None:
    async with connected() as peer:
        listener = peer.sends()
        await asyncio.sleep(TIMEOUT - 0.001)
        assert peer.owner.told == []
        await asyncio.sleep(0.002)
        assert peer.owner.told == [("broken", "no answer within 60 s (response_timeout)")]
        assert listener.told == [("failed", (500, "Worker died."))]


@virtual_time
async def test_pieces_that_nobody_wants_gain_no_time() -> None:
    async with connected() as peer:
        peer.sends().wanted = False
        await asyncio.sleep(40)
        await peer.says(reply(1, b"x", kind=Kind.PARTIAL))
        await asyncio.sleep(TIMEOUT - 40 + 0.001)
        assert peer.owner.told == [("broken", "no answer within 60 s (response_timeout)")]


@virtual_time
async def test_each_piece_and_each_batch_has_the_whole_time() -> None:
    async with connected() as peer:
        peer.sends()
        await asyncio.sleep(40)
        await peer.says(reply(1, b"x", kind=Kind.PARTIAL))
        await asyncio.sleep(40)
        await peer.says(reply(1, b"x"))
        peer.sends()
        sent = now()
        await asyncio.sleep(TIMEOUT - 0.001)
        assert peer.owner.told == []
        await asyncio.sleep(0.002)
        assert peer.owner.told == [("broken", "no answer within 60 s (response_timeout)")]
        assert now() == pytest.approx(sent + TIMEOUT, abs=0.01)


@virtual_time
async def test_an_idle_worker_is_never_late() -> None:
    async with connected() as peer:
        peer.sends()
        await peer.says(reply(1, b"x"))
        await asyncio.sleep(10 * TIMEOUT)
        assert peer.owner.told == []


@virtual_time
async def test_abort_fails_what_is_in_flight_and_hangs_up() -> None:
    async with connected() as peer:
        listener = peer.sends()
        await peer.hears()
        peer.channel.abort(507, "Worker died.")
        await turn()
        assert listener.told == [("failed", (507, "Worker died."))]
        assert peer.socket.recv(1) == b""
        assert (peer.owner.told, peer.idle, peer.channel.busy) == ([], 0, False)


@virtual_time
async def test_a_worker_that_hangs_up_is_told_once() -> None:
    async with connected() as peer:
        listener = peer.sends()
        peer.socket.close()
        await turn()
        assert peer.owner.told == [("disconnected", None)]
        assert listener.told == []
        peer.channel.load({})
        await turn()
        assert peer.owner.told == [("disconnected", None)]


@virtual_time
async def test_our_own_close_is_not_told() -> None:
    async with connected() as peer:
        peer.channel.close()
        await turn()
        assert peer.owner.told == []
        assert peer.socket.recv(1) == b""


@virtual_time
async def test_the_time_of_a_batch_is_told_with_the_ids_of_its_requests() -> None:
    async with connected() as peer:
        peer.channel.send([{"id": "a"}, {"id": "b"}], [], Listener())
        results = [[0, 200, "", {}], [0, 200, "", {}]]
        await peer.says(frame(Kind.REPLY, {"batch": 1, "results": results, "took": 2.5}))
        assert peer.owner.told == [("took", (2.5, ("a", "b")))]


# Batches ahead


async def takes_ahead(peer: Peer, batch: int = 1) -> None:
    """Load the worker, and let it be quick with its first batch."""
    peer.channel.load({})
    await peer.says(frame(Kind.LOADED, {"device": "cpu", "ahead": True}))
    peer.sends()
    assert not peer.channel.has_room, "nobody knows yet whether it is quick"
    await peer.says(quick_reply(batch))


def quick_reply(batch: int, took: float = 0.1) -> bytes:
    return frame(Kind.REPLY, {"batch": batch, "results": [[1, 0, "", {}]], "took": took}, b"x")


def open_descriptors() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


def sends_ahead(peer: Peer) -> Listener:
    listener = Listener()
    peer.channel.send_ahead([{"id": "ahead"}], [b"x"], listener)
    return listener


@linux
@virtual_time
async def test_a_batch_ahead_begins_when_the_one_before_it_ends() -> None:
    async with connected() as peer:
        await takes_ahead(peer)
        assert not peer.channel.has_room, "it is idle"
        first = peer.sends()
        assert peer.channel.has_room
        second = sends_ahead(peer)
        assert not peer.channel.has_room
        assert (peer.channel.in_flight, peer.channel.requests) == (1, 2)
        assert (await peer.hears())[-1][1] == {"batch": 3, "jobs": [{"id": "ahead"}], "ahead": 1}
        await peer.says(quick_reply(2))
        assert (first.told, second.told) == ([("done", b"x")], [])
        assert (peer.channel.in_flight, peer.channel.requests, peer.channel.busy) == (1, 3, True)
        await peer.says(quick_reply(3))
        assert second.told == [("done", b"x")]
        assert not peer.channel.busy


@linux
@virtual_time
async def test_a_batch_ahead_begins_after_a_failure_too() -> None:
    async with connected() as peer:
        await takes_ahead(peer)
        peer.sends()
        sends_ahead(peer)
        await peer.says(frame(Kind.FAILED, {"batch": 2, "code": 503, "message": "Prediction failed"}))
        assert peer.channel.in_flight == 1


@linux
@virtual_time
async def test_a_batch_ahead_can_be_taken_back() -> None:
    async with connected() as peer:
        await takes_ahead(peer)
        peer.sends()
        listener = sends_ahead(peer)
        assert peer.channel.take_back()
        assert not peer.channel.take_back()
        await peer.says(quick_reply(2))
        assert not peer.channel.busy
        assert listener.told == []


@linux
@virtual_time
async def test_a_batch_that_the_worker_has_begun_is_not_taken_back() -> None:
    async with connected() as peer:
        await takes_ahead(peer)
        peer.sends()
        listener = sends_ahead(peer)
        ((_, load, _), *_) = await peer.hears()
        theirs = open_claims(load["ahead"])
        assert theirs is not None
        assert theirs.take(1, 3)
        for end in theirs._pipes:
            os.close(end)
        assert not peer.channel.take_back()
        assert (peer.channel.in_flight, peer.channel.requests) == (2, 3)
        await peer.says(quick_reply(2) + quick_reply(3))
        assert listener.told == [("done", b"x")]
        assert not peer.channel.busy


@linux
@virtual_time
async def test_no_answer_is_due_from_a_batch_ahead_before_it_has_begun() -> None:
    async with connected() as peer:
        await takes_ahead(peer)
        peer.sends()
        await asyncio.sleep(TIMEOUT - 1)
        sends_ahead(peer)
        await peer.says(quick_reply(2))
        await asyncio.sleep(TIMEOUT - 1)
        assert [what for what, _ in peer.owner.told] == ["loaded", "took", "took"]
        await asyncio.sleep(2)
        assert peer.owner.told[-1] == ("broken", "no answer within 60 s (response_timeout)")


@linux
@virtual_time
async def test_a_worker_that_answers_what_it_has_not_begun_is_given_up() -> None:
    async with connected() as peer:
        await takes_ahead(peer)
        peer.sends()
        sends_ahead(peer)
        await peer.says(quick_reply(3))
        assert "batch 3, which is not with the worker" in peer.owner.told[-1][1]


@linux
@virtual_time
async def test_a_slow_worker_has_no_room_until_it_is_quick_again() -> None:
    async with connected() as peer:
        await takes_ahead(peer)
        peer.sends()
        await peer.says(quick_reply(2, took=QUICK))
        peer.sends()
        assert not peer.channel.has_room
        await peer.says(quick_reply(3))
        peer.sends()
        assert peer.channel.has_room


@linux
@virtual_time
async def test_the_pipe_is_closed_with_the_socket() -> None:
    before = open_descriptors()
    async with connected() as peer:
        await takes_ahead(peer)
    assert open_descriptors() == before


@virtual_time
async def test_an_answer_that_arrived_during_a_standstill_is_read_before_its_deadline_is_judged() -> None:
    async with connected() as peer:
        batch = peer.sends()
        await asyncio.sleep(TIMEOUT / 2)
        peer.socket.send(ANSWER_TO_ONE)
        await stand_still(TIMEOUT)
        await turn()
        assert peer.owner.told == []
        assert batch.told == [("done", b"result")]


@virtual_time
async def test_a_worker_without_an_answer_after_a_standstill_is_given_up_a_little_later() -> None:
    async with connected() as peer:
        batch = peer.sends()
        await stand_still(TIMEOUT + 3)
        await asyncio.sleep(2.9)
        assert batch.told == []
        await asyncio.sleep(0.2)
        assert batch.told == [("failed", (500, "Worker died."))]
