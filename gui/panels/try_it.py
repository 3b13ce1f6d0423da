"""The Try it tab: a request to the selected version on the left, its answer and the history on the right.

The GUI thread; what is sent and read is the desk's.
"""

from __future__ import annotations

import mimetypes
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from gui import sample, theme
from gui.dialogs.operation import red
from gui.drops import read_drop
from gui.tryit import snippets
from gui.tryit.answer import Answer
from gui.tryit.answer_view import AnswerView, play
from gui.tryit.composer import Composer
from gui.tryit.desk import Desk
from gui.tryit.files import choose_place
from gui.tryit.history_view import HistoryView
from gui.tryit.request import Draft, Source
from gui.widgets.basics import Button, Caption, Panel
from gui.widgets.tabs import Tabs
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QShowEvent

    from engine.snapshots import Key
    from gui.face import HostFace
    from gui.panels.selection import Selection
    from gui.tryit.answer import Exchange
    from gui.tryit.reading import Content
    from gui.tryit.request import Request

TICK_MS = 100
ANSWER, HISTORY = range(2)
SHARES = [460, 640]


class TryIt(Panel):
    """Request and answer, kept for each version.

    Signals: `wanted` with the key of a version to select.
    """

    wanted = Signal(object)

    def __init__(self, host: HostFace, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setAcceptDrops(True)
        self.desk = Desk(host, self)
        self._key: Key | None = None
        self._base = ""
        self._seen: Exchange | None = None
        self.composer, self.answer, self.history = Composer(), AnswerView(), HistoryView()
        self.address, self.note = Caption(), Caption(wraps=True)
        self.expired = ExpiredToken()
        self.send_button = Button(tr("Send"), primary=True)
        self.cancel_button = Button(tr("Cancel"))
        self.copy_button = Button(tr("Copy as") + " ▾")
        self.copy_menu = QMenu(self)
        self.pages = Tabs()
        self._tick = QTimer(self, interval=TICK_MS)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(1)
        split.setChildrenCollapsible(False)
        split.addWidget(self._left())
        split.addWidget(self._right())
        split.setSizes(SHARES)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(split)

    def _left(self) -> QWidget:
        self.address.setMinimumWidth(1)
        self.send_button.setToolTip(tr("Send (Ctrl+Enter)"))
        self.copy_menu.addAction(tr("curl"), lambda: self._copy(snippets.curl))
        self.copy_menu.addAction(tr("Python"), lambda: self._copy(snippets.python))
        row = QHBoxLayout()
        row.setSpacing(2 * theme.GRID)
        row.addWidget(self.send_button)
        row.addWidget(self.cancel_button)
        row.addStretch()
        row.addWidget(self.copy_button)
        return _half(self.composer, self.address, row, self.expired, self.note)

    def _right(self) -> QWidget:
        self.pages.setAccessibleName(tr("Answer or history"))
        self.pages.addTab(tr("Answer"))
        self.pages.addTab(tr("History"))
        stack = QStackedWidget()
        stack.addWidget(self.answer)
        stack.addWidget(self.history)
        self.pages.currentChanged.connect(stack.setCurrentIndex)
        self.pages.currentChanged.connect(lambda page: self.answer.head.setVisible(page == ANSWER))
        row = QHBoxLayout()
        row.addWidget(self.pages)
        row.addStretch()
        row.addWidget(self.answer.head)
        return _half(row, stack)

    def _connect(self) -> None:
        self.composer.changed.connect(self._keep)
        self.composer.file_page.sample.clicked.connect(self._send_sample)
        self.expired.renew.clicked.connect(lambda: self.desk.renew(self._renewed))
        self.send_button.clicked.connect(self.send)
        self.cancel_button.clicked.connect(self.cancel)
        self.copy_button.clicked.connect(
            lambda: self.copy_menu.popup(self.copy_button.mapToGlobal(self.copy_button.rect().bottomLeft()))
        )
        self.answer.save_wanted.connect(self._save)
        self.answer.player.clicked.connect(self._play)
        self.history.chosen.connect(self.see_again)
        self.history.cleared.connect(self._clear)
        self.desk.began.connect(self._follow)
        self.desk.ended.connect(self._ended)
        self.desk.received.connect(self._received)
        self.desk.opened.connect(self._opened)
        self._tick.timeout.connect(self._show_elapsed)
        self.history.show_history(self.desk.history)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(self.send)

    # What is selected.

    def show_selection(self, selection: Selection) -> None:
        """Show what was composed for the version and what it answered; typing goes on while it stays selected."""
        key, base = selection.version.snapshot.key, selection.addresses.get("inference", "")
        if (key, base) == (self._key, self._base):
            return
        other = key != self._key
        self._keep_typed()
        self._key, self._base = key, base
        if other:
            self.composer.show_draft(self.desk.draft(key))
            self._show_outcome()
        self.composer.file_page.sample.setVisible(sample.is_sample(selection.version.snapshot))
        self._enable()

    def _keep_typed(self) -> None:
        if self._key is not None:
            self.desk.keep(self._key, self.composer.draft)

    def _keep(self) -> None:
        self._keep_typed()
        self._enable()

    def _enable(self) -> None:
        """Let each button be used when it can, and say why Send cannot."""
        problem = self.composer.draft.problem() if self._base else tr("The server does not run")
        running = self._key is not None and self.desk.running(self._key) is not None
        self.send_button.setEnabled(not problem and not running)
        self.send_button.setToolTip(problem or tr("Send (Ctrl+Enter)"))
        self.send_button.setAccessibleDescription(problem)
        self.cancel_button.setEnabled(running)
        self.copy_button.setEnabled(not problem)
        if self._key is not None:
            url = self.composer.draft.request(self._base, self._key).url
            self.address.setText(f"POST {url}" if self._base else tr("The server does not run"))
            self.address.setToolTip(url)
        self.note.setText("")
        self.note.hide()
        self.expired.hide()

    # Sending.

    def send(self) -> None:
        """Send what is composed, if it can be."""
        self._keep()
        if self._key is not None and self.send_button.isEnabled():
            if self.desk.token_expired(self.composer.draft):
                self.expired.show()
                self.expired.renew.setFocus()
                return
            self._seen = None
            self.desk.send(self._key, self.composer.draft, self._base)

    def _send_sample(self) -> None:
        draft = self.composer.draft
        self._take(replace(draft, source=Source.FILE, path=sample.next_input(draft.path)))
        self.send()

    def _renewed(self, problem: str) -> None:
        self.expired.hide()
        if problem:
            self._say(problem)
        else:
            self.send()

    def cancel(self) -> None:
        """End the request on its way."""
        if self._key is not None:
            self.desk.cancel(self._key)

    def _follow(self, key: Key) -> None:
        if key == self._key:
            self.pages.setCurrentIndex(ANSWER)
            self._show_outcome()
            self._enable()

    def _ended(self, key: Key) -> None:
        self.history.show_history(self.desk.history)
        self._follow(key)

    def _received(self, key: Key, piece: bytes) -> None:
        if key == self._key:
            self.answer.add_piece(piece)

    def _show_outcome(self) -> None:
        """Show what goes on with the version, or the exchange that is looked at."""
        running = self.desk.running(self._key) if self._key is not None else None
        exchange = self._shown()
        if running is not None:
            self.answer.show_waiting()
        elif exchange is not None:
            self.answer.show_outcome(exchange.outcome)
            self.desk.open(exchange)
        else:
            self.answer.show_nothing()
        self._run_clock()

    def _shown(self) -> Exchange | None:
        """The exchange that is looked at: the one chosen from the history, else the version's latest."""
        if self._key is None:
            return None
        is_seen = self._seen is not None and self._seen.key == self._key
        return self._seen if is_seen else self.desk.history.latest(self._key)

    def _opened(self, exchange: Exchange, content: Content) -> None:
        is_running = self._key is not None and self.desk.running(self._key) is not None
        if exchange is self._shown() and not is_running:
            self.answer.show_content(content)

    def _run_clock(self) -> None:
        running = self.desk.running(self._key) if self._key is not None else None
        if running is not None and self.isVisible():
            self._tick.start()
        else:
            self._tick.stop()

    def _show_elapsed(self) -> None:
        running = self.desk.running(self._key) if self._key is not None else None
        if running is not None:
            self.answer.show_elapsed(time.monotonic() - running.began)

    # History.

    def see_again(self, exchange: Exchange) -> None:
        """Show an earlier request with its answer, at its version when that is still there."""
        self.desk.keep(exchange.key, exchange.draft)
        self._seen = exchange
        self.pages.setCurrentIndex(ANSWER)
        if exchange.key != self._key:
            self.wanted.emit(exchange.key)
        if exchange.key != self._key:
            self._say(tr("{name} {version} is not registered any more").format(**exchange.key._asdict()))
            return
        self.composer.show_draft(exchange.draft)
        self._show_outcome()
        self._enable()

    def _clear(self) -> None:
        self._seen = None
        self.desk.history.clear()
        self.history.show_history(self.desk.history)
        self._show_outcome()

    # What leaves the page.

    def _copy(self, write: Callable[..., str]) -> None:
        if self._key is None:
            return
        request: Request = self.composer.draft.request(self._base, self._key)
        text = write(request, token=self.desk.needs_token)
        QGuiApplication.clipboard().setText(text)
        hidden = text.startswith(snippets.NOTE)
        self._say(tr("Copied. Set TOKEN to the inference key before you run it.") if hidden else tr("Copied."))

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.show()

    def _save(self, answer: Answer) -> None:
        choose_place(self, tr("Save the answer"), name_of(answer), lambda path: self.desk.save(answer, path, self._say))

    def _play(self) -> None:
        exchange = self._shown()
        if exchange is not None and isinstance(exchange.outcome, Answer):
            self.desk.play(exchange.outcome, play)

    # What Qt tells.

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._run_clock()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._run_clock()

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take everything but archives, which are the window's to register."""
        if read_drop(event.mimeData()).archives:
            event.ignore()
        else:
            event.acceptProposedAction()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        mime, draft = event.mimeData(), self.composer.draft
        paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
        if paths:
            self._take(draft.with_files(paths))
        elif mime.hasUrls():
            self._say(tr("Only files can be sent. Download it first."))
        elif mime.hasText():
            self._take(Draft(Source.TEXT, draft.path, mime.text(), draft.parts, "", draft.headers))

    def _take(self, draft: Draft) -> None:
        self.composer.show_draft(draft)
        self._keep()

    async def aclose(self) -> None:
        """End what runs, forget the history."""
        self._tick.stop()
        await self.desk.aclose()


class ExpiredToken(QWidget):
    """Says that the token has expired, with a button that renews it; hidden until then."""

    def __init__(self) -> None:
        super().__init__()
        self.renew = Button(tr("Renew and send"))
        words = red(Caption(tr("The token has expired.")))
        words.setToolTip(tr("Programs that use the old one need the new one then."))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * theme.GRID)
        row.addWidget(words)
        row.addWidget(self.renew)
        row.addStretch()
        self.hide()


def name_of(answer: Answer) -> str:
    """A file name for an answer, by its content type."""
    form = answer.header("content-type").partition(";")[0].strip().lower()
    return f"answer{mimetypes.guess_extension(form) or '.bin'}"


def _half(*items: QWidget | QHBoxLayout) -> QWidget:
    half = Panel()
    column = QVBoxLayout(half)
    column.setContentsMargins(4 * theme.GRID, 2 * theme.GRID, 4 * theme.GRID, 3 * theme.GRID)
    column.setSpacing(2 * theme.GRID)
    for item in items:
        if isinstance(item, QWidget):
            column.addWidget(item, 1 if isinstance(item, Composer | QStackedWidget) else 0)
        else:
            column.addLayout(item)
    return half
