"""Where archives come from: found by name in the model store, or copied into it. Blocking; for a thread."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from urllib.parse import quote

from engine.archives import names
from engine.archives.private import PREFIX, PrivateFolder
from engine.archives.progress import Meter, ProgressCallback, copy, sha256
from engine.archives.urls import judge
from engine.errors import ArchiveNotFoundError, BadRequestError, InvalidArchiveError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def locate(url: str, model_store: Path, allowed: tuple[str, ...] | None = None) -> Path:
    """Return the archive, a file or a folder, that a registration's `url` names on this machine.

    TorchServe: a folder may be named by its whole path, and of any other local name the last component alone is looked
    up in the store. Unlike there, a folder lies below the model store, or `allowed` (the setting allowed_urls) matches
    it as a file:// URL; and a URL of an unknown scheme is never looked up.

    Raises:
        ArchiveNotFoundError: nothing usable of that name is there; the text says why.

    """
    if not url:
        raise ArchiveNotFoundError("empty url")
    if ".." in url:
        raise ArchiveNotFoundError(f"Relative path is not allowed in url: {names.printable(url)}")
    folder = _whole_path(url)
    if folder is not None and (_is_below(folder, model_store) or _is_allowed(folder, allowed)):
        return folder
    try:
        return _in_store(url, model_store)
    except ArchiveNotFoundError as error:
        if folder is None:
            raise
        raise ArchiveNotFoundError(
            f"{error}: the folder is not below the model store {model_store}. Move it there, set model_store to a "
            "folder above it, or let allowed_urls match it as a file:// URL."
        ) from None


def _whole_path(url: str) -> Path | None:
    """Return the folder that a whole path names, None for everything else."""
    path = Path(url)
    is_folder = url.startswith("/") and names.is_printable(url) and path.name != "" and path.is_dir()
    return path if is_folder and not any(part.startswith(PREFIX) for part in path.parts) else None


def _is_below(folder: Path, model_store: Path) -> bool:
    real, store = folder.resolve(), model_store.resolve()
    return real != store and real.is_relative_to(store)


def _is_allowed(folder: Path, allowed: tuple[str, ...] | None) -> bool:
    try:
        judge(f"file://{quote(str(folder))}", allowed)
    except ArchiveNotFoundError:
        return False
    return True


def _in_store(url: str, model_store: Path) -> Path:
    """Return what lies in the model store under the last component of `url`; raises ArchiveNotFoundError."""
    name = url.rpartition("/")[2]
    path = model_store / name
    if _SCHEME.match(url) or name.startswith(".") or names.component_problem(name) or not path.exists():
        raise ArchiveNotFoundError(f"Model not found at: {names.printable(url)}")
    real = path.resolve()
    if not real.is_relative_to(model_store.resolve()) or real == model_store.resolve():
        raise ArchiveNotFoundError(f"Model not found at: {names.printable(url)}: it is a link out of the model store")
    if not (real.is_file() or real.is_dir()):
        raise ArchiveNotFoundError(f"Model not found at: {names.printable(url)}: it is neither a file nor a folder")
    return path


def discard(file_name: str, model_store: Path) -> None:
    """Delete a file that lies in the model store itself; harmless when it is gone.

    Raises:
        BadRequestError: the name is none of a file there: a path, a folder or a link.
        OSError: the file cannot be deleted.

    """
    path = model_store / file_name
    if names.component_problem(file_name) or file_name.startswith(".") or path.is_symlink() or path.is_dir():
        raise BadRequestError(f"{names.printable(file_name)} is no archive file of the model store.")
    path.unlink(missing_ok=True)


def copy_into_store(
    path: Path, model_store: Path, progress: ProgressCallback | None = None, cancel: Event | None = None
) -> str:
    """Copy an archive into the model store and return its file name there.

    A file of the same name is never overwritten: with the same content it is taken instead of a copy, else the copy is
    called `stem-2.mar`, `stem-3.mar` and so on. A file in the store already is left where it is.

    Raises:
        InvalidArchiveError: it is no file, or its name cannot be kept.
        CancelledActError: the cancel event was set.
        OSError: the file cannot be read, or the store not written; nothing is left there.

    """
    if not path.is_file():
        raise InvalidArchiveError(f"{names.printable(path.name)} is not a model archive: it is no file.")
    if problem := names.component_problem(path.name) or ("starts with a dot" if path.name.startswith(".") else ""):
        raise InvalidArchiveError(f"{names.printable(path.name)} cannot be kept: the name {problem}. Rename it.")
    if path.resolve().parent == model_store.resolve():
        return path.name
    with _private_copy(path, model_store, progress, cancel) as (copied, digest):
        return _place(copied, digest, model_store, path.name, cancel)


@contextlib.contextmanager
def _private_copy(
    path: Path, model_store: Path, progress: ProgressCallback | None, cancel: Event | None
) -> Iterator[tuple[Path, str]]:
    """Give a copy that is safe on the disk in a private folder, with its sha256; whatever is left of it goes."""
    folder = PrivateFolder(model_store)
    copied = folder.path / "copy"
    try:
        folder.open()
        copied.touch(mode=0o600, exist_ok=False)
        with copied.open("wb") as target, path.open("rb") as source:
            meter = Meter("copying", os.fstat(source.fileno()).st_size, progress, cancel)
            digest = copy(source, target, meter)
            target.flush()
            os.fsync(target.fileno())
            meter.report()
        yield copied, digest
    finally:
        folder.close()


def _place(copied: Path, digest: str, model_store: Path, wished: str, cancel: Event | None) -> str:
    """Return the first name that is free, which the copy then has, or that holds the same content already."""
    return next(name for name in candidates(wished) if _take(copied, digest, model_store / name, cancel))


def _take(copied: Path, digest: str, target: Path, cancel: Event | None) -> bool:
    try:
        take_name(copied, target)
    except FileExistsError:
        return _holds(target, copied.stat().st_size, digest, cancel)
    return True


def take_name(copied: Path, target: Path) -> None:
    """Give a finished private copy its name in the same folder or above, for good; FileExistsError when it is taken."""
    _link(copied, target)
    _sync_folder(target.parent)


def candidates(wished: str) -> Iterator[str]:
    """The names for a file of the store, in turn: the one wished for, `stem-2.mar`, `stem-3.mar` and so on."""
    suffix = ".tar.gz" if wished.endswith(".tar.gz") else Path(wished).suffix
    stem = wished.removesuffix(suffix)
    yield wished
    for number in itertools.count(2):
        yield f"{stem}-{number}{suffix}"


def _holds(path: Path, size: int, digest: str, cancel: Event | None) -> bool:
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_size == size and sha256(path, None, cancel) == digest


def _link(copied: Path, target: Path) -> None:
    """Give the file a second name, which fails when the name is taken, where a rename would overwrite."""
    try:
        os.link(copied, target)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP}:
            raise
        # File systems like FAT know no second names: the name is reserved first, and then replaced.
        target.touch(exist_ok=False)
        copied.replace(target)


def _sync_folder(folder: Path) -> None:
    """Make a new name survive a power cut, where the system can do that for a folder."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
