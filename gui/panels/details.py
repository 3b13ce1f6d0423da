"""The lower pane: one version in full, on tabs. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme, words
from gui.graphs.history import History
from gui.graphs.library import plots
from gui.panels.calls import Calls
from gui.panels.graphs import Graphs
from gui.panels.log import Log
from gui.panels.overview import Overview, milliseconds
from gui.panels.queues import Queues
from gui.panels.try_it import TryIt
from gui.panels.workers import Workers
from gui.tables.delegates import paint_pill
from gui.widgets.basics import Caption, Label, Panel, Rule
from gui.widgets.tabs import Tabs
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.snapshots import VersionSnapshot
    from gui.actions import Actions
    from gui.face import HostFace
    from gui.panels.selection import Selection

OVERVIEW, WORKERS, QUEUE, GRAPHS, LOG, TRY_IT, API = range(7)
TITLE = 1.18
# By then the window has come up.
FETCH_MS = 1000


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

    def __init__(self, host: HostFace, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.title = Title()
        self.tabs = Tabs()
        self.tabs.setAccessibleName(tr("Details"))
        self.history = History()
        self.overview, self.workers, self.calls = Overview(), Workers(host.engine, actions), Calls()
        self.queues, self.graphs = Queues(self.history), Graphs(self.history)
        self.log = Log(host.engine)
        self.try_it = TryIt(host)
        self._pages = QStackedWidget()
        self._shows: list[Callable[[Selection], None]] = []
        self._selection: Selection | None = None
        for title, page in (
            (tr("Overview"), self.overview),
            (tr("Workers"), self.workers),
            (tr("Queue"), self.queues),
            (tr("Graphs"), self.graphs),
            (tr("Log"), self.log),
            (tr("Try it"), self.try_it),
            (tr("API"), self.calls),
        ):
            self.tabs.addTab(title)
            self._pages.addWidget(page)
            self._shows.append(page.show_selection)
        self.tabs.currentChanged.connect(self._show_page)
        self.tabs.setCurrentIndex(WORKERS)
        self._fetch = QTimer(self)
        self._fetch.setSingleShot(True)
        self._fetch.setInterval(FETCH_MS)
        self._fetch.timeout.connect(plots)
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

    @override
    def showEvent(self, event: QShowEvent) -> None:
        """With the first models to show, what the Graphs page needs is fetched ahead."""
        super().showEvent(event)
        self._fetch.start()

    def show_selection(self, selection: Selection | None) -> None:
        """Show a version on the current page; None says what to select."""
        self._selection = selection
        self._stack.setCurrentIndex(selection is not None)
        if selection is not None:
            self.title.show_version(selection.version.snapshot)
            self._shows[self.tabs.currentIndex()](selection)

    def _show_page(self, page: int) -> None:
        if self._selection is not None:
            self._shows[page](self._selection)
        self._pages.setCurrentIndex(page)

    def open_try_it(self) -> None:
        """Show where a request is composed."""
        self.tabs.setCurrentIndex(TRY_IT)
        self.try_it.composer.setFocus()

    def enter(self) -> None:
        """Give the keyboard to the current page, or to the tabs when nothing in it takes it."""
        page = self._pages.currentWidget()
        inside = [widget for widget in self._pages.findChildren(QWidget) if page and page.isAncestorOf(widget)]
        able = (widget for widget in inside if widget.isVisible() and widget.isEnabled())
        takers = (widget for widget in able if widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        next(takers, self.tabs).setFocus(Qt.FocusReason.TabFocusReason)

    def open_failure(self) -> None:
        """Show the traceback of the first worker that failed."""
        self.tabs.setCurrentIndex(WORKERS)
        self.workers.open_failure()
