"""The records of the registry: plain immutable values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.snapshots import Batching, Key


@dataclass(frozen=True, slots=True)
class Target:
    """How many workers a version should have."""

    min_workers: int = 0
    max_workers: int = 0


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """Everything about a version, decided from what its caller, its archive and the settings say.

    `url` is what the caller gave, `archive` the file name in the model store. Delays are milliseconds, timeouts
    seconds; `client_timeout` 0 means none. `idle_unload` is seconds without a request after which the workers go, 0 for
    never, None for what the settings say. `model_config` is the archive's model-config.yaml, parsed;
    `s3_sse_kms` says that the download of an http or https URL was signed with AWS credentials, `s3_profile` whose.
    `said` are the names of the values that the caller gave, `config_problems` say what of model-config.yaml has no
    effect.
    """

    name: str
    version: str
    url: str
    archive: str
    size: int
    handler: str
    runtime: str
    batch_size: int
    max_batch_delay: int
    response_timeout: int
    startup_timeout: int
    max_retry_timeout: int
    client_timeout: int
    queue_capacity: int
    config_file: str
    model_config: dict[str, Any]
    loaded_at_startup: bool
    batching: Batching = field(default_factory=Batching)
    idle_unload: int | None = None
    s3_sse_kms: bool = False
    s3_profile: str | None = None
    said: frozenset[str] = frozenset()
    config_problems: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """The version's identity."""
        return Key(self.name, self.version)
