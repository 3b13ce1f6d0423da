"""The job queues of all versions of the selected model. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui.tables import columns
from gui.tables.catalog import queue_records
from gui.tables.models import FlatModel
from gui.tables.proxies import SortProxy
from gui.tables.records import QueueRecord, queue_cells
from gui.tables.view import TableView
from gui.widgets.basics import Panel
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gui.tables.records import VersionRecord


class Queues(Panel):
    """One row per version."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.model: FlatModel[QueueRecord] = FlatModel(columns.QUEUES, queue_cells, self)
        self.table = TableView(SortProxy(self.model, self), columns.QUEUES, tr("Job queues"))
        self.table.make_flat()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)

    def show_queues(self, versions: Sequence[VersionRecord]) -> None:
        """Show the queues of these versions."""
        self.model.rows.replace(queue_records(versions))
