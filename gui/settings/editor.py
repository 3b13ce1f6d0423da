"""Below the table of settings: what the chosen one means, and the field that changes it. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from gui import theme
from gui.dialogs.operation import red
from gui.widgets.basics import Button, Caption, Label
from gui.words import tr

if TYPE_CHECKING:
    from gui.settings.rows import Row

FOLDERS = frozenset({"model_store"})
FILES = frozenset({"metrics_config", "certificate_file", "private_key_file", "s3_sse_c_key_file", "keystore"})
PYTHON = "worker_python"
SWITCH = ("true", "false")


class Editor(QWidget):
    """The field of one setting.

    Signals: `typed` with the text, None for the default; `check_wanted` with an interpreter.
    """

    typed = Signal(object)
    check_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._row: Row | None = None
        self.name = Label(selectable=True)
        self.name.setFont(theme.semibold(self.name.font()))
        self.help = Caption(wraps=True)
        self.alarm, self.message = red(Caption(wraps=True)), Caption(wraps=True)
        self.line, self.switch = QLineEdit(), QComboBox()
        self.switch.addItems(SWITCH)
        self.default = Button(tr("Use default"))
        self.browse = Button(tr("Browse…"))
        self.check = Button(tr("Check"))
        self._lay_out()
        self.line.textEdited.connect(self.typed.emit)
        self.switch.textActivated.connect(self.typed.emit)
        self.default.clicked.connect(lambda: self.typed.emit(None))
        self.browse.clicked.connect(self._browse)
        self.check.clicked.connect(lambda: self.check_wanted.emit(self.line.text().strip()))

    def _lay_out(self) -> None:
        field = QHBoxLayout()
        field.setSpacing(2 * theme.GRID)
        field.addWidget(self.line, 1)
        field.addWidget(self.switch, 1)
        for button in (self.browse, self.check, self.default):
            button.setAutoDefault(False)
            field.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for widget in (self.name, self.help):
            column.addWidget(widget)
        column.addLayout(field)
        column.addWidget(self.alarm)
        column.addWidget(self.message)

    def show_door(self, door: str) -> None:
        """Say in red what the setting opens, nothing when it opens nothing."""
        self.alarm.setText(door)
        self.alarm.setVisible(bool(door))

    def show_row(self, row: Row, text: str) -> None:
        """Offer this setting with this text."""
        self._row = row
        self.name.setText(row.key)
        facts = [row.help[0].upper() + row.help[1:], row.unit]
        self.help.setText(" · ".join(fact for fact in facts if fact))
        for field in (self.line, self.switch):
            field.setAccessibleName(row.key)
            field.setAccessibleDescription(row.help)
            field.setEnabled(not row.locked)
        self.line.setVisible(not row.is_switch)
        self.switch.setVisible(row.is_switch)
        self.line.setPlaceholderText(row.default or tr("Not set"))
        self.browse.setVisible(row.key in FOLDERS | FILES)
        self.browse.setEnabled(not row.locked)
        self.check.setVisible(row.key == PYTHON)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Show a text that was not typed here, and say what is wrong with it."""
        if self.line.text().strip() != text:
            self.line.setText(text)
        self.switch.setCurrentText(text)
        if self._row is not None:
            self.default.setEnabled(not self._row.locked and text != self._row.default)
            self.check.setEnabled(bool(text))
            problem = self._row.locked or (text != self._row.default and self._row.problem(text)) or ""
            self.message.setText(problem or tr("Takes effect when the server starts the next time."))

    def _browse(self) -> None:
        wants_file = self._row is not None and self._row.key in FILES
        dialog = QFileDialog(self, tr("Choose a file") if wants_file else tr("Choose a folder"), self.line.text())
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile if wants_file else QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.typed.emit)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
