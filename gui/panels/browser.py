"""The models table with what stands in its place when it is empty, and what is selected in it. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget
from typing_extensions import override

from gui.tables import columns
from gui.tables.models import CELL, TreeModel
from gui.tables.proxies import ModelsProxy
from gui.tables.records import ModelRecord, StateCell, VersionRecord
from gui.tables.view import TableView
from gui.widgets.drop_zone import DropZone, NoResult
from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QContextMenuEvent

    from engine.snapshots import VersionSnapshot, VersionState
    from gui.actions import Actions
    from gui.tables.catalog import Catalog

TABLE, EMPTY, NO_RESULT = range(3)


class Browser(QStackedWidget):
    """Models with their versions.

    What is open and chosen is remembered by name, because the filter takes rows away and brings them back.

    Signals: `selected` when another row is current; `cause_clicked` when a state that has a cause is clicked.
    """

    selected = Signal()
    cause_clicked = Signal()

    def __init__(self, catalog: Catalog, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._actions = actions
        self.model = TreeModel(catalog, self)
        self.proxy = ModelsProxy(self.model, self)
        self.table = TableView(self.proxy, columns.MODELS, tr("Models"))
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.no_result = NoResult(actions.clear_filter)
        for page in (self.table, DropZone(actions.register, actions.sample), self.no_result):
            self.addWidget(page)
        self._open: dict[str, bool] = {}
        self._chosen: tuple[str, str | None] | None = None
        self.proxy.rowsInserted.connect(self._restore)
        self.table.expanded.connect(self._note_open)
        self.table.collapsed.connect(self._note_open)
        self.table.current_changed.connect(self._note_chosen)
        self.table.clicked.connect(self._clicked)
        self.show_page("")

    def show_page(self, text: str) -> None:
        """Show the table, or why it would be empty; `text` is what the filter looks for."""
        self.no_result.name_filter(text)
        shown = self.proxy.rowCount() > 0
        self.setCurrentIndex(TABLE if shown else NO_RESULT if len(self._catalog.models) else EMPTY)

    def show_only(self, text: str, state: VersionState | None) -> None:
        """Filter by text and state."""
        self.proxy.show_only(text, state)
        self.show_page(text)

    def choose(self, name: str, version: str | None = None) -> None:
        """Select a model or one of its versions, if it is there and not filtered out."""
        index = self.model.find(name, version)
        if self.proxy.mapFromSource(index).isValid():
            self.table.choose(index)

    def current(self) -> tuple[ModelRecord, VersionRecord] | None:
        """The selected version with its model; for a model's row, the version that gives it its state."""
        index = self.table.source_current()
        if not index.isValid():
            return None
        record = self.model.record(index)
        if isinstance(record, ModelRecord):
            return record, record.telling
        model = self.model.record(index.parent())
        return (model, record) if isinstance(model, ModelRecord) else None

    def selected_versions(self) -> list[VersionSnapshot]:
        """Every selected version, a model's row standing for all of its own; defaults last, as they must go last."""
        found: dict[tuple[str, str], VersionSnapshot] = {}
        for index in self.table.selectionModel().selectedRows():
            record = self.model.record(self.proxy.mapToSource(index))
            versions = record.versions if isinstance(record, ModelRecord) else (record,)
            found.update((version.snapshot.key, version.snapshot) for version in versions)
        return sorted(found.values(), key=lambda version: version.is_default)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.currentIndex() == TABLE and self.current() is not None:
            self.table.open_menu([*self._actions.of_selection, self._actions.retry], event)

    def _restore(self, parent: QModelIndex, first: int, last: int) -> None:
        """Open and select rows that come as they were when the filter took them; several versions open at first."""
        if parent.isValid():
            self.table.expand(parent)
        for row in range(first, last + 1):
            index = self.proxy.index(row, 0, parent)
            record = self.model.record(self.proxy.mapToSource(index))
            if isinstance(record, ModelRecord) and self._open.get(record.name, len(record.versions) > 1):
                self.table.expand(index)
        if not self.table.currentIndex().isValid() and self._chosen is not None:
            self.choose(*self._chosen)

    def _note_open(self, index: QModelIndex) -> None:
        record = self.model.record(self.proxy.mapToSource(index))
        if isinstance(record, ModelRecord):
            self._open[record.name] = self.table.isExpanded(index)

    def _note_chosen(self) -> None:
        index = self.table.source_current()
        if index.isValid():
            record = self.model.record(index)
            self._chosen = (record.name, None) if isinstance(record, ModelRecord) else record.snapshot.key
        self.selected.emit()

    def _clicked(self, index: QModelIndex) -> None:
        cell = index.data(CELL)
        if isinstance(cell, StateCell) and cell.cause:
            self.cause_clicked.emit()
