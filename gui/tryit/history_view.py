"""The requests of this run as a table. The GUI thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui import theme, words
from gui.tables.columns import Column
from gui.tables.models import FlatModel
from gui.tables.proxies import SortProxy
from gui.tables.records import NumberCell, StateCell, TextCell
from gui.tables.view import TableView
from gui.tryit.answer import Answer, Exchange, latency_words, status_words
from gui.widgets.basics import Button, Caption, Panel
from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtCore import QModelIndex

    from gui.tables.store import Cells
    from gui.tryit.history import History

COLUMNS = (
    Column("Time", 14),
    Column("Status", 34),
    Column("Latency", 15, numeric=True),
    Column("Size", 17, numeric=True),
    Column("Model", 22),
    Column("Sent", 24, stretches=True),
)


def cells(exchange: Exchange) -> Cells:
    """The cells of one exchange."""
    outcome = exchange.outcome
    state, status = status_words(outcome)
    size = outcome.size if isinstance(outcome, Answer) else 0
    clock = time.strftime("%H:%M:%S", time.localtime(exchange.at))
    return (
        NumberCell(clock, -exchange.at),
        StateCell(state, status),
        NumberCell(latency_words(outcome.latency), outcome.latency),
        NumberCell(words.size(size), size),
        TextCell(f"{exchange.key.name} {exchange.key.version}"),
        TextCell(exchange.draft.body_words, dim=True),
    )


class HistoryView(Panel):
    """Newest first. Signals: `chosen` with an exchange to see again, `cleared` when all are to be forgotten."""

    chosen = Signal(object)
    cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.model: FlatModel[Exchange] = FlatModel(COLUMNS, cells, self)
        self.table = TableView(SortProxy(self.model, self), COLUMNS, tr("Requests of this run"))
        self.table.setObjectName("requests")
        self.table.activated.connect(self._choose)
        self.table.clicked.connect(self._choose)
        self.clear_button = Button(tr("Clear history"))
        self.clear_button.clicked.connect(self.cleared)
        self.hint = Caption()
        below = QHBoxLayout()
        below.addWidget(self.hint)
        below.addStretch()
        below.addWidget(self.clear_button, 0, Qt.AlignmentFlag.AlignRight)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.table, 1)
        column.addLayout(below)

    def show_history(self, history: History) -> None:
        """Show these exchanges."""
        self.model.rows.replace({repr((exchange.at, exchange.key)): exchange for exchange in history})
        self.clear_button.setEnabled(len(history) > 0)
        self.hint.setText(
            tr("Click a request to see it again; Send repeats it.") if len(history) else tr("Nothing was sent yet.")
        )

    def _choose(self, index: QModelIndex) -> None:
        proxy = self.table.model()
        row = index.siblingAtColumn(0)
        if isinstance(proxy, SortProxy) and row.isValid():
            self.chosen.emit(self.model.rows.record(proxy.mapToSource(row).row()))
