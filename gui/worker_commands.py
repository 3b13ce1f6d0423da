"""What can be done to workers, and when; from a worker or a version to its log. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from engine.snapshots import FAILING
from gui.dialogs.kill_worker import KillDialog
from gui.panels.details import LOG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

    from engine.snapshots import VersionSnapshot, WorkerSnapshot
    from gui.actions import Actions
    from gui.face import HostFace
    from gui.filing import Filing
    from gui.operations import Operations
    from gui.panels.details import Details


class WorkerCommands:
    """Joins the actions on workers to the engine; they act on what is selected on the workers page."""

    def __init__(
        self,
        actions: Actions,
        operations: Operations,
        details: Details,
        filing: Filing,
        host: HostFace,
        window: QWidget,
    ) -> None:
        self._actions = actions
        self._operations = operations
        self._details = details
        self._host = host
        self._window = window
        actions.retry_worker.triggered.connect(self._retry)
        actions.kill_worker.triggered.connect(self._kill)
        actions.worker_log.triggered.connect(self._show_log)
        actions.copy_traceback.triggered.connect(self._copy_traceback)
        actions.log.triggered.connect(lambda: details.tabs.setCurrentIndex(LOG))
        actions.diagnostics.triggered.connect(filing.save_diagnostics)
        details.log.save_asked.connect(filing.save_log)
        details.log.copy_asked.connect(filing.copy_log)
        details.workers.changed.connect(self.enable)
        self.enable()

    def enable(self) -> None:
        """Let each action be used when it makes sense for a selected worker, and the server works."""
        actions, workers = self._actions, self._details.workers.selected()
        working = bool(self._host.addresses)
        actions.retry_worker.setEnabled(working and any(map(can_retry, workers)))
        actions.kill_worker.setEnabled(working and any(map(can_kill, workers)))
        actions.worker_log.setEnabled(len(workers) == 1)
        actions.copy_traceback.setEnabled(any(worker.traceback for worker in workers))

    def _retry(self) -> None:
        version = self._details.workers.version
        workers = [worker for worker in self._details.workers.selected() if can_retry(worker)]
        if version is not None:
            self._operations.run(self._retry_each(version, workers), "retry")

    async def _retry_each(self, version: VersionSnapshot, workers: Sequence[WorkerSnapshot]) -> None:
        for worker in workers:
            self._host.engine.retry(*version.key, worker.id)

    def _kill(self) -> None:
        version = self._details.workers.version
        workers = [worker for worker in self._details.workers.selected() if can_kill(worker)]
        if version is not None and workers:
            self._operations.run(self._ask_and_kill(version, workers), "kill the worker")

    async def _ask_and_kill(self, version: VersionSnapshot, workers: Sequence[WorkerSnapshot]) -> None:
        if await self._operations.ask(KillDialog(version, workers, self._window)):
            for worker in workers:
                self._host.engine.kill(*version.key, worker.id)

    def _show_log(self) -> None:
        for worker in self._details.workers.selected()[:1]:
            self._details.tabs.setCurrentIndex(LOG)
            self._details.log.show_worker(worker.id)

    def _copy_traceback(self) -> None:
        found = [worker.traceback for worker in self._details.workers.selected() if worker.traceback]
        QGuiApplication.clipboard().setText("\n\n".join(found))


def can_retry(worker: WorkerSnapshot) -> bool:
    """Whether the worker failed and waits."""
    return worker.state in FAILING


def can_kill(worker: WorkerSnapshot) -> bool:
    """Whether the worker has a process that lives."""
    return worker.pid is not None
