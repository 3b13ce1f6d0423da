"""Misbehaves while it is loaded; `order.txt` in the archive says how."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ORDER = Path(__file__).with_name("order.txt").read_text(encoding="utf-8")


class Fatal(BaseException):
    pass


class Mute(Exception):  # noqa: N818 - a handler's own
    def __str__(self) -> str:
        raise ValueError("no text")


def endless() -> int:
    return endless() + 1


def fail(error: BaseException) -> None:
    raise error


def print_much(megabytes: int) -> None:
    for _ in range(megabytes):
        sys.stdout.write("x" * 999_999 + "\n")


def block() -> None:
    sys.stdout.write("going to sleep\n")
    time.sleep(600)


MISBEHAVIOUR: dict[str, Callable[[], Any]] = {
    "print": lambda: print_much(int(ORDER.split()[1])),
    "block": block,
    "exit": sys.exit,
    "hard exit": lambda: os._exit(0),
    "interrupt": lambda: fail(KeyboardInterrupt()),
    "base": lambda: fail(Fatal("not an Exception")),
    "mute": lambda: fail(Mute()),
    "long": lambda: fail(ValueError("x" * 50_000_000)),
    "recursion": endless,
    "memory": lambda: fail(MemoryError()),
    "crash": lambda: ctypes.string_at(0),
}
MISBEHAVIOUR["print" if ORDER.startswith("print") else ORDER]()


def handle(data: Any, _context: Any) -> Any:
    return ["well"] * len(data) if data else None
