"""The job queues of all versions of the selected model and, below, that of the selected one. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui import theme
from gui.panels.waiting import Waiting
from gui.tables import columns
from gui.tables.catalog import queue_records
from gui.tables.models import FlatModel
from gui.tables.proxies import SortProxy
from gui.tables.records import QueueRecord, queue_cells
from gui.tables.view import TableView
from gui.widgets.basics import Panel, Rule
from gui.words import tr

if TYPE_CHECKING:
    from gui.graphs.history import History
    from gui.panels.selection import Selection

# Rows that the table shows before it scrolls, and how many of them even where room is short.
ROWS, LEAST_ROWS = 3, 2


class Queues(Panel):
    """One row per version; under them waiting times and batches."""

    def __init__(self, history: History, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._history = history
        self.model: FlatModel[QueueRecord] = FlatModel(columns.QUEUES, queue_cells, self)
        self.table = TableView(SortProxy(self.model, self), columns.QUEUES, tr("Job queues"))
        self.table.setObjectName("queues")
        self.waiting = Waiting()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.table)
        column.addWidget(Rule())
        column.addWidget(self.waiting, 1)

    def show_selection(self, selection: Selection) -> None:
        """Show the queues of all the model's versions, and the selected version's in full."""
        version = selection.version.snapshot
        self.model.rows.replace(queue_records(selection.model.versions))
        rows = len(selection.model.versions)
        self.table.setMinimumHeight(_height(min(rows, LEAST_ROWS)))
        self.table.setMaximumHeight(_height(min(rows, ROWS)))
        self.waiting.show_version(version, self._history.mark(version.key))


def _height(rows: int) -> int:
    return theme.HEADER_HEIGHT + rows * theme.ROW_HEIGHT
