"""One run of Marina with a window: start the host, wait, stop it in order. Runs on the loop, which is the GUI thread.

Closing the window, Quit, SIGINT and SIGTERM all set one event; nothing else ends the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import signal
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from engine.end_limit import EndLimit
from engine.errors import AddressInUseError, MarinaError, SettingsError
from engine.tasks import TaskGroup
from engine.threads import Threads
from gui.desktop.handover import MOST_NAMED
from gui.dialogs.address import AddressDialog, Answer
from gui.dialogs.asking import ask
from gui.garbage import collected_here
from gui.ports import free_port, with_port
from gui.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.settings import Settings
    from gui.desktop.handover import Handover
    from gui.face import HostFace
    from gui.preferences import Preferences
    from gui.theme import Theme

SIGNAL_CHECK_MS = 200
log = logging.getLogger(__name__)


class Application:
    """`make_host` builds a host from settings, again when a port had to change or the user wants a restart.

    `reload` reads the settings anew, in a thread, and raises `SettingsError`; without it a restart keeps them.
    """

    def __init__(
        self,
        settings: Settings,
        make_host: Callable[[Settings], HostFace],
        theme: Theme,
        preferences: Preferences | None = None,
        reload: Callable[[], Settings] | None = None,
    ) -> None:
        self._settings = settings
        self._make_host = make_host
        self._theme = theme
        self._preferences = preferences
        self._reload = reload
        self._restarting = False
        self._leaving = asyncio.Event()
        self._tasks = TaskGroup()
        self.window: Window | None = None

    def leave(self) -> None:
        """Begin the ordered stop; safe to call from anything on the loop, and again."""
        self._restarting = False
        self._leaving.set()

    def restart(self) -> None:
        """Begin the ordered stop, and start again with the settings as they are by then."""
        self._restarting = True
        self._leaving.set()

    def open(self, handover: Handover) -> bool:
        """Come forward and open what was handed over, once the server runs; False when this run is ending."""
        if self._leaving.is_set() and not self._restarting:
            return False
        wanted = (*self._settings.open_files, *handover.open)[:MOST_NAMED]
        self._settings = dataclasses.replace(self._settings, open_files=wanted)
        if self.window is not None:
            self.window.come_forward(handover.activation)
            if self.window.is_working and not self._leaving.is_set():
                self._open(self.window)
        return True

    async def run(self) -> None:
        """Show the window, serve until somebody wants to leave, stop in order."""
        with _signals(self.leave), collected_here():
            again = True
            while again:
                again = await self._serve()

    async def _serve(self) -> bool:
        """Run one host; returns whether to try once more, with the settings as they are now."""
        host = self._make_host(self._settings)
        window = self.window = Window(host, self._theme, self._preferences)
        window.closing.connect(self.leave)
        window.restarting.connect(self.restart)
        window.show()
        try:
            again = await self._start(host, window)
            if not again:
                await self._leaving.wait()
        finally:
            await self._stop(host, window)
        return again or await self._starts_anew()

    async def _starts_anew(self) -> bool:
        """Whether the end was a restart; takes the settings as they are now, or keeps those that cannot be read."""
        if not self._restarting:
            return False
        self._leaving.clear()
        self._restarting = False
        threads = Threads("marina-settings", 1)
        try:
            found = await threads.run(self._reload) if self._reload else self._settings
        except SettingsError as error:
            log.warning("The server starts with its settings of before: %s", error)
            found = self._settings
        finally:
            threads.close()
        # What Marina was asked to open is opened once, by the first start that succeeds.
        kept = self._settings
        self._settings = dataclasses.replace(found, open_files=kept.open_files, sample=kept.sample)
        return True

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
            if self._settings.problems:
                window.banner.show_error("\n".join(self._settings.problems))
            self._open(window)
        return False

    def _open(self, window: Window) -> None:
        """Open what the command line names, and what was handed over since, once."""
        if self._settings.open_files:
            window.operations.open(self._settings.open_files)
        if self._settings.sample:
            window.operations.load_sample()
        self._settings = dataclasses.replace(self._settings, open_files=(), sample=False)

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
        limit = EndLimit()
        limit.start()
        await self._tasks.aclose()
        await window.operations.aclose()
        await host.stop()
        await window.aclose()
        limit.cancel()
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
