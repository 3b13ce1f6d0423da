"""The workers of the selected version, what can be done with them, and why the selected one failed. The GUI thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget
from typing_extensions import override

from engine.errors import MarinaError
from engine.snapshots import Stream
from gui import theme
from gui.panels.traceback import TracebackPane
from gui.tables import columns
from gui.tables.catalog import worker_records
from gui.tables.models import FlatModel
from gui.tables.proxies import SortProxy
from gui.tables.records import WorkerRecord, worker_cells
from gui.tables.view import TableView
from gui.widgets.basics import ActionButton, Panel, Rule
from gui.words import tr

if TYPE_CHECKING:
    from engine.snapshots import VersionSnapshot, WorkerSnapshot
    from gui.actions import Actions
    from gui.face import EngineFace
    from gui.panels.selection import Selection

# Rows that the table shows over a traceback, and how few may be left of them where room is short.
ROWS, LEAST_ROWS = 4, 2


class Workers(Panel):
    """A bar of actions over a table; a selected worker's traceback opens under it.

    Signals: `changed` when other workers are selected, or are in another state, or the page comes or goes.
    """

    changed = Signal()

    def __init__(self, engine: EngineFace, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._engine = engine
        self._actions = actions
        self.version: VersionSnapshot | None = None
        self.model: FlatModel[WorkerRecord] = FlatModel(columns.WORKERS, worker_cells, self)
        self.table = TableView(SortProxy(self.model, self), columns.WORKERS, tr("Workers"))
        self.table.setObjectName("workers")
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.table.current_changed.connect(self._show_traceback)
        self.table.selectionModel().selectionChanged.connect(self.changed)
        self.pane = TracebackPane(actions.copy_traceback, actions.diagnostics)
        self.traceback = self.pane.text
        split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(1)
        split.setChildrenCollapsible(False)
        split.addWidget(self.table)
        split.addWidget(self.pane)
        split.setStretchFactor(1, 1)
        split.setSizes([theme.HEADER_HEIGHT + ROWS * theme.ROW_HEIGHT, 0])
        self.table.setMinimumHeight(theme.HEADER_HEIGHT + LEAST_ROWS * theme.ROW_HEIGHT)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._bar())
        column.addWidget(Rule())
        column.addWidget(split, 1)

    def _bar(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(theme.PADDING, theme.GRID, theme.PADDING, theme.GRID)
        row.setSpacing(2 * theme.GRID)
        for action in self._actions.of_worker:
            row.addWidget(ActionButton(action))
        row.addStretch()
        return row

    def show_selection(self, selection: Selection) -> None:
        """Show the version's workers as they are now."""
        self.version = selection.version.snapshot
        self.model.rows.replace(worker_records([selection.version], time.time()))
        self._show_traceback()
        self.changed.emit()

    def selected(self) -> list[WorkerSnapshot]:
        """The selected workers; none while the page cannot be seen, so that nothing is done to what nobody sees."""
        if not self.isVisible():
            return []
        rows = sorted(self.table.to_source(index).row() for index in self.table.selectionModel().selectedRows())
        return [self.model.rows.record(row).worker for row in rows]

    def open_failure(self) -> None:
        """Select the first worker that has a traceback."""
        for row, record in enumerate(self.model.rows):
            if record.worker.traceback:
                self.table.choose(self.model.index(row, 0))
                return

    def _show_traceback(self) -> None:
        index = self.table.source_current()
        worker = self.model.rows.record(index.row()).worker if index.isValid() else None
        self.pane.show_worker(worker, self._age(worker) if worker is not None and worker.traceback else None)

    def _age(self, worker: WorkerSnapshot) -> float | None:
        """How many seconds ago the worker failed, as its log tells; None when the log has forgotten."""
        if self.version is None:
            return None
        try:
            lines = self._engine.log(*self.version.key).lines
        except MarinaError:
            return None  # unregistered a moment ago
        told = (line.time for line in reversed(lines) if (line.worker, line.stream) == (worker.id, Stream.MARINA))
        failed = next(told, None)
        return None if failed is None else time.time() - failed

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.table.source_current().isValid():
            self.table.open_menu([*self._actions.of_worker, self._actions.copy_traceback], event)

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.changed.emit()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.changed.emit()
