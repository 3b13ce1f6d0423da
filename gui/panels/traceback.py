"""Why a worker failed: the cause as a heading, the whole traceback under it. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QFontDatabase, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from engine.snapshots import VersionState
from gui import theme
from gui.marks import SIZE, paint_mark
from gui.widgets.basics import ActionButton, Label, Panel, Rule
from gui.words import counted, tr

if TYPE_CHECKING:
    from PySide6.QtGui import QAction

    from engine.snapshots import WorkerSnapshot


HOUR = 60
DAY = 24 * HOUR


def ago(seconds: float) -> str:
    """How long ago something was, in words that change once a minute at most."""
    minutes = int(seconds / 60)
    if minutes >= DAY:
        return counted(minutes // DAY, "%n day ago", "%n days ago")
    if minutes >= HOUR:
        return tr("{hours} h {minutes} min ago").format(hours=minutes // HOUR, minutes=minutes % HOUR)
    return tr("{minutes} min ago").format(minutes=minutes) if minutes else tr("just now")


class FailedMark(QWidget):
    """The cross of what failed."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(QSize(round(SIZE) + 2, round(SIZE) + 2))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colour = theme.tokens(self.palette()).states[VersionState.FAILED]
        paint_mark(painter, QPointF(self.width() / 2, self.height() / 2), VersionState.FAILED, colour)
        painter.end()


class TracebackPane(Panel):
    """Hidden while there is no traceback; `copy` and `save` are the acts beside the heading."""

    def __init__(self, copy: QAction, save: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.heading = Label(selectable=True)
        self.heading.setFont(theme.semibold(self.heading.font()))
        self.heading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.text = QPlainTextEdit()
        self.text.setAccessibleName(tr("Traceback"))
        self.text.setReadOnly(True)
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        fixed.setPointSizeF(self.font().pointSizeF() * theme.SMALL)
        self.text.setFont(fixed)
        self.text.document().setDocumentMargin(theme.PADDING)
        row = QHBoxLayout()
        row.setContentsMargins(theme.PADDING, theme.GRID, theme.PADDING, theme.GRID)
        row.setSpacing(2 * theme.GRID)
        row.addWidget(FailedMark())
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
        text = worker.traceback if worker is not None else ""
        if worker is not None and text:
            failed = tr("Worker {id} failed") if age is None else tr("Worker {id} failed {ago}")
            heading = f"{failed.format(id=worker.id, ago=ago(age or 0))}: {worker.last_death}"
            if heading != self.heading.text():
                self.heading.setText(heading)
                self.heading.setToolTip(worker.last_death)
        if text != self.text.toPlainText():
            self.text.setPlainText(text)
            self.text.verticalScrollBar().setValue(self.text.verticalScrollBar().maximum())
        self.setVisible(bool(text))
