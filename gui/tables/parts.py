"""The files of an archive that is being made, each with what it is to the model. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from typing_extensions import override

from engine.making import ArchivePlan
from gui import words
from gui.tables.models import CELL
from gui.tables.records import NumberCell, TextCell
from gui.words import tr

if TYPE_CHECKING:
    from engine.making import Part
    from gui.tables.records import Cell

NAME, USE, SIZE = range(3)
Index = QModelIndex | QPersistentModelIndex


class PartsModel(QAbstractTableModel):
    """One row per file, in the order of the archive; `show_plan` replaces all."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._plan = ArchivePlan()

    def show_plan(self, plan: ArchivePlan) -> None:
        """Show the parts of this plan; files that stay keep their rows when nothing but their use changed."""
        if plan.parts == self._plan.parts:
            self._plan = plan
            if plan.parts:
                self.dataChanged.emit(self.index(0, USE), self.index(len(plan.parts) - 1, USE))
            return
        self.beginResetModel()
        self._plan = plan
        self.endResetModel()

    def name(self, row: int) -> str:
        """The name of the file in this row."""
        return self._plan.parts[row].name

    @override
    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._plan.parts)

    @override
    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else SIZE + 1

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return (tr("File"), tr("Use"), tr("Size"))[section] if role == Qt.ItemDataRole.DisplayRole else None

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        part = self._plan.parts[index.row()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(part.path)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        cell = self._cell(part, index.column())
        if role == CELL:
            return cell
        return cell.text if role == Qt.ItemDataRole.DisplayRole else None

    def _cell(self, part: Part, column: int) -> Cell:
        if column == NAME:
            return TextCell(part.name)
        return TextCell(self._use(part), dim=True) if column == USE else NumberCell(words.size(part.size), part.size)

    def _use(self, part: Part) -> str:
        plan = self._plan
        uses = {
            plan.serialized_file: tr("Model, {kind}").format(kind=tr(part.kind.value)),
            plan.model_file: tr("Model's class"),
            plan.requirements_file: tr("Requirements"),
            plan.config_file: tr("Model config"),
            plan.handler.partition(":")[0]: tr("Handler"),
        }
        return uses.get(part.name, "")


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column == SIZE else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
