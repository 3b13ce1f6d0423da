"""What an archive says about itself, read without unpacking it or running anything in it. Blocking; for a thread."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from threading import Event

from engine.archives import manifest, members, model_config, names
from engine.archives.manifest import MANIFEST_NAME, MAX_SIZE, Manifest
from engine.archives.members import Limits
from engine.archives.progress import Meter, ProgressCallback, sha256
from engine.archives.unpack import model_folder
from engine.errors import InvalidArchiveError
from engine.snapshots import ArchiveSummary


def inspect(
    path: Path,
    *,
    limits: Limits | None = None,
    progress: ProgressCallback | None = None,
    cancel: Event | None = None,
) -> ArchiveSummary:
    """Return the summary of an archive, or of a folder in place of one, whose sha256 is then empty.

    Progress counts the bytes hashed.

    Raises:
        InvalidArchiveError: it is no archive, is damaged or unsafe, or its manifest cannot be read.
        CancelledActError: the cancel event was set.
        OSError: the file cannot be read.

    """
    if path.is_dir():
        return _inspect_folder(path)
    limits, meter = limits or Limits(), Meter("reading", 0, None, cancel)
    text, files = _read_archive(path, limits, meter)
    about = manifest.parse(text, path.name)
    config = _read_member(path, about.config_file, limits, meter) if about.config_file in files else None
    digest = sha256(path, progress, cancel)
    return _summary(path, path.stat().st_size, digest, about, files, config)


def check(path: Path, cancel: Event | None = None) -> None:
    """Look through an archive without hashing it.

    Raises:
        InvalidArchiveError: it is no archive, is damaged or unsafe, or its manifest cannot be read.
        CancelledActError: the cancel event was set.
        OSError: the file cannot be read.

    """
    text, _ = _read_archive(path, Limits(), Meter("reading", 0, None, cancel))
    manifest.parse(text, path.name)


def _read_archive(path: Path, limits: Limits, meter: Meter) -> tuple[bytes | None, list[str]]:
    """Return the manifest's text, None when there is none, and the names of all files."""
    text, files = None, []
    found = members.read(path, limits, meter.check)
    with members.reading(path), closing(found):
        for member in found:
            if not member.is_folder:
                files.append(member.path)
            if member.path == MANIFEST_NAME and not member.is_folder:
                with member.open() as file:
                    text = file.read(MAX_SIZE + 1)
    return text, files


def _read_member(path: Path, name: str, limits: Limits, meter: Meter) -> bytes | None:
    """Return one file of the archive, as much of it as a model-config.yaml may have and a byte more."""
    found = members.read(path, limits, meter.check)
    with members.reading(path), closing(found):
        for member in found:
            if member.path == name:
                with member.open() as file:
                    return file.read(model_config.MAX_SIZE + 1)
    return None


def _inspect_folder(path: Path) -> ArchiveSummary:
    folder = model_folder(path)
    found = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    about = read_manifest(folder, path.name)
    size = sum(file.stat().st_size for file in found)
    names_found = [file.relative_to(folder).as_posix() for file in found]
    config = None
    if about.config_file in names_found:
        with (folder / about.config_file).open("rb") as file:
            config = file.read(model_config.MAX_SIZE + 1)
    return _summary(path, size, "", about, names_found, config)


def read_manifest(folder: Path, archive: str) -> Manifest:
    """Return the manifest of an unpacked archive; an empty one when it has none.

    Raises:
        InvalidArchiveError: it cannot be read; `archive` is named in the text.
        OSError: the file cannot be read.

    """
    path = folder / MANIFEST_NAME
    if not path.exists():
        return Manifest()
    if not path.is_file():
        raise InvalidArchiveError(f"{names.printable(archive)}: {MANIFEST_NAME} is no file.")
    with path.open("rb") as file:
        return manifest.parse(file.read(MAX_SIZE + 1), archive)


def _summary(
    path: Path, size: int, digest: str, about: Manifest, files: list[str], config: bytes | None
) -> ArchiveSummary:
    return ArchiveSummary(
        file_name=path.name,
        size=size,
        sha256=digest,
        model_name=about.model_name,
        version=about.version,
        handler=about.handler,
        runtime=about.runtime,
        description=about.description,
        files=tuple(sorted(files)),
        config_problems=() if config is None else model_config.parse(config).problems,
    )
