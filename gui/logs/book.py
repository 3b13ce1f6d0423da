"""The newest lines of one version's log, those of them that are shown, and where a search finds something. Pure, no Qt.

A hundred thousand lines are read, filtered and searched in slices: `work` does as much as its time allows and tells
whether there is more. Lines come at the end and go at the beginning; only another filter replaces what is shown.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from engine.snapshots import LogLine, Stream
from gui.logs.levels import Level, LevelReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MOST_LINES = 100_000
# How many lines are done before the clock is looked at again.
BATCH = 250
# A tab goes on to the next multiple of so many characters.
TAB = 8
_number = attrgetter("number")


class Row(Struct, frozen=True):
    """A line with its level; `number` grows from row to row."""

    number: int
    line: LogLine
    level: Level


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are shown: those of one worker ("" is any), one stream (None is any), and of this level at least."""

    least: Level = Level.DEBUG
    worker: str = ""
    stream: Stream | None = None

    def accepts(self, row: Row) -> bool:
        """Whether the row is shown."""
        line = row.line
        return (
            row.level >= self.least
            and self.worker in ("", line.worker)
            and (self.stream is None or self.stream is line.stream)
        )


class Listener(Protocol):
    """Hears of each change of what is shown, before and after."""

    def appending(self, rows: Sequence[Row]) -> None:
        """These rows are about to come at the end."""
        ...

    def appended(self) -> None:
        """They are there."""
        ...

    def dropping(self, count: int) -> None:
        """The first so many rows are about to go."""
        ...

    def dropped(self) -> None:
        """They are gone."""
        ...

    def replacing(self) -> None:
        """Everything is about to be replaced."""
        ...

    def replaced(self) -> None:
        """It is."""
        ...


class LogBook:
    """Keeps `most` lines at most. `shown` are the rows that the filter accepts, `hits` the numbers of those found.

    `widest` is the length of the longest line since the book was empty, in narrow characters.
    """

    def __init__(self, most: int = MOST_LINES) -> None:
        self._most = most
        self._listeners: list[Listener] = []
        self._filter = Filter()
        self._pattern: re.Pattern[str] | None = None
        self._forget()

    def _forget(self) -> None:
        self.shown: list[Row] = []
        self.hits: list[int] = []
        self.workers: set[str] = set()
        self.widest = 0
        self._reader = LevelReader()
        self._incoming: deque[LogLine] = deque()
        self._rows: list[Row] = []
        self._next = 0
        self._sifted: list[Row] | None = None
        self._sift_at = 0
        self._search_at = 0

    def listen(self, listener: Listener) -> None:
        """Tell this listener of every change from now on."""
        self._listeners.append(listener)

    def __len__(self) -> int:
        """How many lines are kept, shown or not."""
        return len(self._rows)

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """What is searched for, None for nothing."""
        return self._pattern

    @property
    def is_behind(self) -> bool:
        """Whether `work` has something to do."""
        return bool(self._incoming) or self._sifted is not None or self._searches

    @property
    def _searches(self) -> bool:
        return self._pattern is not None and self._search_at < len(self.shown)

    def take(self, lines: Iterable[LogLine]) -> None:
        """Accept the next lines; `work` reads them."""
        self._incoming.extend(lines)

    def show_only(self, wanted: Filter) -> None:
        """Show only what this filter accepts; what is shown stays until `work` has looked at every line."""
        if wanted != self._filter:
            self._filter = wanted
            self._sifted, self._sift_at = [], 0

    def search(self, text: str) -> None:
        """Look for this text in every shown line, whatever its case; "" looks for nothing."""
        self._pattern = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self.hits, self._search_at = [], 0

    def clear(self) -> None:
        """Forget every line; filter and search stay."""
        for listener in self._listeners:
            listener.replacing()
        self._forget()
        for listener in self._listeners:
            listener.replaced()

    def row_of(self, number: int) -> int:
        """Where the row of this number is in `shown`, or would be."""
        return bisect_left(self.shown, number, key=_number)

    def work(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> bool:
        """Do what is to be done, for about so long; returns whether there is more to do."""
        end = clock() + seconds
        while self.is_behind:
            self._step()
            if clock() >= end:
                break
        return self.is_behind

    def _step(self) -> None:
        if self._sifted is not None:
            self._sift(self._sifted)
        elif self._incoming:
            self._read()
        else:
            self._search()

    def _sift(self, sifted: list[Row]) -> None:
        end = self._sift_at + BATCH
        accepts = self._filter.accepts
        sifted += [row for row in self._rows[self._sift_at : end] if accepts(row)]
        self._sift_at = end
        if end >= len(self._rows):
            self._replace(sifted)

    def _replace(self, rows: list[Row]) -> None:
        for listener in self._listeners:
            listener.replacing()
        self.shown, self._sifted = rows, None
        self.hits, self._search_at = [], 0
        for listener in self._listeners:
            listener.replaced()

    def _read(self) -> None:
        count = min(BATCH, len(self._incoming))
        lines = [self._incoming.popleft() for _ in range(count)]
        rows = [Row(number, line, self._reader.level(line)) for number, line in enumerate(lines, self._next)]
        self._next += count
        self.workers.update(line.worker for line in lines)
        self.widest = max(self.widest, *(width(line.text) for line in lines))
        self._rows += rows
        self._append([row for row in rows if self._filter.accepts(row)])
        if len(self._rows) > self._most:
            # A little more than needed, so that not every batch has to.
            self._drop(len(self._rows) - self._most + self._most // 100)

    def _append(self, rows: list[Row]) -> None:
        if not rows:
            return
        for listener in self._listeners:
            listener.appending(rows)
        self.shown += rows
        for listener in self._listeners:
            listener.appended()

    def _drop(self, count: int) -> None:
        first_kept = self._rows[count].number
        del self._rows[:count]
        if gone := self.row_of(first_kept):
            for listener in self._listeners:
                listener.dropping(gone)
            del self.shown[:gone]
            self._search_at = max(0, self._search_at - gone)
            del self.hits[: bisect_left(self.hits, first_kept)]
            for listener in self._listeners:
                listener.dropped()

    def _search(self) -> None:
        pattern = self._pattern
        rows = self.shown[self._search_at : self._search_at + BATCH]
        if pattern is not None:
            self.hits += [row.number for row in rows if pattern.search(row.line.text)]
        self._search_at += len(rows)


def width(text: str) -> int:
    """How wide a text is in narrow characters; what is not ASCII may be twice as wide."""
    if text.isascii():
        return len(text.expandtabs(TAB)) if "\t" in text else len(text)
    return 2 * len(text)
