"""Qt's item models over the stores: each announcement becomes the matching begin/end call or `dataChanged`.

Nothing is kept here. The GUI thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from typing_extensions import override

from gui.tables import columns
from gui.tables.store import RowList
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gui.tables.columns import Column
    from gui.tables.records import Cell
    from gui.tables.store import Cells

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
CELL = Qt.ItemDataRole.UserRole
# Whether a row that holds others is open; None for one that holds none.
OPEN = Qt.ItemDataRole.UserRole + 1
SHOWN_ROLES = [
    CELL,
    Qt.ItemDataRole.DisplayRole,
    Qt.ItemDataRole.ToolTipRole,
    Qt.ItemDataRole.AccessibleTextRole,
]
Record = TypeVar("Record")


class CellModel(QAbstractTableModel):
    """What all tables share: columns, headers and the roles of a cell.

    Roles: `CELL` is the cell itself, display, tool tip and accessible text are its words.
    """

    def __init__(self, titles: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns = titles

    @property
    def columns(self) -> Sequence[Column]:
        """The columns, in the order of the cells."""
        return self._columns

    def cells(self, row: int) -> Cells:
        """The cells of a row."""
        raise NotImplementedError

    def is_within(self, row: int) -> bool:  # noqa: ARG002 - for those that override it
        """Whether a row stands under another."""
        return False

    def order(self, index: Index) -> tuple[object, ...]:
        """What the index sorts by: its cell, then its row's first cell."""
        cells = cast("Sequence[Cell]", self.cells(index.row()))
        return (cells[index.column()].order, cells[columns.NAME].order)

    @override
    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self._columns)

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self._columns):
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(section)
        if role == Qt.ItemDataRole.ToolTipRole:
            tip = self._columns[section].tip
            return tr(tip) if tip else None
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
        cell = cast("Cell", self.cells(index.row())[index.column()])
        return cell if role == CELL else cell.text

    def _alignment(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignRight if self._columns[column].numeric else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter

    # The listener's face.

    def inserting(self, first: int, last: int) -> None:
        """Rows are about to come."""
        self.beginInsertRows(ROOT, first, last)

    def inserted(self) -> None:
        """They are there."""
        self.endInsertRows()

    def removing(self, first: int, last: int) -> None:
        """Rows are about to go."""
        self.beginRemoveRows(ROOT, first, last)

    def removed(self) -> None:
        """They are gone."""
        self.endRemoveRows()

    def changed(self, top: int, bottom: int, first: int, last: int) -> None:
        """Some columns of some rows have new values."""
        self.dataChanged.emit(self.createIndex(top, first), self.createIndex(bottom, last), SHOWN_ROLES)


class FlatModel(CellModel, Generic[Record]):
    """A list of records as a table; `rows` is the list, to be changed by whoever made the model."""

    def __init__(
        self, titles: Sequence[Column], cells: Callable[[Record], Cells], parent: QObject | None = None
    ) -> None:
        super().__init__(titles, parent)
        self.rows: RowList[Record] = RowList(cells, [self])

    @override
    def cells(self, row: int) -> Cells:
        return self.rows.cells(row)

    @override
    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)
