"""The three places where an archive may come from, each with its own rows in the dialog's form. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStringListModel, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QCompleter, QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme
from gui.dialogs.operation import red
from gui.dialogs.registering import reach
from gui.widgets.basics import Button, Caption
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.settings import Settings


class Source(QObject):
    """One place; `rows` are what it asks, with their labels.

    Signals: `changed` when what it names may be another archive.
    """

    changed = Signal()
    title = ""

    def __init__(self, rows: Iterable[tuple[str, QWidget]], first: QLineEdit, parent: QObject) -> None:
        super().__init__(parent)
        self.rows = tuple(rows)
        self.first = first

    @property
    def url(self) -> str:
        """What to register, as the engine takes it."""
        raise NotImplementedError

    @property
    def is_signed(self) -> bool:
        """Whether the request for an http or https URL carries AWS's signature."""
        return False

    @property
    def profile(self) -> str | None:
        """The AWS profile that signs, None for the one that AWS finds."""
        return None

    def problem(self) -> str:
        """Say what is wrong with the input, empty when nothing is."""
        raise NotImplementedError


class FileSource(Source):
    """A file, or a name in the model store.

    Signals: `chosen` with the path of a file to copy, `named` when a name has been typed or picked.
    """

    chosen = Signal(str)
    named = Signal()

    def __init__(self, parent: QWidget) -> None:
        self.title = tr("File")
        self.archive = _line(tr("Archive"), tr("Choose or drop a .mar, or type its name in the model store"))
        self.choose = Button(tr("Choose…"))
        self.choose.setAutoDefault(False)
        self.pick = Button("▾")
        self.pick.setToolTip(tr("Pick an archive that is in the model store"))
        self.pick.setAccessibleName(self.pick.toolTip())
        self.pick.setAutoDefault(False)
        self.pick.hide()
        field = _beside(self.archive, self.pick, self.choose)
        super().__init__([(tr("Archive"), field)], self.archive, parent)
        self._parent = parent
        self._stored = QStringListModel(self)
        self.completer = _completer(self._stored, self.archive)
        self.completer.activated.connect(lambda _name: self.named.emit())
        self.pick.clicked.connect(self._list_all)
        self.choose.clicked.connect(self._ask)
        self.archive.textChanged.connect(self.changed)
        self.archive.editingFinished.connect(self.named)

    @property
    @override
    def url(self) -> str:
        return self.archive.text().strip()

    @override
    def problem(self) -> str:
        return "" if self.url else tr("Choose an archive, or type its name in the model store.")

    def offer(self, names: Sequence[str]) -> None:
        """Let these archives of the model store be picked."""
        self._stored.setStringList(names)
        self.pick.setVisible(bool(names))

    def _list_all(self) -> None:
        self.archive.setFocus()
        self.completer.setCompletionPrefix("")
        self.completer.complete()

    def _ask(self) -> None:
        chooser = QFileDialog(self._parent, tr("Choose an archive"))
        chooser.setNameFilter(tr("Model archives (*.mar *.tar.gz *.tgz)"))
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.fileSelected.connect(self.chosen)
        chooser.finished.connect(chooser.deleteLater)
        chooser.open()


class UrlSource(Source):
    """An address that the engine downloads."""

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        self.title = tr("URL")
        self._settings = settings
        self.line = _line(tr("URL"), "https://models.example/digits.mar")
        self.sign = _check(tr("Sign with AWS credentials (S3 with SSE-KMS)"))
        self.reach = Reach(settings)
        self.test = _test_button()
        rows = [(tr("URL"), _beside(self.line, self.test)), ("", self.reach), ("", self.sign)]
        super().__init__(rows, self.line, parent)
        self.line.textChanged.connect(self.changed)
        self.sign.toggled.connect(self.changed)

    @property
    @override
    def url(self) -> str:
        return self.line.text().strip()

    @property
    @override
    def is_signed(self) -> bool:
        return self.sign.isChecked() and self.url.lower().startswith("http")

    @override
    def problem(self) -> str:
        return reach.url_problem(self.url, self._settings)


class S3Source(Source):
    """An object in a bucket; without a region it is asked for as s3://, which is always signed."""

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        self.title = tr("S3")
        self._settings = settings
        self.bucket = _line(tr("Bucket"), "my-models")
        self.key = _line(tr("Key"), "vision/digits.mar")
        self.region = _line(tr("Region"), tr("as AWS finds it"))
        self.of_profile = _line(tr("Profile"), tr("as AWS finds it"))
        self.test = _test_button()
        self.sign = _check(tr("Encrypted with SSE-KMS (sign with AWS credentials)"))
        self.reach = Reach(settings)
        rows = [
            (tr("Bucket"), self.bucket),
            (tr("Key"), _beside(self.key, self.test)),
            (tr("Region"), self.region),
            (tr("Profile"), self.of_profile),
            ("", self.sign),
            ("", self.reach),
        ]
        super().__init__(rows, self.bucket, parent)
        self.sign.setChecked(True)
        for line in (self.bucket, self.key, self.region, self.of_profile):
            line.textChanged.connect(self.changed)
        self.sign.toggled.connect(self.changed)

    def show_signing(self) -> None:
        """Leave the choice of signing only where there is one: s3:// is always signed."""
        self.sign.setEnabled(bool(self._region))
        if not self._region:
            self.sign.setChecked(True)

    @property
    def _region(self) -> str:
        return self.region.text().strip()

    @property
    @override
    def url(self) -> str:
        return reach.s3_url(self.bucket.text().strip(), self.key.text().strip().lstrip("/"), self._region)

    @property
    @override
    def is_signed(self) -> bool:
        return self.sign.isChecked() and bool(self._region)

    @property
    @override
    def profile(self) -> str | None:
        return self.of_profile.text().strip() or None

    @override
    def problem(self) -> str:
        bucket, key = self.bucket.text().strip(), self.key.text().strip().lstrip("/")
        return reach.s3_problem(bucket, key, self._region) or reach.url_problem(self.url, self._settings)


class Reach(QWidget):
    """Which addresses the settings allow, and in red when they open this machine or its network."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        read = tr("Read after the download; nothing in it runs before its workers start.")
        self.allowed = Caption(f"{reach.allowed_words(settings)} {read}", wraps=True)
        self.warning = red(Caption(reach.warning(settings), wraps=True))
        self.warning.setVisible(bool(self.warning.text()))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.allowed)
        column.addWidget(self.warning)


def _line(label: str, hint: str) -> QLineEdit:
    line = QLineEdit()
    line.setAccessibleName(label)
    line.setPlaceholderText(hint)
    return line


def _test_button() -> Button:
    button = Button(tr("Test"))
    button.setToolTip(tr("Look whether the archive is there and may be read, without fetching it"))
    button.setAutoDefault(False)
    return button


def _check(text: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setAccessibleName(text)
    return box


def _completer(names: QStringListModel, line: QLineEdit) -> QCompleter:
    completer = QCompleter(names, line)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    line.setCompleter(completer)
    return completer


def _beside(line: QLineEdit, *buttons: Button) -> QWidget:
    field = QWidget()
    row = QHBoxLayout(field)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(line, 1)
    for button in buttons:
        row.addWidget(button)
        # A taller field would push its label out of line.
        button.setFixedHeight(line.sizeHint().height())
    return field
