"""The folder of this process for unpacked archives, and the end of what dead processes left. Blocking: in threads.

Each process has a folder of its own, held by a lock that the system lets go when the process dies, however it dies.
"""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from pathlib import Path

LOCK = ".lock"


class Scratch:
    """A private folder below `root` for as long as it is open."""

    def __init__(self, root: Path) -> None:
        """Nothing is made before `open`."""
        self._root = root
        self.folder = root / uuid.uuid4().hex
        self._lock = FileLock(self.folder / LOCK, thread_local=False)

    def open(self) -> None:
        """Make and lock the folder, and remove those whose process is gone. Raises OSError when the disk says no."""
        # One process at a time: a folder that another one has made but not locked yet would look abandoned.
        with FileLock(self._root / LOCK, thread_local=False):
            self.folder.mkdir(mode=0o700)
            self._lock.acquire()
            for other in self._root.iterdir():
                if other != self.folder and other.is_dir() and _is_abandoned(other):
                    shutil.rmtree(other, ignore_errors=True)

    def new_folder(self) -> Path:
        """Return the path of a folder that does not exist yet."""
        return self.folder / uuid.uuid4().hex

    def remove(self, folder: Path) -> None:
        """Remove a folder made under `new_folder`'s path; a missing one is fine."""
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder with all that is in it. Safe to call twice."""
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        with lock.acquire(blocking=False):
            return True
    except Timeout:
        return False
