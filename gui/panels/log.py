"""What the workers of the selected version print: filtered, searched, followed, copied and saved. The GUI thread.

The page looks four times a second while it is shown, and reads what came in slices that leave the loop to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from engine.errors import MarinaError
from engine.snapshots import Key, LogLine, Stream
from gui import theme
from gui.logs.book import LogBook
from gui.logs.filters import Filters
from gui.logs.search import Search, neighbour
from gui.logs.view import LogView
from gui.widgets.basics import Button, Caption, Label, Panel, Rule
from gui.words import counted, tr

if TYPE_CHECKING:
    from engine.snapshots import LogLines
    from gui.face import EngineFace
    from gui.panels.selection import Selection

POLL_MS = 250
SLICE_SECONDS = 0.003
PAUSE_MS = 5
# How many lines that have not ended are shown, and how many characters of the end of each.
MOST_UNFINISHED, MOST_UNFINISHED_TEXT = 4, 120
LINES, NOTHING, NO_RESULT = range(3)


class Log(Panel):
    """Filters and search above the lines.

    Signals: `save_asked` with the version's key and the shown rows; `copy_asked` with the selected rows.
    """

    save_asked = Signal(object, object)
    copy_asked = Signal(object)

    def __init__(self, engine: EngineFace, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._engine = engine
        self._key: Key | None = None
        self._since = 0
        self._working: frozenset[str] = frozenset()
        self.book = LogBook()
        self.filters, self.search, self.view = Filters(), Search(self), LogView(self.book)
        self.follow, self.wrap = QCheckBox(tr("Follow")), QCheckBox(tr("Wrap"))
        self.follow.setToolTip(tr("Keep the newest line in view"))
        self.wrap.setToolTip(tr("Let long lines go on below"))
        self.clear, self.save = Button(tr("Clear")), Button(tr("Save as…"))
        self.clear.setToolTip(tr("Empty this view; the log file keeps every line"))
        self.save.setToolTip(tr("Save the lines that are shown as a file"))
        self.unfinished = Caption()
        self.unfinished.setToolTip(tr("Lines that have not ended yet"))
        self.unfinished.setTextFormat(Qt.TextFormat.PlainText)
        self.unfinished.setContentsMargins(theme.PADDING, theme.GRID, theme.PADDING, theme.GRID)
        self.unfinished.hide()
        self.nothing, self.hint, self.show_all = Label(), Caption(), Button(tr("Show all lines"))
        self._stack = QStackedWidget()
        self._lay_out()
        self._poll_timer, self._rest = QTimer(self), QTimer(self)
        self._poll_timer.setInterval(POLL_MS)
        self._rest.setInterval(PAUSE_MS)
        self._rest.setSingleShot(True)
        self._connect()

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(theme.PADDING, theme.GRID, theme.PADDING, theme.GRID)
        bar.setSpacing(2 * theme.GRID)
        bar.addWidget(self.filters)
        bar.addWidget(self.search, 1)
        for widget in (self.follow, self.wrap, self.clear, self.save):
            bar.addWidget(widget)
        self.follow.setChecked(True)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self._middle(self.nothing, self.hint))
        self._stack.addWidget(self._middle(Label(tr("No line passes the filters")), self.show_all))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(Rule())
        column.addWidget(self._stack, 1)
        column.addWidget(self.unfinished)

    def _middle(self, *widgets: QWidget) -> QWidget:
        page = Panel()
        column = QVBoxLayout(page)
        column.setSpacing(2 * theme.GRID)
        column.addStretch()
        for widget in widgets:
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()
        return page

    def _connect(self) -> None:
        self._poll_timer.timeout.connect(self.poll)
        self._rest.timeout.connect(self._work)
        self.filters.changed.connect(self._filter)
        self.show_all.clicked.connect(self.filters.show_all)
        self.search.changed.connect(self._search)
        self.search.moved.connect(self._move)
        self.view.selectionModel().currentRowChanged.connect(self._show_found)
        self.view.copy_asked.connect(self.copy_asked)
        self.view.follow_changed.connect(self.follow.setChecked)
        self.follow.clicked.connect(lambda checked: self.view.follow(follows=checked))
        self.wrap.toggled.connect(lambda checked: self.view.wrap(wraps=checked))
        self.clear.clicked.connect(self._clear)
        self.save.clicked.connect(lambda: self.save_asked.emit(self._key, list(self.book.shown)))

    def show_selection(self, selection: Selection) -> None:
        """Show the lines of this version."""
        snapshot = selection.version.snapshot
        self._working = frozenset(worker.id for worker in snapshot.workers)
        if snapshot.key != self._key:
            self._key = snapshot.key
            self.filters.choose_worker("")
            self._restart()
            self.poll()
        self.filters.list_workers(self._working, self.book.workers)

    def show_worker(self, worker: str) -> None:
        """Show the lines of this worker alone."""
        self.filters.choose_worker(worker)

    def poll(self) -> None:
        """Ask for what was printed since the last time."""
        if self._key is None:
            return
        try:
            came = self._engine.log(*self._key, self._since)
            unfinished = self._engine.unfinished_lines(*self._key)
        except MarinaError:
            return  # it was unregistered a moment ago; another selection is on its way
        if came.next < self._since:
            self._restart()  # registered anew: these are all its lines
        self.book.take(_left_out(came, self._since))
        self.book.take(came.lines)
        self._since = came.next
        self._show_unfinished(unfinished)
        self._work()

    def _show_unfinished(self, lines: tuple[LogLine, ...]) -> None:
        """Show the ends of lines that have not ended below all others, a few of them."""
        shown = [f"{line.worker}  {line.text[-MOST_UNFINISHED_TEXT:]}" for line in lines[:MOST_UNFINISHED]]
        self.unfinished.setText("\n".join(shown))
        self.unfinished.setVisible(bool(shown))

    def _restart(self) -> None:
        self._since = 0
        self.book.clear()
        self._show_state()

    def _clear(self) -> None:
        self.book.clear()
        self.view.follow(follows=True)
        self._show_state()

    def _filter(self) -> None:
        self.book.show_only(self.filters.choice)
        self._work()

    def _search(self, text: str) -> None:
        self.book.search(text)
        self.view.highlight()
        self._work()

    def _move(self, step: int) -> None:
        current = self.view.current_number()
        start = self.view.first_in_view() - 1 if current is None else current
        number = neighbour(self.book.hits, start, step)
        if number is not None:
            self.view.go_to(number)
        self._show_found()

    def _work(self) -> None:
        if self.book.work(SLICE_SECONDS):
            self._rest.start()
        self._show_state()

    def _show_state(self) -> None:
        """Say what there is to see, and how much of it."""
        self._show_found()
        self.filters.list_workers(self._working, self.book.workers)
        self.save.setEnabled(bool(self.book.shown))
        self.clear.setEnabled(len(self.book) > 0)
        if self.book.shown or self.book.is_behind:
            self._stack.setCurrentIndex(LINES)
            return
        self._stack.setCurrentIndex(NO_RESULT if len(self.book) else NOTHING)
        self.nothing.setText(
            tr("Nothing printed since the view was cleared") if self._since else tr("Nothing printed yet")
        )
        self.hint.setText(tr("What the workers of this version print, and how they end, appears here."))

    def _show_found(self) -> None:
        self.search.show_found(self.book.hits, self.view.current_number())

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.poll()
        self._poll_timer.start()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._poll_timer.stop()
        self._rest.stop()


def _left_out(came: LogLines, since: int) -> list[LogLine]:
    """Marina's word on lines that came and went between two looks; none before the first look."""
    count = came.next - len(came.lines) - since
    if not since or count <= 0:
        return []
    text = counted(
        count, "%n line is left out here; model_log.log has it", "%n lines are left out here; model_log.log has them"
    )
    return [LogLine(came.lines[0].time, "", Stream.MARINA, text)]
