"""One quiet line that says which archives have appeared in the model store, with Register. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from gui import theme
from gui.widgets.basics import Button, Label, Panel, Rule
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gui.face import EngineFace


class OffersStrip(Panel):
    """Hidden while nothing is offered; `look` is called whenever the window has looked at the engine.

    Signals: `chosen` with the name of the archive that the user wants to register.
    """

    chosen = Signal(str)

    def __init__(self, engine: EngineFace, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setAccessibleName(tr("New in the model store"))
        self._engine = engine
        self._shown: Sequence[str] = ()
        self.text = Label(selectable=True)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.register = Button(tr("Register…"))
        self.dismiss = Button(tr("Dismiss"))
        self.register.clicked.connect(self._choose)
        self.dismiss.clicked.connect(self._decline)
        row = QHBoxLayout()
        row.setContentsMargins(theme.PADDING, theme.GRID, theme.PADDING, theme.GRID)
        row.setSpacing(2 * theme.GRID)
        row.addWidget(self.text, 1)
        row.addWidget(self.register)
        row.addWidget(self.dismiss)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Rule())
        column.addLayout(row)
        self.hide()

    def look(self) -> None:
        """Show what is offered now."""
        offered = self._engine.offers()
        if offered == self._shown:
            return
        self._shown = offered
        self.setVisible(bool(offered))
        if offered:
            said = tr("{name} is new in the model store.").format(name=offered[0])
            others = counted(len(offered) - 1, "%n more is new.", "%n more are new.") if offered[1:] else ""
            self.text.setText(" ".join(filter(None, (said, others))))
            self.text.setToolTip("\n".join(offered))
            self.setAccessibleDescription(self.text.text())

    def _choose(self) -> None:
        self.chosen.emit(self._shown[0])

    def _decline(self) -> None:
        for name in self._shown:
            self._engine.decline(name)
        self.look()
