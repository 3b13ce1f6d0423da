"""Frames over a real socket pair, cut and joined in every way."""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from engine.runtime.channel import READ_SIZE, Channel, encode
from engine.runtime.frames import FrameError, Kind
from engine.runtime.shared_memory import LEAST, SharedMemory

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        theirs.settimeout(10)
        yield ours, theirs


def raw(*buffers: bytes | bytearray) -> bytes:
    return b"".join(buffers)


def test_frames_sent_together_are_received_one_by_one(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    frames = [encode(Kind.PREDICT, {"batch": number}, [b"x" * number]) for number in range(50)]
    theirs.sendall(raw(*(buffer for frame in frames for buffer in frame)))
    channel = Channel(ours)
    for number in range(50):
        assert channel.receive() == (Kind.PREDICT, {"batch": number}, bytearray(b"x" * number))


def test_a_frame_that_arrives_byte_by_byte_is_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    data = raw(*encode(Kind.REPLY, {"a": "ü"}, [b"one", b"two"]))

    def drip() -> None:
        for byte in data:
            theirs.sendall(bytes([byte]))

    sender = threading.Thread(target=drip)
    sender.start()
    assert Channel(ours).receive() == (Kind.REPLY, {"a": "ü"}, bytearray(b"onetwo"))
    sender.join()


@pytest.mark.parametrize("length", [READ_SIZE - 100, READ_SIZE, 3 * READ_SIZE])
def test_meta_and_body_may_be_larger_than_the_buffer(pair: tuple[socket.socket, socket.socket], length: int) -> None:
    ours, theirs = pair
    meta, body = {"text": "m" * length}, b"b" * length
    sender = threading.Thread(target=Channel(theirs).send, args=([*encode(Kind.PREDICT, meta, [body])] * 2,))
    sender.start()
    channel = Channel(ours)
    assert [channel.receive(), channel.receive()] == [(Kind.PREDICT, meta, bytearray(body))] * 2
    sender.join()


@pytest.mark.parametrize("sent", [0, 8, 20, -1])
def test_the_end_of_the_socket_is_none_also_within_a_frame(
    pair: tuple[socket.socket, socket.socket], sent: int
) -> None:
    ours, theirs = pair
    theirs.sendall(raw(*encode(Kind.PREDICT, {"batch": 1}, [b"body"]))[:sent])
    theirs.close()
    assert Channel(ours).receive() is None


def test_a_foreign_byte_stream_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(FrameError, match="not a frame"):
        Channel(ours).receive()


@pytest.mark.skipif(sys.platform != "linux", reason="the memory needs Linux")
def test_a_body_may_lie_in_shared_memory_in_either_direction(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    descriptor = os.memfd_create("test")
    channel = Channel(ours)
    channel.memory, other = SharedMemory(descriptor), SharedMemory(os.dup(descriptor))
    body = os.urandom(LEAST)
    other.lay([body], LEAST)
    theirs.sendall(raw(*encode(Kind.PREDICT, {"in_memory": LEAST}), *encode(Kind.PREDICT, {"in_memory": 0}, [b"own"])))
    assert channel.receive() == (Kind.PREDICT, {"in_memory": LEAST}, bytearray(body))
    assert channel.receive() == (Kind.PREDICT, {"in_memory": 0}, bytearray(b"own"))
    meta: dict[str, int] = {}
    assert channel.lay(meta, [b"small"]) == [b"small"]
    assert meta == {}
    assert channel.lay(meta, [b"1" * LEAST, b"2"]) == ()
    assert meta == {"in_memory": LEAST + 1}
    assert other.read(LEAST + 1, bytes) == b"1" * LEAST + b"2"
    channel.memory.close()
    other.close()


@pytest.mark.parametrize("in_memory", [5, -1, "x", [1], 1 << 70])
def test_a_body_in_memory_that_is_not_there_is_refused(
    pair: tuple[socket.socket, socket.socket], in_memory: object
) -> None:
    ours, theirs = pair
    theirs.sendall(raw(*encode(Kind.PREDICT, {"in_memory": in_memory})))
    with pytest.raises(FrameError, match="in shared memory"):
        Channel(ours).receive()
