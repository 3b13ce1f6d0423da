"""One quiet line that says which archives have appeared in the model store, with Register. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal

from gui.widgets.basics import Button
from gui.widgets.strip import Strip
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

    from gui.face import EngineFace


class OffersStrip(Strip):
    """Hidden while nothing is offered; `look` is called whenever the window has looked at the engine.

    Signals: `chosen` with the name of the archive that the user wants to register.
    """

    chosen = Signal(str)

    def __init__(self, engine: EngineFace, parent: QWidget | None = None) -> None:
        super().__init__(tr("New in the model store"), Button(tr("Register…")), parent)
        self._engine = engine
        self._shown: Sequence[str] = ()
        self.button.clicked.connect(self._choose)
        self.dismiss.clicked.connect(self._decline)
        self.say("", "")

    def look(self) -> None:
        """Show what is offered now."""
        offered = self._engine.offers()
        if offered == self._shown:
            return
        self._shown = offered
        self.say(_said(offered), "\n".join(offered))

    def _choose(self) -> None:
        self.chosen.emit(self._shown[0])

    def _decline(self) -> None:
        for name in self._shown:
            self._engine.decline(name)
        self.look()


def _said(offered: Sequence[str]) -> str:
    first = tr("{name} is new in the model store.").format(name=offered[0]) if offered else ""
    others = counted(len(offered) - 1, "%n more is new.", "%n more are new.") if offered[1:] else ""
    return " ".join(filter(None, (first, others)))
