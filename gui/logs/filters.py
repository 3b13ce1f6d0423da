"""The boxes that choose which lines of the log are shown. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from engine.snapshots import Stream
from gui import theme
from gui.logs.book import Filter
from gui.logs.levels import Level
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Collection

LEAST_WIDTH = 18 * theme.GRID
LEVELS = (
    ("All levels", Level.DEBUG),
    ("Info and worse", Level.INFO),
    ("Warnings and worse", Level.WARNING),
    ("Errors", Level.ERROR),
)
STREAMS = (
    ("All output", None),
    ("Standard output", Stream.STDOUT),
    ("Standard error", Stream.STDERR),
    ("Marina's words", Stream.MARINA),
)


class Filters(QWidget):
    """Signals: `changed` when `choice` is another."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.worker, self.level, self.stream = QComboBox(), QComboBox(), QComboBox()
        self._workers: list[tuple[str, str]] = []
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID)
        for box, name in ((self.worker, tr("Worker")), (self.level, tr("Level")), (self.stream, tr("Output"))):
            box.setAccessibleName(name)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.setMinimumWidth(LEAST_WIDTH)
            row.addWidget(box)
        for text, level in LEVELS:
            self.level.addItem(tr(text), level)
        for text, stream in STREAMS:
            self.stream.addItem(tr(text), stream)
        self.list_workers((), ())
        for box in (self.worker, self.level, self.stream):
            box.currentIndexChanged.connect(self.changed)

    @property
    def choice(self) -> Filter:
        """What is to be shown."""
        stream = self.stream.currentData()
        worker = self.worker.currentData() or ""
        return Filter(Level(self.level.currentData()), worker, Stream(stream) if stream else None)

    def list_workers(self, working: Collection[str], printed: Collection[str]) -> None:
        """Offer the workers that are there and those that printed something and are gone; the choice stays."""
        ids = sorted({*working, *printed, self.worker.currentData() or ""} - {""}, key=_by_number)
        listed = [("", tr("All workers"))]
        listed += [(w, w if w in working else tr("{worker} (gone)").format(worker=w)) for w in ids]
        if listed == self._workers or self.worker.view().isVisible():
            return
        self._workers = listed
        chosen = self.worker.currentData()
        self.worker.blockSignals(True)  # noqa: FBT003 - Qt's signature; the choice stays
        self.worker.clear()
        for worker, text in listed:
            self.worker.addItem(text, worker)
        self.worker.setCurrentIndex(max(0, self.worker.findData(chosen)))
        self.worker.blockSignals(False)  # noqa: FBT003 - Qt's signature

    def choose_worker(self, worker: str) -> None:
        """Show one worker's lines; "" shows all."""
        if worker and self.worker.findData(worker) < 0:
            self.worker.addItem(worker, worker)
        self.worker.setCurrentIndex(self.worker.findData(worker))

    def show_all(self) -> None:
        """Choose nothing."""
        for box in (self.worker, self.level, self.stream):
            box.setCurrentIndex(0)


def _by_number(worker: str) -> tuple[int, str]:
    return (int(worker) if worker.isdecimal() else 0, worker)
