"""Rows before they are widgets: a keyed list that announces exactly what it inserts, removes and changes. Pure, no Qt.

New rows go to the end, so rows never move here; order on screen is the proxy's business. Every change funnels through
`RowList.apply`, and each announcement pair encloses the step it announces, as Qt's begin/end calls want it.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

Record = TypeVar("Record")
Cells = tuple[object, ...]


class Listener(Protocol):
    """Hears of a list's changes. Rows and columns are inclusive."""

    def inserting(self, first: int, last: int) -> None:
        """Rows are about to come."""
        ...

    def inserted(self) -> None:
        """They are there."""
        ...

    def removing(self, first: int, last: int) -> None:
        """Rows are about to go."""
        ...

    def removed(self) -> None:
        """They are gone."""
        ...

    def changed(self, top: int, bottom: int, first: int, last: int) -> None:
        """Columns `first` to `last` of the rows `top` to `bottom` have new values."""
        ...


class RowList(Generic[Record]):
    """Records by key, in the order they came, each with its cells: one value per column, compared to find changes."""

    def __init__(self, cells: Callable[[Record], Cells], listeners: Sequence[Listener] = ()) -> None:
        self._cells_of = cells
        self._listeners = listeners
        self._keys: list[str] = []
        self._rows: dict[str, int] = {}
        self._records: dict[str, Record] = {}
        self._cells: dict[str, Cells] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[Record]:
        return (self._records[key] for key in self._keys)

    @property
    def keys(self) -> Sequence[str]:
        """The keys, row by row."""
        return self._keys

    def row(self, key: str) -> int:
        """Where the key's row is; raises KeyError."""
        return self._rows[key]

    def get(self, key: str) -> Record | None:
        """The key's record, None when there is none."""
        return self._records.get(key)

    def record(self, row: int) -> Record:
        """The record in a row; raises IndexError."""
        return self._records[self._keys[row]]

    def cells(self, row: int) -> Cells:
        """The values in a row; raises IndexError."""
        return self._cells[self._keys[row]]

    def apply(self, updates: Mapping[str, Record], removed: Collection[str] = ()) -> None:
        """Remove, then change, then append; announces each step and nothing that stayed as it was."""
        self._remove([key for key in removed if key in self._rows])
        self._change({key: record for key, record in updates.items() if key in self._rows})
        self._append({key: record for key, record in updates.items() if key not in self._rows})

    def replace(self, records: Mapping[str, Record]) -> None:
        """Become exactly these records, keeping the rows that stay."""
        self.apply(records, [key for key in self._keys if key not in records])

    def _remove(self, keys: Iterable[str]) -> None:
        for first, last in reversed(runs(sorted(self._rows[key] for key in keys))):
            for listener in self._listeners:
                listener.removing(first, last)
            for key in self._keys[first : last + 1]:
                del self._rows[key], self._records[key], self._cells[key]
            del self._keys[first : last + 1]
            self._rows.update((key, row) for row, key in enumerate(self._keys[first:], first))
            for listener in self._listeners:
                listener.removed()

    def _change(self, records: Mapping[str, Record]) -> None:
        cells = {key: self._cells_of(record) for key, record in records.items() if record is not self._records[key]}
        alike: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for key, new in cells.items():
            alike[changed_columns(self._cells[key], new)].append(self._rows[key])
        for columns, rows in alike.items():
            for top, bottom in runs(sorted(rows)):
                # A row takes its new values only now: who sorts by them must not meet one before it was announced.
                for key in self._keys[top : bottom + 1]:
                    self._records[key], self._cells[key] = records[key], cells[key]
                self._announce(top, bottom, columns)

    def _announce(self, top: int, bottom: int, columns: Sequence[int]) -> None:
        for first, last in runs(columns):
            for listener in self._listeners:
                listener.changed(top, bottom, first, last)

    def _append(self, records: Mapping[str, Record]) -> None:
        if not records:
            return
        first = len(self._keys)
        for listener in self._listeners:
            listener.inserting(first, first + len(records) - 1)
        self._rows.update((key, row) for row, key in enumerate(records, first))
        self._keys.extend(records)
        self._records.update(records)
        self._cells.update((key, self._cells_of(record)) for key, record in records.items())
        for listener in self._listeners:
            listener.inserted()


def changed_columns(old: Cells, new: Cells) -> tuple[int, ...]:
    """The columns in which two rows differ."""
    return tuple(column for column, (was, now) in enumerate(zip(old, new, strict=True)) if was != now)


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending numbers as inclusive runs: [1, 2, 5] is [(1, 2), (5, 5)]."""
    if not numbers:
        return []
    gaps = [(before, after) for before, after in pairwise(numbers) if after != before + 1]
    starts = [numbers[0], *(after for _, after in gaps)]
    ends = [*(before for before, _ in gaps), numbers[-1]]
    return list(zip(starts, ends, strict=True))
