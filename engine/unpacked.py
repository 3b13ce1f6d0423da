"""An unpacked archive and what it says about itself. Blocking: everything here runs in threads."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from engine.archives import model_config
from engine.archives.handlers import find_handler, module_of
from engine.archives.sources import copy_into_store
from engine.archives.summary import check, read_manifest
from engine.archives.unpack import unpack
from engine.errors import InvalidArchiveError
from engine.settings import StartModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from threading import Event

    from engine.archives.manifest import Manifest
    from engine.archives.model_config import ModelConfig
    from engine.registry.records import VersionSpec
    from engine.snapshots import Progress

SUFFIXES = (".mar", ".model", ".tar.gz")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A model's files in `folder`. `archive` is the file name in the store, `size` its bytes.

    A folder that does not lie in the store itself is named by its whole path.

    `scratch` is what to remove in the end; it does not exist when the model store holds a folder, used where it lies.
    """

    archive: str
    size: int
    folder: Path
    scratch: Path
    manifest: Manifest
    config: ModelConfig


def unpack_model(
    path: Path, model_store: Path, scratch: Path, report: Callable[[Progress], None], cancel: Event
) -> Unpacked:
    """Unpack `path` into `scratch` and read what it says; raises InvalidArchiveError or OSError."""
    folder = unpack(path, scratch, progress=report, cancel=cancel)
    manifest = read_manifest(folder, path.name)
    return Unpacked(
        archive_name(path, model_store), path.stat().st_size, folder, scratch, manifest, _read_config(folder, manifest)
    )


def archive_name(path: Path, model_store: Path) -> str:
    """Return how an archive is recorded: by its name in the store, or by its whole path."""
    return path.name if path.parent == model_store else str(path)


def add_archive(path: Path, model_store: Path, report: Callable[[Progress], None], cancel: Event) -> str:
    """Copy an archive into the model store and return its file name there; what is no archive never gets in.

    Raises InvalidArchiveError or OSError, and leaves nothing then.
    """
    check(path, cancel)
    return copy_into_store(path, model_store, report, cancel)


def require_handler(spec: VersionSpec, folder: Path, module_path: Sequence[str]) -> None:
    """Raise InvalidArchiveError when the handler is neither in the archive nor on the workers' module path."""
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*")]
    if find_handler(spec.handler, names):
        return
    # The API document: a handler may also live on the PYTHONPATH. The module is looked for, never imported.
    # Python's own modules hold no handler, only functions that no request should reach.
    module = module_of(spec.handler)
    if module.partition(".")[0] not in sys.stdlib_module_names and _is_found(module, module_path):
        return
    raise InvalidArchiveError(
        f"{spec.archive} does not contain its handler {spec.handler!r}. "
        "Pack the handler's file into the archive, or name another one with the parameter handler."
    )


def _is_found(module: str, module_path: Sequence[str]) -> bool:
    """Whether a module, also one in packages, can be imported from the path."""
    parts = module.split(".")
    places: Sequence[str] | None = module_path
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), places) if places is not None else None
        if spec is None:
            return False
        places = spec.submodule_search_locations
    return True


def whole_store(model_store: Path) -> list[StartModel]:
    """Return every model of the store, as `load_models=all` means it, sorted by file name."""
    entries = sorted(entry for entry in model_store.iterdir() if not entry.name.startswith("."))
    return [StartModel(None, entry.name) for entry in entries if entry.is_dir() or entry.name.endswith(SUFFIXES)]


def _read_config(folder: Path, manifest: Manifest) -> ModelConfig:
    path = folder / manifest.config_file
    if not manifest.config_file or not path.is_file():
        return model_config.ModelConfig()
    with path.open("rb") as file:
        return model_config.parse(file.read(model_config.MAX_SIZE + 1))
