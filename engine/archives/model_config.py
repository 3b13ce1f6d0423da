"""A model's own configuration, the YAML file that the manifest's `configFile` names. Pure.

Key names and rules are TorchServe's: a value of the wrong type is passed over with a warning, keys nobody knows stay in
`raw` for the handler, and a file that cannot be read leaves the model without configuration.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import yaml

from engine import plain_yaml
from engine.ranges import MAX_WORKERS, RANGES

T = TypeVar("T")

MAX_SIZE = 256 * 1024
LONGEST_SHOWN = 100
LONGEST_REASON = 300
_DEVICE_TYPES = ("cpu", "gpu")
_PARALLEL_TYPES = ("pp", "tp", "pptp", "custom")


@dataclass(frozen=True, slots=True)
class Torchrun:
    """How `torchrun` starts the ranks of one worker."""

    nnodes: int = 1
    nproc_per_node: int = 1
    rdzv_backend: str = "c10d"
    rdzv_endpoint: str = ""
    rdzv_conf: str = ""
    monitor_interval: int = 5
    node_rank: int = 0
    omp_number_threads: int = 1


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What the file says; None where it says nothing and another source decides. Timeouts named `_ms` are ms, else s.

    `error` is why the file cannot be read: TorchServe then goes on without it and the worker fails to load. `warnings`
    name the keys that were passed over. `worker_python`, `idle_unload` and `threads` (of the numeric
    libraries in each worker) are keys of Marina's own.
    """

    min_workers: int | None = None
    max_workers: int | None = None
    batch_size: int | None = None
    max_batch_delay_ms: int | None = None
    response_timeout: int | None = None
    startup_timeout: int | None = None
    device_type: str | None = None
    device_ids: tuple[int, ...] = ()
    parallel_type: str | None = None
    parallel_level: int = 0
    torchrun: Torchrun | None = None
    max_retry_timeout: int = 300
    client_timeout_ms: int = 0
    job_queue_size: int | None = None
    use_job_ticket: bool = False
    sequence_batching: bool = False
    sequence_max_idle_ms: int = 0
    sequence_timeout_ms: int = 0
    max_sequence_job_queue_size: int = 1
    max_num_sequence: int = 1
    continuous_batching: bool = False
    async_communication: bool = False
    use_venv: bool | None = None
    worker_python: str | None = None
    idle_unload: int | None = None
    threads: int | None = None
    raw: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the file has no effect, and why, in sentences."""
        whole = (f"The file cannot be read and has no effect: {self.error}",) if self.error else ()
        return (*whole, *self.warnings)


def parse(text: str | bytes) -> ModelConfig:
    """Return the configuration; an empty file says nothing. Never raises: see `ModelConfig.error`."""
    if len(text) > MAX_SIZE:
        return ModelConfig(error=f"the file is larger than {MAX_SIZE} bytes")
    try:
        raw = plain_yaml.load(text)
        if isinstance(raw, dict):
            return _config(raw)
    except RecursionError:
        return ModelConfig(error="the file is nested too deeply")
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        return ModelConfig(error=_cut(plain_yaml.reason(error, text), LONGEST_REASON))
    return ModelConfig(error="the file is no mapping of keys to values")


class _Reader:
    """Typed look-ups in one mapping, with a warning for each value that is passed over."""

    def __init__(self, values: Mapping[Any, Any]) -> None:
        self._values = values
        self.warnings: list[str] = []

    def get(self, key: str, kind: type[T], default: T) -> T:
        """Return the value if it has exactly that type: `true` is no number."""
        value = self.find(key, kind)
        return default if value is None else value

    def find(self, key: str, kind: type[T]) -> T | None:
        """Return the value if it is there and has exactly that type."""
        value = self._values.get(key)
        if value is None or type(value) is kind:
            return value
        self.ignore(key, f"{_shown(value)} is no {kind.__name__}")
        return None

    def number(self, key: str, limits: tuple[int, int]) -> int | None:
        """Return a whole number within `limits`; any other counts as not given."""
        value, (least, most) = self.find(key, int), limits
        if value is not None and not least <= value <= most:
            bound = f"less than {least}" if value < least else f"more than {most}"
            self.ignore(key, f"{_shown(value)} is {bound}")
            return None
        return value

    def raised(self, key: str, limits: tuple[int, int]) -> int | None:
        """Return a number as `number` does, but take one that is too small for the least (TorchServe)."""
        value = self._values.get(key)
        return limits[0] if type(value) is int and value < limits[0] else self.number(key, limits)

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str | None:
        """Return one of the allowed words, in any case."""
        value = self.find(key, str)
        if value is not None and value.lower() not in allowed:
            self.ignore(key, f"{_shown(value)} is none of {', '.join(allowed)}")
            return None
        return value.lower() if value else None

    def ignore(self, key: str, reason: str) -> None:
        """Note that a key has no effect."""
        self.warnings.append(f"{key} is ignored: {reason}")


def _config(raw: dict[str, Any]) -> ModelConfig:
    reader = _Reader(raw)
    low, high = _workers(reader)
    torchrun = _torchrun(reader)
    parallel_type = reader.one_of("parallelType", _PARALLEL_TYPES)
    level = reader.number("parallelLevel", (0, RANGES["processes"][1])) or 0
    return ModelConfig(
        min_workers=low,
        max_workers=high,
        batch_size=reader.raised("batchSize", RANGES["batch_size"]),
        max_batch_delay_ms=reader.number("maxBatchDelay", RANGES["max_batch_delay"]) or None,
        response_timeout=reader.number("responseTimeout", RANGES["response_timeout"]),
        startup_timeout=reader.number("startupTimeout", RANGES["startup_timeout"]),
        device_type=reader.one_of("deviceType", _DEVICE_TYPES),
        device_ids=_device_ids(reader),
        parallel_type=parallel_type,
        parallel_level=torchrun.nproc_per_node if torchrun else level if parallel_type else 0,
        torchrun=torchrun,
        max_retry_timeout=_or(reader.raised("maxRetryTimeoutInSec", RANGES["max_retry_timeout"]), 300),
        client_timeout_ms=reader.number("clientTimeoutInMills", RANGES["client_timeout"]) or 0,
        job_queue_size=reader.number("jobQueueSize", (0, RANGES["job_queue_size"][1])) or None,
        use_job_ticket=reader.get("useJobTicket", bool, default=False),
        sequence_batching=reader.get("sequenceBatching", bool, default=False),
        sequence_max_idle_ms=reader.number("sequenceMaxIdleMSec", RANGES["sequence_time"]) or 0,
        sequence_timeout_ms=reader.number("sequenceTimeoutMSec", RANGES["sequence_time"]) or 0,
        max_sequence_job_queue_size=reader.raised("maxSequenceJobQueueSize", RANGES["sequences"]) or 1,
        max_num_sequence=reader.raised("maxNumSequence", RANGES["sequences"]) or 1,
        continuous_batching=reader.get("continuousBatching", bool, default=False),
        async_communication=reader.get("asyncCommunication", bool, default=False),
        use_venv=reader.find("useVenv", bool),
        worker_python=reader.find("workerPython", str) or None,
        idle_unload=reader.number("idleUnloadSeconds", RANGES["idle_unload_seconds"]),
        threads=reader.number("threads", RANGES["threads"]),
        raw=_plain(raw),
        warnings=tuple(reader.warnings),
    )


def _workers(reader: _Reader) -> tuple[int | None, int | None]:
    """TorchServe: at least one worker at the least; a maximum below that voids both."""
    least = reader.raised("minWorkers", (1, MAX_WORKERS))
    high = reader.number("maxWorkers", RANGES["max_worker"]) or None
    if high is not None and high < (least or 1):
        reader.ignore("maxWorkers", f"{high} is less than minWorkers, which is ignored too")
        return None, None
    return least, high


def _device_ids(reader: _Reader) -> tuple[int, ...]:
    """TorchServe: one item that is no number voids the list."""
    ids: list[Any] = reader.get("deviceIds", list, [])
    _, most = RANGES["device_id"]
    if all(type(one) is int and 0 <= one <= most for one in ids):
        return tuple(ids)
    reader.ignore("deviceIds", f"{_shown(ids)} are not all whole numbers from 0 to {most}")
    return ()


def _torchrun(reader: _Reader) -> Torchrun | None:
    values: dict[Any, Any] | None = reader.find("torchrun", dict)
    if values is None:
        return None
    inner = _Reader(values)
    torchrun = Torchrun(
        nnodes=inner.number("nnodes", RANGES["processes"]) or 1,
        nproc_per_node=inner.number("nproc-per-node", RANGES["processes"]) or 1,
        rdzv_backend=inner.get("rdzv-backend", str, "c10d"),
        rdzv_endpoint=inner.get("rdzv-endpoint", str, ""),
        rdzv_conf=inner.get("rdzv-conf", str, ""),
        monitor_interval=_or(inner.number("monitor-interval", RANGES["monitor_interval"]), 5),
        node_rank=_or(inner.number("node-rank", RANGES["node_rank"]), 0),
        omp_number_threads=inner.number("OMP_NUMBER_THREADS", RANGES["processes"]) or 1,
    )
    reader.warnings.extend(f"torchrun.{warning}" for warning in inner.warnings)
    return torchrun


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _shown(value: Any) -> str:
    return _cut(repr(value), LONGEST_SHOWN)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."


def _plain(value: Any) -> Any:
    """Return what JSON can carry to a worker: keys as text, dates in ISO form, sets as lists, bytes as base64.

    YAML reads the keys `on`, `no` and `~` as True, False and nothing; they become `true`, `false` and `null`.
    """
    if isinstance(value, dict):
        return {_key(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, set):
        return sorted(_key(one) for one in value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else value


def _key(key: Any) -> str:
    """Return a key, which is no list and no mapping, as JSON writes one."""
    if isinstance(key, str | bytes | date):
        return str(_plain(key))
    return json.dumps(key)
