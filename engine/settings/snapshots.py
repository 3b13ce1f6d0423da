"""TorchServe's snapshots: the key `model_snapshot`, which says in JSON what was registered. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine import gson
from engine.settings.values import number_above_0


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
    """Read the JSON of a snapshot, by Gson's rules; raises ValueError with the reason in words."""
    try:
        snapshot = gson.loads(text)
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from error
    models = _object(_object(snapshot, "the whole").get("models", {}), "models")
    return tuple(
        _model(name, version, _object(values, f"{name} {version}"))
        for name, versions in models.items()
        for version, values in _object(versions, name).items()
    )


def _model(name: str, version: str, values: dict[str, Any]) -> SnapshotModel:
    file = values.get("marName")
    if isinstance(file, gson.Number):
        file = str(file)
    if not isinstance(file, str) or not file:
        raise ValueError(f"{name} {version} names no archive: marName is missing")
    least = number_above_0("minWorkers", values.get("minWorkers")) or 0
    return SnapshotModel(
        name=name,
        version=version,
        file=file,
        is_default=gson.is_true(values.get("defaultVersion")),
        min_workers=least,
        max_workers=max(least, number_above_0("maxWorkers", values.get("maxWorkers")) or 0),
        batch_size=number_above_0("batchSize", values.get("batchSize")),
        max_batch_delay=number_above_0("maxBatchDelay", values.get("maxBatchDelay")),
        response_timeout=number_above_0("responseTimeout", values.get("responseTimeout")),
        startup_timeout=number_above_0("startupTimeout", values.get("startupTimeout")),
    )


def _object(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"{where} must be a JSON object")
