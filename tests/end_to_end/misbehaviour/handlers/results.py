"""Returns what cannot be an answer; the request's body says what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


RETURNED: dict[str, Callable[[], Any]] = {
    "well": lambda: ["well"],
    "none": lambda: None,
    "too few": list,
    "too many": lambda: ["a", "b"],
    "a tuple": lambda: ("a",),
    "a dict": lambda: {"a": 1},
    "text": lambda: "a",
    "a generator": lambda: (piece for piece in ["a"]),
    "an object": lambda: [object()],
    "a set": lambda: [{1}],
    "bytes as keys": lambda: [{b"a": 1}],
    "a huge integer": lambda: [10**5000],
    "a lone surrogate": lambda: ["\ud800"],
    "itself": lambda: [circular()],
    "too deep": lambda: [nested(100_000)],
    "not a number": lambda: [[float("nan"), float("inf")]],
    "a surrogate in JSON": lambda: [["\ud800"]],
    "600 MB": lambda: [bytes(600_000_000)],
}


def handle(data: Any, _context: Any) -> Any:
    return RETURNED[data[0]["body"].decode()]() if data else None
