"""What bodies hold in memory, counted for all listeners together. On the loop.

Requests are counted by those who take them in. Large answers count themselves for as long as anything refers to them,
so that an answer is counted wherever it waits for its client.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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


class CountedBytes(bytearray):
    """Bytes that `account` counts until nothing refers to them any more, views of them included."""

    __slots__ = ("_account",)

    def __init__(self, source: int | memoryview, account: Account) -> None:
        """Hold as many zeros as `source` says, or a copy of it; raises MemoryError."""
        super().__init__(source)
        self._account = account
        account.bytes += len(self)

    def __del__(self) -> None:
        """Count them no longer."""
        if hasattr(self, "_account"):
            self._account.bytes -= len(self)


class MemoryAccounts:
    """The bodies of requests, and those of answers."""

    def __init__(self, requests: int, answers: int) -> None:
        """Hold nothing; `requests` and `answers` are how many bytes may be held of each."""
        self.requests = Account(requests)
        self.answers = Account(answers)

    def held(self) -> int:
        """Return the bytes of all bodies."""
        return self.requests.bytes + self.answers.bytes
