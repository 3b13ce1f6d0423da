"""Order and filter on the way from a store's model to a view. The GUI thread.

Sorting compares the cells' raw values; a filter decides per model, so a model's versions stay with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QSortFilterProxyModel
from typing_extensions import override

from gui.tables.models import CellModel, TreeModel
from gui.tables.records import NameCell, StateCell, TextCell

if TYPE_CHECKING:
    from engine.snapshots import VersionState
    from gui.tables.store import Cells


def matches(cells: Cells, text: str, state: VersionState | None) -> bool:
    """Whether a model's row has the state, None being any, and every word in a name, version, cause or device."""
    wanted = text.casefold()
    shown = " ".join(_searched(cell) for cell in cells)
    of_state = state is None or any(isinstance(cell, StateCell) and cell.state is state for cell in cells)
    return of_state and all(word in shown.casefold() for word in wanted.split())


def _searched(cell: object) -> str:
    if isinstance(cell, NameCell):
        return " ".join((cell.name, *cell.searched))
    return cell.text if isinstance(cell, StateCell | TextCell) else ""


class SortProxy(QSortFilterProxyModel):
    """Sorts by raw values, ties by the row's name."""

    def __init__(self, source: CellModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setSourceModel(source)
        self.sort(0)

    @property
    def cell_model(self) -> CellModel:
        """The model underneath."""
        return cast("CellModel", self.sourceModel())

    @override
    def lessThan(self, left: QModelIndex | QPersistentModelIndex, right: QModelIndex | QPersistentModelIndex) -> bool:
        source = self.cell_model
        return source.order(left) < source.order(right)


class ModelsProxy(SortProxy):
    """Also keeps only the models that the filter box and the sidebar ask for."""

    def __init__(self, source: TreeModel, parent: QObject | None = None) -> None:
        self._text = ""
        self._state: VersionState | None = None
        super().__init__(source, parent)

    @property
    def is_filtering(self) -> bool:
        """Whether a filter is set."""
        return bool(self._text) or self._state is not None

    def show_only(self, text: str, state: VersionState | None) -> None:
        """Filter by text and state from now on; empty and None show everything."""
        if (text, state) != (self._text, self._state):
            self.beginFilterChange()
            self._text, self._state = text, state
            self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    @override
    def filterAcceptsRow(self, row: int, parent: QModelIndex | QPersistentModelIndex) -> bool:
        if parent.isValid() or not self.is_filtering:
            return True
        source = self.cell_model
        return matches(source.cells(source.index(row, 0)), self._text, self._state)
