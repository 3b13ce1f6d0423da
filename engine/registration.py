"""From a registration to a version: parameters checked, defaults filled in. Pure.

Who wins, per value: the call, then the archive's model-config.yaml, then the setting `models`, then the default. In
TorchServe's dialect the model-config wins over the call for the number of workers.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.errors import BadRequestError, InvalidArchiveError
from engine.ranges import MAX_NAME, RANGES
from engine.registry.records import Target, VersionSpec
from engine.snapshots import Batching, Key

if TYPE_CHECKING:
    from engine.archives.manifest import Manifest
    from engine.archives.model_config import ModelConfig
    from engine.settings import ModelDefaults, Settings
    from engine.unpacked import Unpacked

log = logging.getLogger(__name__)

# A runtime in any case, and as TorchServe spells it.
RUNTIMES = {"python": "python", "python3": "python3", "lsp": "LSP"}
DEFAULT_BATCH_DELAY = 100
LONGEST_SHOWN = 100
# TorchServe has no default, and answers no request of such a model.
DEFAULT_SEQUENCE_IDLE = 60_000
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
# TorchServe's words while workers are still on their way: the answer is 202 exactly when this is the text.
PROCESSING = "Processing worker updates..."
# What a caller may say and the archive or the settings decide otherwise, by the names that a version has for it.
SAID = ("handler", "runtime", "batch_size", "max_batch_delay", "response_timeout", "startup_timeout")


@dataclass(frozen=True, slots=True)
class Registration:
    """What a caller may say about a model; None leaves it to the archive and the settings.

    `max_batch_delay` is milliseconds, the timeouts seconds. `synchronous` waits until the workers are ready,
    `s3_sse_kms` signs the download of an http or https URL with AWS credentials, those of `s3_profile` where one is
    named. `sha256` is what the archive must have, in hexadecimal.
    """

    url: str
    model_name: str | None = None
    handler: str | None = None
    runtime: str | None = None
    batch_size: int | None = None
    max_batch_delay: int | None = None
    initial_workers: int | None = None
    synchronous: bool = False
    response_timeout: int | None = None
    startup_timeout: int | None = None
    s3_sse_kms: bool = False
    s3_profile: str | None = None
    sha256: str | None = None

    def check(self) -> None:
        """Raise BadRequestError naming the first parameter that is out of range."""
        if self.sha256 is not None and not SHA256.fullmatch(self.sha256):
            raise BadRequestError("sha256 must be 64 hexadecimal digits.")
        if self.runtime is not None:
            _runtime(self.runtime)
        for name in ("batch_size", "max_batch_delay", "initial_workers", "response_timeout", "startup_timeout"):
            require_range(name, getattr(self, name), *RANGES[name])


def registration_of(spec: VersionSpec, target: Target) -> Registration:
    """Return what registers a version again as it is; how many workers it may have at most, no registration says.

    What its caller did not say stays open, so that the archive and the settings decide again.
    """
    return Registration(
        spec.url,
        model_name=spec.name,
        initial_workers=target.min_workers,
        s3_sse_kms=spec.s3_sse_kms,
        s3_profile=spec.s3_profile,
        **{name: getattr(spec, name) for name in spec.said},
    )


def recorded(registration: Registration) -> Registration:
    """Return what is recorded of a registration: what the caller said of the version, not how to wait or fetch."""
    return replace(registration, synchronous=False, sha256=None)


def require_range(name: str, value: int | None, low: int, high: int) -> None:
    """Raise BadRequestError when `value` is given and lies outside `low` to `high`."""
    if value is not None and not low <= value <= high:
        raise BadRequestError(f"{name} must be a number from {low} to {high}, not {value}.")


def name_version(registration: Registration, manifest: Manifest) -> Key:
    """Return the identity that the version will have.

    Raises InvalidArchiveError when nobody gives a name, and for one that no path of the REST API could ever name.
    """
    name = registration.model_name or manifest.model_name
    if not name:
        # The way out goes to the log: TorchServe's answer is these words alone.
        log.warning("%s says no model name. Give the parameter model_name, or pack it again.", registration.url)
        raise InvalidArchiveError("Model name is not defined.")
    for what, text in (("name", name), ("version", manifest.version)):
        if "/" in text or not text.isprintable():
            raise InvalidArchiveError(f"The model {what} {_shown(text)} must not hold a slash or control characters.")
        if len(text) > MAX_NAME:
            raise InvalidArchiveError(f"The model {what} {_shown(text)} is longer than {MAX_NAME} characters.")
    return Key(name, manifest.version)


def specify(
    registration: Registration, key: Key, unpacked: Unpacked, settings: Settings, *, loaded_at_startup: bool
) -> VersionSpec:
    """Return all that is decided about the version called `key`; raises InvalidArchiveError for want of a handler."""
    manifest, config = unpacked.manifest, unpacked.config
    given = settings.model_defaults(*key)
    handler = registration.handler or manifest.handler or settings.default_service_handler
    if not handler:
        raise InvalidArchiveError(
            f"{unpacked.archive} names no handler. Give one with the parameter handler, or set default_service_handler."
        )
    if len(handler) > MAX_NAME:
        raise InvalidArchiveError(f"The handler {_shown(handler)} is longer than {MAX_NAME} characters.")
    for problem in config.problems:
        log.warning("%s %s, %s: %s", key.name, key.version, manifest.config_file, problem)
    return VersionSpec(
        name=key.name,
        version=key.version,
        url=registration.url,
        archive=unpacked.archive,
        size=unpacked.size,
        handler=handler,
        runtime=_runtime(registration.runtime or given.runtime or manifest.runtime),
        batch_size=_first(registration.batch_size, config.batch_size, given.batch_size, 1),
        max_batch_delay=_first(
            registration.max_batch_delay, config.max_batch_delay_ms, given.max_batch_delay, DEFAULT_BATCH_DELAY
        ),
        response_timeout=_first(
            registration.response_timeout,
            config.response_timeout,
            given.response_timeout,
            settings.default_response_timeout,
        ),
        startup_timeout=_first(
            registration.startup_timeout,
            config.startup_timeout,
            given.startup_timeout,
            settings.default_startup_timeout,
        ),
        max_retry_timeout=config.max_retry_timeout,
        client_timeout=config.client_timeout_ms,
        queue_capacity=_first(config.job_queue_size, settings.job_queue_size),
        config_file=manifest.config_file,
        model_config=config.raw,
        loaded_at_startup=loaded_at_startup,
        batching=batching_of(config),
        idle_unload=config.idle_unload,
        s3_sse_kms=registration.s3_sse_kms,
        s3_profile=registration.s3_profile,
        config_problems=config.problems,
        said=frozenset(name for name in SAID if getattr(registration, name) is not None),
    )


def batching_of(config: ModelConfig) -> Batching:
    """Return how jobs come together; what contradicts itself or is missing is settled, and named in the log."""
    sequences, continuous = config.sequence_batching, config.continuous_batching
    if sequences and not config.sequence_max_idle_ms:
        log.warning("sequenceBatching without sequenceMaxIdleMSec: sequences end %d ms idle.", DEFAULT_SEQUENCE_IDLE)
    if config.async_communication and (sequences or continuous):
        log.warning("asyncCommunication has no effect together with sequenceBatching or continuousBatching.")
    return Batching(
        continuous=continuous,
        asynchronous=config.async_communication and not sequences and not continuous,
        job_tickets=config.use_job_ticket,
        sequences=sequences,
        sequence_max_idle=(config.sequence_max_idle_ms or DEFAULT_SEQUENCE_IDLE) if sequences else 0,
        sequence_timeout=config.sequence_timeout_ms if sequences else 0,
        max_sequences=config.max_num_sequence if sequences else 0,
        max_sequence_jobs=config.max_sequence_job_queue_size if sequences else 0,
    )


def first_target(
    registration: Registration, config: ModelConfig, given: ModelDefaults, default: int, *, archive_first: bool = False
) -> Target:
    """Return how many workers the version begins with; `given` is what the setting `models` says about it.

    With `archive_first` the archive goes before the call (TorchServe).
    """
    workers = registration.initial_workers
    if workers is not None and not (archive_first and config.min_workers):
        return Target(workers, workers)
    for said in (config, given):
        if said.min_workers:
            return Target(said.min_workers, max(said.min_workers, said.max_workers or 0))
    return Target(default, default)


def default_workers(settings: Settings, gpus: int, *, loaded_at_startup: bool) -> int:
    """Return the workers of a model that says nothing; without a setting, at the start, as many as GPUs or CPUs."""
    return settings.default_workers_per_model or (gpus or os.cpu_count() or 1 if loaded_at_startup else 0)


def _shown(text: str) -> str:
    return ascii(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...")


def _runtime(text: str) -> str:
    try:
        return RUNTIMES[text.lower()]
    except KeyError:
        raise BadRequestError(f"Invalid RuntimeType value: {text}") from None


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)
