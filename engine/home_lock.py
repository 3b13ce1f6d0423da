"""One Marina per home: the lock on a home, and who holds it. Blocking, for the moment before a loop runs.

The system lets the lock go when the process dies, however it dies. Who holds it stands in a file beside it, since a
locked file cannot be read everywhere; the file is only believed while the lock is held and its process lives.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from engine.errors import HomeInUseError, StoreError

if TYPE_CHECKING:
    from engine.home import Home

# A process that is just ending, or one that a supervisor has killed and starts anew, is waited for this long (seconds).
PATIENCE = 1.0
_LOOK_AGAIN = 0.05


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works in a home: its process, its command, and where its window is reached, "" while it is not."""

    pid: int
    program: str
    address: str = ""

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid})"


class HomeLock:
    """Keeps a home for one process, from `acquire` to `release`. Whatever writes the home's record needs it."""

    def __init__(self, home: Home, program: str) -> None:
        """`program` is the command of this process, as others are told it."""
        self._folder = home.database.parent
        self._holder_file = self._folder / "marina.running"
        self._lock = FileLock(self._folder / "marina.lock", mode=0o600)
        self._program = program

    def acquire(self, patience: float = PATIENCE) -> None:
        """Take the home, waiting `patience` seconds at most.

        Raises:
            HomeInUseError: another process has it; the text names that and the way out.
            StoreError: the home's folder cannot be made or written.

        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.acquire(timeout=patience, poll_interval=_LOOK_AGAIN)
            self.announce("")
        except Timeout:
            raise HomeInUseError(str(self._folder), str(self.holder() or "another Marina")) from None
        except OSError as error:
            self._lock.release()
            raise StoreError(
                f"Marina cannot keep its things in {self._folder}: {error.strerror}. "
                "Make that folder writable, or set MARINA_HOME to another one."
            ) from None

    def announce(self, address: str) -> None:
        """Tell other processes where the window of this one is reached; raises OSError."""
        fresh = self._holder_file.with_suffix(".fresh")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor has no path
            json.dump({"pid": os.getpid(), "program": self._program, "address": address}, file)
        fresh.replace(self._holder_file)

    def holder(self) -> Holder | None:
        """Return who has the home, None while that is not known: it may be starting or ending at this moment."""
        try:
            said = json.loads(self._holder_file.read_text(encoding="utf-8"))
            holder = Holder(int(said["pid"]), str(said["program"]), str(said["address"]))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return holder if _is_alive(holder.pid) else None

    def release(self) -> None:
        """Let the home go. Safe to call twice."""
        if self._lock.is_locked:
            self._holder_file.unlink(missing_ok=True)
            self._lock.release()


def _is_alive(pid: int) -> bool:
    import psutil  # noqa: PLC0415 - only a start that finds its home taken needs it, and a first one should be quick

    return psutil.pid_exists(pid)
