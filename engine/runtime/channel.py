"""The worker's end of its socket: whole frames in, whole frames out. Blocks; reading is the main thread's.

Writing may happen on any thread, since handlers stream from threads of their own; a lock keeps frames whole.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from .frames import MAX_BATCH_META, PREFIX, FrameError, Kind, decode_meta, decode_prefix, encode_head, encode_meta

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from .shared_memory import SharedMemory

    Buffer = bytes | bytearray

READ_SIZE = 64 * 1024
JOIN_LIMIT = 64 * 1024


class Frame(NamedTuple):
    """One frame read from the engine."""

    kind: Kind
    meta: dict[str, Any]
    body: bytearray


def encode(kind: Kind, meta: dict[str, Any], body: Sequence[Buffer] = ()) -> list[Buffer]:
    """Return the buffers of one frame; `body` is passed on as it is, without a copy."""
    return [encode_head(kind, encode_meta(meta), sum(map(len, body))), *body]


class Channel:
    """Frames over a connected stream socket. `receive` returns None, and `send` raises OSError, once it is closed."""

    def __init__(self, connection: socket.socket) -> None:
        self.memory: SharedMemory | None = None
        self._socket = connection
        self._buffer = bytearray(READ_SIZE)
        self._start = 0
        self._end = 0
        self._sending = threading.Lock()

    def receive(self) -> Frame | None:
        """Wait for the next frame; None when the engine closed the socket, also in the middle of a frame."""
        try:
            self._fill(PREFIX.size)
            prefix = decode_prefix(memoryview(self._buffer)[self._start : self._end], sys.maxsize, MAX_BATCH_META)
            self._start += PREFIX.size
            self._fill(prefix.meta_length)
            meta = decode_meta(memoryview(self._buffer)[self._start : self._start + prefix.meta_length])
            self._start += prefix.meta_length
            return Frame(prefix.kind, meta, self._body(meta.get("in_memory"), prefix.body_length))
        except (EOFError, ConnectionError):
            return None

    def lay(self, meta: dict[str, Any], body: Sequence[Buffer]) -> Sequence[Buffer]:
        """Lay a large body into the shared memory and tell `meta`; returns what is left for the frame."""
        if self.memory is None or not (length := self.memory.lay(body, sum(map(len, body)))):
            return body
        meta["in_memory"] = length
        return ()

    def send(self, buffers: Sequence[Buffer]) -> None:
        """Send the buffers of one or more frames, small ones in a single system call and large ones uncopied."""
        with self._sending:
            if sum(map(len, buffers)) <= JOIN_LIMIT:
                self._socket.sendall(b"".join(buffers))
                return
            for buffer in buffers:
                self._socket.sendall(buffer)

    def _fill(self, wanted: int) -> None:
        """Have at least `wanted` unread bytes in the buffer; raises EOFError when the socket ends before."""
        if self._end - self._start >= wanted:
            return
        if self._start + wanted > len(self._buffer) or self._start == self._end:
            self._make_room(wanted)
        with memoryview(self._buffer) as view:
            while self._end - self._start < wanted:
                self._end += self._receive_into(view[self._end :])

    def _make_room(self, wanted: int) -> None:
        unread = self._buffer[self._start : self._end]
        if wanted > len(self._buffer):
            self._buffer = bytearray(wanted)
        self._buffer[: len(unread)] = unread
        self._start, self._end = 0, len(unread)

    def _body(self, in_memory: int | None, in_frame: int) -> bytearray:
        if not in_memory:
            return self._read_body(in_frame)
        if self.memory is None or in_frame:
            raise FrameError("a body in shared memory, though there is none or the frame has it")
        return self.memory.read(in_memory, bytearray)

    def _read_body(self, length: int) -> bytearray:
        buffered = min(length, self._end - self._start)
        body = bytearray(length)
        body[:buffered] = self._buffer[self._start : self._start + buffered]
        self._start += buffered
        with memoryview(body) as view:
            while buffered < length:
                buffered += self._receive_into(view[buffered:])
        return body

    def _receive_into(self, view: memoryview) -> int:
        count = self._socket.recv_into(view)
        if not count:
            raise EOFError
        return count
