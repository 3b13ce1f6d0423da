"""The manifest of a model archive, `MAR-INF/MANIFEST.json`. Pure, but for a warning in the log."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Any

from engine.archives import names
from engine.errors import InvalidArchiveError

log = logging.getLogger(__name__)

MANIFEST_NAME = "MAR-INF/MANIFEST.json"
MAX_SIZE = 1024 * 1024
RUNTIMES = ("python", "python3", "LSP")

_MAX_DEPTH = 64
# What names a file of the archive, and so must stay inside it.
_FILES = ("serializedFile", "modelFile", "requirementsFile", "configFile", "sourceVocab")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says about itself; a text it does not say is empty. `raw` is the whole, for the handler."""

    runtime: str = "python"
    archiver_version: str = ""
    created_on: str = ""
    description: str = ""
    model_name: str = ""
    version: str = "1.0"
    handler: str = ""
    serialized_file: str = ""
    model_file: str = ""
    requirements_file: str = ""
    config_file: str = ""
    source_vocab: str = ""
    raw: dict[str, Any] = field(default_factory=dict)


def parse(text: str | bytes | None, archive: str) -> Manifest:
    """Return the manifest; None, for an archive without one, gives an empty manifest, as TorchServe does.

    `archive` is the archive's name, for error texts.

    Raises:
        InvalidArchiveError: it is no JSON object, a value has the wrong type or leads out of the archive, or the
            runtime is unknown.

    """
    if text is None:
        return Manifest()
    raw = _object(_decode(text, archive), archive, "the manifest")
    model = _object({} if raw.get("model") is None else raw["model"], archive, "model")
    _check_paths(model, archive)
    manifest = Manifest(
        runtime=_text(raw, "runtime", archive) or "python",
        archiver_version=_text(raw, "archiverVersion", archive),
        created_on=_text(raw, "createdOn", archive),
        description=_text(raw, "description", archive) or _text(model, "description", archive),
        model_name=_text(model, "modelName", archive),
        version=_text(model, "modelVersion", archive) or "1.0",
        handler=_text(model, "handler", archive),
        serialized_file=_text(model, "serializedFile", archive),
        model_file=_text(model, "modelFile", archive),
        requirements_file=_text(model, "requirementsFile", archive),
        config_file=_text(model, "configFile", archive),
        source_vocab=_text(model, "sourceVocab", archive),
        raw=raw,
    )
    if manifest.runtime not in RUNTIMES:
        # The way out goes to the log: TorchServe's answer is these words alone.
        log.warning("%s: the runtime %.100r is none of %s.", archive, manifest.runtime, ", ".join(RUNTIMES))
        raise InvalidArchiveError("Runtime is not defined or invalid.")
    return manifest


def _decode(text: str | bytes, archive: str) -> Any:
    if len(text) > MAX_SIZE:
        raise _invalid(archive, f"Failed to parse {MANIFEST_NAME}: it is larger than {MAX_SIZE} bytes.")
    try:
        value = json.loads(text)
    except RecursionError:
        raise _invalid(archive, f"Failed to parse {MANIFEST_NAME}: it is nested too deeply.") from None
    except ValueError as error:
        raise _invalid(archive, f"Failed to parse {MANIFEST_NAME}: {error}.") from error
    if _depth(value) > _MAX_DEPTH:
        raise _invalid(archive, f"Failed to parse {MANIFEST_NAME}: it is nested deeper than {_MAX_DEPTH} levels.")
    return value


def _depth(value: Any) -> int:
    """Return how many containers lie within each other, counted level by level so that depth costs no stack."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth


def _object(value: Any, archive: str, what: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _invalid(archive, f"Failed to parse {MANIFEST_NAME}: {what} must be an object.")


def _text(values: dict[str, Any], key: str, archive: str) -> str:
    """Return a text; a number is taken as it reads, because archivers write `"modelVersion": 1.0` too."""
    value = values.get(key)
    if value is None:
        return ""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise _invalid(archive, f"Failed to parse {MANIFEST_NAME}: {key} must be a text.")


def _check_paths(model: dict[str, Any], archive: str) -> None:
    for key in _FILES:
        path = _text(model, key, archive)
        if path and not names.is_inside(path):
            raise _invalid(archive, f"{key} '{names.printable(path)}' in {MANIFEST_NAME} leads out of the archive.")
    handler = _text(model, "handler", archive).partition(":")[0]
    if ".." in handler.split("/") or "\\" in handler or "\0" in handler:
        raise _invalid(archive, f"handler '{names.printable(handler)}' in {MANIFEST_NAME} leads out of the archive.")


def _invalid(archive: str, reason: str) -> InvalidArchiveError:
    return InvalidArchiveError(f"{names.printable(archive)}: {reason}")
