"""One version's queue in figures: what waits now, how long jobs waited, how full batches were. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from gui import theme, words
from gui.graphs.fills import bars
from gui.percentiles import Latency, latency
from gui.widgets.bars import Bars
from gui.widgets.basics import Caption, Label, Panel
from gui.words import counted, tr

if TYPE_CHECKING:
    from engine.snapshots import QueueSnapshot, VersionSnapshot
    from gui.graphs.history import Mark

COLUMN = 64
# How the width is parted between waiting times and batches.
SHARES = (2, 3)
FIGURES = len(Latency._fields)


class Waiting(QStackedWidget):
    """Words and waiting times on the left, batches on the right; or that there were no requests yet."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title, self.now = Label(), Caption()
        self.title.setFont(theme.semibold(self.title.font()))
        self.recent, self.total = _figures(tr("Last 5 minutes")), _figures(tr("Since registration"))
        self._captions: list[Caption] = []
        self.bars = Bars(tr("Batches by number of jobs"))
        self.empty = Caption(tr("No requests yet. Waiting times and batches appear with the first."))
        nothing = Panel()
        QVBoxLayout(nothing).addWidget(self.empty, 0, Qt.AlignmentFlag.AlignCenter)
        self.addWidget(nothing)
        self.addWidget(self._lay_out())

    def _lay_out(self) -> QWidget:
        page = Panel()
        left, right, row = QVBoxLayout(), QVBoxLayout(), QHBoxLayout(page)
        left.setSpacing(theme.GRID)
        left.addWidget(self.title)
        left.addWidget(self.now)
        left.addSpacing(2 * theme.GRID)
        left.addLayout(self._times())
        left.addStretch()
        right.setSpacing(theme.GRID)
        right.addWidget(_heading(tr("Batches by number of jobs")))
        right.addWidget(self.bars, 1)
        row.setContentsMargins(4 * theme.GRID, 3 * theme.GRID, 4 * theme.GRID, 3 * theme.GRID)
        row.setSpacing(10 * theme.GRID)
        row.addLayout(left, SHARES[0])
        row.addLayout(right, SHARES[1])
        return page

    def _times(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * theme.GRID)
        grid.setVerticalSpacing(theme.GRID)
        grid.addWidget(_heading(tr("Waiting time, ms")), 0, 0)
        for place, name in enumerate(Latency._fields, 1):
            grid.addWidget(Caption(name), 0, place, Qt.AlignmentFlag.AlignRight)
            grid.setColumnMinimumWidth(place, COLUMN)
            grid.setColumnStretch(place, 1)
        for row, (caption, values) in enumerate(
            ((tr("Last 5 minutes"), self.recent), (tr("Since registration"), self.total)), 1
        ):
            self._captions.append(Caption(caption))
            grid.addWidget(self._captions[-1], row, 0)
            for place, value in enumerate(values, 1):
                grid.addWidget(value, row, place, Qt.AlignmentFlag.AlignRight)
        return grid

    def show_version(self, version: VersionSnapshot, mark: Mark | None) -> None:
        """Show this version's queue; `mark` is what its work was like five minutes ago."""
        work = version.queue.work
        self.setCurrentIndex(1 if version.queue.accepted or any(work.fills) else 0)
        self.title.setText(tr("Version {version}").format(version=version.key.version))
        self.now.setText(in_words(version.queue))
        _fill(self.recent, latency(mark.work.waits, work.waits) if mark else None)
        self._show_recent(shown=mark is None or any(mark.work.waits))
        _fill(self.total, latency((), work.waits))
        self.bars.show_bars(bars(work.fills, version.batch_size))

    def _show_recent(self, *, shown: bool) -> None:
        """Jobs that all came in the last minutes need no line of their own for those."""
        for widget in (self._captions[0], *self.recent):
            if widget.isHidden() is shown:
                widget.setVisible(shown)


def in_words(queue: QueueSnapshot) -> str:
    """What is in the queue now: "Nothing waits", "17 of 100 waiting · 2 jobs in flight"."""
    waiting = tr("{pending} of {capacity} waiting").format(
        pending=words.number(queue.pending), capacity=words.number(queue.capacity)
    )
    flying = counted(queue.in_flight, "%n job in flight", "%n jobs in flight")
    parts = [waiting if queue.pending else tr("Nothing waits"), flying if queue.in_flight else ""]
    return " · ".join(part for part in parts if part)


def _heading(text: str) -> Label:
    label = Label(text)
    label.setFont(theme.semibold(theme.small(label.font())))
    return label


def _figures(caption: str) -> list[Label]:
    labels = [Label(words.DASH, selectable=True) for _ in range(FIGURES)]
    for label, name in zip(labels, Latency._fields, strict=True):
        label.setAccessibleName(tr("{period}, {percentile}").format(period=caption, percentile=name))
    return labels


def _fill(labels: list[Label], found: Latency | None) -> None:
    for place, label in enumerate(labels):
        text = words.milliseconds(found[place] if found else None)
        if label.text() != text:
            label.setText(text)
