"""What the tables show: records made of snapshots, and the cells of their rows. Pure, no Qt.

A cell is a small frozen value; the delegate paints it by its type, the proxy sorts by its `order`. Cells are made and
compared for every row that changes, thousands of times a second, so they are structs, which do both in C.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from typing_extensions import override

from engine.snapshots import QueueSnapshot, VersionSnapshot, VersionState, WorkerSnapshot, WorkerState
from gui import words

if TYPE_CHECKING:
    from gui.tables.store import Cells

WORST_FIRST = (
    VersionState.FAILED,
    VersionState.LOADING,
    VersionState.DRAINING,
    VersionState.BUSY,
    VersionState.READY,
    VersionState.IDLE,
)
PARTS = re.compile(r"\d+|[^\d.\-_+]+")

Order = tuple[tuple[int, int | float | str], ...]


class Cell(Protocol):
    """One value of a row."""

    @property
    def text(self) -> str:
        """What the cell says, in words."""
        ...

    @property
    def order(self) -> Order:
        """What the cell sorts by."""
        ...


class TextCell(Struct, frozen=True):
    """Plain text; `strong` is for names."""

    text: str
    dim: bool = False

    @property
    def order(self) -> Order:
        """Alphabetical, whatever the case."""
        return ((1, self.text.casefold()), (1, self.text))


class NumberCell(Struct, frozen=True):
    """A number, shown as `text` and sorted by `value`."""

    text: str
    value: float

    @property
    def order(self) -> Order:
        """By value."""
        return ((0, self.value),)


class NameCell(Struct, frozen=True):
    """A model's name with its only version beside it, or a version; `is_within` says that it stands under its model."""

    name: str
    detail: str = ""
    is_version: bool = False
    is_default: bool = False
    is_within: bool = False

    @property
    def text(self) -> str:
        """Name, detail and "default" as one line."""
        label = words.tr("version {version}").format(version=self.name) if self.is_version else self.name
        return " ".join(part for part in (label, self.detail, words.tr("default") if self.is_default else "") if part)

    @property
    def order(self) -> Order:
        """Models by name, versions as versions."""
        return version_order(self.name) if self.is_version else TextCell(self.name).order


class StateCell(Struct, frozen=True):
    """A state's mark and word, its cause or what goes on, and how much of that is done, from 0 to 1."""

    state: VersionState
    label: str
    cause: str = ""
    going_on: str = ""
    done: float | None = None

    @property
    def text(self) -> str:
        """The state and why."""
        why = self.cause or self.going_on
        return f"{self.label}: {why}" if why else self.label

    @property
    def order(self) -> Order:
        """Worst first."""
        return ((0, WORST_FIRST.index(self.state)), (1, self.label))


class TrendCell(Struct, frozen=True):
    """The last rates, oldest first, for a sparkline."""

    points: tuple[float, ...]

    @property
    def text(self) -> str:
        """A picture says nothing in words that the rate beside it does not."""
        return ""

    @property
    def order(self) -> Order:
        """By the newest rate."""
        return ((0, self.points[-1] if self.points else 0),)


@lru_cache(maxsize=10_000)
def version_order(version: str) -> Order:
    """Sort versions as versions: numbers by value and after text at the same place, so "1.0-rc" < "1.0.1" < "1.10".

    A number is compared by how many digits it has, then by its digits: Python reads no number of 4,300 digits.
    """
    order: list[tuple[int, int | float | str]] = []
    for part in PARTS.findall(version):
        if part.isdigit() and part.isascii():
            digits = part.lstrip("0")
            order += [(1, len(digits)), (1, digits)]
        else:
            order.append((0, part.casefold()))
    return tuple(order)


class Figures:
    """What a model and a version say alike, each worked out when it is first asked for."""

    if TYPE_CHECKING:  # a property that is there could not become a dataclass's field

        @property
        def versions(self) -> tuple[VersionRecord, ...]:
            """The versions that the figures are of."""
            ...

    @cached_property
    def snapshots(self) -> tuple[VersionSnapshot, ...]:
        """Their snapshots."""
        return tuple(version.snapshot for version in self.versions)

    @cached_property
    def workers(self) -> tuple[WorkerSnapshot, ...]:
        """Their workers."""
        return tuple(worker for snapshot in self.snapshots for worker in snapshot.workers)

    @cached_property
    def ready(self) -> int:
        """How many workers can take a batch."""
        return sum(worker.state is WorkerState.READY for worker in self.workers)

    @cached_property
    def wanted(self) -> int:
        """How many workers there should be, or are if more."""
        return sum(max(snapshot.min_workers, snapshot.ready_workers) for snapshot in self.snapshots)

    @cached_property
    def pending(self) -> int:
        """Jobs waiting."""
        return sum(snapshot.queue.pending for snapshot in self.snapshots)

    @cached_property
    def requests(self) -> float:
        """Requests per second."""
        return sum(version.rate or 0.0 for version in self.versions)

    @cached_property
    def memory(self) -> int:
        """Bytes that the workers hold."""
        return sum(worker.memory for worker in self.workers)

    @cached_property
    def slowest(self) -> float | None:
        """The longest p95 among the versions in seconds, None without requests."""
        return max((version.p95 for version in self.versions if version.p95 is not None), default=None)

    @cached_property
    def loading(self) -> int | None:
        """Seconds that the longest load takes by now."""
        return max((version.loads for version in self.versions if version.loads is not None), default=None)


@dataclass(frozen=True)
class VersionRecord(Figures):
    """A version with what only time tells.

    `rate` is requests per second, None until it was measured, `trend` the rates before it; `p95` are seconds over the
    last few, None without requests; `loads` are whole seconds since its oldest loading worker started.
    """

    snapshot: VersionSnapshot
    rate: float | None = None
    trend: tuple[float, ...] = ()
    p95: float | None = None
    loads: int | None = None

    @property
    @override
    def versions(self) -> tuple[VersionRecord, ...]:
        return (self,)

    @property
    def state(self) -> VersionState:
        """The version's state."""
        return self.snapshot.state

    @property
    def cause(self) -> str:
        """Why it is not well."""
        return self.snapshot.cause

    @property
    def is_moving(self) -> bool:
        """Whether what it shows changes with time alone."""
        return bool(self.trend) or self.p95 is not None or self.loads is not None


@dataclass(frozen=True)
class ModelRecord(Figures):
    """A model and its versions, in the order of their names."""

    name: str
    versions: tuple[VersionRecord, ...]

    @cached_property
    def state(self) -> VersionState:
        """The worst of its versions' states."""
        return min((snapshot.state for snapshot in self.snapshots), key=WORST_FIRST.index)

    @cached_property
    def cause(self) -> str:
        """Why the worst version is not well."""
        return next((s.cause for s in self.snapshots if s.state is self.state and s.cause), "")

    @property
    def telling(self) -> VersionRecord:
        """The version that gives the model its state, the default one first."""
        alike = [version for version in self.versions if version.state is self.state]
        return next((version for version in alike if version.snapshot.is_default), alike[0])

    @cached_property
    def searched(self) -> str:
        """What the filter box looks at, in lower case: names, versions, state, cause, devices."""
        parts = [self.name, words.state_name(self.state), self.cause]
        parts += [snapshot.key.version for snapshot in self.snapshots]
        parts += [worker.device for worker in self.workers]
        return " ".join(parts).casefold()


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker of a version; `uptime` is whole seconds."""

    version: str
    worker: WorkerSnapshot
    uptime: int


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """A version's job queue."""

    version: str
    is_default: bool
    queue: QueueSnapshot


def worker_cells(record: WorkerRecord) -> Cells:
    """A worker's row: id, state, pid, device, GPU memory, memory, uptime, restarts, requests, last death."""
    worker = record.worker
    state, label = words.worker_state(worker.state, busy=worker.busy)
    return (
        NumberCell(worker.id, int(worker.id)) if worker.id.isdecimal() else TextCell(worker.id),
        StateCell(state, label),
        NumberCell(words.number(worker.pid), worker.pid or 0),
        TextCell(worker.device),
        NumberCell(words.size(worker.gpu_memory), worker.gpu_memory or 0),
        NumberCell(words.size(worker.memory), worker.memory),
        NumberCell(words.duration(record.uptime) if worker.pid else words.DASH, record.uptime),
        NumberCell(words.number(worker.restarts), worker.restarts),
        NumberCell(words.number(worker.requests), worker.requests),
        TextCell(worker.last_death, dim=True),
    )


def queue_cells(record: QueueRecord) -> Cells:
    """A queue's row: version, pending, capacity, in flight, accepted, answered, failed."""
    queue = record.queue
    figures = (queue.pending, queue.capacity, queue.in_flight, queue.accepted, queue.answered, queue.failed)
    name = NameCell(record.version, is_version=True, is_default=record.is_default)
    return (name, *(NumberCell(words.number(value), value) for value in figures))
