"""TorchServe's snapshots: the key `model_snapshot`, which says in JSON what was registered. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SnapshotModel:
    """A version as a snapshot records it. Delay in ms, timeouts in seconds; None where the snapshot says nothing."""

    name: str
    version: str
    file: str
    is_default: bool
    min_workers: int
    max_workers: int
    batch_size: int | None
    max_batch_delay: int | None
    response_timeout: int | None
    startup_timeout: int | None

    def __str__(self) -> str:
        """Return name, version and archive."""
        return f"{self.name}/{self.version}={self.file}"


def model_snapshot(text: str) -> tuple[SnapshotModel, ...]:
    """Read the JSON of a snapshot; raises ValueError with the reason in words."""
    try:
        snapshot = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    models = _object(_object(snapshot, "the whole").get("models", {}), "models")
    return tuple(
        _model(name, version, _object(values, f"{name} {version}"))
        for name, versions in models.items()
        for version, values in _object(versions, name).items()
    )


def _model(name: str, version: str, values: dict[str, Any]) -> SnapshotModel:
    file = values.get("marName")
    if not isinstance(file, str) or not file:
        raise ValueError(f"{name} {version} names no archive: marName is missing")
    least = _number(values, "minWorkers") or 0
    return SnapshotModel(
        name=name,
        version=version,
        file=file,
        is_default=values.get("defaultVersion") is True,
        min_workers=least,
        max_workers=max(least, _number(values, "maxWorkers") or 0),
        batch_size=_number(values, "batchSize"),
        max_batch_delay=_number(values, "maxBatchDelay"),
        response_timeout=_number(values, "responseTimeout"),
        startup_timeout=_number(values, "startupTimeout"),
    )


def _number(values: dict[str, Any], key: str) -> int | None:
    """Return a number above 0; TorchServe counts any other as not given."""
    value = values.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{key} must be a whole number")  # noqa: TRY004 - every reader raises ValueError
    return value if value > 0 else None


def _object(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"{where} must be a JSON object")
