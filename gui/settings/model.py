"""The table of settings for Qt. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont
from typing_extensions import override

from gui import theme
from gui.settings.rows import doors, refusal, rows
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.settings import Settings
    from gui.settings.rows import Drafts, Row

SEARCHED, IS_ALARM = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
KEY, VALUE, UNIT, DEFAULT, SOURCE = range(5)
Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class SettingsModel(QAbstractTableModel):
    """Rows that stay, with values out of the drafts."""

    def __init__(self, settings: Settings, drafts: Drafts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows = rows(settings)
        self._settings = settings
        self._drafts = drafts
        self.doors: dict[str, str] = {}
        self.refusal = ""
        self._titles = (tr("Setting"), tr("Value"), tr("Unit"), tr("Default"), tr("Source"))
        self.show_drafts()

    def show_drafts(self) -> None:
        """Say that values and sources may read differently now, and see what they open."""
        meant = self._drafts.meant(self._settings, self.rows)
        self.doors, self.refusal = doors(meant), refusal(meant)
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
            IS_ALARM: lambda: index.column() in {KEY, VALUE} and row.key in self.doors,
            SEARCHED: lambda: f"{row.key} {row.key.replace('_', ' ')} {row.help}",
        }
        answer = answers.get(role)
        return answer() if answer else None

    def _tip(self, row: Row, column: int) -> str:
        if column in {KEY, VALUE} and row.key in self.doors:
            return self.doors[row.key]
        tips = {KEY: row.help, SOURCE: row.source}
        return tips.get(column) or self._words(row, column)

    def _font(self, row: Row, column: int) -> QFont | None:
        return theme.semibold(QFont()) if column == VALUE and row.key in self._drafts.typed else None

    def _words(self, row: Row, column: int) -> str:
        if column == VALUE:
            return self._drafts.text(row)
        if column == SOURCE:
            return self._drafts.source(row)
        return {KEY: row.key, UNIT: row.unit, DEFAULT: row.default}[column]
