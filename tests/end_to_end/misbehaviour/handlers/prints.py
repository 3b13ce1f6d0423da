"""Prints far too much; the request's body says where and how: STREAM MEGABYTES LINE-LENGTH."""

from __future__ import annotations

import os
from typing import Any

MEGABYTE = 1_000_000


def flood(stream: str, megabytes: int, line: int) -> None:
    """Write as fast as the pipe takes it; `line` 0 gives one line without an end."""
    chunk = (b"x" * (line - 1) + b"\n") * (MEGABYTE // line) if line else b"x" * MEGABYTE
    descriptor = {"stdout": 1, "stderr": 2}[stream]
    for _ in range(megabytes):
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def handle(data: Any, _context: Any) -> Any:
    if not data:
        return None
    order = data[0]["body"].decode()
    if order != "well":
        stream, megabytes, line, *end = order.split()
        flood(stream, int(megabytes), int(line))
        os.write(2, b"\nthe last line\n")
        if end:
            os._exit(9)
    return ["well"]
