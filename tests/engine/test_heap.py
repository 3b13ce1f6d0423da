from __future__ import annotations

import asyncio
import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from engine.heap import IDLE, HeapTrimmer, keep_freed_memory
from engine.threads import Threads

ROOT = Path(__file__).resolve().parents[2]
# What one large request leaves behind, again and again; prints how many pages the system had to give for the last ones.
REQUESTS = """
import resource
from engine.heap import keep_freed_memory

def request():
    blocks = [bytearray(10_000_000) for _ in range(4)]

{call}
for _ in range(3):
    request()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    request()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_taken(call: str) -> int:
    command = [sys.executable, "-c", REQUESTS.format(call=call)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has no mallopt")
def test_large_blocks_come_back_without_new_pages() -> None:
    assert pages_taken("keep_freed_memory()") < 1000
    assert pages_taken("") > 10_000


def test_other_systems_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(ctypes, "CDLL")
    keep_freed_memory()


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_freed_memory()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library has no malloc_trim")
@pytest.mark.parametrize(("held", "trims"), [(IDLE, 1), (IDLE + 1, 0)])
def test_memory_is_given_back_when_no_large_body_is_held_and_once(
    monkeypatch: pytest.MonkeyPatch, held: int, trims: int
) -> None:
    found: list[int] = []

    class Library:
        malloc_trim = staticmethod(found.append)

    async def look_twice() -> None:
        threads = Threads("test", 1)
        trimmer = HeapTrimmer(lambda: held, threads)
        await trimmer.look()
        await trimmer.look()
        threads.close()

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library)
    asyncio.run(look_twice())
    assert found == [0] * trims
