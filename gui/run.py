"""The run of `marina` once its home is its own: log, Qt, the loop, the reception, then `Application`."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

from engine.host import Host
from engine.logs import Logs
from engine.startup import find_settings
from gui.application import Application
from gui.desktop.desktop_application import DesktopApplication
from gui.desktop.handover import Handover
from gui.desktop.reception import Reception
from gui.loop import Loop
from gui.preferences import Preferences
from gui.theme import Theme

if TYPE_CHECKING:
    from engine.home import Home
    from engine.home_lock import HomeLock
    from engine.settings import Settings

log = logging.getLogger(__name__)


def run(settings: Settings, home: Home, lock: HomeLock | None) -> int:
    """Run Marina; returns the exit status. Without a lock no second start finds this one."""
    logs = Logs(home.logs)
    logs.open()
    try:
        return _run(settings, home, lock)
    finally:
        logs.close()


def _run(settings: Settings, home: Home, lock: HomeLock | None) -> int:
    app = DesktopApplication(sys.argv[:1])
    theme = Theme(app)
    preferences = Preferences(home.window_file)
    with Loop(app) as loop:
        asyncio.set_event_loop(loop)
        application = Application(
            settings,
            lambda changed: Host(changed, home, ends_crash_loops=True),
            theme,
            preferences,
            lambda: find_settings("marina"),
        )
        app.asked_to_open.connect(lambda one: application.open(Handover((one,))))
        reception = Reception(application.open)
        if lock is not None:
            _receive(reception, home, lock)
        try:
            loop.run_until_complete(application.run())
        finally:
            reception.close()
    return 0


def _receive(reception: Reception, home: Home, lock: HomeLock) -> None:
    """Open the reception; without one Marina runs all the same, and a second start says that it does."""
    try:
        lock.announce(reception.open(home))
    except OSError as error:
        log.warning("A second start will not reach this window: %s", error)
