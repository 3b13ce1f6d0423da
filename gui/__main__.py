"""The command `marina`: settings, then the home, or a window that has it already. Nothing here outlives `main`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from engine.errors import MarinaError
from engine.home import Home
from engine.standard_streams import open_standard_streams
from engine.startup import read_settings
from gui.desktop import second_start
from gui.desktop.handover import Handover

if TYPE_CHECKING:
    from engine.home_lock import HomeLock
    from engine.settings import Settings


def main() -> int:
    """Run Marina, or hand over to the window that runs already; returns the exit status."""
    open_standard_streams()
    settings = read_settings("marina")
    home = Home.find(os.environ)
    # A run without a record can lose none, so it takes no home from anybody.
    if not settings.record:
        return _run(settings, home, None)
    given = Handover(settings.open_files, second_start.activation(os.environ))
    try:
        lock = second_start.take_home(home, given)
    except MarinaError as error:
        second_start.refuse(error)
        return 1
    if lock is None:
        return 0
    try:
        return _run(settings, home, lock)
    finally:
        lock.release()


def _run(settings: Settings, home: Home, lock: HomeLock | None) -> int:
    from gui.run import run  # noqa: PLC0415 - window and engine take a second to load, which a second start does not have

    return run(settings, home, lock)


if __name__ == "__main__":
    sys.exit(main())
