"""The command `marina`: settings, Qt, the loop, then `Application`. Nothing here outlives `main`."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication
from qasync import QEventLoop  # type: ignore[import-untyped]  # it has no stubs

from engine.errors import SettingsError
from engine.home import Home
from engine.host import Host
from engine.settings import load
from gui.application import Application
from gui.theme import Theme

if TYPE_CHECKING:
    from engine.settings import Settings
    from gui.face import HostFace

USAGE_ERROR = 2


def main() -> int:
    """Run Marina; returns the exit status."""
    try:
        settings = load(sys.argv[1:], os.environ, Path.cwd(), program="marina")
    except SettingsError as error:
        sys.stderr.write(f"marina: {error}\n")
        return USAGE_ERROR
    if settings.show_version:
        sys.stdout.write(f"Marina {metadata.version('marina-desktop')}\n")
        return 0
    if settings.print_config:
        sys.stdout.writelines(f"{key}={value}  # {source}\n" for key, value, source in settings.describe())
        return 0
    return _run(settings)


def _run(settings: Settings) -> int:
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Marina")
    app.setDesktopFileName("marina")
    # A dialog that closes while the window is hidden must not end the run; only `Application` does.
    app.setQuitOnLastWindowClosed(False)
    theme = Theme(app)
    with QEventLoop(app) as loop:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(Application(settings, _make_host, theme).run())
    return 0


def _make_host(settings: Settings) -> HostFace:
    return Host(settings, Home.find(os.environ))


if __name__ == "__main__":
    sys.exit(main())
