"""The requests of this run, newest first, within a number and a weight. Pure but for the files of large answers."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from gui.tryit.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from engine.snapshots import Key
    from gui.tryit.answer import Exchange

MOST = 50
MOST_BYTES = 64 * 2**20


class History:
    """Keeps the newest exchanges; `remove` gets the file of each answer that leaves, to delete it off the loop."""

    def __init__(self, remove: Callable[[Path], None], most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._remove = remove
        self._most = most
        self._most_bytes = most_bytes
        self._exchanges: deque[Exchange] = deque()

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._exchanges)

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, exchange: Exchange) -> None:
        """Remember an exchange; the oldest go until the rest fits, the newest stays whatever its weight."""
        self._exchanges.appendleft(exchange)
        while len(self) > 1 and (len(self) > self._most or self.weight > self._most_bytes):
            self._drop(self._exchanges.pop())

    @property
    def weight(self) -> int:
        """How many bytes the exchanges hold in memory."""
        return sum(_weight(exchange) for exchange in self)

    def latest(self, key: Key) -> Exchange | None:
        """The newest exchange with a version."""
        return next((exchange for exchange in self if exchange.key == key), None)

    def clear(self) -> None:
        """Forget everything."""
        while self._exchanges:
            self._drop(self._exchanges.pop())

    def _drop(self, exchange: Exchange) -> None:
        if isinstance(exchange.outcome, Answer) and exchange.outcome.file is not None:
            self._remove(exchange.outcome.file)


def _weight(exchange: Exchange) -> int:
    draft, outcome = exchange.draft, exchange.outcome
    text = len(draft.text) + sum(len(part.text) for part in draft.parts)
    return text + (len(outcome.body) if isinstance(outcome, Answer) else len(outcome.text))
