"""All models with their versions, as the models table holds them, and the rates derived from their queues. Pure, no Qt.

`apply` takes what the engine says has changed, and measures the rates when it is told the time, once a second or so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from gui.tables.records import (
    ModelRecord,
    QueueRecord,
    VersionRecord,
    WorkerRecord,
    model_cells,
    version_cells,
    version_order,
)
from gui.tables.store import Listener, RowList

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.snapshots import Changes, Key, VersionSnapshot, VersionState

TREND_LENGTH = 30


class Catalog:
    """Models by name and, under each, versions by name."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.models: RowList[ModelRecord] = RowList(model_cells, self._listeners)
        self._versions: dict[str, RowList[VersionRecord]] = {}
        self._answered: dict[Key, int] = {}
        self._sampled_at = 0.0
        self.revision = 0

    def listen(self, listener: Listener) -> None:
        """Tell this listener of every change from now on."""
        self._listeners.append(listener)

    def versions(self, name: str) -> RowList[VersionRecord]:
        """The versions of a model; raises KeyError."""
        return self._versions[name]

    def version(self, key: Key) -> VersionRecord | None:
        """A version's record, None when it is not registered."""
        return self._versions[key.name].get(key.version) if key.name in self._versions else None

    def __iter__(self) -> Iterator[VersionRecord]:
        return (record for model in self.models for record in model.versions)

    def counts(self) -> Counter[VersionState]:
        """How many models are in each state."""
        return Counter(model.state for model in self.models)

    def apply(self, changes: Changes, now: float | None = None) -> None:
        """Take what changed since the last revision; with `now`, seconds on a steady clock, measure every rate too."""
        gone: Iterable[Key] = changes.removed
        if changes.complete:
            present = {snapshot.key for snapshot in changes.changed}
            gone = [record.snapshot.key for record in self if record.snapshot.key not in present]
        fresh = {snapshot.key: self._with_snapshot(snapshot) for snapshot in changes.changed}
        self._apply(fresh.values() if now is None else self._sampled(fresh, set(gone), now), gone)
        self.revision = changes.revision

    def _with_snapshot(self, snapshot: VersionSnapshot) -> VersionRecord:
        known = self.version(snapshot.key)
        return replace(known, snapshot=snapshot) if known else VersionRecord(snapshot)

    def _sampled(self, fresh: dict[Key, VersionRecord], gone: set[Key], now: float) -> list[VersionRecord]:
        """Return the fresh records and those whose rate changes although nothing else did, with their rates."""
        others = (record for record in self if record.snapshot.key not in fresh and record.snapshot.key not in gone)
        fading = [record for record in others if not self._is_quiet(record)]
        seconds, self._sampled_at = now - self._sampled_at, now
        return [self._measured(record, seconds) for record in (*fresh.values(), *fading)]

    def _is_quiet(self, record: VersionRecord) -> bool:
        answered = self._answered.get(record.snapshot.key)
        return record.rate == 0 and not record.trend and record.snapshot.queue.answered == answered

    def _measured(self, record: VersionRecord, seconds: float) -> VersionRecord:
        key, answered = record.snapshot.key, record.snapshot.queue.answered
        before = self._answered.get(key)
        self._answered[key] = answered
        if before is None or seconds <= 0:
            return record
        rate = max(0, answered - before) / seconds
        trend = (*record.trend, rate)[-TREND_LENGTH:]
        return replace(record, rate=rate, trend=trend if any(trend) else ())

    def _apply(self, records: Iterable[VersionRecord], removed: Iterable[Key]) -> None:
        updates: defaultdict[str, dict[str, VersionRecord]] = defaultdict(dict)
        for record in records:
            updates[record.snapshot.key.name][record.snapshot.key.version] = record
        leaving: defaultdict[str, set[str]] = defaultdict(set)
        for key in removed:
            self._answered.pop(key, None)
            leaving[key.name].add(key.version)
        self._drop_models({name for name in leaving if name not in updates and self._loses_all(name, leaving[name])})
        for name in {**updates, **leaving}:
            if name in self._versions:
                self._versions[name].apply(updates[name], leaving[name] - updates[name].keys())
        self._add_models({name: new for name, new in updates.items() if name not in self._versions})
        self.models.apply({name: self._model(name) for name in {**updates, **leaving} if name in self._versions})

    def _loses_all(self, name: str, versions: set[str]) -> bool:
        return name in self._versions and versions.issuperset(self._versions[name].keys)

    def _drop_models(self, names: set[str]) -> None:
        self.models.apply({}, names)
        for name in names:
            del self._versions[name]

    def _add_models(self, new: dict[str, dict[str, VersionRecord]]) -> None:
        # A model's versions are in place before its row is announced, so that the row never appears without them.
        for name, records in new.items():
            silent: RowList[VersionRecord] = RowList(version_cells, self._listeners, parent=name)
            silent.fill(records)
            self._versions[name] = silent

    def _model(self, name: str) -> ModelRecord:
        return ModelRecord(name, tuple(sorted(self._versions[name], key=_by_version)))


def _by_version(record: VersionRecord) -> tuple[object, ...]:
    version = record.snapshot.key.version
    return (version_order(version), version)


def worker_records(versions: Iterable[VersionRecord], now: float) -> dict[str, WorkerRecord]:
    """The workers of these versions by model, version and id; `now` is seconds since the epoch."""
    return {
        "\0".join((*record.snapshot.key, worker.id)): WorkerRecord(
            record.snapshot.key.version, worker, max(0, int(now - worker.started))
        )
        for record in versions
        for worker in record.snapshot.workers
    }


def queue_records(versions: Iterable[VersionRecord]) -> dict[str, QueueRecord]:
    """The queues of these versions, by model and version."""
    return {
        "\0".join(record.snapshot.key): QueueRecord(
            record.snapshot.key.version, record.snapshot.is_default, record.snapshot.queue
        )
        for record in versions
    }
