"""Records of versions with the defaults of a small model."""

from __future__ import annotations

from typing import Any

from engine.record.rows import SavedVersion
from engine.registration import Registration
from engine.registry.records import Target, VersionSpec
from engine.snapshots import Key

_DEFAULTS: dict[str, Any] = {
    "url": "m.mar",
    "archive": "m.mar",
    "size": 10,
    "handler": "service.py",
    "runtime": "python",
    "batch_size": 1,
    "max_batch_delay": 100,
    "response_timeout": 120,
    "startup_timeout": 120,
    "max_retry_timeout": 300,
    "client_timeout": 0,
    "queue_capacity": 100,
    "config_file": "",
    "model_config": {},
    "loaded_at_startup": False,
}


def spec(name: str = "m", version: str = "1.0", **changed: Any) -> VersionSpec:
    """Return the record of a version; `changed` replaces any of its fields."""
    return VersionSpec(name=name, version=version, **{**_DEFAULTS, **changed})


def saved(
    name: str = "m",
    version: str = "1.0",
    *,
    is_default: bool = False,
    loaded_at_startup: bool = False,
    target: Target | None = None,
    **said: Any,
) -> SavedVersion:
    """Return what is recorded of a version whose caller `said` so much."""
    archive = f"{name}-{version}.mar"
    registration = Registration(archive, model_name=name, **said)
    return SavedVersion(Key(name, version), archive, registration, loaded_at_startup, is_default, target)
