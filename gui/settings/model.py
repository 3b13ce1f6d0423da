"""The table of settings for Qt. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont
from typing_extensions import override

from gui import theme
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from gui.settings.rows import Drafts, Row

SEARCHED = Qt.ItemDataRole.UserRole
KEY, VALUE, UNIT, DEFAULT, SOURCE = range(5)
Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class SettingsModel(QAbstractTableModel):
    """Rows that stay, with values out of the drafts."""

    def __init__(self, rows: list[Row], drafts: Drafts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows = rows
        self._drafts = drafts
        self._titles = (tr("Setting"), tr("Value"), tr("Unit"), tr("Default"), tr("Source"))

    def show_drafts(self) -> None:
        """Say that values and sources may read differently now."""
        self.dataChanged.emit(self.index(0, VALUE), self.index(len(self.rows) - 1, SOURCE))

    @override
    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.rows)

    @override
    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._titles)

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and 0 <= section < len(self._titles):
            if role == Qt.ItemDataRole.DisplayRole:
                return self._titles[section]
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeading
        return None

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        answers: dict[int, Callable[[], Any]] = {
            Qt.ItemDataRole.DisplayRole: lambda: self._words(row, index.column()),
            Qt.ItemDataRole.ToolTipRole: lambda: self._tip(row, index.column()),
            Qt.ItemDataRole.FontRole: lambda: self._font(row, index.column()),
            SEARCHED: lambda: f"{row.key} {row.key.replace('_', ' ')} {row.help}",
        }
        answer = answers.get(role)
        return answer() if answer else None

    def _tip(self, row: Row, column: int) -> str:
        return row.help if column == KEY else self._words(row, column)

    def _font(self, row: Row, column: int) -> QFont | None:
        return theme.semibold(QFont()) if column == VALUE and row.key in self._drafts.typed else None

    def _words(self, row: Row, column: int) -> str:
        if column == VALUE:
            return self._drafts.text(row)
        if column == SOURCE:
            return self._drafts.source(row)
        return {KEY: row.key, UNIT: row.unit, DEFAULT: row.default}[column]
