"""Ending workers' processes, with what is lost named first. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from engine.snapshots import WorkerState
from gui import theme
from gui.widgets.basics import Button, Label
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.snapshots import VersionSnapshot, WorkerSnapshot

WIDTH = 480


def consequence(version: VersionSnapshot, workers: Sequence[WorkerSnapshot]) -> str:
    """Say which requests fail and what comes afterwards; counts that nobody knows for one worker stay words."""
    chosen = {worker.id for worker in workers}
    busy = {worker.id for worker in version.workers if worker.busy}
    lost = ""
    if busy and busy <= chosen and version.queue.in_flight:
        count = version.queue.in_flight
        lost = counted(count, "%n request in flight fails.", "%n requests in flight fail.")
    elif busy & chosen:
        lost = tr("The requests that are being worked on fail.")
    elif not busy & chosen:
        lost = tr("No request is in flight.")
    leaving = sum(worker.state is WorkerState.DRAINING for worker in workers)
    coming = len(workers) - leaving
    parts = [
        lost,
        counted(coming, "The worker starts again.", "%n workers start again.") if coming else "",
        counted(leaving, "A worker that is leaving does not come back.", "%n workers are leaving and do not come back.")
        if leaving
        else "",
    ]
    return " ".join(part for part in parts if part)


class KillDialog(QDialog):
    """Cancel is the default; Enter kills nothing."""

    def __init__(
        self, version: VersionSnapshot, workers: Sequence[WorkerSnapshot], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        of = {"name": version.key.name, "version": version.key.version}
        one = tr("Kill worker {worker} of {name} {version}?").format(worker=workers[0].id, **of)
        many = counted(len(workers), "Kill %n worker of {name} {version}?", "Kill %n workers of {name} {version}?")
        self.setWindowTitle(one if len(workers) == 1 else many.format(**of))
        self.setFixedWidth(WIDTH)
        self.words = Label(consequence(version, workers))
        self.words.setWordWrap(True)
        self.kill, self.cancel = Button(tr("Kill")), Button(tr("Cancel"))
        self.kill.setAutoDefault(False)
        self.cancel.setDefault(True)
        buttons = QDialogButtonBox()
        buttons.addButton(self.kill, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self.cancel, QDialogButtonBox.ButtonRole.RejectRole)
        self.kill.setAutoDefault(False)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(5 * theme.GRID, 5 * theme.GRID, 5 * theme.GRID, 4 * theme.GRID)
        column.setSpacing(4 * theme.GRID)
        column.addWidget(self.words)
        column.addWidget(buttons)
        self.cancel.setFocus()
