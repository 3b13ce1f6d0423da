"""The left half: what is sent. Shows a draft and gives it back as it was changed. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPlainTextEdit, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme
from gui.dialogs.disclosure import Toggle
from gui.tryit.parts import FileField, PartsEditor
from gui.tryit.request import BINARY, JSON, TEXT, Draft, Source, Verb
from gui.widgets.basics import Button, Caption, Panel
from gui.widgets.tabs import Tabs
from gui.words import tr

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = (Source.FILE, Source.TEXT, Source.PARTS)
TYPES = (JSON, f"{TEXT}; charset=utf-8", BINARY)
PAUSE_MS = 150
HEADER_LINES = 3
DASHES = [5.0, 4.0]


class FilePage(Panel):
    """A dashed box for one file: its name, or where to drop it."""

    def __init__(self) -> None:
        super().__init__()
        self.file = FileField()
        self.hint = Caption(tr("Drop a file here, or"))
        self.sample = Button(tr("Send a sample input"))
        self.sample.setToolTip(tr("Send an image that comes with Marina; another one each time"))
        self.sample.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addStretch()
        column.addWidget(self.hint, 0, Qt.AlignmentFlag.AlignHCenter)
        choices = QHBoxLayout()
        choices.setSpacing(2 * theme.GRID)
        choices.addStretch()
        choices.addWidget(self.file)
        choices.addWidget(self.sample)
        choices.addStretch()
        column.addLayout(choices)
        column.addStretch()

    def show_path(self, path: Path | None) -> None:
        """Show the file, and how to send another."""
        self.file.show_path(path)
        self.file.updateGeometry()
        self.hint.setText(
            tr("Sends this file. Drop another, or click to choose.") if path else tr("Drop a file here, or")
        )

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(colours.dim if self.file.path is None else colours.border, 1)
        if self.file.path is None:
            pen.setDashPattern(DASHES)
        painter.setPen(pen)
        painter.setBrush(colours.alternate)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), theme.RADIUS, theme.RADIUS)
        painter.end()


class Editor(QPlainTextEdit):
    """Text of a fixed pitch; Tab goes on to the next control, and what is dropped on it is the page's."""

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(hint)
        self.setFont(theme.small(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)))
        self.setTabChangesFocus(True)
        self.setAcceptDrops(False)
        self.setMinimumHeight(theme.ROW_HEIGHT)

    def show_text(self, text: str) -> None:
        """Show this text; the way back stays open when it is shown already."""
        if text != self.toPlainText():
            self.setPlainText(text)


class Composer(Panel):
    """Body, content type and headers. Signals: `changed`, a moment after the last change."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._showing = False
        self.sources = Tabs()
        self.sources.setAccessibleName(tr("What the body is"))
        self.setFocusProxy(self.sources)
        self.verb, self.target, self.content_type = QComboBox(), QComboBox(), QComboBox()
        self.file_page, self.parts = FilePage(), PartsEditor()
        self.text = Editor(tr("Text to send"), tr("Type JSON or text"))
        self.headers = Editor(tr("Headers"), tr("One a line, like X-Request: 7"))
        self.headers_toggle = Toggle(tr("Headers"))
        self.words = Caption(wraps=True)
        self._fill()
        self._lay_out()
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._settle)
        self._connect()
        self.show_draft(Draft())

    def _fill(self) -> None:
        for title in (tr("File"), tr("Text"), tr("Parts")):
            self.sources.addTab(title)
        self.verb.addItems([tr("Predict"), tr("Explain")])
        self.verb.setAccessibleName(tr("What is asked"))
        self.target.addItems([tr("this version"), tr("the default version")])
        self.target.setAccessibleName(tr("Which version is asked"))
        self.content_type.addItems([tr("Automatic"), tr("JSON"), tr("Text"), tr("Bytes (octet-stream)")])
        self.content_type.setAccessibleName(tr("Content type"))
        self.content_type.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.headers.setFixedHeight(HEADER_LINES * self.headers.fontMetrics().lineSpacing() + 3 * theme.GRID)
        self.headers.hide()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(2 * theme.GRID)
        top.addWidget(self.sources)
        top.addStretch()
        top.addWidget(self.verb)
        top.addWidget(self.target)
        self.body = QStackedWidget()
        for page in (self.file_page, self.text, self.parts):
            self.body.addWidget(page)
        below = QHBoxLayout()
        below.setSpacing(2 * theme.GRID)
        self._type_words = Caption(tr("Content type"))
        below.addWidget(self._type_words)
        below.addWidget(self.content_type)
        below.addStretch()
        below.addWidget(self.headers_toggle)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * theme.GRID)
        column.addLayout(top)
        column.addWidget(self.body, 1)
        column.addLayout(below)
        column.addWidget(self.headers)
        column.addWidget(self.words)

    def _connect(self) -> None:
        self.headers_toggle.toggled.connect(self.headers.setVisible)
        self.sources.currentChanged.connect(self.body.setCurrentIndex)
        self.file_page.file.chosen.connect(self._choose_file)
        for signal in (
            self.sources.currentChanged,
            self.verb.currentIndexChanged,
            self.target.currentIndexChanged,
            self.content_type.currentIndexChanged,
        ):
            signal.connect(self._settle)
        for signal in (self.text.textChanged, self.headers.textChanged, self.parts.changed):
            signal.connect(self._touch)

    def _touch(self) -> None:
        if not self._showing:
            self._pause.start()

    def _settle(self) -> None:
        if not self._showing:
            self._pause.stop()
            self._tell()
            self.changed.emit()

    def _choose_file(self) -> None:
        self.file_page.show_path(self.file_page.file.path)
        self._settle()

    @property
    def draft(self) -> Draft:
        """What would be sent."""
        chosen = self.content_type.currentIndex()
        return Draft(
            source=SOURCES[self.sources.currentIndex()],
            path=self.file_page.file.path,
            text=self.text.toPlainText(),
            parts=self.parts.parts,
            content_type=TYPES[chosen - 1] if chosen > 0 else "",
            headers=self.headers.toPlainText(),
            verb=list(Verb)[self.verb.currentIndex()],
            to_default=self.target.currentIndex() == 1,
        )

    def show_draft(self, draft: Draft) -> None:
        """Show a draft without telling anybody that something changed."""
        self._showing = True
        self._pause.stop()
        self.sources.setCurrentIndex(SOURCES.index(draft.source))
        self.file_page.show_path(draft.path)
        self.text.show_text(draft.text)
        self.parts.show_parts(draft.parts)
        self.content_type.setCurrentIndex(TYPES.index(draft.content_type) + 1 if draft.content_type else 0)
        self.headers.show_text(draft.headers)
        self.headers_toggle.setChecked(self.headers_toggle.isChecked() or bool(draft.headers))
        self.verb.setCurrentIndex(list(Verb).index(draft.verb))
        self.target.setCurrentIndex(int(draft.to_default))
        self._showing = False
        self._tell()

    def _tell(self) -> None:
        """Say which content type goes with the body, and what is wrong with it."""
        draft = self.draft
        automatic = Draft(draft.source, draft.path, draft.text).type_sent
        typed = draft.source is not Source.PARTS
        has_body = draft.source is Source.TEXT or draft.path is not None
        automatic_words = tr("Automatic: {type}").format(type=automatic) if typed and has_body else tr("Automatic")
        self.content_type.setItemText(0, automatic_words)
        self.content_type.setVisible(typed)
        self._type_words.setText(tr("Content type") if typed else tr("Sent as multipart/form-data"))
        self.words.setText(remark(draft))
        self.words.setVisible(bool(self.words.text()))


def remark(draft: Draft) -> str:
    """What to say about a draft under it: that it cannot be sent, or what looks wrong. An untouched one is fine."""
    untouched = draft.source is Source.FILE and draft.path is None
    return ("" if untouched else draft.problem()) or draft.warning()
