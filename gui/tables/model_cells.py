"""The cells of the models table, one small function per column, for a model's row and a version's alike. Pure, no Qt.

Each stands alone, so that sorting by a column makes the cells of that column and no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.snapshots import VersionState
from gui import words
from gui.tables.records import (
    ModelRecord,
    NameCell,
    NumberCell,
    StateCell,
    TextCell,
    TrendCell,
    VersionRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gui.tables.records import Cell
    from gui.tables.store import Cells

    Record = ModelRecord | VersionRecord

MINUTE = 60


def _name(record: Record) -> Cell:
    if isinstance(record, VersionRecord):
        return NameCell(
            record.snapshot.key.version, is_version=True, is_default=record.snapshot.is_default, is_within=True
        )
    only = record.snapshots[0].key.version if len(record.versions) == 1 else ""
    return NameCell(record.name, only)


def _state(record: Record) -> Cell:
    state, label = record.state, words.state_name(record.state)
    if state is not VersionState.LOADING or record.loading is None:
        return StateCell(state, label, record.cause)
    done = record.ready / record.wanted if record.wanted > 1 else None
    return StateCell(state, label, going_on=_loading(record.loading), done=done)


def _loading(seconds: int) -> str:
    if seconds < MINUTE:
        return words.tr("loading, {seconds} s").format(seconds=seconds)
    return words.tr("loading, {time}").format(time=words.duration(seconds))


def _workers(record: Record) -> Cell:
    text = words.tr("{ready} of {wanted}").format(ready=record.ready, wanted=record.wanted)
    return NumberCell(text, record.ready)


def _devices(record: Record) -> Cell:
    return TextCell(", ".join(sorted({worker.device for worker in record.workers if worker.device})))


def _pending(record: Record) -> Cell:
    return _count(record.pending)


def _requests(record: Record) -> Cell:
    return NumberCell(words.rate(record.requests), record.requests)


def _trend(record: Record) -> Cell:
    trends = [version.trend for version in record.versions if version.trend]
    length = min((len(trend) for trend in trends), default=0)
    return TrendCell(tuple(map(sum, zip(*(trend[len(trend) - length :] for trend in trends), strict=True))))


def _p95(record: Record) -> Cell:
    return NumberCell(words.milliseconds(record.slowest), record.slowest or 0.0)


def _memory(record: Record) -> Cell:
    return _size(record.memory)


def _gpu_memory(record: Record) -> Cell:
    return _size(sum(worker.gpu_memory or 0 for worker in record.workers))


def _versions(record: Record) -> Cell:
    return _count(len(record.versions)) if isinstance(record, ModelRecord) else NumberCell("", 0)


def _answered(record: Record) -> Cell:
    return _count(sum(snapshot.queue.answered for snapshot in record.snapshots))


def _failed(record: Record) -> Cell:
    return _count(sum(snapshot.queue.failed for snapshot in record.snapshots))


def _restarts(record: Record) -> Cell:
    return _count(sum(worker.restarts for worker in record.workers))


def _last_death(record: Record) -> Cell:
    return TextCell(next((worker.last_death for worker in record.workers if worker.last_death), ""), dim=True)


def _count(value: int) -> Cell:
    return NumberCell(words.number(value), value)


def _size(value: int) -> Cell:
    return NumberCell(words.size(value), value)


# In the order of `gui.tables.columns.MODELS`.
CELLS: tuple[Callable[[Record], Cell], ...] = (
    _name,
    _state,
    _workers,
    _devices,
    _pending,
    _requests,
    _trend,
    _p95,
    _memory,
    _gpu_memory,
    _versions,
    _answered,
    _failed,
    _restarts,
    _last_death,
)


def row_cells(record: Record) -> Cells:
    """Every cell of a model's or a version's row."""
    return tuple(cell(record) for cell in CELLS)
