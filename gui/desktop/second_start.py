"""The first moment of `marina`: take the home, or hand over to the window that has it. Blocks, before any loop.

It loads no more than it needs, so that a second start is over before anybody notices it.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from PySide6.QtNetwork import QLocalSocket

from engine.errors import HomeInUseError
from engine.home_lock import HomeLock
from gui.desktop.handover import ACTIVATION, TAKEN, Handover, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.home import Home

PROGRAM = "marina"
# A window that is just coming up or going down is waited for this long, in seconds.
PATIENCE = 15.0
LOOK_AGAIN = 0.1


def take_home(home: Home, handover: Handover, patience: float = PATIENCE) -> HomeLock | None:
    """Return the lock on the home, or None once its window has taken the hand-over.

    Raises:
        HomeInUseError: the home is taken by a server, or by a window that does not answer.
        StoreError: the home cannot be made or written.

    """
    lock = HomeLock(home, PROGRAM)
    deadline = time.monotonic() + patience
    waiting = 0.0
    while True:
        try:
            lock.acquire(waiting)
        except HomeInUseError:
            left = deadline - time.monotonic()
            holder = lock.holder()
            if holder and holder.address and hand_over(holder.address, handover, left):
                return None
            if left <= 0 or (holder and holder.program != PROGRAM):
                raise
            waiting = min(LOOK_AGAIN, left)
        else:
            return lock


def hand_over(address: str, handover: Handover, patience: float) -> bool:
    """Send the message to a window; whether that took it. Blocks for `patience` seconds at most."""
    limit = max(1, int(patience * 1000))
    socket = QLocalSocket()
    socket.connectToServer(address)
    if not socket.waitForConnected(limit):
        return False
    socket.write(encode(handover))
    answer = b""
    while len(answer) < len(TAKEN) and socket.waitForReadyRead(limit):
        answer += socket.readAll().data()
    return answer == TAKEN


def activation(environ: Mapping[str, str]) -> str:
    """Return the token with which the desktop lets this start bring a window forward, "" without one."""
    return environ.get(ACTIVATION) or environ.get("DESKTOP_STARTUP_ID") or ""


def refuse(error: Exception) -> None:
    """Say why Marina does not start: on the terminal, and in a dialog where nobody has one before them."""
    # Without a console, as in the application for Windows, there is no stream at all.
    if sys.stderr is not None:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        if sys.stderr.isatty():
            return
    from gui.dialogs.refusal import show_refusal  # noqa: PLC0415 - widgets load slower than a hand-over

    show_refusal(str(error))
