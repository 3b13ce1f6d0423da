"""Many garbled inputs for one reader: whatever comes in, only its documented errors may come out, soon and in little.

MARINA_FUZZ_INPUTS says how many are tried on each reader; `make fuzz` tries many, `make test` a few, always the same.
"""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")

INPUTS = int(os.environ.get("MARINA_FUZZ_INPUTS", "60"))
LONG = INPUTS > 1000
# The longest that a reader may take for one input, and the most memory that all of them may cost.
SECONDS = 10.0
MEGABYTES = 512
COLLECT_AFTER = 50
# What readers of text stumble over: depth, size, numbers, encodings, and marks that mean something to some of them.
TOKENS = [
    b"[" * 3000, b'{"a":' * 2000, b"{", b"}", b"[", b"]", b'"', b"'", b":", b",", b"=", b"\\", b"\\u", b"\\ud800",
    b"9" * 5000, b"1e999", b"-1", b"NaN", b"null", b"true", b"0", b"\x00", b"\xff\xfe", b"\xed\xa0\x80",
    b"\r\n", b"\n", b"\r", b"\t", b" ", b"../", b"&a [*a]", b"*a", b"<<: *a", b"!!python/object/apply:os.system [id]",
    b"2026-99-99", b"0x", b"? ", b"- " * 2000, b"--", b";", b"%", b"\x7f\xff\xff\xff", b"\xff" * 8, b"\x01",
    b"A" * 70_000,
]  # fmt: skip


def garbled(*valid: bytes, tokens: Sequence[bytes] = TOKENS) -> st.SearchStrategy[bytes]:
    """Return what makes a few changes at random places of one of the valid inputs."""
    piece = st.one_of(st.sampled_from(tokens), st.binary(max_size=6), st.just(b""))
    edit = st.tuples(st.integers(0, 1 << 16), st.one_of(st.integers(0, 8), st.integers(0, 200)), piece)
    return st.builds(_edited, st.sampled_from(valid), st.lists(edit, max_size=4))


def _edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for where, cut, put in edits:
        at = where % (len(data) + 1)
        data = data[:at] + put + data[at + cut :]
    return data


def fuzz(
    name: str, inputs: st.SearchStrategy[T], read: Callable[[T], object], *allowed: type[Exception], times: int = INPUTS
) -> None:
    """Give `read` so many inputs; `allowed` are the errors that it is documented to raise."""
    tried = refused = 0
    before = _most_memory()

    @settings(
        max_examples=times,
        deadline=timedelta(seconds=SECONDS),
        derandomize=not LONG,
        database=None,
        phases=[Phase.generate],  # making a failing input smaller takes longer than reading it
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def one(value: T) -> None:
        nonlocal tried, refused
        tried += 1
        if tried % COLLECT_AFTER == 0:
            gc.collect()  # the tests' own collection comes between two of them
        try:
            read(value)
        except allowed:
            refused += 1

    one()
    print(f"{name}: {tried:,} inputs, {refused:,} refused")  # noqa: T201 - `make fuzz` shows it
    assert _most_memory() - before < MEGABYTES * 1024


def _most_memory() -> int:
    """Return the most that this process ever held, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
