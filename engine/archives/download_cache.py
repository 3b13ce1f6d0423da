"""Downloaded archives that are kept, so that one which has not changed need not come again. Blocking; for threads.

An entry is a second name of the archive's file, and beside it what tells whether the server still has the same. It is
only used once the server has said so, to a request with the caller's own credentials, and when its sha256 still fits.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.archives.validators import Validator

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_NOTE, _ARCHIVE = ".json", ".archive"


@dataclass(frozen=True, slots=True)
class Kept:
    """An archive as it came: where it lies, its sha256 then, and what the server called its state."""

    path: Path
    sha256: str
    validator: Validator


class DownloadCache:
    """At most `limit` bytes in one folder; what was not asked for longest goes first. 0 keeps nothing."""

    def __init__(self, folder: Path, limit: int) -> None:
        """The folder is made when the first archive is kept."""
        self._folder = folder
        self._limit = limit

    def find(self, key: str) -> Kept | None:
        """Return what is kept under a key of `key_of`, None when nothing whole is."""
        note, archive = self._files(key)
        try:
            sha256, header, value = msgspec.json.decode(note.read_bytes(), type=tuple[str, str, str])
            os.utime(note)
        except (OSError, msgspec.DecodeError):
            return None
        return Kept(archive, sha256, Validator(header, value)) if self._limit and archive.is_file() else None

    def keep(self, key: str, path: Path, sha256: str, validator: Validator) -> None:
        """Keep an archive of the model store, unless it is too large or on another file system."""
        if path.stat().st_size > self._limit:
            return
        note, archive = self._files(key)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.drop(key)
            os.link(path, archive)
            fresh = self._folder / f"{secrets.token_hex(8)}.new"
            fresh.write_bytes(msgspec.json.encode((sha256, *validator)))
            fresh.replace(note)
        except OSError as error:
            log.info("%s is not kept for another download: %s", path.name, error)
        self.shrink()

    def drop(self, key: str) -> None:
        """Forget an entry."""
        for path in self._files(key):
            path.unlink(missing_ok=True)

    def shrink(self) -> None:
        """Remove entries until the rest is small enough, and whatever is no whole entry."""
        with contextlib.suppress(OSError):
            staying = self._staying()
            for path in self._folder.iterdir():
                if path.stem not in staying:
                    path.unlink(missing_ok=True)

    def _staying(self) -> set[str]:
        """Return the keys of the entries that fit, the newest first, up to the first that does not."""
        notes = sorted(self._folder.glob(f"*{_NOTE}"), key=lambda note: note.stat().st_mtime_ns, reverse=True)
        sizes = [
            (note.stem, archive.stat().st_size) for note in notes if (archive := self._files(note.stem)[1]).is_file()
        ]
        sums = itertools.accumulate(size for _, size in sizes)
        return {key for (key, _), room in zip(sizes, sums, strict=True) if room <= self._limit}

    def _files(self, key: str) -> tuple[Path, Path]:
        return self._folder / f"{key}{_NOTE}", self._folder / f"{key}{_ARCHIVE}"


def key_of(url: str, *, signed: bool, profile: str | None) -> str:
    """Return what an archive is kept under; the URL, which may hold a secret, cannot be told from it."""
    return hashlib.sha256(f"{url}\n{signed}\n{profile or ''}".encode()).hexdigest()
