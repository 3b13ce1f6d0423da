"""What processes hold: their share of pages, and all of their pages."""

from __future__ import annotations

import os
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from engine.workers.memory import Memory, memory_of

NO_PROCESS = 2**22 + 1
MEGABYTE = 1_000_000


def hold(ready: Connection) -> None:
    """Stay, sharing what the parent holds, until the other end closes."""
    ready.send("ready")
    ready.poll(None)


def test_memory_is_told_in_bytes() -> None:
    found = memory_of([os.getpid()])[os.getpid()]
    assert MEGABYTE < found.share <= found.resident
    assert found.resident == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)


def test_a_process_that_is_gone_is_left_out() -> None:
    assert list(memory_of([NO_PROCESS, os.getpid()])) == [os.getpid()]


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells shares")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_pages_of_a_forked_process_are_shared_and_counted_in_parts() -> None:
    held = bytearray(os.urandom(40 * MEGABYTE))
    ours, theirs = get_context("fork").Pipe()
    process = get_context("fork").Process(target=hold, args=(theirs,))
    process.start()
    try:
        assert ours.poll(20)
        child, parent = (memory_of([pid])[pid] for pid in (process.pid or 0, os.getpid()))
    finally:
        ours.close()
        theirs.close()
        process.terminate()
        process.join()
    assert child.resident > len(held)
    assert child.share < child.resident - len(held) // 3
    assert parent.share < parent.resident


def test_where_nobody_tells_shares_the_resident_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    found = memory_of([os.getpid()])[os.getpid()]
    assert found == Memory(found.resident, found.resident)
    assert found.resident > MEGABYTE
