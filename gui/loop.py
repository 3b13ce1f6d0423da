"""The one loop of window and engine: qasync's, taking turns as asyncio's own loop does. On the GUI thread; hot.

qasync gives every callback a timer of Qt's, and every socket that can be read a callback: five timers for a prediction.
Here callbacks wait in one queue, which one timer empties, and a socket is read when Qt says that it can be.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QSocketNotifier, QTimerEvent
from qasync import QEventLoop  # type: ignore[import-untyped]  # it has no stubs
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from typing import Protocol

    from PySide6.QtWidgets import QApplication

    class HasFileno(Protocol):
        """What asyncio takes for a file besides its number."""

        def fileno(self) -> int:
            """Return that number."""


class Turns(QObject):
    """Runs in each turn of Qt's loop the callbacks that wait at its beginning, so that Qt's events come in between."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[asyncio.Handle] = deque()
        self._timer = 0

    def add(self, handle: asyncio.Handle) -> None:
        """Run `handle` in the next turn."""
        self._waiting.append(handle)
        if not self._timer:
            self._timer = self.startTimer(0)

    def stop(self) -> None:
        """Run nothing any more."""
        self._waiting.clear()

    @override
    def timerEvent(self, event: QTimerEvent) -> None:
        # A loop within a callback, as a native dialog has, needs a timer of its own: Qt does not nest one.
        self.killTimer(event.timerId())
        self._timer = 0
        try:
            for _ in range(len(self._waiting)):
                if not self._waiting:
                    return
                handle = self._waiting.popleft()
                if not handle.cancelled():
                    handle._run()  # noqa: SLF001 - what asyncio's loops call
        finally:
            if self._waiting and not self._timer:
                self._timer = self.startTimer(0)


class Loop(QEventLoop):  # type: ignore[misc]  # qasync has no types
    """An asyncio loop that is Qt's. On Windows, where sockets need no notifiers, only callbacks go another way."""

    def __init__(self, app: QApplication) -> None:
        self._turns = Turns()
        super().__init__(app)

    @override
    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._turns.add(handle)
        return handle

    @override
    def close(self) -> None:
        super().close()
        self._turns.stop()

    def _add_reader(self, file: int | HasFileno, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        self._check_closed()
        fd = _number(file)
        self._remove_reader(fd)
        handle = asyncio.Handle(callback, args, self)
        notifier = QSocketNotifier(fd, QSocketNotifier.Type.Read)
        # A function, since a method of what is no QObject cannot be disconnected again.
        notifier.activated["int"].connect(lambda: handle._run())  # type: ignore[index]  # noqa: PLW0108, SLF001
        self._read_notifiers[fd] = notifier
        return handle

    def _remove_reader(self, file: int | HasFileno) -> bool:
        fd = _number(file)
        if self.is_closed() or fd not in self._read_notifiers:
            return False
        # A reader may be removed by what it read, and a notifier must not go while it tells of that.
        self.call_soon(_outlive, self._read_notifiers[fd])
        return bool(super()._remove_reader(fd))


def _number(file: int | HasFileno) -> int:
    """Return a file's number; grpcio hands over its socket itself."""
    return file if isinstance(file, int) else file.fileno()


def _outlive(_notifier: QSocketNotifier) -> None:
    """Keep a notifier until the next turn."""
