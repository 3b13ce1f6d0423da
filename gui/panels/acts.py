"""The long acts that go on now, one line each, whoever began them: how far, how fast, and Cancel. The GUI thread.

`look` is called whenever the window has looked at the engine; only while there is something to show it looks by itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from gui import theme, words
from gui.pace import Pace
from gui.widgets.basics import Button, Caption, Label, Panel, Progress, Rule
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.snapshots import Act
    from gui.face import EngineFace

LOOK_MS = 250
# How many acts have a line, and how many characters wide the names, phases and bars are.
MOST = 4
TITLE = 24
PHASE = 14
BAR = 30


class ActsStrip(Panel):
    """Hidden while nothing long goes on."""

    def __init__(self, engine: EngineFace, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setAccessibleName(tr("What goes on"))
        self._engine = engine
        self.lines: dict[int, ActLine] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Rule())
        self._lines = QVBoxLayout()
        column.addLayout(self._lines)
        self.others = Caption()
        self.others.setContentsMargins(theme.PADDING, 0, theme.PADDING, theme.GRID)
        column.addWidget(self.others)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        self.hide()

    def look(self) -> None:
        """Show what goes on now; a window that cannot be seen rests until it is looked at again."""
        running = self._engine.acts()
        acts = {act.id: act for act in running[:MOST]}
        for number in self.lines.keys() - acts.keys():
            self._remove(number)
        for act in acts.values():
            self._line(act).show_act(act, time.time())
        self.others.setText(counted(len(running) - MOST, "%n more goes on.", "%n more go on."))
        self.others.setVisible(len(running) > MOST)
        self.setVisible(bool(acts))
        if acts and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()

    def _line(self, act: Act) -> ActLine:
        if act.id not in self.lines:
            line = self.lines[act.id] = ActLine(act, self._cancel)
            self._lines.addWidget(line)
        return self.lines[act.id]

    def _remove(self, number: int) -> None:
        line = self.lines.pop(number)
        self._lines.removeWidget(line)
        line.hide()
        line.deleteLater()

    def _cancel(self, number: int) -> None:
        self._engine.cancel(number)
        self.look()


class ActLine(QWidget):
    """One act: its title, a bar, how far it is, Cancel."""

    def __init__(self, act: Act, cancel: Callable[[int], None]) -> None:
        super().__init__()
        self._pace = Pace(act.started)
        self.title = Label(words.base_name(act.title))
        self.title.setToolTip(act.title)
        self.title.setFont(theme.semibold(self.title.font()))
        self.phase = Label()
        self.bar = Progress()
        self.bar.setFixedWidth(BAR * self.fontMetrics().averageCharWidth())
        self.told = Caption()
        self.told.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.cancel = Button(tr("Cancel"))
        self.cancel.setAccessibleName(tr("Cancel {title}").format(title=self.title.text()))
        self.cancel.clicked.connect(lambda: cancel(act.id))
        for label, characters in ((self.title, TITLE), (self.phase, PHASE)):
            label.setMinimumWidth(characters * self.fontMetrics().averageCharWidth())
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.PADDING, theme.GRID, theme.PADDING, theme.GRID)
        row.setSpacing(3 * theme.GRID)
        for widget in (self.title, self.phase, self.bar):
            row.addWidget(widget)
        row.addWidget(self.told, 1)
        row.addWidget(self.cancel)

    def show_act(self, act: Act, now: float) -> None:
        """Show how far it is; `now` is on the clock of the act's `started`."""
        step = act.progress
        self._pace.note(step, now)
        self.phase.setText(tr(step.phase.capitalize()))
        self.bar.setMaximum(max(0, min(step.total, 2**30)))
        self.bar.setValue(step.done * self.bar.maximum() // step.total if step.total else 0)
        self.bar.setVisible(step.total > 0)
        self.told.setText(self._pace.describe(step, now))
        self.setAccessibleName(f"{self.title.text()}: {self.phase.text()} {self.told.text()}")
