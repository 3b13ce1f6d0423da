"""One run of Marina with a window: start the host, wait, stop it in order. Runs on the loop, which is the GUI thread.

Closing the window, Quit, SIGINT and SIGTERM all set one event; nothing else ends the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from engine.errors import AddressInUseError, MarinaError
from engine.tasks import TaskGroup
from gui.dialogs.address import AddressDialog, Answer
from gui.dialogs.asking import ask
from gui.garbage import collected_here
from gui.ports import free_port, with_port
from gui.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.settings import Settings
    from gui.face import HostFace
    from gui.theme import Theme

SIGNAL_CHECK_MS = 200


class Application:
    """`make_host` builds a host from settings, again when a port had to change."""

    def __init__(self, settings: Settings, make_host: Callable[[Settings], HostFace], theme: Theme) -> None:
        self._settings = settings
        self._make_host = make_host
        self._theme = theme
        self._leaving = asyncio.Event()
        self._tasks = TaskGroup()
        self.window: Window | None = None

    def leave(self) -> None:
        """Begin the ordered stop; safe to call from anything on the loop, and again."""
        self._leaving.set()

    async def run(self) -> None:
        """Show the window, serve until somebody wants to leave, stop in order."""
        with _signals(self.leave), collected_here():
            again = True
            while again:
                again = await self._serve()

    async def _serve(self) -> bool:
        """Run one host; returns whether to try once more, with the settings as they are now."""
        host = self._make_host(self._settings)
        window = self.window = Window(host, self._theme)
        window.closing.connect(self.leave)
        window.show()
        try:
            again = await self._start(host, window)
            if not again:
                await self._leaving.wait()
        finally:
            await self._stop(host, window)
        return again

    async def _start(self, host: HostFace, window: Window) -> bool:
        start = self._tasks.start(_outcome(host), "start the host")
        leave = self._tasks.start(self._leaving.wait(), "wait for the end")
        await asyncio.wait((start, leave), return_when=asyncio.FIRST_COMPLETED)
        error = start.result() if start.done() else None
        if isinstance(error, AddressInUseError):
            return await self._move(error, window)
        if error is not None:
            window.show_failed(str(error))
        elif start.done():
            window.show_running()
            window.open_files(list(self._settings.open_files))
            if self._settings.sample:
                window.operations.load_sample()
        return False

    async def _move(self, error: AddressInUseError, window: Window) -> bool:
        port = free_port(self._settings, error.host, error.port)
        dialog = AddressDialog(error, port, window)
        await ask(dialog)
        if dialog.answer is Answer.USE_OTHER:
            self._settings = with_port(self._settings, error.port, port)
        if dialog.answer is Answer.QUIT:
            self.leave()
        return dialog.answer is not Answer.QUIT

    async def _stop(self, host: HostFace, window: Window) -> None:
        window.show_stopping()
        await self._tasks.aclose()
        await window.operations.aclose()
        await host.stop()
        await window.aclose()
        window.hide()
        window.deleteLater()


async def _outcome(host: HostFace) -> MarinaError | OSError | None:
    try:
        await host.start()
    except (MarinaError, OSError) as error:
        return error
    return None


@contextlib.contextmanager
def _signals(leave: Callable[[], None]) -> Iterator[None]:
    """Call `leave` on SIGINT and SIGTERM.

    Where the loop has no signal handlers (Windows) a timer lets Python run, or it would never see the signal.
    """
    loop = asyncio.get_running_loop()
    timer = QTimer()
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in wanted}
    try:
        for number in wanted:
            loop.add_signal_handler(number, leave)
    except NotImplementedError:
        for number in wanted:
            signal.signal(number, lambda *_: leave())
        timer.start(SIGNAL_CHECK_MS)
    try:
        yield
    finally:
        timer.stop()
        for number, handler in before.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)
