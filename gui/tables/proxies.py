"""Order on the way from a small table's model to its view. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QSortFilterProxyModel
from typing_extensions import override

if TYPE_CHECKING:
    from gui.tables.models import CellModel


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

    def hold(self, *, held: bool) -> None:
        """Keep rows where they are for a while, whatever their values become."""
        self.setDynamicSortFilter(not held)

    @override
    def lessThan(self, left: QModelIndex | QPersistentModelIndex, right: QModelIndex | QPersistentModelIndex) -> bool:
        source = self.cell_model
        return source.order(left) < source.order(right)
