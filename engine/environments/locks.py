"""Which processes use which environment: file locks that every Marina of the same home sees. Blocking: for a thread.

Two kinds of lock lie in the folder `.locks` beside the environments. The guard of an environment is held while one
process makes it, begins or ends to use it, or removes it. A use is held for as long as a process needs the
environment; the system releases it when the process ends, however it ends.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ".locks"


class EnvironmentLocks:
    """The locks of this process, by the name of the environment."""

    def __init__(self, root: Path) -> None:
        """Environments lie in `root`; nothing is made yet."""
        self._folder = root / FOLDER
        self._uses: dict[str, FileLock] = {}

    def guard(self, name: str) -> FileLock:
        """Return the guard, not yet held; raises OSError."""
        return self._lock(f"{name}.guard")

    def begin_use(self, name: str) -> None:
        """Note that this process uses the environment; its guard is held. Raises OSError."""
        if name not in self._uses:
            use = self._lock(f"{name}.{uuid.uuid4().hex}.use")
            use.acquire()
            self._uses[name] = use

    def end_use(self, name: str) -> None:
        """Note that this process does not use the environment any more; one that it does not use is fine."""
        if use := self._uses.pop(name, None):
            use.release()
            self._remove(use)

    def is_used(self, name: str) -> bool:
        """Whether any process uses the environment; its guard is held. Locks of processes that died are removed."""
        if name in self._uses:
            return True
        found = [FileLock(path, thread_local=False) for path in self._folder.glob(f"{name}.*.use")]
        return sum(not self._is_abandoned(use) for use in found) > 0

    def close(self) -> None:
        """End every use. Safe to call twice."""
        for name in list(self._uses):
            self.end_use(name)

    def _lock(self, name: str) -> FileLock:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileLock(self._folder / name, mode=0o600, thread_local=False)

    def _is_abandoned(self, use: FileLock) -> bool:
        try:
            use.acquire(blocking=False)
        except Timeout:
            return False
        use.release()
        self._remove(use)
        return True

    def _remove(self, use: FileLock) -> None:
        (self._folder / use.lock_file).unlink(missing_ok=True)
