"""The members of an archive one after the other, checked before anybody touches them. Blocking; for a thread.

A `.mar` is a zip, every other file a gzip-compressed tar whose members lose their first path component (TorchServe).
A zip that was made of a folder, instead of what the folder holds, loses that component too.
What is no plain file or folder, or has an unsafe name, stops the reading: nothing unsafe is skipped in silence.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from tarfile import (  # type: ignore[attr-defined]  # typeshed leaves two of them out
    InvalidHeaderError,
    ReadError,
    TruncatedHeaderError,
)
from typing import BinaryIO, NamedTuple, Self, cast

from engine.archives import names
from engine.archives.manifest import MANIFEST_NAME
from engine.errors import InvalidArchiveError


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold. Sizes in bytes, counted while reading and not believed from headers.

    `entries` counts files and folders, also folders that only the names of files imply. Beyond `free_ratio_size` the
    contents may be at most `ratio` times the archive's own size. `reserve` is what must stay free on the disk.
    """

    total: int = 256 * 1024**3
    entries: int = 100_000
    ratio: int = 200
    free_ratio_size: int = 100 * 1024**2
    reserve: int = 64 * 1024**2

    def check(self, contents: int, archive_size: int) -> None:
        """Raise ValueError, with the reason in words, when contents of that size are too much for the archive."""
        if contents > self.total:
            raise ValueError(f"it holds more than {self.total} bytes")
        if contents > self.free_ratio_size and contents > self.ratio * archive_size:
            raise ValueError(f"it unpacks to more than {self.ratio} times its size")


class Member(NamedTuple):
    """A file or folder of the archive. `open` gives the content of a file, once, before the next member is taken."""

    path: str
    is_folder: bool
    size: int
    open: Callable[[], BinaryIO]


_MAX_DIRECTORY = 16 * 1024**2
_MAX_TAR_HEADER = 1024**2
_TAR_BUFFER = 64 * 1024
_ENCRYPTED = 0x1
_MACOS_FOLDER = "__MACOSX/"
# What the libraries raise about archives. RuntimeError stands for features that zipfile does not have and for headers
# that nest without end; ValueError, OverflowError and LookupError come from numbers and lists in headers of tars.
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    LookupError,
    RuntimeError,
)


def read(archive: Path, limits: Limits, tick: Callable[[], None]) -> Generator[Member, None, None]:
    """Yield the members in the archive's order; close it to close the archive. `tick` is called often, and may raise.

    Raises:
        InvalidArchiveError: it is no archive, is damaged, or has an unsafe member or too many; the text names both.
        OSError: the file cannot be read.

    """
    if not archive.is_file():
        raise InvalidArchiveError(f"{_shown(archive)} is not a model archive: it is no file.")
    size, contents = archive.stat().st_size, 0
    members = _zip_members(archive) if archive.name.endswith(".mar") else _tar_members(archive, tick)
    twins = names.Twins()
    with reading(archive), contextlib.closing(members):
        for count, (name, member) in enumerate(members, start=1):
            tick()
            contents += member.size
            with naming(archive, name):
                limits.check(contents, size)
                components = names.split(member.path)
                twins.add(components, is_folder=member.is_folder)
                if max(count, len(twins)) > limits.entries:
                    raise ValueError(f"there are more than {limits.entries} entries")
            if components:
                yield member._replace(path="/".join(components))


@contextlib.contextmanager
def reading(archive: Path) -> Iterator[None]:
    """Turn what the libraries raise about a damaged archive into InvalidArchiveError."""
    try:
        yield
    except _UNREADABLE as error:
        raise InvalidArchiveError(
            f"{_shown(archive)} is damaged: {str(error).rstrip('.')}. Copy or download it again, or ask its author."
        ) from error


@contextlib.contextmanager
def naming(archive: Path, name: str) -> Iterator[None]:
    """Turn a ValueError about one member into InvalidArchiveError, which names the archive and the member."""
    try:
        yield
    except ValueError as error:
        raise _refused(archive, name, str(error)) from error


def _refused(archive: Path, name: str, reason: str) -> InvalidArchiveError:
    return InvalidArchiveError(f"{_shown(archive)} is refused: entry '{names.printable(name)}': {reason}.")


def _shown(archive: Path) -> str:
    return names.printable(archive.name)


class _BoundedReader(io.FileIO):
    """A file that refuses to read a huge piece at once: zipfile takes a zip's whole directory into memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes."""
        if size is not None and size > _MAX_DIRECTORY:
            raise zipfile.BadZipFile("its directory is too large")
        return super().read(size) or b""


def _zip_members(archive: Path) -> Generator[tuple[str, Member], None, None]:
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(_BoundedReader(archive))
        if not zipfile.is_zipfile(file):
            raise InvalidArchiveError(
                f"{_shown(archive)} is not a model archive: it is no zip file. Copy or download it again; an archive "
                "in tar form must end in .tar.gz."
            )
        opened = stack.enter_context(zipfile.ZipFile(cast("BinaryIO", file)))
        infos = opened.infolist()
        top = _top_folder([info.orig_filename for info in infos])
        for info in infos:
            member = _zip_member(archive, opened, info)
            if top:
                # Before the component goes: a name that leads out must not become a harmless one.
                with naming(archive, member.path):
                    names.split(member.path)
            yield info.orig_filename, member._replace(path=member.path.removeprefix(top))


def _top_folder(members: list[str]) -> str:
    """Return the folder, with its slash, that holds all members and the manifest; "" when there is none.

    What macOS adds beside the folder stays where it is.
    """
    top = next((name.removesuffix(MANIFEST_NAME) for name in members if name.endswith(f"/{MANIFEST_NAME}")), "")
    inside = all(name.startswith((top, _MACOS_FOLDER)) for name in members)
    return top if inside and top.count("/") == 1 else ""


def _zip_member(archive: Path, opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    name = info.orig_filename  # zipfile cuts `filename` at a NUL and turns backslashes around on Windows
    if info.flag_bits & _ENCRYPTED:
        raise _refused(archive, name, "it is encrypted")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise _refused(archive, name, "its compression is neither stored nor deflated")
    if not 0 <= info.header_offset < archive.stat().st_size:
        raise _refused(archive, name, "it begins outside the archive")
    is_folder = name.endswith("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFDIR if is_folder else stat.S_IFREG}:
        raise _refused(archive, name, "it is a link or a device")
    return Member(name, is_folder, info.file_size, lambda: cast("BinaryIO", opened.open(info)))


class _StrictTarInfo(tarfile.TarInfo):
    """A header that is refused when it is broken, where tarfile would take it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        """Read the next header."""
        try:
            return super().fromtarfile(tarfile)
        except (InvalidHeaderError, TruncatedHeaderError) as error:
            raise ReadError(str(error)) from error


class _TarStream:
    """Decompressed bytes with a budget, renewed for each member, so that no header of a tar can fill the memory."""

    def __init__(self, source: BinaryIO, tick: Callable[[], None]) -> None:
        self._source = source
        self._tick = tick
        self.budget = 0

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes."""
        self._tick()
        data = self._source.read(size)
        self.budget -= len(data)
        if self.budget < 0:
            raise ReadError("a header is too large")
        return data


def _tar_members(archive: Path, tick: Callable[[], None]) -> Generator[tuple[str, Member], None, None]:
    with contextlib.ExitStack() as stack:
        stream = _TarStream(cast("BinaryIO", stack.enter_context(gzip.open(archive))), tick)
        opened = stack.enter_context(_open_tar(archive, stream))
        while info := _next(opened, stream):
            yield info.name, _tar_member(archive, opened, info)


def _open_tar(archive: Path, stream: _TarStream) -> tarfile.TarFile:
    stream.budget = _MAX_TAR_HEADER
    try:
        return tarfile.open(fileobj=cast("BinaryIO", stream), mode="r|", bufsize=_TAR_BUFFER, tarinfo=_StrictTarInfo)
    except (gzip.BadGzipFile, ReadError) as error:
        raise InvalidArchiveError(
            f"{_shown(archive)} is not a model archive: it is no gzip-compressed tar file. Copy or download it again; "
            "an archive in zip form must end in .mar."
        ) from error


def _next(opened: tarfile.TarFile, stream: _TarStream) -> tarfile.TarInfo | None:
    """Return the next header. What the last member left of its own budget pays for passing over its rest."""
    info = opened.next()
    stream.budget = (info.size if info else 0) + _MAX_TAR_HEADER
    return info


def _tar_member(archive: Path, opened: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    if not (info.isreg() or info.isdir()) or info.issparse():
        raise _refused(archive, info.name, "it is a link, a device or a sparse file")
    # Before the first component goes: an absolute name, or one that leads out, must not become a harmless one.
    with naming(archive, info.name):
        names.split(info.name)
    inner = info.name.partition("/")[2] if "/" in info.name or info.isdir() else info.name

    def content() -> BinaryIO:
        file = opened.extractfile(info)
        return cast("BinaryIO", file)

    return Member(inner, info.isdir(), info.size, content)
