"""What the tables show: records made of snapshots, and the cells of their rows. Pure, no Qt.

A cell is a small frozen value; the delegate paints it by its type, the proxy sorts by its `order`. Cells are made and
compared for every row that changes, thousands of times a second, so they are structs, which do both in C.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from engine.snapshots import QueueSnapshot, VersionSnapshot, VersionState, WorkerSnapshot
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
    """A model's name with its only version beside it, or a version with its place under a model."""

    name: str
    detail: str = ""
    is_version: bool = False
    is_default: bool = False
    searched: tuple[str, ...] = ()

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
    """A state's mark, word and cause."""

    state: VersionState
    label: str
    cause: str = ""

    @property
    def text(self) -> str:
        """The state and why."""
        return f"{self.label}: {self.cause}" if self.cause else self.label

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
    """Sort versions as versions: numbers by value and after text at the same place, so "1.0-rc" < "1.0.1" < "1.10"."""
    parts = PARTS.findall(version)
    return tuple((1, int(part)) if part.isdigit() and part.isascii() else (0, part.casefold()) for part in parts)


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A version with its requests per second, None until it was measured, and the rates before."""

    snapshot: VersionSnapshot
    rate: float | None = None
    trend: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model and its versions, in the order of their names."""

    name: str
    versions: tuple[VersionRecord, ...]

    @property
    def state(self) -> VersionState:
        """The worst of its versions' states."""
        return min((version.snapshot.state for version in self.versions), key=WORST_FIRST.index)

    @property
    def cause(self) -> str:
        """Why the worst version is not well."""
        state = self.state
        return next((v.snapshot.cause for v in self.versions if v.snapshot.state is state and v.snapshot.cause), "")

    @property
    def telling(self) -> VersionRecord:
        """The version that gives the model its state, the default one first."""
        state = self.state
        alike = [version for version in self.versions if version.snapshot.state is state]
        return next((version for version in alike if version.snapshot.is_default), alike[0])


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


def _figures(records: tuple[VersionRecord, ...]) -> Cells:
    snapshots = [record.snapshot for record in records]
    ready = sum(snapshot.ready_workers for snapshot in snapshots)
    wanted = sum(max(snapshot.min_workers, snapshot.ready_workers) for snapshot in snapshots)
    pending = sum(snapshot.queue.pending for snapshot in snapshots)
    rates = [record.rate for record in records if record.rate]
    memory = sum(snapshot.memory for snapshot in snapshots)
    return (
        NumberCell(words.tr("{ready} of {wanted}").format(ready=ready, wanted=wanted), ready),
        TextCell(_devices(snapshots)),
        NumberCell(words.number(pending), pending),
        NumberCell(words.rate(sum(rates)), sum(rates)),
        TrendCell(_sum_trends(records)),
        NumberCell(words.size(memory), memory),
    )


def _devices(snapshots: list[VersionSnapshot]) -> str:
    return ", ".join(sorted({worker.device for snapshot in snapshots for worker in snapshot.workers if worker.device}))


def _sum_trends(records: tuple[VersionRecord, ...]) -> tuple[float, ...]:
    trends = [record.trend for record in records if record.trend]
    length = min((len(trend) for trend in trends), default=0)
    return tuple(map(sum, zip(*(trend[len(trend) - length :] for trend in trends), strict=True)))


def model_cells(record: ModelRecord) -> Cells:
    """A model's row: name, state, workers, device, queue, rate, trend, memory."""
    versions = tuple(version.snapshot.key.version for version in record.versions)
    name = NameCell(record.name, versions[0] if len(versions) == 1 else "", searched=versions)
    state = record.state
    return (name, StateCell(state, words.state_name(state), record.cause), *_figures(record.versions))


def version_cells(record: VersionRecord) -> Cells:
    """A version's row: the same columns as a model's."""
    snapshot = record.snapshot
    name = NameCell(snapshot.key.version, is_version=True, is_default=snapshot.is_default)
    return (name, StateCell(snapshot.state, words.state_name(snapshot.state), snapshot.cause), *_figures((record,)))


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
