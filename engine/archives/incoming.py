"""An archive on its way into the model store, wherever it comes from: room, limits, its name at the end. Blocking."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path

from engine.archives.private import PrivateFolder
from engine.archives.sources import take_name
from engine.archives.summary import check
from engine.errors import ConflictError

MAX_SIZE = 64 * 1024**3
# What a download leaves free on the disk, in bytes.
MIN_FREE = 256 * 1024**2


class Incoming:
    """A file in a private folder of the model store until it is whole, then under its name there."""

    def __init__(self, model_store: Path, name: str) -> None:
        self._folder = PrivateFolder(model_store)
        self._path = self._folder.path / name
        self._target = model_store / name
        self._placed = False
        self._size = 0

    def open(self) -> None:
        """Begin; raises ConflictError when the name is taken in the store."""
        if self._target.exists() or self._target.is_symlink():
            raise self._conflict()
        self._folder.open()
        self._path.touch(mode=0o600)

    def require_room(self, size: int) -> None:
        """Raise OSError when `size` more bytes are too many for an archive, or for the disk."""
        if self._size + size > MAX_SIZE:
            raise OSError(errno.EFBIG, f"it has more than {MAX_SIZE} bytes")
        if shutil.disk_usage(self._folder.path).free < size + MIN_FREE:
            raise OSError(errno.ENOSPC, "too little is free on the disk of the model store")

    def write(self, chunk: bytes) -> None:
        """Append `chunk`; raises OSError when it does not fit."""
        self.require_room(len(chunk))
        with self._path.open("ab") as file:
            file.write(chunk)
        self._size += len(chunk)

    def place(self, cancel: threading.Event) -> Path:
        """Check the archive and give it its name; raises InvalidArchiveError or ConflictError."""
        check(self._path, cancel)
        with self._path.open("rb+") as file:
            os.fsync(file.fileno())
        try:
            take_name(self._path, self._target)
        except FileExistsError:
            raise self._conflict() from None
        self._placed = True
        self._folder.close()
        return self._target

    def discard(self) -> None:
        """Remove whatever is there, the finished archive too: whoever waited for it has gone."""
        if self._placed:
            self._target.unlink(missing_ok=True)
        self._folder.close()

    def _conflict(self) -> ConflictError:
        return ConflictError(f"Model file already exists {self._target.name}")
