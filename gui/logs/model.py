"""Qt's model over the shown lines of a `LogBook`: time, worker, level, text. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from typing_extensions import override

from gui.logs import text
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gui.logs.book import LogBook, Row

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
TIME, WORKER, LEVEL, TEXT = range(4)
TITLES = ("Time", "Worker", "Level", "Text")
ROW = Qt.ItemDataRole.UserRole


class LogModel(QAbstractTableModel):
    """Roles: `ROW` is the `Row` itself.

    Signals: `dropped_rows` with how many went at the beginning.
    """

    dropped_rows = Signal(int)

    def __init__(self, book: LogBook, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._book = book
        self._dropping = 0
        book.listen(self)

    @override
    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self._book.shown)

    @override
    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(TITLES)

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        shown = orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return tr(TITLES[section]) if shown and 0 <= section < len(TITLES) else None

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        row = self._book.shown[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{text.stamp(row.line.time)}, {row.line.stream}"
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return _words(row, index.column())
        return None

    # What the book tells.

    def appending(self, rows: Sequence[Row]) -> None:
        """Rows are about to come."""
        first = len(self._book.shown)
        self.beginInsertRows(QModelIndex(), first, first + len(rows) - 1)

    def appended(self) -> None:
        """They are there."""
        self.endInsertRows()

    def dropping(self, count: int) -> None:
        """Rows are about to go."""
        self._dropping = count
        self.beginRemoveRows(QModelIndex(), 0, count - 1)

    def dropped(self) -> None:
        """They are gone."""
        self.endRemoveRows()
        self.dropped_rows.emit(self._dropping)

    def replacing(self) -> None:
        """All rows are about to be replaced."""
        self.beginResetModel()

    def replaced(self) -> None:
        """They are."""
        self.endResetModel()


def _words(row: Row, column: int) -> str:
    if column == TIME:
        return text.clock(row.line.time)
    if column == WORKER:
        return row.line.worker
    return text.level_name(row.level) if column == LEVEL else row.line.text
