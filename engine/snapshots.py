"""Immutable facts about the running engine, for tables, REST answers and metrics. Pure; imports nothing of ours.

A snapshot is built on the loop when somebody asks and never changes afterwards. `Changes` carries the newest snapshot
of every version that changed since a revision, so a late or slow reader ends up right without having seen each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class WorkerState(StrEnum):
    """Where a worker is in its life; docs/architecture.md has the diagram."""

    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    BACKING_OFF = "backing off"
    FAILED = "failed"
    STOPPED = "stopped"


# A worker in one of these states does not serve, and is there to be retried.
FAILING = (WorkerState.BACKING_OFF, WorkerState.FAILED)


class VersionState(StrEnum):
    """What a version is doing, as the window words it: its worst interesting worker decides."""

    READY = "ready"
    BUSY = "busy"
    LOADING = "loading"
    FAILED = "failed"
    DRAINING = "draining"
    IDLE = "idle"


class Key(NamedTuple):
    """Identity of a version; `version` is free text, compared literally."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class WorkerSnapshot:
    """One worker. `started` is seconds since the epoch; `memory`, `gpu_memory` and `resident` are bytes.

    `memory` counts a page that processes share in parts, so that workers add up; `resident` counts each in full.
    `busy` says that jobs are in flight. `last_death` is one line in words, `traceback` the whole cause; both are empty
    while nothing went wrong.
    """

    id: str
    state: WorkerState
    busy: bool
    pid: int | None
    device: str
    started: float
    memory: int
    gpu_memory: int | None
    requests: int
    restarts: int
    last_death: str
    traceback: str
    resident: int = 0


# Upper ends, in seconds, of the buckets that `Work` counts in: four to an octave, from 0.1 ms to 105 s; longer times
# have a bucket of their own behind the last.
BUCKETS = tuple(0.0001 * 2 ** (step / 4) for step in range(81))


@dataclass(frozen=True, slots=True)
class Work:
    """What a version's jobs were like since its registration, as counts that only grow; empty before the first job.

    `waits` are jobs by how long they waited for a worker, `latencies` answered jobs by the time from acceptance to
    answer, both by `BUCKETS`. `fills` are batches by how many jobs they held, `fills[0]` being unused.
    """

    waits: tuple[int, ...] = ()
    latencies: tuple[int, ...] = ()
    fills: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """A version's job queue: jobs waiting, the limit, jobs with a worker; and totals since registration."""

    pending: int
    capacity: int
    in_flight: int
    accepted: int
    answered: int
    failed: int
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class Batching:
    """How jobs of a version come together, beyond batch size and delay; docs/torchserve-compatibility.md has the keys.

    `asynchronous` says that workers take several requests at a time. Times are milliseconds, `sequence_timeout` 0 is
    none; without `sequences` the figures of sequences are 0.
    """

    continuous: bool = False
    asynchronous: bool = False
    job_tickets: bool = False
    sequences: bool = False
    sequence_max_idle: int = 0
    sequence_timeout: int = 0
    max_sequences: int = 0
    max_sequence_jobs: int = 0


@dataclass(frozen=True, slots=True)
class VersionSnapshot:
    """One version of a model. Delays are milliseconds, timeouts seconds, `size` the archive's bytes.

    `config_problems` say what of its model-config.yaml has no effect, and why.
    """

    key: Key
    is_default: bool
    state: VersionState
    url: str
    size: int
    handler: str
    runtime: str
    min_workers: int
    max_workers: int
    batch_size: int
    max_batch_delay: int
    response_timeout: int
    startup_timeout: int
    max_retry_timeout: int
    client_timeout: int
    device_type: str
    loaded_at_startup: bool
    workers: tuple[WorkerSnapshot, ...]
    queue: QueueSnapshot
    batching: Batching = field(default_factory=Batching)
    device_ids: tuple[int, ...] = ()
    config_problems: tuple[str, ...] = ()

    @property
    def rests(self) -> bool:
        """Whether its workers were let go for want of requests; the next request starts them again."""
        return self.min_workers > 0 and not self.workers

    @property
    def ready_workers(self) -> int:
        """How many workers can take a batch, busy ones included."""
        return sum(worker.state is WorkerState.READY for worker in self.workers)

    @property
    def memory(self) -> int:
        """Bytes that the workers hold together."""
        return sum(worker.memory for worker in self.workers)

    @property
    def cause(self) -> str:
        """The last line of why this version is not well, empty when it is."""
        return next((worker.last_death for worker in self.workers if worker.state in FAILING), "")


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since the revision asked for; pass `revision` next time.

    `complete` tells that `changed` is everything there is, so that a reader forgets every other version.
    """

    revision: int
    changed: tuple[VersionSnapshot, ...] = ()
    removed: tuple[Key, ...] = ()
    complete: bool = False


class Stream(StrEnum):
    """Where a line of a worker's log comes from: what the process printed, or Marina's word on the process."""

    STDOUT = "stdout"
    STDERR = "stderr"
    MARINA = "marina"


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a worker's log, control characters escaped. `time` is seconds since the epoch, `worker` its id."""

    time: float
    worker: str
    stream: Stream
    text: str


class LogLines(NamedTuple):
    """Lines of one version, oldest first; pass `next` when asking for those that follow."""

    next: int
    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long act is. `total` is 0 when it is not known; both count bytes. `text` tells where nothing counts."""

    phase: str
    done: int
    total: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """A long act that goes on now: an archive on its way in. `started` is seconds since the epoch, as `phase_started`.

    `title` names what it is about: the archive's URL or file name.
    """

    id: int
    title: str
    started: float
    progress: Progress
    phase_started: float = 0.0


@dataclass(frozen=True, slots=True)
class GpuSnapshot:
    """A GPU as last looked at: memory in bytes, `utilization` in percent, the memory of each process on it by pid."""

    id: int
    name: str
    memory_total: int
    memory_used: int
    utilization: int
    processes: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine as last looked at, some seconds ago at most: `cpu` in percent of all cores, memory in bytes."""

    cpu: float
    cores: int
    memory_used: int
    memory_total: int
    gpus: tuple[GpuSnapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveSummary:
    """What an archive says about itself, read without running anything in it.

    `config_problems` say what of its model-config.yaml has no effect, and why.
    """

    file_name: str
    size: int
    sha256: str
    model_name: str
    version: str
    handler: str
    runtime: str
    description: str
    files: tuple[str, ...] = field(default=())
    config_problems: tuple[str, ...] = ()
