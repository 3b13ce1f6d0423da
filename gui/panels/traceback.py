"""Why a worker failed: the cause as a heading, the whole traceback under it. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QFontDatabase, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from engine.snapshots import VersionState, WorkerState
from gui import theme
from gui.marks import SIZE, paint_mark
from gui.widgets.basics import ActionButton, Label, Panel, Rule
from gui.words import counted, tr

if TYPE_CHECKING:
    from PySide6.QtGui import QAction

    from engine.snapshots import WorkerSnapshot


HOUR = 60
DAY = 24 * HOUR
LEAST_LINES = 5


def ago(seconds: float) -> str:
    """How long ago something was, in words that change once a minute at most."""
    minutes = int(seconds / 60)
    if minutes >= DAY:
        return counted(minutes // DAY, "%n day ago", "%n days ago")
    if minutes >= HOUR:
        return tr("{hours} h {minutes} min ago").format(hours=minutes // HOUR, minutes=minutes % HOUR)
    return tr("{minutes} min ago").format(minutes=minutes) if minutes else tr("just now")


class FailedMark(QWidget):
    """The cross of what failed, dim when that is over."""

    def __init__(self) -> None:
        super().__init__()
        self._over = False
        self.setFixedSize(QSize(round(SIZE) + 2, round(SIZE) + 2))

    def show_over(self, *, over: bool) -> None:
        """Whether what failed has recovered."""
        if over is not self._over:
            self._over = over
            self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours = theme.tokens(self.palette())
        colour = colours.dim if self._over else colours.states[VersionState.FAILED]
        paint_mark(painter, QPointF(self.width() / 2, self.height() / 2), VersionState.FAILED, colour)
        painter.end()


class Heading(Label):
    """One line, elided where there is no room."""

    def __init__(self) -> None:
        super().__init__()
        self.setFont(theme.semibold(self.font()))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class Text(QPlainTextEdit):
    """A traceback, its end in view, where the exception is."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("Traceback"))
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        fixed.setPointSizeF(self.font().pointSizeF() * theme.SMALL)
        self.setFont(fixed)
        self.document().setDocumentMargin(theme.PADDING)
        self.setMinimumHeight(LEAST_LINES * self.fontMetrics().lineSpacing() + 2 * theme.PADDING)

    def show_text(self, text: str) -> None:
        """Show this from its end."""
        if text != self.toPlainText():
            self.setPlainText(text)
            self._show_end()

    def _show_end(self) -> None:
        """Scroll until the last line is the lowest one; at the bar's own end there would be room below it."""
        bar, last = self.verticalScrollBar(), self.document().lastBlock()
        bar.setValue(bar.maximum())
        bottom = self.blockBoundingGeometry(last).translated(self.contentOffset()).bottom()
        free = self.viewport().height() - theme.PADDING / 2 - bottom
        bar.setValue(bar.maximum() - max(0, int(free / self.fontMetrics().lineSpacing())))

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_end()


class TracebackPane(Panel):
    """Hidden while there is no traceback; `copy` and `save` are the acts beside the heading."""

    def __init__(self, copy: QAction, save: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.heading = Heading()
        self.mark = FailedMark()
        self.text = Text()
        row = QHBoxLayout()
        row.setContentsMargins(theme.PADDING, theme.GRID, theme.PADDING, theme.GRID)
        row.setSpacing(2 * theme.GRID)
        row.addWidget(self.mark)
        row.addWidget(self.heading, 1)
        row.addWidget(ActionButton(copy))
        row.addWidget(ActionButton(save))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (Rule(), row, Rule()):
            column.addLayout(part) if isinstance(part, QHBoxLayout) else column.addWidget(part)
        column.addWidget(self.text, 1)
        self.hide()

    def show_worker(self, worker: WorkerSnapshot | None, age: float | None) -> None:
        """Show the traceback that the worker has, from its end; without one the pane goes.

        `age` is how many seconds ago it failed, None when that is not known.
        """
        text = worker.traceback.rstrip() if worker is not None else ""
        if worker is not None and text:
            self._show_heading(worker, age)
        self.text.show_text(text)
        self.setVisible(bool(text))

    def _show_heading(self, worker: WorkerSnapshot, age: float | None) -> None:
        over = worker.state is WorkerState.READY
        heading = tr("{what}: {cause}").format(what=_what_happened(worker.id, age, over=over), cause=worker.last_death)
        self.mark.show_over(over=over)
        self.heading.setForegroundRole(QPalette.ColorRole.PlaceholderText if over else QPalette.ColorRole.WindowText)
        if heading != self.heading.text():
            self.heading.setText(heading)
            self.heading.setToolTip(worker.last_death)


def _what_happened(worker: str, age: float | None, *, over: bool) -> str:
    """Whether a worker failed, when, and whether it recovered."""
    if age is None:
        told = tr("Worker {id} failed and recovered") if over else tr("Worker {id} failed")
    else:
        told = tr("Worker {id} failed {ago} and recovered") if over else tr("Worker {id} failed {ago}")
    return told.format(id=worker, ago=ago(age or 0))
