"""One small multiple: title and legend, the plot, the ends of the time axis. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QMargins, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from gui import theme, words
from gui.graphs.ends import Ends
from gui.graphs.legend import Entry, Legend
from gui.graphs.means import MINUTE, span_of
from gui.graphs.trace import Trace
from gui.widgets.basics import Caption, Label, Panel
from gui.words import tr

if TYPE_CHECKING:
    from gui.graphs.history import Series
    from gui.graphs.plot import Plot
    from gui.graphs.subjects import Subject

LEAST_HEIGHT = 100
AXIS = "000 000"


class Graph(Panel):
    """A subject's lines. Without a plot, which comes later, it is title, legend and axis.

    Signals: `hovered` with the age under the pointer, or None when it has left.
    """

    hovered = Signal(object)
    plot: Plot | None = None

    def __init__(self, subject: Subject, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.subject = subject
        self.setFont(theme.small(self.font()))
        self.setMinimumHeight(LEAST_HEIGHT)
        self.setAccessibleName(subject.title)
        self.setToolTip(subject.note)
        self.title = Label(subject.title)
        self.title.setFont(theme.semibold(self.font()))
        self.legend = Legend()
        self.legend.setFont(self.font())
        self.none = Caption()
        self.none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.none.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.ends = Ends()
        self.ends.setFont(self.font())
        # What the labels beside the grid lines take: the same in every graph, so that times align.
        self.axis_width = self.fontMetrics().horizontalAdvance(AXIS) + 2 * theme.GRID
        self._middle = QStackedLayout()
        self._lay_out()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(2 * theme.GRID)
        head.addWidget(self.title)
        head.addWidget(self.legend, 1)
        self._middle.setStackingMode(QStackedLayout.StackingMode.StackAll)
        self._middle.addWidget(self.none)
        beside = QMargins(self.axis_width, 0, 0, 0)
        self.none.setContentsMargins(beside)
        foot = QHBoxLayout()
        foot.setContentsMargins(beside)
        foot.addWidget(self.ends)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addLayout(head)
        column.addLayout(self._middle, 1)
        column.addLayout(foot)

    def add_plot(self, kind: type[Plot]) -> None:
        """Draw on a plot of this kind from now on."""
        self.plot = kind(self.axis_width, self)
        self.plot.hovered.connect(self.hovered)
        self._middle.addWidget(self.plot)

    def show_failed(self, error: str) -> None:
        """Say why there is no plot."""
        self.none.setText(error)

    def show_series(self, series: Series, age: float | None) -> None:
        """Draw these; legend and cursor are about the sample of this age, the newest one without."""
        drawn = self.subject.drawn(series)
        scale = self.subject.scale_for(series)
        self.title.setText(f"{self.subject.title}, {scale.unit}" if scale.unit else self.subject.title)
        span = span_of(series)
        self.ends.show_minutes(span // MINUTE)
        if self.plot is not None:
            self.none.setText("" if drawn else self.subject.none)
            traces = [Trace(series.figures[line.figure], line.colour) for line in drawn]
            self.plot.show_traces(series.ages, traces, scale, span)
        self.show_time(series, age)

    def show_time(self, series: Series, age: float | None) -> None:
        """Write the values of the sample of this age into the legend, of the newest one without."""
        found = None if age is None else series.nearest(age)
        figures = series.at(-1 if found is None else found)._asdict()
        text = self.subject.text
        self.legend.show_entries(
            [Entry(line, text(figures[line.figure])) for line in self.subject.drawn(series)],
        )
        self.ends.point_at("" if found is None else ago(round(-series.ages[found])))
        if self.plot is not None:
            self.plot.show_cursor(None if found is None else series.ages[found])
        if found is None:
            self._describe()

    def _describe(self) -> None:
        """Say the newest values in words, for those who do not see the lines."""
        values = [tr("{name} {value}").format(name=line.title, value=value) for line, value in self.legend.entries]
        self.setAccessibleDescription(", ".join(values) or self.subject.none)


def ago(seconds: int) -> str:
    """How long ago that was, in words."""
    minutes, rest = divmod(seconds, MINUTE)
    if not minutes:
        return tr("{seconds} s ago").format(seconds=rest)
    return tr("{minutes} min {seconds} s ago").format(minutes=words.number(minutes), seconds=rest)
