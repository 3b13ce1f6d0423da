"""The lines on the screen: following the end, wrapping, finding. The GUI thread.

A table, since its rows cost nothing until they are seen: with 100,000 lines kept, 1,250 more take 3 ms, where a list
view takes 460 ms and a text edit 60 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QFontDatabase, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QFrame, QHeaderView, QTableView, QWidget
from typing_extensions import override

from gui import theme
from gui.logs.book import width as width_of
from gui.logs.delegate import GAP, MOST_SHOWN, LineDelegate
from gui.logs.levels import Level
from gui.logs.model import LEVEL, ROW, TEXT, TIME, WORKER, LogModel
from gui.logs.text import level_name
from gui.marks import SIZE
from gui.widgets.basics import Button
from gui.words import counted, tr

if TYPE_CHECKING:
    from gui.logs.book import LogBook, Row


class LogView(QTableView):
    """The shown lines of a book.

    Signals: `follow_changed` when it begins or ends to keep the newest line in view; `copy_asked` with the selected
    rows.
    """

    follow_changed = Signal(bool)
    copy_asked = Signal(object)

    def __init__(self, book: LogBook, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._book = book
        self._follows = True
        self._seen = 0
        self._sizing = False
        # Whether rows have been given heights of their own; they keep those out of view.
        self._uneven = False
        self.lines = LogModel(book, self)
        own = self.font()
        fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        fixed.setPointSizeF(self.font().pointSizeF() * theme.SMALL)
        self.setFont(fixed)
        self._delegate = LineDelegate(fixed, self)
        self.setItemDelegate(self._delegate)
        self.setModel(self.lines)
        self._set_up()
        self.newest = Button("", self)
        self.newest.setFont(own)
        self.newest.clicked.connect(lambda: self.follow(follows=True))
        self.newest.hide()
        self._add_actions()
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._scrolled)
        bar.rangeChanged.connect(self._resized)
        self.lines.dropped_rows.connect(self._stay)
        for signal in (self.lines.rowsInserted, self.lines.modelReset):
            signal.connect(self._lines_came)

    def _set_up(self) -> None:
        self.setAccessibleName(tr("Lines of the log"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerItem)
        self.setHorizontalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        self.horizontalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads = self.verticalHeader()
        heads.hide()
        heads.setMinimumSectionSize(1)
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads.setDefaultSectionSize(self._delegate.line_height)

    def _add_actions(self) -> None:
        self.copy = QAction(tr("Copy lines"), self)
        self.copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        self.copy.triggered.connect(lambda: self.copy_asked.emit(self.selected()))
        everything = QAction(tr("Select all"), self)
        everything.setShortcut(QKeySequence(QKeySequence.StandardKey.SelectAll))
        everything.triggered.connect(self.selectAll)
        for action in (self.copy, everything):
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            self.addAction(action)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    @property
    def follows(self) -> bool:
        """Whether the newest line is kept in view."""
        return self._follows

    def follow(self, *, follows: bool) -> None:
        """Keep the newest line in view from now on, or no more."""
        if follows != self._follows:
            self._follows = follows
            self._seen = self._next
            self.follow_changed.emit(follows)
        if follows:
            self.scrollToBottom()
        self._tell_newest()

    def wrap(self, *, wraps: bool) -> None:
        """Let long lines go on below, or to the right."""
        self._delegate.wraps = wraps
        self._uneven = True
        self.fit_columns()

    def highlight(self) -> None:
        """Show what the book searches for."""
        self._delegate.pattern = self._book.pattern
        self.viewport().update()

    def selected(self) -> list[Row]:
        """The selected rows, from top to bottom."""
        ranges = sorted((found.top(), found.bottom()) for found in self.selectionModel().selection().toList())
        return [row for top, bottom in ranges for row in self._book.shown[top : bottom + 1]]

    def current_number(self) -> int | None:
        """The number of the current row, None when there is none."""
        row: Row | None = self.currentIndex().data(ROW)
        return None if row is None else row.number

    def go_to(self, number: int) -> None:
        """Make the row of this number the current one and stop following."""
        self.follow(follows=False)
        row = self._book.row_of(number)
        self.setCurrentIndex(self.lines.index(row, TIME))
        self.scrollTo(self.lines.index(row, TIME), QTableView.ScrollHint.PositionAtCenter)
        self._bring_hit_into_view(self._book.shown[row])

    def _bring_hit_into_view(self, row: Row) -> None:
        pattern = self._book.pattern
        match = pattern.search(row.line.text) if pattern else None
        if match is not None and not self._delegate.wraps:
            end = self.columnWidth(TIME) + self.columnWidth(WORKER) + self.columnWidth(LEVEL)
            end += width_of(row.line.text[: match.end()]) * self.fontMetrics().horizontalAdvance("0") + theme.PADDING
            self.horizontalScrollBar().setValue(max(0, end - self.viewport().width()))

    def first_in_view(self) -> int:
        """The number of the first row in view, 0 when there is none."""
        row: Row | None = self.lines.index(self.rowAt(0), TEXT).data(ROW)
        return 0 if row is None else row.number

    def fit_columns(self) -> None:
        """Give each column the width that its texts need, and wrapped lines what is left."""
        metrics = self.fontMetrics()
        unit = metrics.horizontalAdvance("0")
        worker = max((len(worker) for worker in self._book.workers), default=4)
        level = max(metrics.horizontalAdvance(level_name(level)) for level in Level) + round(SIZE) + GAP
        for column, width in ((TIME, unit * len("00:00:00.000")), (WORKER, unit * worker), (LEVEL, level)):
            self._set_width(column, width + theme.PADDING + (theme.PADDING if column == LEVEL else 0))
        left = self.viewport().width() - sum(self.columnWidth(column) for column in (TIME, WORKER, LEVEL))
        longest = unit * (min(self._book.widest, MOST_SHOWN + 40) + 1) + theme.PADDING
        self._set_width(TEXT, left if self._delegate.wraps else max(left, longest))
        self._size_rows()

    def _set_width(self, column: int, width: int) -> None:
        if self.columnWidth(column) != width:
            self.setColumnWidth(column, width)

    @property
    def _next(self) -> int:
        shown = self._book.shown
        return shown[-1].number + 1 if shown else 0

    def _lines_came(self) -> None:
        self.fit_columns()
        self._tell_newest()

    def _tell_newest(self) -> None:
        """Say beside the lines how many came below while they stand still."""
        count = len(self._book.shown) - self._book.row_of(self._seen)
        self.newest.setVisible(not self._follows)
        text = counted(count, "↓ %n new line", "↓ %n new lines") if count else tr("↓ Newest line")
        if not self._follows and text != self.newest.text():
            self.newest.setText(text)
            self.newest.setAccessibleName(text)
        self._place_newest()

    def _place_newest(self) -> None:
        self.newest.resize(self.newest.sizeHint())
        area = self.viewport().geometry()
        gap = 3 * theme.GRID
        self.newest.move(area.right() - self.newest.width() - gap, area.bottom() - self.newest.height() - gap)

    def _scrolled(self, value: int) -> None:
        at_end = value >= self.verticalScrollBar().maximum()
        if at_end is not self._follows:
            self.follow(follows=at_end)
        self._size_rows()

    def _resized(self) -> None:
        if self._follows:
            self.scrollToBottom()
        self._size_rows()

    def _stay(self, dropped: int) -> None:
        """Keep the same lines in view when older ones go."""
        if not self._follows:
            bar = self.verticalScrollBar()
            bar.setValue(max(0, bar.value() - dropped))

    def _size_rows(self) -> None:
        """Give the rows in view the height that their text needs; the others get theirs when they are seen."""
        row, last = self.rowAt(0), self.lines.rowCount() - 1
        if self._sizing or not self._uneven or row < 0:
            return
        self._sizing = True
        width, bottom = self.columnWidth(TEXT), self.viewport().height()
        while row <= last and self.rowViewportPosition(row) < bottom:
            height = self._delegate.height(self.lines.index(row, TEXT), width)
            if height != self.rowHeight(row):
                self.setRowHeight(row, height)
            row += 1
        self._sizing = False
        if self._follows:
            self.scrollToBottom()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_columns()
        self._place_newest()
