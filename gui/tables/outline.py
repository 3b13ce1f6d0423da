"""The models table's own model: models and, under each open one, its versions, as one flat list of rows.

Flat, because a tree view asks for every row again whenever one moves, which takes it 20 ms with 4,000 rows; a table
view asks only for what it paints. Cells are made when they are read, so rows out of sight cost next to nothing. The
GUI thread.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QObject, Qt, QTimer
from typing_extensions import override

from gui.tables import columns
from gui.tables.arrangement import Arrangement, Row
from gui.tables.model_cells import row_cells
from gui.tables.models import OPEN, ROOT, CellModel, Index
from gui.tables.records import ModelRecord, VersionRecord
from gui.tables.store import changed_columns, runs
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from engine.snapshots import VersionState
    from gui.tables.catalog import Catalog
    from gui.tables.store import Cells

# Rows whose cells are kept after they were read: several windows full.
MOST_READ = 400
# How long it may be worked out at a time what rows sort by, and the pause after it.
SORT_SECONDS = 0.003
PAUSE_MS = 5


class Outline(CellModel):
    """Sorts, filters and opens by itself; rows are known by model and version."""

    def __init__(self, catalog: Catalog, parent: QObject | None = None) -> None:
        super().__init__(columns.MODELS, parent)
        self._catalog = catalog
        self._arrangement = Arrangement(catalog.models)
        # The next arrangement, and the models that it has not been told of.
        self._coming: Arrangement | None = None
        self._untold: Iterator[str] = iter(())
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(PAUSE_MS)
        self._rest.timeout.connect(self._sort_on)
        self._rows: list[Row] = []
        self._tops = 0
        self._places: dict[Row, int] = {}
        self._read: dict[Row, Cells] = {}
        self._held = False
        # Whether rows came that are not shown yet; whether rows that are shown have values that may move them.
        self._came = False
        self._moved = False
        catalog.listen(self)

    # Where things are.

    def record(self, index: Index) -> ModelRecord | VersionRecord:
        """The model or version in the index's row."""
        return self.record_of(self._rows[index.row()])

    def row(self, index: Index) -> Row:
        """The name of the model in the index's row, and the version's; None for the model itself."""
        return self._rows[index.row()]

    def rows(self, first: int, last: int) -> list[Row]:
        """The names of models and versions in these rows."""
        return self._rows[first : last + 1]

    def find(self, name: str, version: str | None = None) -> QModelIndex:
        """The index of a model or a version, invalid when it is not shown."""
        place = self._places.get((name, version))
        return QModelIndex() if place is None else self.createIndex(place, 0)

    @property
    def shown_models(self) -> int:
        """How many models the filter leaves."""
        return self._tops

    def record_of(self, row: Row) -> ModelRecord | VersionRecord:
        """The model or version of this name; raises KeyError."""
        name, version = row
        return self._catalog.models[name] if version is None else self._catalog.versions(name)[version]

    # What the view asks.

    @override
    def cells(self, row: int) -> Cells:
        key = self._rows[row]
        if key not in self._read:
            self._read[key] = row_cells(self.record_of(key))
        return self._read[key]

    @override
    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == OPEN and index.isValid():
            return self._is_open(self._rows[index.row()])
        said = super().data(index, role)
        if role != Qt.ItemDataRole.AccessibleTextRole or not index.isValid() or index.column() != columns.NAME:
            return said
        is_open = self._is_open(self._rows[index.row()])
        return said if is_open is None else f"{said}, {tr('open') if is_open else tr('closed')}"

    @override
    def is_within(self, row: int) -> bool:
        return self._rows[row][1] is not None

    def _is_open(self, row: Row) -> bool | None:
        name, version = row
        return self._arrangement.is_open(name) if version is None else None

    @override
    def match(
        self,
        start: Index,
        role: int,
        value: object,
        hits: int = 1,
        flags: Qt.MatchFlag = Qt.MatchFlag.MatchStartsWith | Qt.MatchFlag.MatchWrap,
    ) -> list[QModelIndex]:
        """Find a model by the beginning of its name, whichever column is current; typing in the table asks this."""
        wanted, first = str(value).casefold(), start.row()
        places = [*range(first, len(self._rows)), *range(first)]
        found = (place for place in places if self._rows[place][1] is None)
        place = next((place for place in found if self._rows[place][0].casefold().startswith(wanted)), None)
        return [] if place is None else [self.createIndex(place, start.column())]

    # What the user arranges.

    @override
    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._coming = self._arrangement.resorted(column, descending=order is Qt.SortOrder.DescendingOrder)
        self._untold = iter(list(self._catalog.models))
        self._sort_on()

    def _sort_on(self) -> None:
        """Work out for a while what rows sort by from now on; when all of it is known they move, together."""
        until = time.perf_counter() + SORT_SECONDS
        for name in self._untold:
            if self._coming is not None and name in self._catalog.models:
                self._coming.note(name)
            if time.perf_counter() >= until:
                self._rest.start()
                return
        self._arrangement, self._coming = self._coming or self._arrangement, None
        self._arrange()

    def _arrangements(self) -> list[Arrangement]:
        return [self._arrangement] if self._coming is None else [self._arrangement, self._coming]

    def show_only(self, text: str, state: VersionState | None) -> None:
        """Filter by text and state from now on; empty and None show everything."""
        for arrangement in self._arrangements():
            arrangement.show_only(text, state)
        self._arrange()

    def set_open(self, names: Collection[str], *, is_open: bool) -> None:
        """Show or hide the versions of these models."""
        for name in names:
            self._arrangement.set_open(name, is_open=is_open)
        self._arrange()
        for name in names:
            index = self.find(name)
            if index.isValid():
                self.dataChanged.emit(index, index, [OPEN, Qt.ItemDataRole.AccessibleTextRole])

    def set_all_open(self, *, is_open: bool) -> None:
        """Show or hide the versions of every model."""
        for name in self._catalog.models:
            self._arrangement.set_open(name, is_open=is_open)
        self._arrange()
        if self._rows:
            last = self.createIndex(len(self._rows) - 1, columns.NAME)
            self.dataChanged.emit(self.createIndex(0, columns.NAME), last, [OPEN, Qt.ItemDataRole.AccessibleTextRole])

    def hold(self, *, held: bool) -> None:
        """Keep rows where they are for a while, whatever their values become."""
        self._held = held
        if not held:
            self._arrange()

    # What the catalog tells.

    def leaving(self, rows: Collection[Row]) -> None:
        """These rows are about to go, a model's with all of its versions."""
        going = set(rows)
        for name, version in going:
            if version is None:
                for arrangement in self._arrangements():
                    arrangement.forget(name)
        for row in going:
            self._read.pop(row, None)
        self._become([row for row in self._rows if row not in going])

    def changed_rows(self, rows: Collection[Row]) -> None:
        """These rows are new or have other values; a model's row is among them when one of its versions' is."""
        alike: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        every = tuple(range(len(columns.MODELS)))
        self._moved = True
        for arrangement in self._arrangements():
            for name in [name for name, version in rows if version is None]:
                arrangement.note(name)
        for row in rows:
            place = self._places.get(row)
            if place is None:
                self._came |= row[1] is None or self._arrangement.is_open(row[0])
                self._read.pop(row, None)
                continue
            old = self._read.get(row)
            if old is not None:
                self._read[row] = row_cells(self.record_of(row))
            # What nobody has read lately is not worth comparing.
            alike[every if old is None else changed_columns(old, self._read[row])].append(place)
        for changed, places in alike.items():
            self._announce(sorted(places), changed)

    def _announce(self, places: Sequence[int], changed: Sequence[int]) -> None:
        for top, bottom in runs(places):
            for first, last in runs(changed):
                self.changed(top, bottom, first, last)

    def settled(self, *, measured: bool) -> None:
        """All that a look at the engine found is here: now rows move, once and together.

        Where live values put a row is looked at only as often as they are measured.
        """
        if len(self._read) > MOST_READ:
            self._read.clear()
        if not self._held and (self._came or (measured and self._moved)):
            self._arrange()

    # How rows come, go and move.

    def _arrange(self) -> None:
        self._came = self._moved = False
        self._become(self._arrangement.rows())

    def _become(self, rows: list[Row]) -> None:
        """Show these rows: leaving ones go in one piece from the end, coming ones come there, then all take place."""
        if rows == self._rows:
            return
        if len(rows) == len(self._rows) and all(row in self._places for row in rows):
            self._move(rows)
            return
        wanted = set(rows)
        staying = [row for row in self._rows if row in wanted]
        if len(staying) < len(self._rows):
            self._move([*staying, *(row for row in self._rows if row not in wanted)])
            self.beginRemoveRows(ROOT, len(staying), len(self._rows) - 1)
            self._take(staying)
            self.endRemoveRows()
        if len(rows) > len(staying):
            there = set(staying)
            coming = [row for row in rows if row not in there]
            self.beginInsertRows(ROOT, len(staying), len(rows) - 1)
            self._take([*staying, *coming])
            self.endInsertRows()
        self._move(rows)

    def _move(self, rows: list[Row]) -> None:
        """Put the rows that are there into another order; selection and current row go along."""
        if rows == self._rows:
            return
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        keys = [self._rows[index.row()] for index in old]
        self._take(rows)
        new = [self.createIndex(self._places[key], index.column()) for key, index in zip(keys, old, strict=True)]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def _take(self, rows: list[Row]) -> None:
        self._rows = rows
        self._tops = sum(version is None for _, version in rows)
        self._places = {row: place for place, row in enumerate(rows)}
