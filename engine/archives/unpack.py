"""Unpacking an archive into a folder of its own. Blocking; for a thread.

Everything is written into a private folder beside the destination, which gets its name only when all is well: whoever
sees the destination sees a whole model, and a failure leaves nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import BinaryIO

from engine.archives import members
from engine.archives.members import Limits, Member
from engine.archives.progress import CHUNK, Meter, ProgressCallback
from engine.errors import MarinaError

_DISK_CHECK = 64 * 1024**2


def unpack(
    archive: Path,
    destination: Path,
    *,
    limits: Limits | None = None,
    progress: ProgressCallback | None = None,
    cancel: Event | None = None,
) -> Path:
    """Unpack `archive` into the new folder `destination` and return the folder that holds the model's files.

    A folder in place of an archive is used where it lies, and returned; TorchServe: if all it holds is one folder, that
    one. `destination` is then not made. Progress counts unpacked bytes.

    Raises:
        InvalidArchiveError: it is no archive, is damaged, unsafe or too large.
        CancelledActError: the cancel event was set.
        MarinaError: the disk is full.
        FileExistsError: the destination exists.
        OSError: the archive cannot be read, or the folder not written.

    """
    if archive.is_dir():
        return model_folder(archive)
    if destination.exists():
        raise FileExistsError(f"{destination} exists")
    folder = Path(tempfile.mkdtemp(prefix=f".{destination.name[:100]}-", dir=destination.parent))
    try:
        _Unpacking(archive, folder, limits or Limits(), Meter("unpacking", 0, progress, cancel)).run()
        folder.rename(destination)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return destination


def model_folder(folder: Path) -> Path:
    """Return `folder`, or the one folder that is all it holds."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


class _Unpacking:
    """One archive on its way into one folder. Names are safe and nothing else writes there, so no path can lead out."""

    def __init__(self, archive: Path, folder: Path, limits: Limits, meter: Meter) -> None:
        self._archive = archive
        self._archive_size = archive.stat().st_size
        self._folder = folder
        self._limits = limits
        self._meter = meter
        self._disk_checked = 0

    def run(self) -> None:
        self._check_disk()
        found = members.read(self._archive, self._limits, self._meter.check)
        with members.reading(self._archive), closing(found):
            for member in found:
                self._write(member)
        self._meter.report()

    def _write(self, member: Member) -> None:
        path = self._folder / member.path
        if member.is_folder:
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, path.open("xb") as target:
            self._copy(member, source, target)

    def _copy(self, member: Member, source: BinaryIO, target: BinaryIO) -> None:
        while chunk := source.read(CHUNK):
            target.write(chunk)
            self._meter.add(len(chunk))
            with members.naming(self._archive, member.path):
                self._limits.check(self._meter.done, self._archive_size)
            if self._meter.done - self._disk_checked >= _DISK_CHECK:
                self._check_disk()

    def _check_disk(self) -> None:
        self._disk_checked = self._meter.done
        free = shutil.disk_usage(self._folder).free
        if free < self._limits.reserve + _DISK_CHECK:
            raise MarinaError(
                f"There is no room to unpack {self._archive.name}: {free // 1024**2} MiB are free on the disk of "
                f"{self._folder.parent}. Free some space and try again."
            )
