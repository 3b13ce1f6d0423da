"""An archive on its way into the model store, wherever it comes from: room, limits, its name at the end. Blocking."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import threading
from pathlib import Path

from engine.archives import names
from engine.archives.private import PrivateFolder
from engine.archives.progress import ProgressCallback, sha256
from engine.archives.sources import take_name
from engine.archives.summary import check
from engine.errors import ConflictError, InvalidArchiveError

log = logging.getLogger(__name__)

MAX_SIZE = 64 * 1024**3
# What a download leaves free on the disk, in bytes.
MIN_FREE = 256 * 1024**2
# So much at most waits for the disk, in bytes: waiting for the rest at the end cannot be cancelled.
UNWRITTEN = 16 * 1024**2


class Incoming:
    """A file in a private folder of the model store until it is whole, then under its name there."""

    def __init__(self, model_store: Path, name: str) -> None:
        self._folder = PrivateFolder(model_store)
        self._path = self._folder.path / name
        self._target = model_store / name
        self._placed = False
        self._digest = hashlib.sha256()
        self._taken = ""
        self.size = 0

    @property
    def digest(self) -> str:
        """The sha256 of what is here, in hexadecimal."""
        return self._taken or self._digest.hexdigest()

    def open(self) -> None:
        """Begin; raises ConflictError when the name is taken in the store."""
        if self._target.exists() or self._target.is_symlink():
            raise self._conflict()
        self._folder.open()
        self._path.touch(mode=0o600)

    def require_room(self, size: int) -> None:
        """Raise OSError when `size` more bytes are too many for an archive, or for the disk."""
        if self.size + size > MAX_SIZE:
            raise OSError(errno.EFBIG, f"it has more than {MAX_SIZE} bytes")
        if shutil.disk_usage(self._folder.path).free < size + MIN_FREE:
            raise OSError(errno.ENOSPC, "too little is free on the disk of the model store")

    def write(self, chunk: bytes) -> None:
        """Append `chunk`; raises OSError when it does not fit."""
        self.require_room(len(chunk))
        with self._path.open("ab") as file:
            file.write(chunk)
            if (self.size + len(chunk)) // UNWRITTEN > self.size // UNWRITTEN:
                file.flush()
                os.fsync(file.fileno())
        self._digest.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """Forget what came so far."""
        with self._path.open("wb"):
            pass
        self._digest = hashlib.sha256()
        self.size = 0

    def take(self, path: Path, digest: str, report: ProgressCallback, cancel: threading.Event) -> bool:
        """Take a file of this file system instead of what would come; False when it is damaged or gone.

        Raises OSError and CancelledActError.
        """
        self._path.unlink()
        try:
            os.link(path, self._path)
            if sha256(self._path, report, cancel) == digest:
                self._taken = digest
                return True
            self._path.unlink()
        except FileNotFoundError:
            log.info("%s is no longer among the kept downloads", path.name)
        self._path.touch(mode=0o600)
        return False

    def place(self, wished: str | None, cancel: threading.Event) -> Path:
        """Check the archive and give it its name; `wished` is the sha256 that it must have, None for any.

        Raises InvalidArchiveError or ConflictError.
        """
        require_sha256(self._path.name, self.digest, wished)
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


def require_sha256(name: str, found: str, wished: str | None) -> None:
    """Raise InvalidArchiveError when the sha256 of an archive is not the one wished for; None wishes for nothing."""
    if wished is not None and found != wished.lower():
        raise InvalidArchiveError(
            f"{names.printable(name)} is not the archive that was asked for: its sha256 is {found}, not "
            f"{wished.lower()}. Check the URL, or ask whoever published the sum."
        )
