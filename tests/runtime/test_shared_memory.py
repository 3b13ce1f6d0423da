"""Two ends of one shared memory, in one process."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from engine.runtime.frames import FrameError
from engine.runtime.shared_memory import KEPT, LEAST, MOST, NAME, STEP, SharedMemory, open_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files without a name are Linux'")

BYTES = os.urandom(STEP)


@pytest.fixture
def ends() -> Iterator[tuple[SharedMemory, SharedMemory]]:
    descriptor = os.memfd_create(NAME)
    ends = SharedMemory(descriptor), SharedMemory(os.dup(descriptor))
    yield ends
    for end in ends:
        end.close()


def body(length: int) -> bytes:
    return (BYTES * (length // STEP + 1))[:length]


def lay(end: SharedMemory, data: bytes) -> int:
    return end.lay([data], len(data))


def held(end: SharedMemory) -> int:
    """Bytes that the system holds for the memory."""
    return os.fstat(end._descriptor).st_blocks * 512


def test_what_one_end_lays_the_other_reads(ends: tuple[SharedMemory, SharedMemory]) -> None:
    ours, theirs = ends
    pieces: list[bytes | bytearray] = [body(100_000), b"", bytearray(body(300_000))]
    assert ours.lay(pieces, 400_000) == 400_000
    read = theirs.read(400_000, bytearray)
    assert type(read) is bytearray
    assert read == b"".join(pieces)
    assert theirs.read(10, bytes) == pieces[0][:10]


def test_it_grows_from_either_end(ends: tuple[SharedMemory, SharedMemory]) -> None:
    ours, theirs = ends
    for size in (LEAST, 3 * STEP, LEAST + 1, 10_000_000, 2 * STEP, MOST):
        data = body(size)
        for writer, reader in ((ours, theirs), (theirs, ours)):
            assert lay(writer, data) == size
            assert reader.read(size, bytes) == data


def test_a_copy_outlives_the_next_body(ends: tuple[SharedMemory, SharedMemory]) -> None:
    ours, theirs = ends
    lay(ours, b"a" * LEAST)
    first = theirs.read(LEAST, bytes)
    lay(theirs, b"b" * LEAST)
    assert first == b"a" * LEAST


@pytest.mark.parametrize("size", [0, LEAST - 1, MOST + 1])
def test_small_and_huge_bodies_are_for_the_socket(ends: tuple[SharedMemory, SharedMemory], size: int) -> None:
    assert lay(ends[0], body(size)) == 0
    assert held(ends[0]) == 0


def test_it_holds_what_the_largest_body_needed(ends: tuple[SharedMemory, SharedMemory]) -> None:
    ours, theirs = ends
    lay(ours, body(2 * STEP + 1))
    assert held(ours) == 3 * STEP
    theirs.read(2 * STEP + 1, bytes)
    lay(theirs, body(LEAST))
    assert held(ours) == 3 * STEP


def test_most_of_a_very_large_body_is_given_back(ends: tuple[SharedMemory, SharedMemory]) -> None:
    ours, theirs = ends
    for _ in range(2):
        data = body(KEPT + 3 * STEP + 5)
        assert lay(ours, data) == len(data)
        assert theirs.read(len(data), bytes) == data
        assert held(ours) == KEPT
    lay(theirs, body(KEPT))
    assert ours.read(KEPT, bytes) == body(KEPT)
    assert held(ours) == KEPT


@pytest.mark.parametrize("length", [-1, 0, STEP + 1, MOST, MOST + 1, 1 << 70, "12", [1], 1.5, None])
def test_a_body_that_cannot_be_there_is_refused(ends: tuple[SharedMemory, SharedMemory], length: Any) -> None:
    ours, theirs = ends
    lay(ours, body(LEAST))
    with pytest.raises(FrameError, match="shared memory"):
        theirs.read(length, bytes)
    assert theirs.read(LEAST, bytes) == body(LEAST)


def test_a_system_without_memory_leaves_the_body_to_the_socket(
    ends: tuple[SharedMemory, SharedMemory], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    lay(ends[0], body(LEAST))
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    assert lay(ends[0], body(2 * STEP)) == 0
    assert lay(ends[0], body(STEP)) == STEP


def test_closing_leaves_nothing(ends: tuple[SharedMemory, SharedMemory]) -> None:
    before = psutil.Process().num_fds()
    end = SharedMemory(os.dup(ends[0]._descriptor))
    for size in (LEAST, 5 * STEP):
        lay(end, body(size))
    end.close()
    end.close()
    assert psutil.Process().num_fds() == before
    assert lay(end, body(LEAST)) == 0


def test_the_worker_opens_what_it_is_offered(ends: tuple[SharedMemory, SharedMemory]) -> None:
    ours, _ = ends
    opened = open_memory(f"/proc/{os.getpid()}/fd/{ours._descriptor}")
    assert opened is not None
    lay(ours, body(LEAST))
    assert opened.read(LEAST, bytes) == body(LEAST)
    opened.close()


def test_a_path_that_leads_elsewhere_is_left_alone(tmp_path: Path) -> None:
    foreign = os.open(tmp_path / "foreign", os.O_RDWR | os.O_CREAT)
    assert open_memory(f"/proc/{os.getpid()}/fd/{foreign}") is None
    os.close(foreign)


@pytest.mark.parametrize("path", [None, "/proc/self/fd/99999", "/proc/1/no/such"])
def test_a_worker_may_have_no_memory(path: str | None) -> None:
    assert open_memory(path) is None
