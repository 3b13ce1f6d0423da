"""The lines that the palette shows, for Qt: each is made when it is looked at. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gui.palette.entries import Offer

ENTRY = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class Lines(QAbstractListModel):
    """What was found, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self._offers: Sequence[Offer] = ()

    def show(self, offers: Sequence[Offer]) -> None:
        """Show these and no others."""
        self.beginResetModel()
        self._offers = offers
        self.endResetModel()

    @override
    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._offers)

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or role not in {ENTRY, Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return None
        entry = self._offers[index.row()].entry()
        if role == ENTRY:
            return entry
        return entry.text if role == Qt.ItemDataRole.DisplayRole else ", ".join(filter(None, entry[:3]))
