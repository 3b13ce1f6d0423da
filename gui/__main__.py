"""The command `marina`: settings, Qt, the loop, then `Application`. Nothing here outlives `main`."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from engine.home import Home
from engine.host import Host
from engine.logs import Logs
from engine.startup import find_settings, read_settings
from gui.application import Application
from gui.desktop.icon import app_icon
from gui.loop import Loop
from gui.preferences import Preferences
from gui.theme import Theme

if TYPE_CHECKING:
    from engine.settings import Settings


def main() -> int:
    """Run Marina; returns the exit status."""
    settings = read_settings("marina")
    home = Home.find(os.environ)
    logs = Logs(home.logs)
    logs.open()
    try:
        return _run(settings, home)
    finally:
        logs.close()


def _run(settings: Settings, home: Home) -> int:
    app = QApplication(sys.argv[:1])
    app.setOrganizationName("Marina")
    app.setApplicationName("Marina")
    app.setDesktopFileName("marina")
    # A dialog that closes while the window is hidden must not end the run; only `Application` does.
    app.setQuitOnLastWindowClosed(False)
    app.setWindowIcon(app_icon())
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
        loop.run_until_complete(application.run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
