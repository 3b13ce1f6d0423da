"""What the selected version did in the last five minutes, as four graphs. The GUI thread.

Drawn once a second and only while shown, one graph after another with pauses between them: each takes some milliseconds
of the loop. The plotting library comes from a thread; each graph gets its plot in a step of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme
from gui.graphs.graph import Graph
from gui.graphs.library import plots
from gui.graphs.means import calmed
from gui.graphs.subjects import subjects
from gui.widgets.basics import Caption, Panel
from gui.words import tr

if TYPE_CHECKING:
    from engine.snapshots import Key
    from gui.graphs.history import History, Series
    from gui.panels.selection import Selection

SECOND_MS = 1000
STEP_MS = 15
# From these widths and heights on, in pixels.
FOUR_WIDE = 1000
TWO_WIDE = 520
TWO_HIGH = 440


class Graphs(QScrollArea):
    """Requests, latency, queue and memory: in one row, in two or in four, as there is room."""

    def __init__(self, history: History, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self._key: Key | None = None
        self._hovered: float | None = None
        self._due: list[Graph] = []
        self.graphs = [Graph(subject) for subject in subjects()]
        self.setAccessibleName(tr("Graphs"))
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.hint = Caption()
        self._grid = QGridLayout()
        self._stack = QStackedWidget()
        self.setWidget(self._lay_out())
        self._second = QTimer(self)
        self._second.setInterval(SECOND_MS)
        self._second.timeout.connect(self._begin)
        self._step = QTimer(self)
        self._step.setInterval(STEP_MS)
        self._step.timeout.connect(self._show_next)
        for graph in self.graphs:
            graph.hovered.connect(self._hover)

    def _lay_out(self) -> QWidget:
        filled, empty = Panel(), Panel()
        filled.setLayout(self._grid)
        self._grid.setContentsMargins(4 * theme.GRID, 3 * theme.GRID, 4 * theme.GRID, 3 * theme.GRID)
        self._grid.setHorizontalSpacing(6 * theme.GRID)
        self._grid.setVerticalSpacing(3 * theme.GRID)
        self._arrange(len(self.graphs))
        QVBoxLayout(empty).addWidget(self.hint, 0, Qt.AlignmentFlag.AlignCenter)
        self._stack.addWidget(empty)
        self._stack.addWidget(filled)
        return self._stack

    def show_selection(self, selection: Selection) -> None:
        """Show this version's graphs; figures come by the second."""
        if self._key != selection.version.snapshot.key:
            self._key = selection.version.snapshot.key
            self._begin()

    def _series(self) -> Series | None:
        found = self._history.series(self._key) if self._key is not None else None
        return calmed(found) if found is not None else None

    def _begin(self) -> None:
        """Draw the first graph again now, the others in a moment and one by one."""
        if not self.isVisible():
            return
        known = self._series() is not None
        self._stack.setCurrentIndex(known)
        self.hint.setText("" if known else tr("No workers and no requests in the last five minutes."))
        self._due = list(self.graphs) if known else []
        self._step.start()
        self._show_next()

    def _show_next(self) -> None:
        series = self._series()
        if not self._due or series is None:
            self._step.stop()
        elif plots().done():
            graph = self._due.pop(0)
            if graph.plot is None:
                self._complete(graph)
            graph.show_series(series, self._hovered)

    def _complete(self, graph: Graph) -> None:
        """Give a graph its plot; where the library does not load, say so in its place."""
        if (error := plots().exception()) is not None:
            graph.show_failed(tr("Cannot draw: {error}").format(error=error))
        else:
            graph.add_plot(plots().result())

    def _hover(self, age: float | None) -> None:
        self._hovered = age
        if (series := self._series()) is not None:
            for graph in self.graphs:
                graph.show_time(series, age)

    def _arrange(self, columns: int) -> None:
        """Lay the graphs out in so many columns of one width."""
        for place, graph in enumerate(self.graphs):
            self._grid.addWidget(graph, *divmod(place, columns))
        for column in range(len(self.graphs)):
            self._grid.setColumnStretch(column, column < columns)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        size = event.size()
        wide = 1 + (size.width() >= TWO_WIDE)
        columns = len(self.graphs) if size.width() >= FOUR_WIDE and size.height() < TWO_HIGH else wide
        if self._grid.itemAtPosition(0, columns - 1) is None or self._grid.itemAtPosition(0, columns) is not None:
            self._arrange(columns)

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._second.start()
        self._begin()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._second.stop()
        self._step.stop()
