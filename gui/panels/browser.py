"""The models table with what stands in its place when it is empty, and what is selected in it. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QMenu, QStackedWidget, QWidget
from typing_extensions import override

from engine.snapshots import VersionState
from gui.panels.copying import CopyMenu
from gui.tables.models import CELL
from gui.tables.outline import Outline
from gui.tables.outline_view import OutlineView
from gui.tables.records import ModelRecord, StateCell, VersionRecord
from gui.widgets.drop_zone import DropZone, NoResult, NotRunning
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtGui import QContextMenuEvent

    from engine.snapshots import VersionSnapshot
    from gui.actions import Actions
    from gui.tables.arrangement import Row
    from gui.tables.catalog import Catalog

TABLE, EMPTY, NO_RESULT, NOT_RUNNING = range(4)


class Browser(QStackedWidget):
    """Models with their versions.

    What is chosen is remembered by name, because the filter takes rows away and brings them back.

    Signals: `selected` when another row is current; `cause_clicked` when a state that has a cause is clicked.
    """

    selected = Signal()
    cause_clicked = Signal()

    def __init__(self, catalog: Catalog, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._actions = actions
        self.model = Outline(catalog, self)
        self.table = OutlineView(self.model)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.no_result = NoResult(actions.clear_filter)
        self.not_running = NotRunning(actions.start)
        for page in (self.table, DropZone(actions), self.no_result, self.not_running):
            self.addWidget(page)
        self.copy_menu = CopyMenu(self.table, self.selected_versions, self)
        self.columns_menu = QMenu(tr("Columns"), self)
        self.table.choice.fill(self.columns_menu)
        self.columns_menu.aboutToShow.connect(lambda: self.table.choice.fill(self.columns_menu))
        self._chosen: tuple[str, str | None] | None = None
        self.model.rowsInserted.connect(self._restore)
        self.table.current_changed.connect(self._note_chosen)
        self.table.clicked.connect(self._clicked)
        self.show_page("")

    def show_page(self, text: str) -> None:
        """Show the table, or why it would be empty; `text` is what the filter looks for."""
        if self.not_running.why.text():
            return
        self.no_result.name_filter(text)
        shown = self.model.rowCount() > 0
        self.setCurrentIndex(TABLE if shown else NO_RESULT if len(self._catalog.models) else EMPTY)

    def show_not_running(self, why: str) -> None:
        """Show why there is no server, from now on."""
        self.not_running.why.setText(why)
        self.setCurrentIndex(NOT_RUNNING)

    def show_only(self, text: str, state: VersionState | None) -> None:
        """Filter by text and state."""
        self.model.show_only(text, state)
        self.show_page(text)

    def choose(self, name: str, version: str | None = None) -> None:
        """Select a model or one of its versions, if it is there and not filtered out."""
        if version is not None and self.model.find(name).isValid():
            self.model.set_open([name], is_open=True)
        index = self.model.find(name, version)
        if index.isValid():
            self.table.choose(index)

    def current(self) -> tuple[ModelRecord, VersionRecord] | None:
        """The selected version with its model; for a model's row, the version that gives it its state."""
        index = self.table.currentIndex()
        if not index.isValid():
            return None
        record = self.model.record(index)
        if isinstance(record, ModelRecord):
            return record, record.telling
        return self._catalog.models[record.snapshot.key.name], record

    def selected_versions(self) -> list[VersionSnapshot]:
        """Every selected version, a model's row standing for all of its own; defaults last, as they must go last."""
        return self._versions(self._selected_rows())

    def selected_failed(self) -> list[VersionSnapshot]:
        """The selected versions of models that have failed; cheap to ask for again and again."""
        models = self._catalog.models
        return self._versions([row for row in self._selected_rows() if models[row[0]].state is VersionState.FAILED])

    def count_selected(self) -> int:
        """How many versions are selected; cheap to ask for again and again."""
        rows = self._selected_rows()
        whole = {name for name, version in rows if version is None}
        alone = sum(version is not None and name not in whole for name, version in rows)
        return alone + sum(len(self._catalog.versions(name)) for name in whole)

    def _selected_rows(self) -> list[Row]:
        # Ranges, because Qt takes its time to list thousands of selected rows one by one.
        chosen = self.table.selectionModel().selection()
        ranges = [chosen.at(number) for number in range(chosen.count())]
        return [row for found in ranges for row in self.model.rows(found.top(), found.bottom())]

    def _versions(self, rows: Iterable[Row]) -> list[VersionSnapshot]:
        versions = {snapshot.key: snapshot for row in rows for snapshot in self.model.record_of(row).snapshots}
        return sorted(versions.values(), key=lambda version: version.is_default)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.currentIndex() == TABLE and self.current() is not None:
            copy = self.copy_menu.menuAction()
            self.table.open_menu([*self._actions.of_selection, self._actions.retry, copy], event)

    def _restore(self) -> None:
        """Select again what the filter took away."""
        if not self.table.currentIndex().isValid() and self._chosen is not None:
            self.choose(*self._chosen)

    def _note_chosen(self) -> None:
        index = self.table.currentIndex()
        if index.isValid():
            self._chosen = self.model.row(index)
        self.selected.emit()

    def _clicked(self, index: QModelIndex) -> None:
        cell = index.data(CELL)
        if isinstance(cell, StateCell) and cell.cause:
            self.cause_clicked.emit()
