"""What an archive says about itself, before anything in it runs. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from gui import theme, words
from gui.dialogs.disclosure import Disclosure
from gui.dialogs.operation import red
from gui.widgets.basics import Button, Caption, Label
from gui.words import counted, tr

if TYPE_CHECKING:
    from engine.snapshots import ArchiveSummary

LINES = 8
NAMED = 3
CODE = (".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".whl")


class Facts(QWidget):
    """The manifest, size, sha256 and files of one archive, and which of them are code."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = Label(selectable=True)
        self.digest = Label(selectable=True)
        self.digest.setFont(theme.small(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)))
        self.digest.setAccessibleName(tr("SHA-256"))
        self.copy = Button(tr("Copy"))
        self.copy.setAutoDefault(False)
        self.copy.setToolTip(tr("Copy the SHA-256"))
        self.copy.clicked.connect(self._copy)
        self.files = QPlainTextEdit()
        self.files.setReadOnly(True)
        self.files.setAccessibleName(tr("Files"))
        self.listing = Disclosure("", self.files)
        self.warning = Caption(wraps=True)
        self.config = red(Caption(wraps=True))
        self.config.hide()
        for label in (self.facts, self.digest):
            label.setWordWrap(True)
        self._sha256 = ""
        self._lay_out()

    def _lay_out(self) -> None:
        checksum = QWidget()
        row = QHBoxLayout(checksum)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.digest, 1)
        row.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for widget in (self.facts, checksum, self.listing, self.warning, self.config):
            column.addWidget(widget)

    def show_summary(self, summary: ArchiveSummary) -> None:
        """Show what is inside."""
        self._sha256 = summary.sha256
        self.facts.setText(_facts(summary))
        self.digest.setText(tr("SHA-256 {sum}").format(sum=_parted(summary.sha256)))
        self.listing.toggle.setText(counted(len(summary.files), "%n file", "%n files"))
        self.listing.toggle.setAccessibleName(self.listing.toggle.text())
        self.files.setPlainText("\n".join(summary.files))
        lines = min(LINES, len(summary.files) + 1)
        self.files.setFixedHeight(lines * self.files.fontMetrics().lineSpacing() + 2 * theme.GRID)
        self.warning.setText(_warning(summary.files))
        told = tr("Model configuration: {problem}")
        self.config.setText("\n".join(told.format(problem=problem) for problem in summary.config_problems))
        self.config.setVisible(bool(summary.config_problems))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._sha256)


def _parted(digest: str) -> str:
    """Return the digest with a blank in its middle, where it may wrap."""
    half = len(digest) // 2
    return f"{digest[:half]} {digest[half:]}"


def _facts(summary: ArchiveSummary) -> str:
    head = f"{summary.model_name or summary.file_name} {summary.version} · {words.size(summary.size)}"
    parts = (head, summary.runtime, summary.handler)
    return "\n".join(line for line in (" · ".join(part for part in parts if part), summary.description) if line)


def _warning(files: tuple[str, ...]) -> str:
    code = [name for name in files if name.lower().endswith(CODE)]
    if not code:
        return tr("Holds no code of its own. Weights may still run code when a handler loads them.")
    named = ", ".join(code[:NAMED]) + (", …" if len(code) > NAMED else "")
    return tr("Contains code: {files}. It runs in the workers once you register, not before.").format(files=named)
