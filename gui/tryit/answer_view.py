"""The right half: what came back, shown by its kind. The GUI thread; bodies are read elsewhere."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QPainter, QPaintEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from engine.snapshots import VersionState
from gui import theme, words
from gui.dialogs.disclosure import Toggle
from gui.marks import SIZE, paint_mark
from gui.tryit.answer import Answer, Failure, latency_words, status_words, what_helps
from gui.tryit.composer import HEADER_LINES, Editor
from gui.tryit.json_view import JsonView
from gui.tryit.pictures import ImageView, WaveView
from gui.tryit.reading import (
    LONGEST_TEXT,
    BytesContent,
    Content,
    ImageContent,
    JsonContent,
    TextContent,
    WaveContent,
    content_words,
)
from gui.widgets.basics import Button, Caption, Label, Panel
from gui.words import tr

if TYPE_CHECKING:
    from pathlib import Path

    from gui.tryit.answer import Outcome


class Status(QWidget):
    """A mark and semibold words in the mark's colour."""

    def __init__(self) -> None:
        super().__init__()
        self.setFont(theme.semibold(self.font()))
        self.state, self.text = VersionState.IDLE, ""

    def show_state(self, state: VersionState, text: str) -> None:
        """Show this."""
        self.state, self.text = state, text
        self.setAccessibleName(text)
        self.setVisible(bool(text))
        self.updateGeometry()
        self.update()

    @override
    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.text) + round(SIZE) + 3 * theme.GRID, metrics.height() + theme.GRID)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colour = theme.tokens(self.palette()).states[self.state]
        painter = QPainter(self)
        paint_mark(painter, QPointF(SIZE / 2 + 1, self.height() / 2), self.state, colour)
        painter.setPen(colour)
        inner = self.rect().adjusted(round(SIZE) + 2 * theme.GRID, 0, 0, 0)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, self.text)
        painter.end()


class AnswerView(Panel):
    """One outcome, or that there is none yet; `head`, its status and facts, is for whoever has room above.

    Signals: `save_wanted` with the answer.
    """

    save_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._answer: Answer | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.status, self.facts = Status(), Caption()
        self.help, self.kind = Label(selectable=True), Caption(wraps=True)
        self.help.setWordWrap(True)
        self.empty = Caption(tr("The answer appears here. Ctrl+Enter sends."))
        self.text = Editor(tr("Answer"), "")
        self.text.setReadOnly(True)
        self.json, self.image, self.wave = JsonView(), ImageView(), WaveView()
        self.headers = Editor(tr("Headers of the answer"), "")
        self.headers.setReadOnly(True)
        self.headers_toggle = Toggle(tr("Headers"))
        self.player = Button(tr("Open with the system's player"))
        self.save = Button(tr("Save answer as…"))
        self._lay_out()
        self.headers_toggle.toggled.connect(self.headers.setVisible)
        self.save.clicked.connect(lambda: self.save_wanted.emit(self._answer))
        self.show_nothing()

    def _lay_out(self) -> None:
        self.body = QStackedWidget()
        blank = Panel()
        QVBoxLayout(blank).addWidget(self.empty, 0, Qt.AlignmentFlag.AlignCenter)
        for page in (blank, self.text, self.json, self.image, self.wave):
            self.body.addWidget(page)
        self._blank = blank
        self.headers.setFixedHeight((HEADER_LINES + 1) * self.headers.fontMetrics().lineSpacing())
        self.headers.hide()
        self.facts.setMinimumWidth(1)
        self.head = QWidget()
        top = QHBoxLayout(self.head)
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(3 * theme.GRID)
        for widget in (self.status, self.facts):
            top.addWidget(widget)
        self.foot = QWidget()
        below = QHBoxLayout(self.foot)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(2 * theme.GRID)
        below.addWidget(self.save)
        below.addWidget(self.player)
        below.addWidget(self.kind, 1)
        below.addWidget(self.headers_toggle)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * theme.GRID)
        column.addWidget(self.help)
        column.addWidget(self.body, 1)
        column.addWidget(self.headers)
        column.addWidget(self.foot)

    def show_nothing(self) -> None:
        """Say that nothing was sent yet."""
        self._reset(VersionState.IDLE, "", tr("The answer appears here. Ctrl+Enter sends."))

    def show_waiting(self) -> None:
        """Say that the request is on its way."""
        self._reset(VersionState.LOADING, tr("Waiting for the answer"), "")
        self._decoder.reset()

    def show_elapsed(self, seconds: float) -> None:
        """Say how long the request has been on its way."""
        self.facts.setText(tr("{seconds} s").format(seconds=f"{seconds:.1f}"))

    def _reset(self, state: VersionState, status: str, empty: str) -> None:
        self._answer = None
        self.json.clear()
        self.text.clear()
        self.status.show_state(state, status)
        self.empty.setText(empty)
        for label in (self.facts, self.help, self.kind):
            label.clear()
        for widget in (self.help, self.kind, self.foot, self.headers, self.player):
            widget.hide()
        self.body.setCurrentWidget(self._blank)

    def add_piece(self, piece: bytes) -> None:
        """Show more of an answer that comes in pieces, as text; a long one is shown whole when it is complete."""
        if self.text.document().characterCount() > LONGEST_TEXT:
            return
        self.status.show_state(VersionState.LOADING, tr("Receiving"))
        self.body.setCurrentWidget(self.text)
        cursor = self.text.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(self._decoder.decode(piece[:LONGEST_TEXT]))

    def show_outcome(self, outcome: Outcome) -> None:
        """Show how the request ended; the body of an answer follows with `show_content`."""
        streamed = self.text.toPlainText()
        self._reset(*status_words(outcome), "")
        self.facts.setText(latency_words(outcome.latency))
        if isinstance(outcome, Failure):
            self._say(self.help, outcome.text)
        else:
            self._show_answer(outcome)
        if streamed:
            self.text.setPlainText(streamed)
            self.body.setCurrentWidget(self.text)

    def _show_answer(self, answer: Answer) -> None:
        self._answer = answer
        size = words.size(answer.size) if answer.size else tr("empty")
        form = answer.header("content-type")
        self.facts.setText(" · ".join(filter(None, (latency_words(answer.latency), size, form))))
        self._say(self.help, what_helps(answer))
        self.headers.show_text("\n".join(f"{name}: {value}" for name, value in answer.headers))
        self.headers.setVisible(self.headers_toggle.isChecked())
        self.save.setEnabled(answer.size > 0)
        self.foot.show()

    def show_content(self, content: Content) -> None:
        """Show the body."""
        self._say(self.help, "\n".join(filter(None, (self._message(content), self.help.text()))))
        self._say(self.kind, self._limits() + content_words(content))
        match content:
            case JsonContent(value=value):
                self.json.show_value(value)
                self.body.setCurrentWidget(self.json)
            case ImageContent(image=image):
                self.image.show_image(image, content_words(content))
                self.body.setCurrentWidget(self.image)
            case WaveContent(peaks=peaks):
                self.wave.show_peaks(peaks, content_words(content))
                self.body.setCurrentWidget(self.wave)
            case TextContent(text=text) | BytesContent(dump=text):
                self.text.show_text(text)
                self.body.setCurrentWidget(self.text)
        playable = isinstance(content, WaveContent) or (isinstance(content, BytesContent) and content.playable)
        self.player.setVisible(playable)

    def _message(self, content: Content) -> str:
        """What the server says about an error, in TorchServe's shape."""
        is_error = self._answer is not None and self._answer.is_error
        said = content.value if isinstance(content, JsonContent) and is_error else None
        message = said.get("message") if isinstance(said, dict) else None
        return message if isinstance(message, str) else ""

    def _limits(self) -> str:
        if self._answer is None or self._answer.file is None:
            return ""
        return tr("{size} is kept in a temporary file. ").format(size=words.size(self._answer.size))

    def _say(self, label: Label, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))


def play(path: Path) -> None:
    """Open a sound with the program that the system has for it."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
