"""What bodies hold in memory, counted for all listeners together. On the loop.

Requests are counted by those who take them in. Large answers count themselves for as long as anything refers to them,
so that an answer is counted wherever it waits for its client.
"""

from __future__ import annotations

import mmap
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from engine.heap import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator

# Bytes that an account holds on the heap: as many as `engine.heap` keeps there when they are freed.
ON_HEAP = KEPT


class Account:
    """How many bytes are held, and how many that may be."""

    __slots__ = ("bytes", "most")

    def __init__(self, most: int = sys.maxsize) -> None:
        """Hold nothing."""
        self.bytes = 0
        self.most = most

    def release(self, size: int) -> None:
        """Hold so many bytes less."""
        self.bytes -= size

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Hold `size` bytes more for as long as the block lasts."""
        self.bytes += size
        try:
            yield
        finally:
            self.bytes -= size

    @property
    def is_full(self) -> bool:
        """Whether more is held than may be, so that nothing further is let in."""
        return self.bytes > self.most


def counted_bytes(size: int, account: Account) -> memoryview:
    """Return `size` zeros that `account` counts until no view of them is left; raises MemoryError.

    They lie on the heap, whose memory is at hand for the next body, as long as the account holds no more than the heap
    keeps. Beyond, each body has a mapping of its own: a heap of a gigabyte that is freed holds the loop for a tenth of
    a second when its pages are given back, a mapping some hundred microseconds.
    """
    return _counted(_OnHeap(size) if account.bytes < ON_HEAP or not size else _Mapped(size), account)


def counted_copy(source: memoryview, account: Account) -> memoryview:
    """Return a copy of `source` as `counted_bytes` does; raises MemoryError."""
    if account.bytes < ON_HEAP:
        return _counted(_OnHeap(source), account)
    copy = counted_bytes(len(source), account)
    copy[:] = source
    return copy


def _counted(body: _OnHeap | _Mapped, account: Account) -> memoryview:
    body.account = account
    account.bytes += len(body)
    return memoryview(body)


class _OnHeap(bytearray):
    account: Account | None = None

    def __del__(self) -> None:
        if self.account is not None:
            self.account.bytes -= len(self)


class _Mapped(mmap.mmap):
    account: Account | None = None

    def __new__(cls, size: int) -> Self:
        try:
            return super().__new__(cls, -1, size)
        except OSError as error:
            raise MemoryError(str(error)) from error

    def __del__(self) -> None:
        if self.account is not None:
            self.account.bytes -= len(self)


class MemoryAccounts:
    """The bodies of requests, and those of answers."""

    def __init__(self, requests: int, answers: int) -> None:
        """Hold nothing; `requests` and `answers` are how many bytes may be held of each."""
        self.requests = Account(requests)
        self.answers = Account(answers)

    def held(self) -> int:
        """Return the bytes of all bodies."""
        return self.requests.bytes + self.answers.bytes
