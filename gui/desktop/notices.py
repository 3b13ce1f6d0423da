"""Notifications about models, only while the window is not in front, collected for a while. The GUI thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from gui.desktop.happenings import WELL, look, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine.snapshots import Key
    from gui.desktop.happenings import Happening, Looks
    from gui.tables.records import ModelRecord

TOGETHER_MS = 2000


class Notices(QObject):
    """Looks at states whenever it is told to; `wanted` asks whether something may be said now.

    While nothing may be said nothing is looked at, so the first look after that only sets out from what there is.

    Signals: `due` with the lines to say; what they are about is in `newest` until the next ones.
    """

    due = Signal(list)

    def __init__(self, wanted: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted = wanted
        # What was seen of each model, None before the first look. A model that is the same is not looked at again.
        self._seen: dict[str, tuple[ModelRecord, Looks]] | None = None
        self._collected: list[Happening] = []
        self.newest: Key | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TOGETHER_MS)
        self._timer.timeout.connect(self.flush)

    def look(self, models: Iterable[ModelRecord], now: float | None = None) -> None:
        """Note what happened since the last look; `now` is in seconds on a steady clock."""
        if not self._wanted():
            self._seen = None
            return
        moment, before = time.monotonic() if now is None else now, self._seen or {}
        is_first, self._seen = self._seen is None, {}
        for model in models:
            known = before.get(model.name)
            if known is not None and _are_well(known[0], model):
                known = model, known[1]
            elif known is None or known[0] is not model:
                known = model, self._note(model, None if is_first else known[1] if known else {}, moment)
            self._seen[model.name] = known

    def _note(self, model: ModelRecord, before: Looks | None, now: float) -> Looks:
        states = {snapshot.key: snapshot.state for snapshot in model.snapshots}
        seen, happened = look(before, states, now)
        self._collected += happened
        if happened and not self._timer.isActive():
            self._timer.start()
        return seen

    def flush(self) -> None:
        """Say what has been collected, unless somebody looks by now."""
        self._timer.stop()
        happenings, self._collected = self._collected, []
        if happenings and self._wanted():
            self.newest = happenings[0].key
            self.due.emit(sentences(happenings))

    def close(self) -> None:
        """Say nothing more."""
        self._timer.stop()
        self._collected = []


def _are_well(before: ModelRecord, after: ModelRecord) -> bool:
    """Whether nothing can have happened: every version serves, as it did."""
    return len(before.versions) == len(after.versions) and all(
        version.snapshot.state in WELL for model in (before, after) for version in model.versions
    )
