"""Qt's item models over the stores: each announcement becomes the matching begin/end call or `dataChanged`.

Nothing is kept here but the names behind the tree's internal ids. The GUI thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from typing_extensions import override

from gui.tables import columns
from gui.tables.store import RowList
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gui.tables.catalog import Catalog
    from gui.tables.columns import Column
    from gui.tables.records import Cell, ModelRecord, VersionRecord
    from gui.tables.store import Cells

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
TOP = 0
CELL = Qt.ItemDataRole.UserRole
SHOWN_ROLES = [
    CELL,
    Qt.ItemDataRole.DisplayRole,
    Qt.ItemDataRole.ToolTipRole,
    Qt.ItemDataRole.AccessibleTextRole,
]
Record = TypeVar("Record")


class CellModel(QAbstractItemModel):
    """What trees and flat tables share: columns, headers and the roles of a cell.

    Roles: `CELL` is the cell itself, display, tool tip and accessible text are its words.
    """

    def __init__(self, titles: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns = titles

    def cells(self, index: Index) -> Cells:
        """The cells of the index's row."""
        raise NotImplementedError

    def order(self, index: Index) -> tuple[object, ...]:
        """What the index sorts by: its cell, then its row's first cell."""
        cells = cast("Sequence[Cell]", self.cells(index))
        return (cells[index.column()].order, cells[columns.NAME].order)

    @override
    def columnCount(self, parent: Index = ROOT) -> int:
        return len(self._columns)

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self._columns):
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(section)
        title = self._columns[section].title
        return tr(title) if title and role == Qt.ItemDataRole.DisplayRole else None

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(index.column())
        if role not in SHOWN_ROLES:
            return None
        cell = cast("Cell", self.cells(index)[index.column()])
        return cell if role == CELL else cell.text

    def _alignment(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignRight if self._columns[column].numeric else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter

    # The listener's face: where the parent is found is each model's own matter.

    def place(self, parent: str | None) -> QModelIndex:
        """The index under which a list's rows hang."""
        raise NotImplementedError

    def inner(self, parent: str | None) -> int:
        """The internal id that a list's rows have."""
        raise NotImplementedError

    def inserting(self, parent: str | None, first: int, last: int) -> None:
        """Rows are about to come."""
        self.beginInsertRows(self.place(parent), first, last)

    def inserted(self) -> None:
        """They are there."""
        self.endInsertRows()

    def removing(self, parent: str | None, first: int, last: int) -> None:
        """Rows are about to go."""
        self.beginRemoveRows(self.place(parent), first, last)

    def removed(self) -> None:
        """They are gone."""
        self.endRemoveRows()

    def changed(self, parent: str | None, top: int, bottom: int, first: int, last: int) -> None:
        """Some columns of some rows have new values."""
        inner = self.inner(parent)
        self.dataChanged.emit(self.createIndex(top, first, inner), self.createIndex(bottom, last, inner), SHOWN_ROLES)


class FlatModel(CellModel, Generic[Record]):
    """A list of records as a table; `rows` is the list, to be changed by whoever made the model."""

    def __init__(
        self, titles: Sequence[Column], cells: Callable[[Record], Cells], parent: QObject | None = None
    ) -> None:
        super().__init__(titles, parent)
        self.rows: RowList[Record] = RowList(cells, [self])

    @override
    def cells(self, index: Index) -> Cells:
        return self.rows.cells(index.row())

    @override
    def place(self, parent: str | None) -> QModelIndex:
        return QModelIndex()

    @override
    def inner(self, parent: str | None) -> int:
        return TOP

    @override
    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    @override
    def index(self, row: int, column: int, parent: Index = ROOT) -> QModelIndex:
        return self.createIndex(row, column, TOP) if self.hasIndex(row, column, parent) else QModelIndex()

    @override
    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override]  # the stubs know only QObject.parent()
        return QModelIndex()


class TreeModel(CellModel):
    """Models, and versions under each.

    A version's internal id stands for its model's name, so an index stays good wherever the model's row moves.
    """

    def __init__(self, catalog: Catalog, parent: QObject | None = None) -> None:
        super().__init__(columns.MODELS, parent)
        self._catalog = catalog
        self._ids: dict[str, int] = {}
        self._names: dict[int, str] = {}
        catalog.listen(self)

    def record(self, index: Index) -> ModelRecord | VersionRecord:
        """The model or version in the index's row."""
        found: ModelRecord | VersionRecord = self._rows(index).record(index.row())
        return found

    def find(self, name: str, version: str | None = None) -> QModelIndex:
        """The index of a model or a version, invalid when it is not registered."""
        models = self._catalog.models
        if name not in models:
            return QModelIndex()
        place = self.index(models.row(name), 0)
        if version is None:
            return place
        versions = self._catalog.versions(name)
        return self.index(versions.row(version), 0, place) if version in versions else QModelIndex()

    def _rows(self, index: Index) -> RowList[Any]:
        inner = index.internalId()
        return self._catalog.models if inner == TOP else self._catalog.versions(self._names[inner])

    def _id(self, name: str) -> int:
        found = self._ids.setdefault(name, len(self._ids) + 1)
        self._names[found] = name
        return found

    @override
    def cells(self, index: Index) -> Cells:
        return self._rows(index).cells(index.row())

    @override
    def place(self, parent: str | None) -> QModelIndex:
        return QModelIndex() if parent is None else self.find(parent)

    @override
    def inner(self, parent: str | None) -> int:
        return TOP if parent is None else self._id(parent)

    @override
    def rowCount(self, parent: Index = ROOT) -> int:
        if not parent.isValid():
            return len(self._catalog.models)
        if parent.internalId() != TOP or parent.column() != 0:
            return 0
        return len(self._catalog.versions(self._catalog.models.keys[parent.row()]))

    @override
    def index(self, row: int, column: int, parent: Index = ROOT) -> QModelIndex:
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        inner = self._id(self._catalog.models.keys[parent.row()]) if parent.isValid() else TOP
        return self.createIndex(row, column, inner)

    @override
    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override]  # the stubs know only QObject.parent()
        if not index.isValid() or index.internalId() == TOP:
            return QModelIndex()
        name = self._names[index.internalId()]
        models = self._catalog.models
        return self.createIndex(models.row(name), 0, TOP) if name in models else QModelIndex()
