"""Making a `.mar`: the same input gives the same bytes. Blocking; for a thread."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

from engine.archives import names
from engine.archives.handlers import find_handler
from engine.archives.manifest import MANIFEST_NAME, RUNTIMES
from engine.archives.progress import Meter, ProgressCallback, copy
from engine.errors import BadRequestError

# A zip's oldest date stands in for all dates, so that bytes do not depend on when they were made.
_DATE = (1980, 1, 1, 0, 0, 0)
_CREATED_ON = "01/01/1980 00:00:00"
_FILE_MODE = 0o100644 << 16


def pack(
    destination: Path,
    *,
    model_name: str,
    handler: str,
    files: Mapping[str, Path | bytes],
    version: str = "1.0",
    runtime: str = "python",
    description: str = "",
    serialized_file: str = "",
    model_file: str = "",
    config_file: str = "",
    requirements_file: str = "",
    progress: ProgressCallback | None = None,
    cancel: Event | None = None,
) -> Path:
    """Write a model archive and return `destination`, which an earlier file gives way to.

    `files` maps names in the archive to contents; the four `*_file` are names among them. A handler is one of
    TorchServe's built-in names or a module among the files. Progress counts the bytes read.

    Raises:
        BadRequestError: a name is missing, unsafe, or not among the files.
        CancelledActError: the cancel event was set; no half archive is left.
        OSError: a file cannot be read or the archive not written; no half archive is left.

    """
    special = {
        "serializedFile": serialized_file,
        "modelFile": model_file,
        "configFile": config_file,
        "requirementsFile": requirements_file,
    }
    _check(destination, model_name, runtime)
    _check_files(files, handler, special)
    model = {"modelName": model_name, "modelVersion": version, "handler": handler, "description": description}
    manifest = {
        "createdOn": _CREATED_ON,
        "runtime": runtime,
        "model": {key: value for key, value in (model | special).items() if value},
        "archiverVersion": "1.0",
    }
    total = sum(len(file) if isinstance(file, bytes) else file.stat().st_size for file in files.values())
    meter = Meter("packing", total, progress, cancel)
    _write(destination, manifest, files, meter)
    meter.report()
    return destination


def _check(destination: Path, model_name: str, runtime: str) -> None:
    if destination.suffix != ".mar":
        raise BadRequestError(f"{destination.name} must end in .mar.")
    if not model_name:
        raise BadRequestError("Model name is not defined.")
    if runtime not in RUNTIMES:
        raise BadRequestError(f"Invalid RuntimeType value: {runtime}")


def _check_files(files: Mapping[str, Path | bytes], handler: str, special: Mapping[str, str]) -> None:
    twins = names.Twins()
    twins.add(names.split(MANIFEST_NAME), is_folder=False)
    for name in files:
        try:
            twins.add(_plain(name), is_folder=False)
        except ValueError as error:
            raise BadRequestError(f"File '{names.printable(name)}' cannot be packed: {error}.") from error
    for key, name in special.items():
        if name and name not in files:
            raise BadRequestError(f"{key} {name!r} is not among the files.")
    if not find_handler(handler, files.keys()):
        raise BadRequestError(f"Handler {handler!r} is neither built in nor among the files.")


def _plain(name: str) -> tuple[str, ...]:
    components = names.split(name)
    if "/".join(components) != name:
        raise ValueError("the name is no plain path")
    return components


def _write(destination: Path, manifest: Mapping[str, Any], files: Mapping[str, Path | bytes], meter: Meter) -> None:
    handle, name = tempfile.mkstemp(prefix=".packing-", dir=destination.parent)
    temporary = Path(name)
    try:
        with open(handle, "wb") as target:  # noqa: PTH123 - a descriptor
            with zipfile.ZipFile(target, "w") as archive:
                _add(archive, MANIFEST_NAME, (json.dumps(manifest, indent=2) + "\n").encode(), Meter("", 0, None, None))
                for member in sorted(files):
                    _add(archive, member, files[member], meter)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(destination)
    finally:
        temporary.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, name: str, content: Path | bytes, meter: Meter) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = 3  # Unix, wherever it is made
    info.external_attr = _FILE_MODE
    info.compress_type = zipfile.ZIP_DEFLATED
    with _open(content) as source:
        info.file_size = source.seek(0, os.SEEK_END)
        source.seek(0)
        with archive.open(info, "w") as target:
            copy(source, target, meter)


def _open(content: Path | bytes) -> BinaryIO:
    return io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
