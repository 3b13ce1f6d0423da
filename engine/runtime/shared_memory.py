"""Memory that the engine and one worker share: large bodies lie there instead of going through their socket. Linux.

Used on both sides. A body lies at the start, and which batch may lay one there is the engine's to say (PREDICT).
Whoever is told of a body copies it out before anything else, so that the same pages, still warm, carry the next one.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from .frames import FrameError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Buffer = bytes | bytearray

Copy = TypeVar("Copy", bound="bytes | bytearray | memoryview")

# How large bodies are that lie here. Below, the socket is as fast; above, a copy would hold the engine's loop too long.
LEAST = 128 * 1024
MOST = 32 * 1024 * 1024
# What the system calls it.
NAME = "marina worker"
# What the memory grows by, and how much of it stays once a larger body has been read.
STEP = 1024 * 1024
KEPT = 16 * 1024 * 1024


class SharedMemory:
    """One side's view of a file that has no name. It grows with the bodies and is mapped with the first."""

    def __init__(self, descriptor: int) -> None:
        """Own `descriptor` from now on."""
        self._descriptor = descriptor
        self._map: mmap.mmap | None = None

    def lay(self, buffers: Sequence[Buffer], length: int) -> int:
        """Lay a body of `length` bytes and return that; return 0, having done nothing, when the socket is for it."""
        if not LEAST <= length <= MOST:
            return 0
        try:
            shared = self._with_room(length)
        except (OSError, FrameError):
            return 0  # the system has no memory to give
        start = 0
        for buffer in buffers:
            shared[start : start + len(buffer)] = buffer
            start += len(buffer)
        return length

    def read(self, length: int, kind: Callable[[memoryview], Copy]) -> Copy:
        """Return a copy of the first `length` bytes that `kind` makes; raises FrameError when there is no such body."""
        if not isinstance(length, int) or not 0 < length <= MOST:
            raise FrameError(f"a body of {length} bytes is none that lies in shared memory")
        shared = self._mapped(length)
        with memoryview(shared) as whole, whole[:length] as body:
            copy = kind(body)
        if length > KEPT:
            with contextlib.suppress(OSError):  # what the system cannot take back stays
                shared.madvise(mmap.MADV_REMOVE, KEPT, len(shared) - KEPT)
        return copy

    def close(self) -> None:
        """Let go of the memory; a second call does nothing."""
        self._unmap()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _with_room(self, length: int) -> mmap.mmap:
        """Return the mapping with pages for `length` bytes; raises OSError when the system has none.

        They are asked for beforehand: a page that is missing when it is written to ends the process.
        """
        if self._map is None or length > min(len(self._map), KEPT):
            os.posix_fallocate(self._descriptor, 0, -(-length // STEP) * STEP)
        return self._mapped(length)

    def _mapped(self, length: int) -> mmap.mmap:
        """Return a mapping of at least `length` bytes; the other side may have made the file grow."""
        if self._map is not None and length <= len(self._map):
            return self._map
        size = os.fstat(self._descriptor).st_size
        if length > size:
            raise FrameError(f"a body of {length} bytes does not fit the shared memory of {size}")
        self._unmap()
        try:
            self._map = mmap.mmap(self._descriptor, size)
        except OSError as error:
            raise FrameError(f"shared memory of {size} bytes cannot be mapped: {error}") from None
        return self._map

    def _unmap(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None


def open_memory(path: str | None) -> SharedMemory | None:
    """Open what the engine offers at `path`; None when it offers nothing, or this process may not open it."""
    if path is None:
        return None
    try:
        # Among other processes, as in a container, the path may lead to a file of anybody's.
        if not str(Path(path).readlink()).startswith(f"/memfd:{NAME}"):
            return None
        return SharedMemory(os.open(path, os.O_RDWR))
    except OSError:
        return None
