"""Which rows of the models table are shown, and in which order: sorted, filtered, opened. Pure, no Qt.

What a row sorts by is kept per row and renewed when the row changes, so that putting a thousand models in order asks
none of them anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gui.tables import columns
from gui.tables.model_cells import CELLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.snapshots import VersionState
    from gui.tables.records import ModelRecord, Order, VersionRecord

# A model's name, and a version's or None for the model's own row.
Row = tuple[str, str | None]


class Arrangement:
    """The rows to show of these models; whoever changes a model calls `note` or `forget`."""

    def __init__(self, models: Mapping[str, ModelRecord]) -> None:
        self._models = models
        self._column = columns.NAME
        self._descending = False
        self._words: tuple[str, ...] = ()
        self._state: VersionState | None = None
        self._orders: dict[str, tuple[Order, Order]] = {}
        self._versions: dict[str, list[Row]] = {}
        self._tops: dict[str, Row] = {}
        self._open: dict[str, bool] = {}

    @property
    def column(self) -> int:
        """The column that rows are sorted by."""
        return self._column

    def note(self, name: str) -> None:
        """A model is new or has changed."""
        record = self._models[name]
        if self._column == columns.NAME and len(self._versions.get(name, ())) == len(record.versions):
            return
        self._orders[name] = self._order(record)
        self._tops.setdefault(name, (name, None))
        versions = sorted(record.versions, key=self._order, reverse=self._descending)
        self._versions[name] = [(name, version.snapshot.key.version) for version in versions]

    def forget(self, name: str) -> None:
        """A model is gone."""
        for kept in (self._orders, self._versions, self._tops):
            kept.pop(name, None)

    def resorted(self, column: int, *, descending: bool) -> Arrangement:
        """Return one by this column, ties by name, then by version. It is yet to be told of every model."""
        fresh = Arrangement(self._models)
        fresh._column, fresh._descending = column, descending
        fresh._words, fresh._state, fresh._open = self._words, self._state, self._open
        return fresh

    def show_only(self, text: str, state: VersionState | None) -> None:
        """Show models that have the state, None being any, and every word in name, version, cause or device."""
        self._words, self._state = tuple(text.casefold().split()), state

    def is_open(self, name: str) -> bool:
        """Whether a model's versions are shown; several are at first."""
        return self._open.get(name, len(self._versions[name]) > 1)

    def set_open(self, name: str, *, is_open: bool) -> None:
        """Show or hide a model's versions, now and when it comes back."""
        self._open[name] = is_open

    def shown(self) -> list[str]:
        """The models shown, in order."""
        is_all = not self._words and self._state is None
        names = list(self._orders) if is_all else [name for name in self._orders if self._is_shown(name)]
        return sorted(names, key=self._orders.__getitem__, reverse=self._descending)

    def rows(self) -> list[Row]:
        """All rows shown, in order."""
        rows: list[Row] = []
        for name in self.shown():
            rows.append(self._tops[name])
            if self.is_open(name):
                rows += self._versions[name]
        return rows

    def _order(self, record: ModelRecord | VersionRecord) -> tuple[Order, Order]:
        return CELLS[self._column](record).order, CELLS[columns.NAME](record).order

    def _is_shown(self, name: str) -> bool:
        record = self._models[name]
        of_state = self._state is None or record.state is self._state
        return of_state and all(word in record.searched for word in self._words)
