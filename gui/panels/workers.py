"""The workers of the selected version and, below, the traceback of the one that failed. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSplitter, QVBoxLayout, QWidget

from gui import theme
from gui.tables import columns
from gui.tables.catalog import worker_records
from gui.tables.models import FlatModel
from gui.tables.proxies import SortProxy
from gui.tables.records import WorkerRecord, worker_cells
from gui.tables.view import TableView
from gui.widgets.basics import Panel
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gui.tables.records import VersionRecord


class Workers(Panel):
    """A table of workers; a selected worker's traceback opens under it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.model: FlatModel[WorkerRecord] = FlatModel(columns.WORKERS, worker_cells, self)
        self.table = TableView(SortProxy(self.model, self), columns.WORKERS, tr("Workers"))
        self.table.make_flat()
        self.table.current_changed.connect(self._show_traceback)
        self.traceback = QPlainTextEdit()
        self.traceback.setAccessibleName(tr("Traceback"))
        self.traceback.setReadOnly(True)
        self.traceback.setFrameShape(QFrame.Shape.NoFrame)
        self.traceback.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.traceback.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.traceback.document().setDocumentMargin(theme.PADDING)
        self.traceback.hide()
        split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(1)
        split.addWidget(self.table)
        split.addWidget(self.traceback)
        split.setSizes([100, 140])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(split)

    def show_workers(self, versions: Sequence[VersionRecord], now: float) -> None:
        """Show the workers of these versions; `now` is seconds since the epoch."""
        self.model.rows.replace(worker_records(versions, now))
        self._show_traceback()

    def open_failure(self) -> None:
        """Select the first worker that has a traceback."""
        for row, record in enumerate(self.model.rows):
            if record.worker.traceback:
                self.table.choose(self.model.index(row, 0))
                return

    def _show_traceback(self) -> None:
        index = self.table.source_current()
        text = self.model.rows.record(index.row()).worker.traceback if index.isValid() else ""
        if text != self.traceback.toPlainText():
            self.traceback.setPlainText(text)
            self.traceback.verticalScrollBar().setValue(self.traceback.verticalScrollBar().maximum())
        self.traceback.setVisible(bool(text))
