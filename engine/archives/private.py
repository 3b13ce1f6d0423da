"""Private folders in the model store, for archives that are not whole yet. Blocking; for a thread.

Each is locked by the process that fills it, and the system lets go of the lock when that process dies, however it dies:
the next Marina that starts with this store removes what was left.
"""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = ".incoming-"
LOCK = ".lock"


class PrivateFolder:
    """A hidden folder of the model store, there from `open` to `close`."""

    def __init__(self, model_store: Path) -> None:
        """Nothing is made before `open`."""
        self.path = model_store / f"{PREFIX}{secrets.token_hex(8)}"
        self._lock = _lock_of(self.path)

    def open(self) -> None:
        """Make and lock the folder; raises OSError."""
        self.path.mkdir(mode=0o700)
        self._lock.acquire()
        # Between the two it looked abandoned, and may have been removed; the lock then brought it back, open to others.
        self.path.chmod(0o700)

    def close(self) -> None:
        """Remove the folder with all that is in it. Safe to call twice."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def remove_abandoned(model_store: Path) -> None:
    """Remove the folders of processes that are gone; raises OSError when the store cannot be read."""
    for folder in [entry for entry in model_store.iterdir() if entry.name.startswith(PREFIX)]:
        if folder.is_dir() and not folder.is_symlink():
            _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    try:
        with _lock_of(folder).acquire(blocking=False):
            shutil.rmtree(folder, ignore_errors=True)
    except (Timeout, OSError):
        return  # somebody fills it, or it is not ours to remove


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder / LOCK, thread_local=False)
