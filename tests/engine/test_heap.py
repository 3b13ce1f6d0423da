from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from engine.heap import keep_freed_memory

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
