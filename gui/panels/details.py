"""The lower pane: one version in full, on tabs. The GUI thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme, words
from gui.panels.calls import Calls
from gui.panels.overview import Overview, milliseconds
from gui.panels.queues import Queues
from gui.panels.workers import Workers
from gui.tables.delegates import paint_pill
from gui.widgets.basics import Caption, Label, Panel, Rule
from gui.widgets.tabs import Tabs
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.snapshots import VersionSnapshot
    from gui.tables.records import ModelRecord, VersionRecord

OVERVIEW, WORKERS, QUEUE, API = range(4)
TITLE = 1.18


class Pill(QWidget):
    """The word "default" in a rounded box."""

    def __init__(self) -> None:
        super().__init__()
        self.setFont(theme.small(self.font()))
        metrics = self.fontMetrics()
        self.setFixedSize(QSize(metrics.horizontalAdvance(tr("default")) + 16, metrics.height() + 2))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours = theme.tokens(self.palette())
        paint_pill(painter, QRectF(self.rect()), tr("default"), self.font(), colours.accent, colours.selection)
        painter.end()


class Title(QWidget):
    """Name, version, whether it is the default, and the archive in a few words."""

    def __init__(self) -> None:
        super().__init__()
        self.name = Label(selectable=True)
        font = theme.semibold(self.name.font())
        font.setPointSizeF(font.pointSizeF() * TITLE)
        self.name.setFont(font)
        self.version = Label(selectable=True)
        self.pill = Pill()
        self.archive = Label()
        self.archive.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        row = QHBoxLayout(self)
        row.setContentsMargins(4 * theme.GRID, 2 * theme.GRID, 4 * theme.GRID, 0)
        row.setSpacing(2 * theme.GRID)
        for widget in (self.name, self.version, self.pill, self.archive):
            row.addWidget(widget)
        row.addStretch()

    def show_version(self, version: VersionSnapshot) -> None:
        """Show this version."""
        self.name.setText(version.key.name)
        self.version.setText(tr("version {version}").format(version=version.key.version))
        self.pill.setVisible(version.is_default)
        batch = tr("batch {size}, delay {delay}").format(
            size=version.batch_size, delay=milliseconds(version.max_batch_delay)
        )
        parts = [words.base_name(version.url), words.size(version.size) if version.size else "", batch]
        self.archive.setText(" · ".join(part for part in parts if part))


class Details(Panel):
    """Title and tabs of the selected version, or what to select."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.title = Title()
        self.tabs = Tabs()
        self.tabs.setAccessibleName(tr("Details"))
        self.overview, self.workers, self.queues, self.calls = Overview(), Workers(), Queues(), Calls()
        self._pages = QStackedWidget()
        titles = (tr("Overview"), tr("Workers"), tr("Queue"), tr("API"))
        for title, page in zip(titles, (self.overview, self.workers, self.queues, self.calls), strict=True):
            self.tabs.addTab(title)
            self._pages.addWidget(page)
        self.tabs.currentChanged.connect(self._pages.setCurrentIndex)
        self.tabs.setCurrentIndex(WORKERS)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._nothing())
        self._stack.addWidget(self._something())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Rule())
        column.addWidget(self._stack)

    def _nothing(self) -> QWidget:
        page = Panel()
        hint = Caption(tr("Select a model to see its workers, queue and API."))
        QVBoxLayout(page).addWidget(hint, 0, Qt.AlignmentFlag.AlignCenter)
        return page

    def _something(self) -> QWidget:
        page = Panel()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        tabs = QHBoxLayout()
        tabs.setContentsMargins(2 * theme.GRID, 0, 2 * theme.GRID, 0)
        tabs.addWidget(self.tabs)
        tabs.addStretch()
        column.addWidget(self.title)
        column.addLayout(tabs)
        column.addWidget(Rule())
        column.addWidget(self._pages, 1)
        return page

    def show_selection(
        self, model: ModelRecord | None, version: VersionRecord | None, addresses: Mapping[str, str]
    ) -> None:
        """Show a version of a model; None says what to select."""
        if model is None or version is None:
            self._stack.setCurrentIndex(0)
            return
        self.title.show_version(version.snapshot)
        self.overview.show_version(version.snapshot)
        self.workers.show_workers([version], time.time())
        self.queues.show_queues(model.versions)
        self.calls.show_calls(version.snapshot, addresses)
        self._stack.setCurrentIndex(1)

    def open_failure(self) -> None:
        """Show the traceback of the first worker that failed."""
        self.tabs.setCurrentIndex(WORKERS)
        self.workers.open_failure()
