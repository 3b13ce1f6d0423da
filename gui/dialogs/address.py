"""What to do when another program has a port that Marina needs. The GUI thread."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from gui import theme
from gui.dialogs.operation import dialog_width
from gui.widgets.basics import Button, Label
from gui.words import tr

if TYPE_CHECKING:
    from engine.errors import AddressInUseError


class Answer(Enum):
    """What the user chose."""

    USE_OTHER = auto()
    TRY_AGAIN = auto()
    QUIT = auto()


class AddressDialog(QDialog):
    """Names the port and who holds it; `answer` is what was chosen, quitting when it was only closed."""

    def __init__(self, error: AddressInUseError, free_port: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Port {port} is taken").format(port=error.port))
        self.setFixedWidth(dialog_width(self))
        self.answer = Answer.QUIT
        text = Label(str(error), selectable=True)
        text.setWordWrap(True)
        self.use_other = Button(tr("Use port {port}").format(port=free_port), primary=True)
        self.try_again = Button(tr("Try again"))
        self.quit = Button(tr("Quit"))
        self.use_other.clicked.connect(lambda: self._choose(Answer.USE_OTHER))
        self.try_again.clicked.connect(lambda: self._choose(Answer.TRY_AGAIN))
        self.quit.clicked.connect(self.reject)
        self.use_other.setDefault(True)
        buttons = QDialogButtonBox()
        buttons.addButton(self.use_other, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self.try_again, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self.quit, QDialogButtonBox.ButtonRole.ActionRole)
        column = QVBoxLayout(self)
        column.setContentsMargins(5 * theme.GRID, 5 * theme.GRID, 5 * theme.GRID, 4 * theme.GRID)
        column.setSpacing(4 * theme.GRID)
        column.addWidget(text)
        column.addWidget(buttons)

    def _choose(self, answer: Answer) -> None:
        self.answer = answer
        self.accept()
