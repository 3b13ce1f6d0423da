"""Tells a screen reader when the selected model became ready or failed. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

from engine.snapshots import VersionState
from gui import words
from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from gui.tables.records import ModelRecord

TOLD = (VersionState.READY, VersionState.FAILED)
# Ready and busy alternate with every request, and are the same news.
SERVING = (VersionState.READY, VersionState.BUSY)


class Announcer:
    """Remembers what the selected model was; `widget` is what the reader is at."""

    def __init__(self, widget: QWidget) -> None:
        self._widget = widget
        self._name = ""
        self._state = VersionState.IDLE

    def look(self, model: ModelRecord | None) -> None:
        """Announce the selected model's state when it is news."""
        if model is None:
            self._name = ""
            return
        state = VersionState.READY if model.state in SERVING else model.state
        before, self._name, self._state = (self._name, self._state), model.name, state
        if before[0] == model.name and before[1] is not state and state in TOLD:
            self.say(_news(model, state))

    def say(self, text: str) -> None:
        """Have a text read out when the reader has time."""
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._widget, text))


def _news(model: ModelRecord, state: VersionState) -> str:
    told = tr("{model}: {state}").format(model=model.name, state=words.state_name(state))
    return f"{told}. {model.cause}" if model.cause else told
