"""What processes are called, looked up in a thread: a look at a process may wait for the kernel. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
from PySide6.QtCore import QObject, QThreadPool, Signal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class ProcessNames(QObject):
    """Names by pid, of the processes asked for last.

    Signals: `found` when they are known; emitted in the thread, so it reaches widgets through their event loop.
    """

    found = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._names: Mapping[int, str] = {}
        # Destroyed with this object, and only when its thread is done.
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self.found.connect(self._keep)

    def __getitem__(self, pid: int) -> str:
        """The process's name, empty while it is not known."""
        return self._names.get(pid, "")

    def look_up(self, pids: Collection[int]) -> None:
        """Find the names of these processes out, unless a look is on its way."""
        if pids and not self._pool.activeThreadCount():
            self._pool.start(lambda: self.found.emit({pid: _name(pid) for pid in pids}))

    def wait(self) -> None:
        """Return when no look is on its way."""
        self._pool.waitForDone()

    def _keep(self, names: Mapping[int, str]) -> None:
        self._names = names


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""
